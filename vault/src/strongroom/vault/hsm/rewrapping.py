"""Wrapping keys anew inside a token: out of blobs under an old wrapping key into blobs under the token's new one.

The wrapping key's own unwrap template makes every opened key EXTRACTABLE false, so no token re-wraps under it
(ADR 0008). For a rotation the old key is rebuilt from shares and put beside the new one as a key of another kind: a
session object that may only unwrap, and only into keys that are SENSITIVE, EXTRACTABLE and WRAP_WITH_TRUSTED. Such a
key is never readable, and nothing but the officer's trusted key wraps it. The object is gone with the session, so that
an interruption leaves nothing in the token. Source: ADR 0025; PKCS#11 v2.40 sections 4.9 and 4.10.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, cast

import pkcs11
from pkcs11 import DEFAULT, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error, TemplateInconsistent

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.module import token_errors
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.templates import TemplateMapper
from strongroom.vault.hsm.wrapped_keys import WrappedKey, check_unwraps_sealed, find_wrapping_key, sign_digest_with

_FIELD = "rotation key"
_TRIAL = b"strongroom-key-trial/1\n"
_OPENED_AS: Mapping[Attribute, bool | ObjectClass | KeyType] = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.KEY_TYPE: KeyType.EC,
    Attribute.TOKEN: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
}
_ROTATION_KEY: Mapping[Attribute, object] = {
    Attribute.CLASS: ObjectClass.SECRET_KEY,
    Attribute.KEY_TYPE: KeyType.AES,
    Attribute.TOKEN: False,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.UNWRAP: True,
    Attribute.WRAP: False,
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
    Attribute.SIGN: False,
    Attribute.VERIFY: False,
    Attribute.DERIVE: False,
    Attribute.MODIFIABLE: False,
}
_OPEN: Mapping[Attribute, object] = {
    Attribute.ENCRYPT: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: True,
    Attribute.WRAP_WITH_TRUSTED: True,
}


class RotationKey(Protocol):
    """A secret key in a token that may only unwrap."""

    def unwrap_key(
        self,
        object_class: ObjectClass,
        key_type: KeyType,
        key_data: bytes,
        *,
        mechanism: Mechanism,
        capabilities: MechanismFlag,
        template: Mapping[Attribute, object],
    ) -> pkcs11.Key:
        """A key in the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrapper:
    """Both keys in one session. old: may only unwrap. new: the token's trusted wrapping key."""

    old: RotationKey
    new: WrappingKey

    def rewrap(self, wrapped: WrappedKey) -> WrappedKey:
        """The same key under the new wrapping key, tried with a signature. Raises RefusedError KEY_NOT_IN_TOKEN."""
        try:
            private = self._open(wrapped, _OPEN)
        except PKCS11Error as error:
            got = type(error).__name__
            raise refused(Code.KEY_NOT_IN_TOKEN, wrapped.key_id, "a blob under the old wrapping key", got) from error
        with token_errors(wrapped.key_id):
            try:
                blob = self.new.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)
            finally:
                private.destroy()
        fresh = replace(wrapped, blob=blob)
        sign_digest_with(self.new, fresh, hashlib.sha256(_TRIAL + os.urandom(32)).digest())
        return fresh

    def check_stays_closed(self, wrapped: WrappedKey) -> None:
        """Prove that the old key opens nothing readable and nothing that any key may wrap. Raises KEY_NOT_IN_TOKEN.

        Not every module reads a template back, so what it must refuse is tried.
        """
        for weaker in ({Attribute.SENSITIVE: False}, {Attribute.WRAP_WITH_TRUSTED: False}):
            if self._is_opened(wrapped, {**_OPEN, **weaker}):
                expected, got = "a key that opens only sealed keys", "one without a template"
                raise refused(Code.KEY_NOT_IN_TOKEN, _FIELD, expected, got)

    def _is_opened(self, wrapped: WrappedKey, template: Mapping[Attribute, object]) -> bool:
        try:
            opened = self._open(wrapped, template)
        except TemplateInconsistent:
            return False
        with token_errors(_FIELD):
            opened.destroy()
        return True

    def _open(self, wrapped: WrappedKey, template: Mapping[Attribute, object]) -> pkcs11.Key:
        return self.old.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.EC,
            wrapped.blob,
            mechanism=Mechanism.AES_KEY_WRAP_PAD,
            capabilities=MechanismFlag.SIGN,
            template=dict(template),
        )


@contextmanager
def open_rewrapper(token: pkcs11.Token, pin: Secret, old_key: bytearray) -> Iterator[Rewrapper]:
    """A session with the old key beside the new one. old_key: 32 bytes; the caller wipes them.

    Raises RefusedError PIN_WRONG, KEY_NOT_IN_TOKEN; UnavailableError TOKEN_UNAVAILABLE.
    """
    with (
        token_errors(f"token {token.label!r}"),
        token.open(user_pin=pin.reveal(), attribute_mapper=TemplateMapper()) as session,
    ):
        new = find_wrapping_key(session)
        check_unwraps_sealed(session, new)
        with token_errors(_FIELD):
            old = session.create_object(
                {**_ROTATION_KEY, Attribute.UNWRAP_TEMPLATE: _OPENED_AS, Attribute.VALUE: bytes(old_key)}
            )
        try:
            yield Rewrapper(old=cast("RotationKey", old), new=new)
        finally:
            old.destroy()
