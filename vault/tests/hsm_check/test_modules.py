"""The whole run on two real modules: SoftHSM, and NSS's softoken, which fails where it must."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as p11

import nss
import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError
from strongroom.vault.hsm import quirks
from strongroom.vault.hsm.ecdsa import parse_ec_point
from strongroom.vault.hsm.handles import as_wrapping_key
from strongroom.vault.hsm.module import find_token, open_module, open_storing_session
from strongroom.vault.hsm.quirks import Nonces
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import create_person_key
from strongroom.vault.hsm_check.bench import Bench, check_is_for_testing, make_pair
from strongroom.vault.hsm_check.cli import main
from strongroom.vault.hsm_check.curves import P256
from strongroom.vault.hsm_check.export import check_unwrap_template
from strongroom.vault.hsm_check.judge import finding
from strongroom.vault.hsm_check.keys import SEALED
from strongroom.vault.hsm_check.plug import HandPlug
from strongroom.vault.hsm_check.points import CURVE_POINTS, READ_VALUE, RFC6979, SESSION, Finding, Verdict
from strongroom.vault.hsm_check.run import GROUPS, Group, run_group

USER_PIN = "user-4482"
OFFICER_PIN = "officer-7731"
SIGNATURES = "64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the program in a process of its own. verdicts: `point about` -> verdict."""

    code: int
    out: str
    err: str

    @property
    def verdicts(self) -> Mapping[str, str]:
        points = json.loads(self.out)["points"]
        return {f"{point['point']} {point['about']}".rstrip(): point["verdict"] for point in points}


def run(typed: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Run:
    command = [sys.executable, "-m", "strongroom.vault.hsm_check.cli", "check", *arguments]
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    return Run(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> softhsm.SoftHsmStore:
    made = softhsm.make_store(tmp_path_factory.mktemp("softhsm"))
    made.init_token("scratch", OFFICER_PIN, USER_PIN)
    made.init_token("person", OFFICER_PIN, USER_PIN)
    return made


@pytest.fixture
def bench(store: softhsm.SoftHsmStore) -> Bench:
    store.activate()
    return Bench(
        module=open_module(softhsm.MODULE_PATH),
        label="scratch",
        user=Secret(USER_PIN),
        officer=Secret(OFFICER_PIN),
        signatures=8,
        pin_tries=0,
        pull=None,
        insert=None,
        progress=lambda _what, _done, _total: None,
    )


def test_softhsm_passes_every_point_that_it_offers(store: softhsm.SoftHsmStore) -> None:
    options = ("--token", "scratch", "--officer", "--signatures", SIGNATURES, "--json", "--pin-tries", "5")
    pulled = ("--pull-out", str(store.tokens))
    found = run(f"{USER_PIN}\n{OFFICER_PIN}\n", *options, *pulled, environment=store.environment())
    assert 0 == found.code, found.err
    lacking = {name for name, verdict in found.verdicts.items() if verdict != "PASS"}
    assert {"rfc6979 secp256k1", "rfc6979 secp256r1", "pin-lock"} == lacking
    assert {"NOT OFFERED"} == {found.verdicts[name] for name in lacking}
    assert 29 == len(found.verdicts)
    # Nothing is left behind: a second run finds a token for testing, in a table for people this time.
    again = run(f"{USER_PIN}\n", "--token", "scratch", "--signatures", "8", environment=store.environment())
    assert 0 == again.code, again.err
    assert "NOT RUN      needs the security officer" in again.out
    assert "0 FAIL" in again.out


def test_nss_has_no_secp256k1_and_lets_a_sealed_key_out(tmp_path: Path) -> None:
    parameters = nss.make_store(tmp_path / "nss", USER_PIN)
    where = ("--module", str(nss.MODULE_PATH), "--token", nss.TOKEN, "--parameters", parameters)
    found = run(f"{USER_PIN}\n", *where, "--signatures", SIGNATURES, "--json", "--pull-out", str(tmp_path / "nss"))
    assert 1 == found.code, found.err
    assert {"NOT OFFERED"} == {found.verdicts[f"{point.name} secp256k1"] for point in CURVE_POINTS}
    for name in ("generate", "point", "sign", "verify", "low-s", "distinct-r"):
        assert "PASS" == found.verdicts[f"{name} secp256r1"]
    for name in ("read-value", "set SENSITIVE False", "set EXTRACTABLE True", "session", "wrong-pin"):
        assert "PASS" == found.verdicts[name]
    failed = {name for name, verdict in found.verdicts.items() if verdict == "FAIL"}
    assert {"origin secp256r1", "copy EXTRACTABLE True", "wrap-sealed", "wrap-untrusted", "trusted"} == failed
    assert "NOT OFFERED" == found.verdicts["pulled-out"]


def test_what_nss_lets_out_is_the_sealed_key_itself(tmp_path: Path) -> None:
    """The verdict `wrap-sealed` FAIL, proved: the blob is opened outside, and the key in it makes the public point."""
    module = open_module(nss.MODULE_PATH, nss.make_store(tmp_path / "nss", USER_PIN))
    known = bytes(range(32))
    with find_token(module, nss.TOKEN).open(rw=True, user_pin=USER_PIN) as session:
        wrapping = session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.TOKEN: False,
                Attribute.VALUE: known,
                Attribute.WRAP: True,
                Attribute.UNWRAP: True,
            }
        )
        public, private = make_pair(session, P256, SEALED)
        assert private[Attribute.EXTRACTABLE] is False
        point = parse_ec_point(bytes(public[Attribute.EC_POINT]), "EC_POINT")
        blob = as_wrapping_key(wrapping, "known").wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)
    opened = aes_key_unwrap(known, blob)
    # It fills up the last block behind the DER, whose own length stands in its third byte.
    key = load_der_private_key(opened[: 3 + opened[2]], None)
    assert point == key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    with pytest.raises(UnavailableError) as caught:
        open_module(nss.MODULE_PATH, nss.parameters_of(tmp_path / "another"))
    assert Code.TOKEN_UNAVAILABLE is caught.value.code


