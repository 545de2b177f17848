"""Asset keys: born in a real token, kept as blobs, unwrapped to sign; and what cannot be done with them."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import coincurve
import pkcs11
import pytest
from pkcs11 import DEFAULT, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11
from pkcs11.util.ec import encode_named_curve_parameters

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError
from strongroom.core.ids import EntryId
from strongroom.vault.hsm.ecdsa import SECP256K1_ORDER, encode_der_signature, encode_signature
from strongroom.vault.hsm.handles import WrappingKey, as_signing_key, as_wrapping_key
from strongroom.vault.hsm.module import find_token, open_officer_session, open_session, open_storing_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import (
    WRAPPING_LABEL,
    check_born_here,
    check_signature,
    check_unwraps_sealed,
    create_wrapping_key,
    derive_key_id,
    find_wrapping_key,
    generate_wrapped_key,
    recovery_id,
    sign_digest,
    sign_digest_with,
)


def test_a_wrapped_key_signs_low_s_with_every_r_new(vault_session: pkcs11.Session) -> None:
    wrapped = generate_wrapped_key(vault_session, find_wrapping_key(vault_session))
    assert (33, "secp256k1") == (len(wrapped.public_key), wrapped.curve)
    assert derive_key_id(wrapped.public_key) == wrapped.key_id
    digest, seen = os.urandom(32), set()
    for _ in range(60):
        r, s = sign_digest(vault_session, wrapped, digest)
        assert s <= SECP256K1_ORDER // 2
        assert coincurve.PublicKey(wrapped.public_key).verify(encode_der_signature(r, s), digest, hasher=None)
        seen.add(r)
    assert 60 == len(seen)


def test_the_module_itself_gives_high_s_now_and_then(vault_session: pkcs11.Session) -> None:
    # Otherwise the test above would pass without the turning.
    parameters = vault_session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256k1")}, local=True
    )
    public, private = parameters.generate_keypair(store=False, capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY)
    key = as_signing_key(private, "throwaway")
    raw = [key.sign(os.urandom(32), mechanism=Mechanism.ECDSA) for _ in range(60)]
    assert any(int.from_bytes(one[32:], "big") > SECP256K1_ORDER // 2 for one in raw)
    private.destroy()
    public.destroy()


def test_the_recovery_id_recovers_the_signer(vault_session: pkcs11.Session) -> None:
    wrapped = generate_wrapped_key(vault_session, find_wrapping_key(vault_session))
    seen = set()
    for _ in range(30):
        digest = os.urandom(32)
        r, s = sign_digest(vault_session, wrapped, digest)
        parity = recovery_id(digest, r, s, wrapped.public_key)
        seen.add(parity)
        recovered = coincurve.PublicKey.from_signature_and_message(
            encode_signature(r, s) + bytes([parity]), digest, hasher=None
        )
        assert wrapped.public_key == recovered.format()
    assert {0, 1} == seen
    r, s = sign_digest(vault_session, wrapped, bytes(32))
    with pytest.raises(InvariantError) as caught:
        recovery_id(os.urandom(32), r, s, wrapped.public_key)
    assert Code.SIGNATURE_INVALID in caught.value.codes


def test_a_key_gets_the_name_that_the_register_gives_it(vault_session: pkcs11.Session) -> None:
    wrapped = generate_wrapped_key(vault_session, find_wrapping_key(vault_session), EntryId("key:ltc-1a"))
    assert "key:ltc-1a" == wrapped.key_id


def test_nothing_stays_in_the_token(vault_session: pkcs11.Session) -> None:
    wrapped = generate_wrapped_key(vault_session, find_wrapping_key(vault_session))
    sign_digest(vault_session, wrapped, os.urandom(32))
    assert [] == [
        found[Attribute.LABEL] for found in vault_session.get_objects() if isinstance(found, pkcs11.PrivateKey)
    ]


def test_a_key_that_was_unwrapped_cannot_be_taken_out(vault_session: pkcs11.Session) -> None:
    wrapping_key = find_wrapping_key(vault_session)
    blob = generate_wrapped_key(vault_session, wrapping_key).blob
    private = unwrap(wrapping_key, blob, {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False})
    sealed = (private[Attribute.SENSITIVE], private[Attribute.EXTRACTABLE], private[Attribute.TOKEN])
    assert (True, False, False) == sealed
    with pytest.raises(p11.AttributeSensitive):
        private[Attribute.VALUE]
    with pytest.raises(p11.KeyUnextractable):
        wrapping_key.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)
    with pytest.raises(p11.AttributeReadOnly):
        private.copy({Attribute.SENSITIVE: False})
    private.destroy()


def unwrap(
    wrapping_key: WrappingKey,
    blob: bytes,
    wish: dict[Attribute, object],
    kind: tuple[ObjectClass, KeyType] = (ObjectClass.PRIVATE_KEY, KeyType.EC),
) -> pkcs11.Key:
    """Unwrap as an attacker with the user's PIN would: with any template."""
    return wrapping_key.unwrap_key(
        *kind,
        blob,
        mechanism=Mechanism.AES_KEY_WRAP_PAD,
        capabilities=MechanismFlag.SIGN,
        template={Attribute.ENCRYPT: DEFAULT, Attribute.WRAP: DEFAULT, Attribute.VERIFY: DEFAULT, **wish},
    )


