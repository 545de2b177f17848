"""The person's own token: one P-256 key behind PKCS#11 that signs statements and never leaves.

The error tree of PKCS#11 ends here. SoftHSM does not lock after wrong PINs; the device's file counts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol, cast

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey
from strongroom.core.records import HexBytes

KEY_LABEL = "statement"


class _CanSign(Protocol):
    """What python-pkcs11 makes at run time of a private key that has the SIGN attribute."""

    def sign(self, data: bytes, *, mechanism: Mechanism) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKey:
    """An open token: its public key, and `sign` over a message."""

    key: PublicKey
    _private: _CanSign

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 of the message, `r || s`, low s."""
        with translated():
            raw = self._private.sign(sha256(message).digest(), mechanism=Mechanism.ECDSA)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


def find_token(module: Path, label: str) -> pkcs11.Token:
    """The one token with this label. Raises TOKEN_UNAVAILABLE."""
    with translated():
        tokens = [slot.get_token() for slot in pkcs11.lib(str(module)).get_slots(token_present=True)]
    found = [token for token in tokens if token.label == label]
    if len(found) != 1:
        # Two tokens with one label would let a stranger's token answer for the person's.
        raise _gone(f"exactly one token labelled {label}", str(len(found)))
    return found[0]


@contextmanager
def open_token(module: Path, label: str, pin: str) -> Iterator[PersonKey]:
    """Log in to the one token with this label and find its one statement key. Raises PIN_WRONG or TOKEN_UNAVAILABLE."""
    token = find_token(module, label)
    with translated(), token.open(user_pin=pin) as session:
        privates = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: KEY_LABEL}))
        publics = list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: KEY_LABEL}))
        if len(privates) != 1 or len(publics) != 1 or publics[0][Attribute.KEY_TYPE] != KeyType.EC:
            raise _gone(f"one EC key pair labelled {KEY_LABEL}", f"{len(privates)} and {len(publics)}")
        # EC_POINT is a DER octet string around the 65 bytes of the point.
        point = publics[0][Attribute.EC_POINT][2:]
        yield PersonKey(
            key=PublicKey(alg=Algorithm.P256, public=HexBytes(point)), _private=cast("_CanSign", privates[0])
        )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the module's errors into ours."""
    try:
        yield
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid) as error:
        raise refused(Code.PIN_WRONG, "token", "the token's PIN", "another") from error
    except pkcs11.PKCS11Error as error:
        raise _gone("a token that answers", type(error).__name__) from error


def _gone(expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.TOKEN_UNAVAILABLE, field="token", expected=expected, got=got))
