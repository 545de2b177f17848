"""The keys that hold assets: born in a token, kept outside it as wrapped blobs, unwrapped there only to sign.

A blob opens only in a token with the same wrapping key, and the copy in the token is a session object that is
sensitive and cannot be extracted. So millions of keys need no storage in a token and their blobs are their own backup.
Everything hangs on the wrapping key. Only the security officer can make one that is TRUSTED; the keys are made
WRAP_WITH_TRUSTED, so no other key wraps them; and its unwrap template lets nobody unwrap them readable
(`templates.py`). So neither PIN alone gets a key out; both together could. Source: PKCS#11 v2.40 sections 4.9 and 4.10.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import coincurve
import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error, TemplateInconsistent
from pkcs11.util.ec import encode_named_curve_parameters

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, RefusedError, refused
from strongroom.core.ids import EntryId
from strongroom.vault.hsm.ecdsa import (
    SECP256K1_ORDER,
    compress_point,
    encode_der_signature,
    encode_signature,
    parse_ec_point,
    split_signature,
)
from strongroom.vault.hsm.handles import SigningKey, WrappingKey, as_signing_key, as_wrapping_key
from strongroom.vault.hsm.module import TokenModule, find_token, open_officer_session, token_errors
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.templates import UNWRAP_AS, UNWRAP_SEALED, WRAPPING_ATTRIBUTES

WRAPPING_LABEL = "strongroom-wrapping"
"""Label of a token's one trusted wrapping key."""
WRAPPING_KEY_BYTES = 32
"""AES-256."""
CURVE = "secp256k1"

_SECP256K1 = encode_named_curve_parameters(CURVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """One asset key as it is kept outside the token.

    public_key: 33 bytes, compressed. blob: the private key under the token's wrapping key (RFC 5649).
    """

    key_id: EntryId
    public_key: bytes
    blob: bytes
    curve: str = CURVE


def create_wrapping_key(module: TokenModule, token_label: str, so_pin: Secret, key_bytes: bytearray) -> bytes:
    """Make the trusted wrapping key of a token as its security officer, and return its three-byte check value.

    key_bytes: 32 bytes of mixed entropy; overwritten with zeros on every way out. python-pkcs11 copies them on the way
    to the module and those copies are freed, not wiped: that the key passed through this machine's memory is bounded by
    the ceremony (no network, switched off afterwards), not by this function.
    Raises RefusedError PIN_WRONG, ALREADY_EXISTS when there already is one; UnavailableError TOKEN_UNAVAILABLE.
    """
    try:
        field = f"token {token_label!r} key {WRAPPING_LABEL!r}"
        with open_officer_session(find_token(module, token_label), so_pin) as session, token_errors(field):
            if _wrapping_objects(session):
                raise refused(Code.ALREADY_EXISTS, field, "no wrapping key yet", "a wrapping key")
            created = _create_wrapping_object(session, key_bytes)
            return bytes(created[Attribute.CHECK_VALUE])
    finally:
        key_bytes[:] = bytes(len(key_bytes))


def replace_wrapping_key(module: TokenModule, token_label: str, so_pin: Secret, key_bytes: bytearray) -> bytes:
    """Put a new trusted wrapping key in the place of every older one, and return its check value.

    The new key is there before the old one goes, so that a token that is pulled out in between still has a key; with
    two, it opens nothing (`find_wrapping_key`) until this is done again. key_bytes, errors: as `create_wrapping_key`.
    """
    try:
        field = f"token {token_label!r} key {WRAPPING_LABEL!r}"
        with open_officer_session(find_token(module, token_label), so_pin) as session, token_errors(field):
            before = _wrapping_objects(session)
            created = _create_wrapping_object(session, key_bytes)
            for old in before:
                old.destroy()
            return bytes(created[Attribute.CHECK_VALUE])
    finally:
        key_bytes[:] = bytes(len(key_bytes))


def destroy_wrapping_keys(module: TokenModule, token_label: str, so_pin: Secret) -> int:
    """Destroy every trusted wrapping key of a token; returns how many there were. Errors as `create_wrapping_key`."""
    field = f"token {token_label!r} key {WRAPPING_LABEL!r}"
    with open_officer_session(find_token(module, token_label), so_pin) as session, token_errors(field):
        found = _wrapping_objects(session)
        for key in found:
            key.destroy()
        return len(found)


def find_wrapping_key(session: pkcs11.Session) -> WrappingKey:
    """The token's one wrapping key, with every attribute as the ceremony made it. Raises KEY_NOT_IN_TOKEN.

    The user can create a key of the same label, but only the officer's keys are TRUSTED, and only those are looked at.
    """
    field = f"key {WRAPPING_LABEL!r}"
    with token_errors(field):
        found = _wrapping_objects(session)
        if len(found) != 1:
            raise refused(Code.KEY_NOT_IN_TOKEN, field, "exactly one wrapping key", f"{len(found)} keys")
        wrong = [name for name, value in WRAPPING_ATTRIBUTES.items() if found[0][name] is not value]
    if wrong:
        names = ", ".join(sorted(name.name for name in wrong))
        raise refused(Code.KEY_NOT_IN_TOKEN, field, "a key made by the security officer", f"another {names}")
    return as_wrapping_key(found[0], field)


def check_unwraps_sealed(session: pkcs11.Session, wrapping_key: WrappingKey) -> None:
    """Prove on a throwaway key that this token unwraps nothing readable. Raises KEY_NOT_IN_TOKEN when it does.

    A template cannot be read back from every module, and a wrapping key made by another tool may have none: then the
    user's PIN and a blob would be enough to take a key away. So it is tried, before keys are made and before signing.
    """
    throwaway = generate_wrapped_key(session, wrapping_key)
    readable = {**UNWRAP_SEALED, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
    try:
        opened = _unwrap(wrapping_key, throwaway, readable)
    except TemplateInconsistent:
        return
    except PKCS11Error as error:
        raise _cannot_open(wrapping_key, throwaway, error) from error
    with token_errors(f"key {WRAPPING_LABEL!r}"):
        opened.destroy()
    raise refused(
        Code.KEY_NOT_IN_TOKEN,
        f"key {WRAPPING_LABEL!r}",
        "a key that unwraps only sealed keys",
        "one without a template",
    )


def generate_wrapped_key(
    session: pkcs11.Session, wrapping_key: WrappingKey, key_id: EntryId | None = None
) -> WrappedKey:
    """Make a secp256k1 key in the token and return it wrapped; nothing of it stays in the token.

    key_id: the register's name for it; None names it after its public key.
    Raises UnavailableError TOKEN_UNAVAILABLE; RefusedError KEY_NOT_IN_TOKEN when the token will not wrap it, and
    IMPORTED_KEY when the token does not say that it made it.
    """
    with token_errors("new key"):
        parameters = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _SECP256K1}, local=True)
        public, private = parameters.generate_keypair(
            store=False,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template={
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: True,
                Attribute.WRAP_WITH_TRUSTED: True,
            },
        )
        try:
            check_born_here(private, "new key")
            blob = wrapping_key.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)
            point = parse_ec_point(public[Attribute.EC_POINT], "new key")
        finally:
            private.destroy()
            public.destroy()
    compressed = compress_point(point)
    return WrappedKey(key_id=key_id or derive_key_id(compressed), public_key=compressed, blob=blob)