def test_nss_gives_its_point_bare_when_told_to_and_that_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NSS_USE_DECODED_CKA_EC_POINT", "1")
    parameters = nss.make_store(tmp_path / "nss", USER_PIN)
    where = ("--module", str(nss.MODULE_PATH), "--token", nss.TOKEN, "--parameters", parameters)
    found = run(f"{USER_PIN}\n", *where, "--signatures", "8", "--json")
    got = {p["point"]: p["got"] for p in json.loads(found.out)["points"] if p["about"] == "secp256r1"}
    assert "bare" == got["point"]
    assert "8 of 8 verify" == got["sign"]


def test_a_module_that_needs_parameters_says_so_instead_of_failing_to_start() -> None:
    with pytest.raises(RefusedError) as caught:
        open_module(nss.MODULE_PATH)
    assert Code.FIELD_INVALID is caught.value.code


def test_a_library_that_is_not_there_is_not_available(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        open_module(tmp_path / "libsoftokn3.so", "configdir='sql:none'")
    assert Code.TOKEN_UNAVAILABLE is caught.value.code


def test_a_token_that_holds_our_keys_is_not_for_testing(bench: Bench) -> None:
    check_is_for_testing(bench)
    with open_storing_session(find_token(bench.module, "person"), Secret(USER_PIN)) as session:
        create_person_key(session)
    with pytest.raises(RefusedError) as caught:
        check_is_for_testing(replace(bench, label="person"))
    assert Code.ALREADY_EXISTS is caught.value.code


def test_a_module_that_declares_rfc6979_and_does_not_keep_to_it_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = tuple(replace(row, nonces=Nonces.RFC6979) for row in quirks.ROWS)
    monkeypatch.setattr(quirks, "ROWS", declared)
    found = {f.point: f.verdict for f in run_group(bench, next(g for g in GROUPS if g.about == P256.name))}
    assert Verdict.FAIL is found[RFC6979]
    assert {Verdict.PASS} == {verdict for point, verdict in found.items() if point is not RFC6979}


def test_an_officers_pin_that_is_wrong_is_no_verdict_on_the_module(bench: Bench) -> None:
    (found,) = check_unwrap_template(bench, Secret("officer-0000"))
    assert Verdict.NOT_RUN is found.verdict
    (found,) = check_unwrap_template(bench, Secret(OFFICER_PIN))
    assert Verdict.PASS is found.verdict


def test_a_token_is_pulled_out_by_hand_only_where_somebody_can(store: softhsm.SoftHsmStore) -> None:
    options = ("--token", "scratch", "--signatures", "2", "--json", "--pull-out", "ask")
    found = run(f"{USER_PIN}\n", *options, environment=store.environment())
    assert (2, "") == (found.code, found.out)
    assert "FIELD_INVALID" in found.err


def test_the_word_of_a_person_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Desk(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Desk("\n\n"))
    restarted: list[bool] = []
    plug = HandPlug(restart=lambda: restarted.append(True))
    plug.pull()
    assert [] == restarted
    plug.insert()
    assert [True] == restarted
    told = capsys.readouterr().err
    assert told.index("Pull the token out") < told.index("Put the token back")


def test_what_a_broken_module_did_not_come_to_has_failed(bench: Bench) -> None:
    def breaks_off(_bench: Bench) -> Iterator[Finding]:
        yield finding(READ_VALUE, Verdict.PASS, "AttributeSensitive")
        raise p11.DeviceError

    found = list(run_group(bench, Group(points=(READ_VALUE, SESSION), gather=breaks_off)))
    assert [Verdict.PASS, Verdict.FAIL] == [one.verdict for one in found]
    assert "broke off: DeviceError" == found[1].got
    with pytest.raises(pkcs11.PKCS11Error):
        list(run_group(bench, Group(points=(READ_VALUE,), gather=breaks_off)))


def test_a_wrong_pin_of_the_caller_is_a_refusal_and_no_verdict(store: softhsm.SoftHsmStore) -> None:
    found = run("user-0000\n", "--token", "scratch", "--signatures", "2", environment=store.environment())
    assert 3 == found.code
    assert found.err.startswith("PIN_WRONG")
    assert "user-0000" not in found.err + found.out


def test_too_few_signatures_prove_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["check", "--token", "scratch", "--signatures", "1"])
    assert "FIELD_INVALID" in capsys.readouterr().err


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    shown = capsys.readouterr().out
    for word in ("NOT OFFERED", "never counted as passed", "--pull-out", "token for testing"):
        assert word in shown
