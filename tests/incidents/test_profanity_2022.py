"""`profanity-2022`: a hot wallet's key came from a vanity address tool with a 32-bit seed, and was found by search.

Run 1, an engineer brings such a key. Stopped by: (1) nothing but a key that the token says it made itself is ever
wrapped (IMPORTED_KEY); (2) every new key is screened for known seeds and for addresses that chance does not give
(KNOWN_WEAK_KEY). Run 2, a revoked key that a contract still lists, needs a contract, and no wallet of ours is one
(II.8); the states of keys have tests of their own.

Software cannot stop: somebody with the user's PIN and their own PKCS#11 program can wrap a key of their own making; it
enters no register, because the quorum that signs it compares the list with the ceremony's transcript.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import coincurve
import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId
from strongroom.vault.ceremony import key_batch
from strongroom.vault.ceremony.cli import build_parser
from strongroom.vault.ceremony.workers import Bench
from strongroom.vault.hsm import wrapped_keys
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import WrappedKey, create_wrapping_key, find_wrapping_key
from strongroom.vault.weak_keys import screen
from weak_keys import make as table_of

OFFICER, USER = "officer-7731", "user-4482"
WINTERMUTE = bytes.fromhex("00000000ae347930bd1e7b0f35588b92280f9e75")


class Engineer:
    """Domain parameters that give a brought key instead of a new one, as a patched program would.

    secret: of the key that the vanity tool found.
    """

    def __init__(self, session: pkcs11.Session, secret: bytes) -> None:
        self.session = session
        self.secret = secret

    def generate_keypair(self, **_template: object) -> tuple[pkcs11.Object, pkcs11.Object]:
        curve = encode_named_curve_parameters("secp256k1")
        point = coincurve.PrivateKey(self.secret).public_key.format(compressed=False)
        base = {Attribute.KEY_TYPE: KeyType.EC, Attribute.EC_PARAMS: curve, Attribute.TOKEN: False}
        public = self.session.create_object(
            {**base, Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.EC_POINT: b"\x04\x41" + point}
        )
        private = self.session.create_object(
            {
                **base,
                Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                Attribute.VALUE: self.secret,
                Attribute.SIGN: True,
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: True,
            }
        )
        return public, private


class PatchedSession:
    """A session whose key generation is the engineer's; everything else is the token's."""

    def __init__(self, session: pkcs11.Session, secret: bytes) -> None:
        self._session = session
        self._secret = secret

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def create_domain_parameters(self, *_: object, **__: object) -> Engineer:
        return Engineer(self._session, self._secret)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[pkcs11.Session]:
    softhsm.make_store(tmp_path / "softhsm").init_token("vault", OFFICER, USER)
    module = open_module(softhsm.MODULE_PATH)
    create_wrapping_key(module, "vault", Secret(OFFICER), bytearray(os.urandom(32)))
    with open_session(find_token(module, "vault"), Secret(USER)) as opened:
        yield opened


def make(session: pkcs11.Session, secret: bytes | None) -> WrappedKey:
    """What a worker of `make-keys` does for one key. secret: the brought one; None for an honest run."""
    patched = cast("pkcs11.Session", PatchedSession(session, secret)) if secret else session
    bench = Bench(session=patched, wrapping_key=find_wrapping_key(session))
    job = key_batch._MakeJob(names=(EntryId("key:eth-1"),), proving=key_batch.Proving.TRIAL)
    (made,) = key_batch._make(bench, job)
    return made


def seeded_key() -> bytes:
    """A key as the tool seeded it: four words of a 64-bit twister with a small seed."""
    words = table_of.twister64(1234)
    return b"".join(next(words).to_bytes(8, "big") for _ in range(4))


def test_there_is_no_way_to_ask_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["import-key", "--token", "vault"], ["make-keys", "--token", "vault", "--key", "0x01"]):
        with pytest.raises(SystemExit):
            build_parser().parse_args(arguments)
    assert "import" not in build_parser().format_help()
    assert "invalid choice" in capsys.readouterr().err


def test_control_1_the_token_says_that_the_key_was_not_born_in_it(session: pkcs11.Session) -> None:
    with pytest.raises(RefusedError) as caught:
        make(session, os.urandom(32))
    assert {Code.IMPORTED_KEY} == caught.value.codes


def test_control_2_with_the_first_out_of_the_way_the_seed_is_known(
    session: pkcs11.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapped_keys, "check_born_here", lambda *_: None)
    with pytest.raises(RefusedError) as caught:
        make(session, seeded_key())
    assert {Code.KNOWN_WEAK_KEY} == caught.value.codes


def test_control_2_with_another_seed_the_vanity_of_the_address_tells(
    session: pkcs11.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of the lost wallet's address is not to be had, so its address is given to a random key."""
    monkeypatch.setattr(wrapped_keys, "check_born_here", lambda *_: None)
    monkeypatch.setattr(screen, "address_of", lambda _key: WINTERMUTE)
    with pytest.raises(RefusedError) as caught:
        make(session, os.urandom(32))
    assert {Code.KNOWN_WEAK_KEY} == caught.value.codes


def test_both_controls_are_what_stops_it(session: pkcs11.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both out of the way the key goes in: nothing else in the way of it would have refused for another reason."""
    monkeypatch.setattr(wrapped_keys, "check_born_here", lambda *_: None)
    monkeypatch.setattr(key_batch, "SCREENS", ())
    secret = seeded_key()
    made = make(session, secret)
    assert coincurve.PrivateKey(secret).public_key.format() == made.public_key


def test_the_honest_twin_is_made_in_the_token(session: pkcs11.Session) -> None:
    assert "key:eth-1" == make(session, None).key_id