def check_born_here(private: pkcs11.Key, field: str) -> None:
    """Refuse a key that the token did not make itself, by the token's own word (CKA_LOCAL). Raises IMPORTED_KEY.

    Nothing here wraps any other key, so there is no way in. Source: PKCS#11 v2.40, 4.4: the token sets CKA_LOCAL, and
    nobody else can.
    """
    with token_errors(field):
        is_local = private[Attribute.LOCAL]
    if is_local is not True:
        raise refused(Code.IMPORTED_KEY, field, "a key that was born in this token", "one that came from outside")


def derive_key_id(public_key: bytes) -> EntryId:
    """A key's name when nobody gave it one: `key:` and the first 40 hex digits of SHA-256 of its 33-byte public key."""
    return EntryId("key:" + hashlib.sha256(public_key).hexdigest()[:40])


def sign_digest(session: pkcs11.Session, wrapped: WrappedKey, digest: bytes) -> tuple[int, int]:
    """Sign a 32-byte digest with a wrapped key and return (r, s), low-S, verified against `wrapped.public_key`.

    Raises RefusedError KEY_NOT_IN_TOKEN when this token cannot open the blob; UnavailableError TOKEN_UNAVAILABLE;
    InvariantError SIGNATURE_INVALID when what it signed is not by the named key (a swapped blob or a faulty token):
    a faulty signature can give the key away, so it is dropped here.
    """
    return sign_digest_with(find_wrapping_key(session), wrapped, digest)


