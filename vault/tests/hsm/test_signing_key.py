"""People's and devices' P-256 keys in real tokens."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.exceptions import AttributeSensitive

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError, UnavailableError
from strongroom.vault.hsm.ecdsa import P256_ORDER, encode_der_signature
from strongroom.vault.hsm.module import find_token, open_session, open_storing_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import PersonToken, check_own_signature, create_person_key


def test_a_token_signs_low_s_and_an_independent_library_verifies(bench: Any, user_pin: Secret) -> None:
    with PersonToken(bench.module, "person", user_pin) as token:
        assert (65, 0x04) == (len(token.public_key), token.public_key[0])
        key = serialization.load_der_public_key(token.public_key_spki)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        for number in range(40):
            data = os.urandom(number * 7)
            signature = token.sign(data)
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            assert 64 == len(signature)
            assert s <= P256_ORDER // 2
            key.verify(encode_der_signature(r, s), data, ec.ECDSA(hashes.SHA256()))


def test_the_same_data_never_gives_the_same_r(bench: Any, user_pin: Secret) -> None:
    with PersonToken(bench.module, "person", user_pin) as token:
        assert 50 == len({token.sign(b"same")[:32] for _ in range(50)})


def test_the_key_cannot_be_read_or_taken_out(bench: Any, user_pin: Secret) -> None:
    with open_session(find_token(bench.module, "person"), user_pin) as session:
        private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC)
        assert (True, False, True) == (
            private[Attribute.SENSITIVE],
            private[Attribute.EXTRACTABLE],
            private[Attribute.NEVER_EXTRACTABLE],
        )
        with pytest.raises(AttributeSensitive):
            private[Attribute.VALUE]


def test_a_wrong_pin_is_refused(bench: Any) -> None:
    with pytest.raises(RefusedError) as caught, PersonToken(bench.module, "person", Secret("wrong")):
        pass
    assert Code.PIN_WRONG in caught.value.codes


def test_a_token_without_the_key_is_refused(bench: Any, user_pin: Secret) -> None:
    with pytest.raises(RefusedError) as caught, PersonToken(bench.module, "empty", user_pin):
        pass
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


def test_a_second_key_of_one_name_is_refused(bench: Any, user_pin: Secret) -> None:
    with open_storing_session(find_token(bench.module, "person"), user_pin) as session:
        with pytest.raises(RefusedError) as caught:
            create_person_key(session)
        assert Code.ALREADY_EXISTS in caught.value.codes
        assert 65 == len(create_person_key(session, "spare"))


def test_a_closed_token_signs_nothing(bench: Any, user_pin: Secret) -> None:
    with PersonToken(bench.module, "person", user_pin) as token:
        assert 64 == len(token.sign(b"open"))
    with pytest.raises(UnavailableError) as caught:
        token.sign(b"closed")
    assert Code.TOKEN_UNAVAILABLE in caught.value.codes


def test_two_peoples_tokens_are_open_at_once(bench: Any, user_pin: Secret) -> None:
    with open_storing_session(find_token(bench.module, "empty"), user_pin) as session:
        create_person_key(session, "second")
    with (
        PersonToken(bench.module, "person", user_pin) as first,
        PersonToken(bench.module, "empty", user_pin, "second") as second,
    ):
        assert first.public_key != second.public_key
        assert first.sign(b"both") != second.sign(b"both")


def test_a_signature_by_another_key_is_our_fault(bench: Any, user_pin: Secret) -> None:
    with PersonToken(bench.module, "person", user_pin) as token:
        signature = token.sign(b"honest")
        check_own_signature(token.key, b"honest", signature, "key")
        with pytest.raises(InvariantError) as caught:
            check_own_signature(token.key, b"other", signature, "key")
    assert Code.SIGNATURE_INVALID in caught.value.codes