def test_the_users_own_key_cannot_wrap_an_asset_key(vault_session: pkcs11.Session) -> None:
    generated = vault_session.generate_key(KeyType.AES, 256, capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP)
    mine = as_wrapping_key(generated, "the user's own key")
    with pytest.raises(RefusedError) as caught:
        generate_wrapped_key(vault_session, mine)
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes
    assert isinstance(caught.value.__cause__, p11.KeyNotWrappable)


def test_the_wrapping_key_cannot_decrypt_or_be_read(vault_session: pkcs11.Session) -> None:
    wrapping_key = find_wrapping_key(vault_session)
    assert (False, False) == (wrapping_key[Attribute.DECRYPT], wrapping_key[Attribute.MODIFIABLE])
    with pytest.raises(p11.AttributeSensitive):
        wrapping_key[Attribute.VALUE]
    with pytest.raises(p11.PKCS11Error):
        vault_session.get_key(label=WRAPPING_LABEL).copy({Attribute.DECRYPT: True})


@pytest.mark.parametrize(
    "wish",
    [
        {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
        {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True},
        {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: False},
        {},
    ],
)
def test_the_users_pin_and_a_blob_do_not_give_the_key(
    vault_session: pkcs11.Session, wish: dict[Attribute, object]
) -> None:
    wrapping_key = find_wrapping_key(vault_session)
    blob = generate_wrapped_key(vault_session, wrapping_key).blob
    for kind in ((ObjectClass.PRIVATE_KEY, KeyType.EC), (ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET)):
        with pytest.raises(p11.TemplateInconsistent):
            unwrap(wrapping_key, blob, wish, kind)


def test_a_wrapping_key_that_would_unwrap_readable_keys_is_found(
    bench: Any, vault_session: pkcs11.Session, officer_pin: Secret, user_pin: Secret
) -> None:
    check_unwraps_sealed(vault_session, find_wrapping_key(vault_session))
    bench_token = find_token(bench.module, "other-tool")
    with open_officer_session(bench_token, officer_pin) as session:
        session.create_object(_wrapping_key_of_another_tool())
    with open_session(bench_token, user_pin) as session, pytest.raises(RefusedError) as caught:
        check_unwraps_sealed(session, find_wrapping_key(session))
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


def _wrapping_key_of_another_tool() -> dict[Attribute, object]:
    """Everything as the ceremony makes it, but no unwrap template."""
    true = (Attribute.TRUSTED, Attribute.SENSITIVE, Attribute.WRAP, Attribute.UNWRAP, Attribute.TOKEN)
    false = (
        Attribute.EXTRACTABLE,
        Attribute.ENCRYPT,
        Attribute.DECRYPT,
        Attribute.SIGN,
        Attribute.DERIVE,
        Attribute.MODIFIABLE,
        Attribute.PRIVATE,
    )
    return {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.LABEL: WRAPPING_LABEL,
        Attribute.VALUE: os.urandom(32),
        **dict.fromkeys(true, True),
        **dict.fromkeys(false, False),
    }


@pytest.mark.parametrize("where", [0, 8, 40, -1])
def test_an_altered_blob_is_refused(vault_session: pkcs11.Session, where: int) -> None:
    wrapped = generate_wrapped_key(vault_session, find_wrapping_key(vault_session))
    altered = bytearray(wrapped.blob)
    altered[where] ^= 1
    with pytest.raises(RefusedError) as caught:
        sign_digest(vault_session, dataclasses.replace(wrapped, blob=bytes(altered)), os.urandom(32))
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


@pytest.mark.parametrize("blob", [b"", b"\x00" * 7, b"\x00" * 72])
def test_a_blob_that_is_none_is_refused(vault_session: pkcs11.Session, blob: bytes) -> None:
    wrapped = generate_wrapped_key(vault_session, find_wrapping_key(vault_session))
    with pytest.raises(RefusedError) as caught:
        sign_digest(vault_session, dataclasses.replace(wrapped, blob=blob), os.urandom(32))
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


def test_another_keys_blob_gives_no_signature(vault_session: pkcs11.Session) -> None:
    wrapping_key = find_wrapping_key(vault_session)
    first, second = (generate_wrapped_key(vault_session, wrapping_key) for _ in range(2))
    digest = os.urandom(32)
    check_signature(first, digest, *sign_digest_with(wrapping_key, first, digest))
    with pytest.raises(InvariantError) as caught:
        sign_digest_with(wrapping_key, dataclasses.replace(first, blob=second.blob), digest)
    assert Code.SIGNATURE_INVALID in caught.value.codes


def test_a_blob_opens_only_under_its_own_wrapping_key(bench: Any, officer_pin: Secret, user_pin: Secret) -> None:
    entropy = os.urandom(32)
    for label in ("site-b", "spare-b"):
        bench.store.init_token(label, officer_pin.reveal(), user_pin.reveal())
        create_wrapping_key(bench.module, label, officer_pin, bytearray(entropy))
    digest = os.urandom(32)
    with open_session(find_token(bench.module, "site-b"), user_pin) as session:
        wrapped = generate_wrapped_key(session, find_wrapping_key(session))
    with open_session(find_token(bench.module, "spare-b"), user_pin) as session:
        check_signature(wrapped, digest, *sign_digest(session, wrapped, digest))
    with open_session(find_token(bench.module, "vault"), user_pin) as session, pytest.raises(RefusedError) as caught:
        sign_digest(session, wrapped, digest)
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


@pytest.mark.parametrize("size", [0, 20, 31, 33, 64])
def test_only_a_digest_is_signed(vault_session: pkcs11.Session, size: int) -> None:
    wrapped = generate_wrapped_key(vault_session, find_wrapping_key(vault_session))
    with pytest.raises(InvariantError) as caught:
        sign_digest(vault_session, wrapped, bytes(size))
    assert Code.INVARIANT in caught.value.codes


def test_a_token_without_a_wrapping_key_is_refused(bench: Any, user_pin: Secret) -> None:
    with open_session(find_token(bench.module, "empty"), user_pin) as session, pytest.raises(RefusedError) as caught:
        find_wrapping_key(session)
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


def test_a_wrapping_key_made_by_the_user_is_refused(bench: Any, user_pin: Secret) -> None:
    with open_storing_session(find_token(bench.module, "person"), user_pin) as session:
        with pytest.raises(p11.AttributeReadOnly):
            session.generate_key(KeyType.AES, 256, label=WRAPPING_LABEL, template={Attribute.TRUSTED: True})
        planted = session.generate_key(
            KeyType.AES, 256, label=WRAPPING_LABEL, store=False, capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP
        )
        assert ObjectClass.SECRET_KEY == planted.object_class
        with pytest.raises(RefusedError) as caught:
            find_wrapping_key(session)
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


def test_a_second_wrapping_key_is_refused_and_the_entropy_wiped(bench: Any, officer_pin: Secret) -> None:
    entropy = bytearray(os.urandom(32))
    with pytest.raises(RefusedError) as caught:
        create_wrapping_key(bench.module, "vault", officer_pin, entropy)
    assert Code.ALREADY_EXISTS in caught.value.codes
    assert bytes(32) == bytes(entropy)


def test_the_user_cannot_make_the_wrapping_key(bench: Any, user_pin: Secret) -> None:
    entropy = bytearray(os.urandom(32))
    with pytest.raises(RefusedError) as caught:
        create_wrapping_key(bench.module, "empty", user_pin, entropy)
    assert Code.PIN_WRONG in caught.value.codes
    assert bytes(32) == bytes(entropy)


def test_a_short_wrapping_key_is_our_fault(bench: Any, officer_pin: Secret) -> None:
    with pytest.raises(InvariantError) as caught:
        create_wrapping_key(bench.module, "empty", officer_pin, bytearray(16))
    assert Code.INVARIANT in caught.value.codes


def test_a_key_that_came_from_outside_is_refused_and_one_born_here_is_not(vault_session: pkcs11.Session) -> None:
    brought = vault_session.create_object(
        {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.KEY_TYPE: KeyType.EC,
            Attribute.EC_PARAMS: encode_named_curve_parameters("secp256k1"),
            Attribute.VALUE: os.urandom(32),
            Attribute.TOKEN: False,
            Attribute.SENSITIVE: False,
            Attribute.EXTRACTABLE: True,
        }
    )
    with pytest.raises(RefusedError) as caught:
        check_born_here(brought, "key:brought")
    assert {Code.IMPORTED_KEY} == caught.value.codes
    brought.destroy()
    assert generate_wrapped_key(vault_session, find_wrapping_key(vault_session)).blob
