"""The whole minimal ceremony, run as processes on real tokens, and everything it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import softhsm
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import HexBytes
from strongroom.vault.entropy.attest import measure_entropy_code
from strongroom.vault.hsm.key_file import load_key_files
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import PersonToken
from strongroom.vault.hsm.wrapped_keys import check_signature, find_wrapping_key, sign_digest, sign_digest_with

OFFICER, USER = "officer-7731", "user-4482"


def test_from_a_blank_token_to_keys_that_sign(ceremony: Any, tmp_path: Path) -> None:
    made = ceremony.run("init-token", "--token", "vault-1", "--json", lines=(OFFICER, USER))
    assert (0, "vault-1") == (made.code, made.result["token"])
    wrapping = ceremony.run("make-wrapping-key", "--token", "vault-1", "--json", lines=(OFFICER,))
    assert (0, 6) == (wrapping.code, len(wrapping.result["check_value"]))
    folder = tmp_path / "keys"
    order = ("--count", "3", "--wallet", "wallet:ltc-cold", "--out", str(folder), "--names", "ltc-1")
    keys = ceremony.run("make-keys", "--token", "vault-1", "--json", *order, lines=(USER,))
    assert (0, 3, 3) == (keys.code, keys.result["made"], keys.result["count"])
    files = load_key_files(folder)
    assert ["key:ltc-1-1", "key:ltc-1-2", "key:ltc-1-3"] == list(files)
    assert {"wallet:ltc-cold"} == {file.wallet for file in files.values()}
    assert {made.result["serial"]} == {file.token for file in files.values()}
    listed = json.loads((folder / "keys.json").read_bytes())
    assert {file.key.key_id: file.key.public_key.hex() for file in files.values()} == {
        row["key"]: row["public"] for row in listed["keys"]
    }
    ceremony.store.activate()
    with open_session(find_token(open_module(softhsm.MODULE_PATH), "vault-1"), Secret(USER)) as session:
        for file in files.values():
            digest = os.urandom(32)
            check_signature(file.key, digest, *sign_digest(session, file.key, digest))


def test_a_person_key_signs_and_is_shown(ceremony: Any) -> None:
    assert 0 == ceremony.run("init-token", "--token", "m.chan", lines=(OFFICER, USER)).code
    made = ceremony.run("make-person-key", "--token", "m.chan", "--json", lines=(USER,))
    key = PublicKey(
        alg=Algorithm(made.result["key"]["alg"]), public=HexBytes(bytes.fromhex(made.result["key"]["public"]))
    )
    assert (0, key.key_id) == (made.code, made.result["keyid"])
    shown = ceremony.run("show-token", "--token", "m.chan", "--json")
    assert (0, key.public.hex(), "none", True) == (
        shown.code,
        shown.result["statement_key"],
        shown.result["wrapping_check"],
        shown.result["has_user_pin"],
    )
    ceremony.store.activate()
    with PersonToken(open_module(softhsm.MODULE_PATH), "m.chan", Secret(USER)) as token:
        assert key == token.key
        assert 64 == len(token.sign(b"statement"))


def test_typed_entropy_is_mixed_in_and_the_token_shows_the_check_value(ceremony: Any) -> None:
    assert 0 == ceremony.run("init-token", "--token", "vault-1", lines=(OFFICER, USER)).code
    typed = "4 1 6 2 2 5 3 1 6 6 4 2 1 5 3 3 2 6 1 4 5 5 2 6 1 3 4 4 2 6 3 5 1 2 4 3 6 5 2 1 6 4 3 5 1 4 6 2 5 3"
    arguments = ("make-wrapping-key", "--token", "vault-1", "--typed-entropy", "--json")
    short = ceremony.run(*arguments, lines=(OFFICER, typed[:-2]))
    assert (2, ["FIELD_INVALID"]) == (short.code, short.refusals)
    lazy = ceremony.run(*arguments, lines=(OFFICER, "1 2 3 4 5 6 " * 9))
    assert (3, ["ENTROPY_HEALTH_FAIL"]) == (lazy.code, lazy.refusals)
    made = ceremony.run(*arguments, lines=(OFFICER, typed))
    shown = ceremony.run("show-token", "--token", "vault-1", "--json")
    assert (0, made.result["check_value"]) == (made.code, shown.result["wrapping_check"])
    entropy = made.result["entropy"]
    assert ["operating system", "token vault-1", "typed"] == [source["name"] for source in entropy["sources"]]
    assert ("none", 32) == (entropy["expected_code"], entropy["drawn"])


def test_the_entropy_code_is_compared_with_the_release(ceremony: Any) -> None:
    assert 0 == ceremony.run("init-token", "--token", "vault-1", lines=(OFFICER, USER)).code
    arguments = ("make-wrapping-key", "--token", "vault-1", "--json", "--entropy-release")
    foreign = ceremony.run(*arguments, "sha256:" + "0" * 64, lines=(OFFICER,))
    assert (3, ["ENTROPY_NOT_ATTESTED"]) == (foreign.code, foreign.refusals)
    released = measure_entropy_code()
    made = ceremony.run(*arguments, released, lines=(OFFICER,))
    assert (0, released, released) == (
        made.code,
        made.result["entropy"]["code"],
        made.result["entropy"]["expected_code"],
    )


def test_a_ceremony_in_words_for_people(ceremony: Any) -> None:
    made = ceremony.run("init-token", "--token", "vault-1", lines=(OFFICER, USER))
    assert "token: vault-1\n" in made.output
    again = ceremony.run("init-token", "--token", "vault-1", lines=(OFFICER, USER))
    assert 3 == again.code
    assert again.errors.startswith("ALREADY_EXISTS: ")


def test_one_pin_for_both_is_refused(ceremony: Any) -> None:
    same = ceremony.run("init-token", "--token", "vault-1", "--json", lines=(OFFICER, OFFICER))
    assert (3, ["SEPARATION"]) == (same.code, same.refusals)
    assert 4 == ceremony.run("show-token", "--token", "vault-1").code
    assert 0 == ceremony.run("init-token", "--token", "vault-1", lines=(OFFICER, USER)).code


@pytest.mark.parametrize(
    "lines", [(), (OFFICER,), (OFFICER, USER, "more"), (OFFICER, ""), ("", USER), ("a\x07b", USER)]
)
def test_lines_that_are_not_the_two_pins_are_a_wrong_call(ceremony: Any, lines: tuple[str, ...]) -> None:
    outcome = ceremony.run("init-token", "--token", "vault-1", "--json", lines=lines)
    assert (2, ["FIELD_INVALID"]) == (outcome.code, outcome.refusals)


@pytest.mark.parametrize("label", ["", " ", " vault", "vault ", "x" * 33, "vältl", "a\tb"])
def test_a_label_that_a_token_cannot_hold_is_a_wrong_call(ceremony: Any, label: str) -> None:
    outcome = ceremony.run("init-token", "--token", label, "--json", lines=(OFFICER, USER))
    assert (2, ["FIELD_INVALID"]) == (outcome.code, outcome.refusals)


@pytest.mark.parametrize("pin", ["abc", "x" * 256])
def test_a_pin_that_the_token_does_not_take_is_refused(ceremony: Any, pin: str) -> None:
    outcome = ceremony.run("init-token", "--token", "vault-1", "--json", lines=(pin, USER))
    assert (3, ["PIN_WRONG"]) == (outcome.code, outcome.refusals)


def test_a_second_token_of_one_name_and_a_second_key_are_refused(ceremony: Any) -> None:
    ceremony.vault_token("vault-1")
    for arguments, lines in (
        (("init-token", "--token", "vault-1"), (OFFICER, USER)),
        (("make-wrapping-key", "--token", "vault-1"), (OFFICER,)),
    ):
        again = ceremony.run(*arguments, "--json", lines=lines)
        assert (3, ["ALREADY_EXISTS"]) == (again.code, again.refusals)
    assert 0 == ceremony.run("make-person-key", "--token", "vault-1", lines=(USER,)).code
    again = ceremony.run("make-person-key", "--token", "vault-1", "--json", lines=(USER,))
    assert (3, ["ALREADY_EXISTS"]) == (again.code, again.refusals)


def test_the_officers_step_needs_the_officer_and_the_users_the_user(ceremony: Any, tmp_path: Path) -> None:
    ceremony.vault_token("vault-1")
    assert 0 == ceremony.run("init-token", "--token", "vault-2", lines=(OFFICER, USER)).code
    wrapping = ceremony.run("make-wrapping-key", "--token", "vault-2", "--json", lines=(USER,))
    assert (3, ["PIN_WRONG"]) == (wrapping.code, wrapping.refusals)
    order = ("--count", "1", "--wallet", "wallet:a", "--out", str(tmp_path / "keys"))
    keys = ceremony.run("make-keys", "--token", "vault-1", "--json", *order, lines=(OFFICER,))
    assert (3, ["PIN_WRONG"]) == (keys.code, keys.refusals)
    assert not (tmp_path / "keys").exists()


def test_keys_need_a_wrapping_key_and_a_folder_of_their_own(ceremony: Any, tmp_path: Path) -> None:
    assert 0 == ceremony.run("init-token", "--token", "bare", lines=(OFFICER, USER)).code
    ceremony.vault_token("vault-1")
    order = ("--count", "2", "--wallet", "wallet:a", "--out", str(tmp_path / "keys"))
    bare = ceremony.run("make-keys", "--token", "bare", "--json", *order, lines=(USER,))
    assert (3, ["KEY_NOT_IN_TOKEN"]) == (bare.code, bare.refusals)
    assert 0 == ceremony.run("make-keys", "--token", "vault-1", *order, lines=(USER,)).code
    before = sorted((tmp_path / "keys").iterdir())
    again = ceremony.run("make-keys", "--token", "vault-1", "--json", *order, lines=(USER,))
    assert (3, ["ALREADY_EXISTS"]) == (again.code, again.refusals)
    assert before == sorted((tmp_path / "keys").iterdir())


def test_a_folder_that_cannot_be_written_is_unavailable(ceremony: Any, tmp_path: Path) -> None:
    ceremony.vault_token("vault-1")
    (tmp_path / "file").write_text("not a folder")
    order = ("--count", "1", "--wallet", "wallet:a", "--out", str(tmp_path / "file" / "keys"))
    outcome = ceremony.run("make-keys", "--token", "vault-1", "--json", *order, lines=(USER,))
    assert (4, ["FILE_UNAVAILABLE"]) == (outcome.code, outcome.refusals)


@pytest.mark.parametrize(
    "changed",
    [{"--count": "0"}, {"--count": "100001"}, {"--wallet": "ltc"}, {"--wallet": "key:a"}, {"--names": "Ltc 1"}],
)
def test_an_order_that_cannot_be_read_is_a_wrong_call(ceremony: Any, tmp_path: Path, changed: dict[str, str]) -> None:
    order = {"--count": "1", "--wallet": "wallet:a", "--out": str(tmp_path / "keys"), "--names": "a", **changed}
    words = [word for pair in order.items() for word in pair]
    outcome = ceremony.run("make-keys", "--token", "vault-1", "--json", *words, lines=(USER,))
    assert (2, ["FIELD_INVALID"]) == (outcome.code, outcome.refusals)


@pytest.mark.parametrize("command", [(), ("sign",), ("show-token",), ("make-keys", "--token", "a", "--pin", "1234")])
def test_other_commands_are_a_wrong_call(ceremony: Any, command: tuple[str, ...]) -> None:
    assert 2 == ceremony.run(*command).code


def test_no_such_token_or_module_is_unavailable(ceremony: Any) -> None:
    token = ceremony.run("show-token", "--token", "nobody", "--json")
    assert (4, ["TOKEN_UNAVAILABLE"]) == (token.code, token.refusals)
    module = ceremony.run("show-token", "--token", "nobody", "--json", "--module", "/nonexistent.so")
    assert (4, ["TOKEN_UNAVAILABLE"]) == (module.code, module.refusals)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            (),
            (
                "init-token",
                "make-wrapping-key",
                "make-keys",
                "make-person-key",
                "show-token",
                "one a line",
                "exit code",
            ),
        ),
        (("init-token",), ("1. New security officer's PIN; 2. New user's PIN",)),
        (("make-wrapping-key",), ("1. Security officer's PIN", "--typed-entropy")),
    ],
)
def test_the_help_teaches(ceremony: Any, command: tuple[str, ...], words: tuple[str, ...]) -> None:
    outcome = ceremony.run(*command, "--help")
    assert 0 == outcome.code
    text = " ".join(outcome.output.split())
    assert [] == [word for word in words if word not in text]


def test_a_hundred_keys_all_differ_and_all_sign(ceremony: Any, tmp_path: Path) -> None:
    ceremony.vault_token("vault-1")
    order = ("--count", "100", "--wallet", "wallet:a", "--out", str(tmp_path / "keys"))
    assert 0 == ceremony.run("make-keys", "--token", "vault-1", *order, lines=(USER,)).code
    files = load_key_files(tmp_path / "keys")
    assert (100, 100) == (len(files), len({file.key.public_key for file in files.values()}))
    ceremony.store.activate()
    seen = set()
    with open_session(find_token(open_module(softhsm.MODULE_PATH), "vault-1"), Secret(USER)) as session:
        wrapping_key = find_wrapping_key(session)
        for file in files.values():
            seen.add(sign_digest_with(wrapping_key, file.key, os.urandom(32))[0])
    assert 100 == len(seen)
