"""Every algorithm gives its published answer, and a program of the vault does not start when one does not."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pkcs11
import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.devices.measure.self_test import KnownAnswer, check_answers
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.self_tests import token as token_tests
from strongroom.vault.self_tests.known_answers import KNOWN_ANSWERS, run_self_tests
from strongroom.vault.self_tests.token import check_token_arithmetic

CEREMONY = "from strongroom.vault.ceremony.cli import main; sys.exit(main(['show-token', '--token', 'x', '--json']))"
TERMINAL = (
    "from strongroom.vault.terminal.cli import main;sys.exit(main(['status', '--home', '/nonexistent/home', '--json']))"
)
PLANTED = {
    "none": "",
    "Keccak-256": "from strongroom.chains.ethereum import hashing; hashing.keccak256 = lambda data: bytes(32);",
    "P-256 verify": (
        "from strongroom.vault.self_tests import known_answers; known_answers.check_signature = lambda *_: None;"
    ),
    "HMAC-SHA-256": "import hmac; hmac.new = lambda *_: hmac.HMAC(b'', b'', 'sha256');",
}


def test_every_answer_is_the_published_one() -> None:
    run_self_tests()


@pytest.mark.parametrize("answer", KNOWN_ANSWERS, ids=lambda answer: answer.name)
def test_each_planted_wrong_answer_is_named(answer: KnownAnswer) -> None:
    def gone_wrong() -> bytes:
        found = answer.compute()
        return found[:-1] + bytes([found[-1] ^ 1])

    def broken() -> bytes:
        raise MemoryError

    for compute in (gone_wrong, broken, bytes):
        planted = [dataclasses.replace(a, compute=compute) if a is answer else a for a in KNOWN_ANSWERS]
        with pytest.raises(RefusedError) as caught:
            check_answers(planted)
        assert {Code.SELF_TEST_FAILED} == caught.value.codes
        assert [answer.name] == [refusal.field for refusal in caught.value.refusals]


@pytest.mark.parametrize("program", [CEREMONY, TERMINAL], ids=["ceremony", "terminal"])
@pytest.mark.parametrize("planted", PLANTED)
def test_no_program_starts_with_a_library_that_computes_wrongly(program: str, planted: str, tmp_path: Path) -> None:
    environment = {**os.environ, "SOFTHSM2_CONF": str(softhsm.make_store(tmp_path / "softhsm").conf)}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {PLANTED[planted]} {program}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    codes = {
        (refusal["code"], refusal["field"])
        for line in (done.stdout + done.stderr).splitlines()
        for refusal in json.loads(line).get("refusals", [json.loads(line)])
    }
    if planted == "none":
        # The honest twin gets past its tests and then misses its token or its folder.
        assert Code.SELF_TEST_FAILED not in {code for code, _field in codes}
        assert 4 == done.returncode
        return
    assert 3 == done.returncode
    assert (Code.SELF_TEST_FAILED, planted) in codes


@pytest.fixture
def session(tmp_path: Path) -> Iterator[pkcs11.Session]:
    softhsm.make_store(tmp_path / "softhsm").init_token("vault", "officer-7731", "user-4482")
    with open_session(find_token(open_module(softhsm.MODULE_PATH), "vault"), Secret("user-4482")) as opened:
        yield opened


def test_the_token_computes_right_and_keeps_nothing(session: pkcs11.Session) -> None:
    check_token_arithmetic(session)
    assert [] == list(session.get_objects())


@pytest.mark.parametrize("curve", ["secp256k1", "secp256r1"])
def test_a_token_that_signs_wrongly_is_refused(
    session: pkcs11.Session, monkeypatch: pytest.MonkeyPatch, curve: str
) -> None:
    real = token_tests._sign_once

    def faulty(opened: pkcs11.Session, name: str, order: int) -> tuple[bytes, int, int]:
        point, r, s = real(opened, name, order)
        return point, r, s ^ 1 if name == curve else s

    monkeypatch.setattr(token_tests, "_sign_once", faulty)
    with pytest.raises(RefusedError) as caught:
        check_token_arithmetic(session)
    assert {(Code.SELF_TEST_FAILED, f"token self-test {curve}")} == {(r.code, r.field) for r in caught.value.refusals}


@pytest.mark.parametrize("raw", [bytes(64), b"\xff" * 64, b"short"], ids=["zero", "above the order", "short"])
def test_a_token_that_gives_no_signature_is_refused(
    session: pkcs11.Session, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    real = token_tests.as_signing_key

    def faulty(found: object, field: str) -> object:
        key = real(found, field)
        return SimpleNamespace(sign=lambda *_, **__: raw, destroy=key.destroy)

    monkeypatch.setattr(token_tests, "as_signing_key", faulty)
    with pytest.raises(RefusedError) as caught:
        check_token_arithmetic(session)
    assert {Code.SELF_TEST_FAILED} == caught.value.codes
