"""`measure` looks at an installed program and writes what the delegates sign; the same files give the same payload."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.ids import PartyId
from strongroom.core.releases import Program, ReleaseManifest
from strongroom.core.statements import expect, parse_statement
from strongroom.devices.measure.environment import find_layout, measure_environment
from strongroom.vault.ceremony.cli import main
from strongroom.vault.ceremony.sign_statement import load_payload, sign
from world_keys import signer_of

HERE = Path(sys.prefix)
WORDS = ("--organization", "test-custody", "--issuer", "person:k.one", "--label", "2027.1")


def measure(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = main(["measure", "--program", "terminal", "--environment", str(HERE), "--json", *words])
    said = capsys.readouterr()
    return code, json.loads(said.out or said.err)


def test_a_payload_is_signed_and_says_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "release.json"
    code, said = measure(capsys, "--out", str(out), *WORDS)
    assert 0 == code
    measured = measure_environment(find_layout(HERE))
    assert said["digest"] == measured.digest
    kind, raw = load_payload(out)
    signer = signer_of("person:k.one")
    envelope = sign(kind, raw, tmp_path / "release.envelope.json", (signer.key, signer.sign))
    body = expect(parse_statement(envelope), ReleaseManifest, "release").body
    assert (Program.TERMINAL, 1, "none") == (body.program, body.version, body.previous)
    assert dict(measured.digests) == {root.name: root.digest for root in body.roots}


def test_production_is_said_and_never_assumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for words in ((), ("--production",)):
        out = tmp_path / f"release-{len(words)}.json"
        assert 0 == measure(capsys, "--out", str(out), *WORDS, *words)[0]
        payload: Any = parse_canonical(out.read_bytes())
        found.append((payload["environment"], payload["issuer"]))
    assert [("development", PartyId("person:k.one")), ("production", PartyId("person:k.one"))] == found


def test_a_payload_needs_who_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = measure(capsys, "--out", str(tmp_path / "release.json"))
    assert (3, Code.FIELD_MISSING) == (code, said["code"])
    assert 0 == measure(capsys)[0]
