"""A key in a file: works in development and says so everywhere, and opens nowhere else."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.approver import person_key
from strongroom.core.codes import Code
from strongroom.core.development_keys import LABEL, KeyFile, open_key, parse_key_file, seal_key
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.keys import Algorithm, PublicKey, check_signature
from strongroom.core.statements import Environment
from strongroom.vault.ceremony.cli import main
from world import Edit

from .conftest import Desk, MakeDesk, Tokens, proposed, with_tokens

PASSPHRASE, PERSON = "twelve or more letters", "person:m.chan"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A key as the ceremony makes it."""
    path = tmp_path / "m.chan.key.json"
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSPHRASE + "\n"))
    assert 0 == main(["make-development-key", "--out", str(path), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (LABEL, parse_key_file(path.read_bytes()).public.hex()) == (told["warning"], told["key"]["public"])
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSPHRASE + "\n"))
    assert 3 == main(["make-development-key", "--out", str(path), "--json"])
    assert Code.ALREADY_EXISTS == json.loads(capsys.readouterr().err)["code"]
    return path


def roster_with(tokens: Tokens, file: KeyFile) -> dict[str, Edit]:
    key = PublicKey(alg=Algorithm.P256, public=file.public)
    return {"roster": with_tokens(replace(tokens, keys={**tokens.keys, PERSON: key}))}


def enroll(desk: Desk, file: Path) -> int:
    root = desk.folder / "root.json"
    root.write_bytes(desk.world.root_file)
    words = ["enroll", "--root", str(root), "--device", desk.device, "--person", PERSON]
    return desk.type(*words, "--development-key", str(file), lines=(desk.world.fingerprint,) * 2)


@pytest.fixture
def desk(make_desk: MakeDesk, tokens: Tokens, file: Path) -> Desk:
    made = make_desk(roster_with(tokens, parse_key_file(file.read_bytes())), enrolled=False)
    assert 0 == enroll(made, file)
    assert 0 == made.update()
    return made


def test_it_approves_in_development_and_every_screen_says_what_it_is(desk: Desk) -> None:
    assert 0 == desk.decide(desk.request(proposed(desk)), PASSPHRASE, "approve")
    assert LABEL in desk.told
    assert 1 == len(desk.answers())
    assert 0 == desk.type("status")
    assert LABEL == json.loads(desk.says)["key"]
    assert LABEL in person_key.build_key_question(desk.home.load_config()).text


def test_a_wrong_passphrase_counts(desk: Desk) -> None:
    request = desk.request(proposed(desk))
    assert 3 == desk.decide(request, "another passphrase", "approve")
    assert {Code.PIN_WRONG} == desk.codes
    assert "another passphrase" not in desk.says + desk.told
    assert 0 == desk.decide(request, PASSPHRASE, "approve")


def test_production_does_not_open_it(desk: Desk, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's own root says production from one day to the next, as after a copied home."""
    request = desk.request(proposed(desk))
    trust = desk.trust
    production = replace(trust.context, environment=Environment.PRODUCTION)
    monkeypatch.setattr(type(trust), "context", property(lambda _self: production))
    assert 3 == desk.decide(request, PASSPHRASE, "approve")
    assert {Code.ENVIRONMENT_MISMATCH} == desk.codes
    assert [] == desk.answers()


def test_a_production_device_is_not_enrolled_with_it(
    make_desk: MakeDesk, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(enrolled=False)
    with monkeypatch.context() as patched:
        trust_type = __import__("strongroom.core.trust", fromlist=["Trust"]).Trust
        honest = trust_type.context.fget
        production = property(lambda self: replace(honest(self), environment=Environment.PRODUCTION))
        patched.setattr(trust_type, "context", production)
        assert 3 == enroll(desk, file)
    assert {Code.ENVIRONMENT_MISMATCH} == desk.codes
    assert not desk.home.is_enrolled()


def test_the_file_opens_with_its_passphrase_and_unchanged_only() -> None:
    made = seal_key(PASSPHRASE, os.urandom(76))
    opened = open_key(parse_key_file(made.encode()), PASSPHRASE, Environment.DEVELOPMENT)
    check_signature(opened.key, b"message", opened.sign(b"message"), "sig")
    assert opened.key.public == made.public
    other = seal_key(PASSPHRASE, os.urandom(76))
    for file, passphrase in (
        (made, PASSPHRASE + "."),
        (replace(made, public=other.public), PASSPHRASE),
        (replace(made, salt=other.salt), PASSPHRASE),
        (replace(made, sealed=other.sealed), PASSPHRASE),
    ):
        with pytest.raises(RefusedError) as caught:
            open_key(file, passphrase, Environment.DEVELOPMENT)
        assert {Code.PIN_WRONG} == caught.value.codes
    with pytest.raises(RefusedError) as caught:
        open_key(made, PASSPHRASE, Environment.PRODUCTION)
    assert {Code.ENVIRONMENT_MISMATCH} == caught.value.codes


def test_a_short_passphrase_makes_no_key() -> None:
    with pytest.raises(MalformedError) as caught:
        seal_key("elevenchars", os.urandom(76))
    assert {Code.FIELD_INVALID} == caught.value.codes
