"""What a key in a token can do, as python-pkcs11 puts it together at run time from the key's own attributes.

A key without the SIGN attribute has no `sign`, so asking for the ability also asks the token whether it is allowed.
"""

from __future__ import annotations

from typing import Protocol, cast

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from strongroom.core.codes import Code
from strongroom.core.errors import refused


class SigningKey(Protocol):
    """A private key in a token that may sign."""

    def __getitem__(self, name: Attribute) -> object: ...

    def sign(self, data: bytes, *, mechanism: Mechanism) -> bytes:
        """The raw signature: `r || s`."""

    def destroy(self) -> None:
        """Remove the object from the token or the session."""


class WrappingKey(Protocol):
    """A secret key in a token that may wrap and unwrap."""

    def __getitem__(self, name: Attribute) -> object: ...

    def wrap_key(self, key: pkcs11.Key, *, mechanism: Mechanism) -> bytes:
        """The key under this one, as bytes that may leave the token."""

    def unwrap_key(
        self,
        object_class: ObjectClass,
        key_type: KeyType,
        key_data: bytes,
        *,
        mechanism: Mechanism,
        capabilities: MechanismFlag,
        template: dict[Attribute, object],
    ) -> pkcs11.Key:
        """A key in the token, from what `wrap_key` gave."""


class VerifyingKey(Protocol):
    """A public key in a token that may verify."""

    def verify(self, data: bytes, signature: bytes, *, mechanism: Mechanism) -> bool:
        """True when the token takes the signature: `r || s`."""


def as_verifying_key(found: object, field: str) -> VerifyingKey:
    """The same key, known to verify. Raises RefusedError KEY_NOT_IN_TOKEN."""
    if isinstance(found, pkcs11.PublicKey) and isinstance(found, pkcs11.VerifyMixin):
        return cast("VerifyingKey", found)
    raise refused(Code.KEY_NOT_IN_TOKEN, field, "a public key that may verify", type(found).__name__)


def as_signing_key(found: object, field: str) -> SigningKey:
    """The same key, known to sign. Raises RefusedError KEY_NOT_IN_TOKEN."""
    if isinstance(found, pkcs11.PrivateKey) and isinstance(found, pkcs11.SignMixin):
        return cast("SigningKey", found)
    raise refused(Code.KEY_NOT_IN_TOKEN, field, "a private key that may sign", type(found).__name__)


def as_wrapping_key(found: object, field: str) -> WrappingKey:
    """The same key, known to wrap and unwrap. Raises RefusedError KEY_NOT_IN_TOKEN."""
    if isinstance(found, pkcs11.WrapMixin) and isinstance(found, pkcs11.UnwrapMixin):
        return cast("WrappingKey", found)
    raise refused(Code.KEY_NOT_IN_TOKEN, field, "a key that may wrap and unwrap", type(found).__name__)