def sign_digest_with(wrapping_key: WrappingKey, wrapped: WrappedKey, digest: bytes) -> tuple[int, int]:
    """As `sign_digest`, with the wrapping key already found and checked: for many signatures in one session."""
    if len(digest) != 32:
        raise InvariantError(Refusal(code=Code.INVARIANT, field="digest", expected="32", got=str(len(digest))))
    with _unwrapped(wrapping_key, wrapped) as private, token_errors(wrapped.key_id):
        raw = private.sign(digest, mechanism=Mechanism.ECDSA)
    r, s = split_signature(raw, SECP256K1_ORDER, wrapped.key_id)
    check_signature(wrapped, digest, r, s)
    return r, s


def check_signature(wrapped: WrappedKey, digest: bytes, r: int, s: int) -> None:
    """Verify with libsecp256k1, which shares nothing with the token. Raises InvariantError SIGNATURE_INVALID."""
    if not coincurve.PublicKey(wrapped.public_key).verify(encode_der_signature(r, s), digest, hasher=None):
        raise InvariantError(
            Refusal(
                code=Code.SIGNATURE_INVALID,
                field=wrapped.key_id,
                expected=f"a signature by {wrapped.public_key.hex()}",
                got="a signature by another key, or a fault",
            )
        )


def recovery_id(digest: bytes, r: int, s: int, public_key: bytes) -> int:
    """Ethereum's y parity (0 or 1) of a low-S signature. public_key: 33 bytes, compressed.

    Raises InvariantError SIGNATURE_INVALID when neither recovers the key. Source: EIP-155, EIP-1559.
    """
    for parity in (0, 1):
        try:
            recoverable = encode_signature(r, s) + bytes([parity])
            found = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
        except ValueError:
            # Not every r is the x of a point with this parity; the other one is tried, and failing both is an error.
            continue
        if found.format() == public_key:
            return parity
    raise InvariantError(
        Refusal(code=Code.SIGNATURE_INVALID, field="recovery id", expected=public_key.hex(), got="another key")
    )


def _create_wrapping_object(session: pkcs11.Session, key_bytes: bytearray) -> pkcs11.Object:
    """A trusted wrapping key of these bytes; session: the officer's."""
    if len(key_bytes) != WRAPPING_KEY_BYTES:
        raise InvariantError(
            Refusal(code=Code.INVARIANT, field="key_bytes", expected="32 bytes", got=f"{len(key_bytes)} bytes")
        )
    return session.create_object(
        {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.LABEL: WRAPPING_LABEL,
            Attribute.TOKEN: True,
            # An officer's session cannot create private objects; sensitive and not extractable still hold.
            Attribute.PRIVATE: False,
            Attribute.UNWRAP_TEMPLATE: UNWRAP_AS,
            Attribute.VALUE: bytes(key_bytes),
            **WRAPPING_ATTRIBUTES,
        }
    )


def _wrapping_objects(session: pkcs11.Session) -> list[pkcs11.Object]:
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: WRAPPING_LABEL, Attribute.TRUSTED: True}
    return list(session.get_objects(wanted))


def _unwrap(wrapping_key: WrappingKey, wrapped: WrappedKey, template: dict[Attribute, object]) -> SigningKey:
    private = wrapping_key.unwrap_key(
        ObjectClass.PRIVATE_KEY,
        KeyType.EC,
        wrapped.blob,
        mechanism=Mechanism.AES_KEY_WRAP_PAD,
        capabilities=MechanismFlag.SIGN,
        template=template,
    )
    return as_signing_key(private, wrapped.key_id)


@contextmanager
def _unwrapped(wrapping_key: WrappingKey, wrapped: WrappedKey) -> Iterator[SigningKey]:
    """The private key as a session object, destroyed on every way out."""
    try:
        private = _unwrap(wrapping_key, wrapped, UNWRAP_SEALED)
    except PKCS11Error as error:
        raise _cannot_open(wrapping_key, wrapped, error) from error
    try:
        yield private
    finally:
        with token_errors(wrapped.key_id):
            private.destroy()


def _cannot_open(wrapping_key: WrappingKey, wrapped: WrappedKey, error: PKCS11Error) -> RefusedError:
    """The refusal of a blob; raises UnavailableError instead when it is the token that is gone.

    SoftHSM answers GeneralError both for a foreign blob and for a missing token. Reading the wrapping key tells which.
    """
    with token_errors(f"key {WRAPPING_LABEL!r}"):
        is_there = bool(wrapping_key[Attribute.TRUSTED])
    got = type(error).__name__ if is_there else "no trusted wrapping key"
    return refused(Code.KEY_NOT_IN_TOKEN, wrapped.key_id, "a blob under this token's wrapping key", got)
