"""A person signs a governance statement with their own token: read, consent, one more signature, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.codes import Code
from strongroom.core.ids import PartyId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import HexBytes
from strongroom.core.statements import build_payload, check_exact_signers, parse_envelope_bytes
from world import World

OFFICER, USER = "officer-7731", "user-4482"


@pytest.fixture
def signer(ceremony: Any) -> PublicKey:
    """A person with a token labelled k.lau."""
    assert 0 == ceremony.run("init-token", "--token", "k.lau", lines=(OFFICER, USER)).code
    made = ceremony.run("make-person-key", "--token", "k.lau", "--json", lines=(USER,)).result["key"]
    return PublicKey(alg=Algorithm(made["alg"]), public=HexBytes(bytes.fromhex(made["public"])))


def sign(ceremony: Any, payload: Path, envelope: Path, word: str) -> subprocess.CompletedProcess[str]:
    """Run the program; the second line of input is the word that consents."""
    program = "import sys; from strongroom.vault.ceremony.cli import main; sys.exit(main())"
    arguments = ["sign", "--token", "k.lau", "--json", "--payload", str(payload), "--envelope", str(envelope)]
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        input=f"{USER}\n{word}\n",
        env=ceremony.store.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def policy_payload(folder: Path, version: int = 1) -> Path:
    """A policy that waits for signatures."""
    world = World()
    body = world.policy_body()
    if version != 1:
        body = type(body)(**{name: getattr(body, name) for name in body.__slots__} | {"version": version})
    _, raw = build_payload(body, context=world.context, issuer=PartyId("person:k.lau"), issued_at=world.now)
    path = folder / f"policy-{version}.json"
    path.write_bytes(raw)
    return path


def test_a_person_reads_the_whole_statement_and_signs_it(ceremony: Any, signer: PublicKey, tmp_path: Path) -> None:
    envelope = tmp_path / "envelope.json"
    done = sign(ceremony, policy_payload(tmp_path), envelope, "sign")
    assert 0 == done.returncode, done.stderr
    assert "body.rules[0].max_amount: 100000000000000000000" in done.stderr
    assert USER not in done.stdout + done.stderr
    check_exact_signers(parse_envelope_bytes(envelope.read_bytes()), [signer], "envelope")


def test_any_other_word_signs_nothing(ceremony: Any, signer: PublicKey, tmp_path: Path) -> None:
    envelope = tmp_path / "envelope.json"
    done = sign(ceremony, policy_payload(tmp_path), envelope, "yes")
    assert (3, False) == (done.returncode, envelope.exists())
    assert Code.OPERATOR_REFUSED.value in done.stderr
    assert signer.alg is Algorithm.P256


def test_signatures_over_another_payload_are_not_added_to(ceremony: Any, signer: PublicKey, tmp_path: Path) -> None:
    envelope = tmp_path / "envelope.json"
    assert 0 == sign(ceremony, policy_payload(tmp_path), envelope, "sign").returncode
    kept = envelope.read_bytes()
    done = sign(ceremony, policy_payload(tmp_path, version=2), envelope, "sign")
    assert (3, kept) == (done.returncode, envelope.read_bytes())
    assert Code.DIGEST_MISMATCH.value in done.stderr
    assert signer.alg is Algorithm.P256


def test_a_persons_token_signs_no_statement_of_the_journey_here(
    ceremony: Any, signer: PublicKey, tmp_path: Path
) -> None:
    """An approval is given on an approval device that reads the bytes, never as a blind signature."""
    path = policy_payload(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"type":"policy"', b'"type":"approval"'))
    done = sign(ceremony, path, tmp_path / "envelope.json", "sign")
    assert (3, False) == (done.returncode, (tmp_path / "envelope.json").exists())
    assert Code.TYPE_MISMATCH.value in done.stderr
    assert signer.alg is Algorithm.P256
