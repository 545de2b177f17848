"""That the token's wrapping key is the one that was drawn: a throwaway key is wrapped while the true one is in memory.

A check value has 24 bits and is ground in a second, and a token's serial number says nothing of what is in it. So a key
officer could stop the program, put a key of their own into the token, and have every asset key wrapped under it. Only a
token with the drawn key opens this blob, and who has another key cannot make one. The throwaway key signs nothing else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from strongroom.core.ids import EntryId
from strongroom.core.records import parse_hex
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.hsm.handles import WrappingKey
from strongroom.vault.hsm.wrapped_keys import WrappedKey, sign_digest_with

FACT = "key proof"
_NAME = EntryId("key:ceremony-proof")
_DOMAIN = b"strongroom-ceremony-key-proof/1\n"


def build_key_proof(key: bytes) -> str:
    """The fact that later steps hold the token to: a throwaway key's point, and the key wrapped under this one."""
    throwaway = ec.generate_private_key(ec.SECP256K1())
    readable = throwaway.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    point = throwaway.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return f"{point.hex()} {aes_key_wrap_with_padding(key, readable).hex()}"


def check_key_proof(desk: Desk, wrapping_key: WrappingKey) -> None:
    """Refuse a wrapping key that does not open the blob made when the true one was drawn. Raises KEY_NOT_IN_TOKEN."""
    point, _, blob = desk.fact("entropy", FACT).partition(" ")
    wrapped = WrappedKey(key_id=_NAME, public_key=parse_hex(point, FACT), blob=parse_hex(blob, FACT))
    check_opens(wrapping_key, [wrapped])


def check_opens(wrapping_key: WrappingKey, keys: Iterable[WrappedKey]) -> None:
    """Open every blob in the token and verify a fresh signature by the listed point.

    Raises RefusedError KEY_NOT_IN_TOKEN; InvariantError SIGNATURE_INVALID for a blob that holds another key.
    """
    for wrapped in keys:
        sign_digest_with(wrapping_key, wrapped, hashlib.sha256(_DOMAIN + os.urandom(32)).digest())
