"""Public keys of secp256k1 as points: just enough arithmetic to read one, and the order that signatures live in.

Public data only, so nothing here needs to run in constant time. Source: SEC 2 version 2, section 2.4.1; SEC 1, 2.3.4.
"""

from __future__ import annotations

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, malformed

_FIELD = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER = ORDER // 2
"""The highest s that Ethereum accepts in a transaction (EIP-2)."""
_COMPRESSED_BYTES = 33
_UNCOMPRESSED_BYTES = 65


def parse_point(public_key: bytes, field: str = "public_key") -> tuple[int, int]:
    """Return x and y of a public key, compressed (33 bytes) or not (65 bytes).

    Raises ADDRESS_INVALID for any other spelling and for coordinates that are not on the curve: an address made from
    such bytes would belong to nobody.
    """
    if len(public_key) == _COMPRESSED_BYTES and public_key[0] in (2, 3):
        return _decompress(public_key, field)
    if len(public_key) == _UNCOMPRESSED_BYTES and public_key[0] == 4:
        x, y = int.from_bytes(public_key[1:33], "big"), int.from_bytes(public_key[33:], "big")
        if x < _FIELD and y < _FIELD and y * y % _FIELD == _right_side(x):
            return x, y
        raise _not_a_point(public_key, field)
    raise malformed(Code.ADDRESS_INVALID, field, "a key of 33 or 65 bytes (SEC 1)", public_key.hex())


def _decompress(public_key: bytes, field: str) -> tuple[int, int]:
    x = int.from_bytes(public_key[1:], "big")
    square = _right_side(x)
    # The field's prime is 3 modulo 4, so this power is a root wherever there is one.
    root = pow(square, (_FIELD + 1) // 4, _FIELD)
    if x >= _FIELD or root * root % _FIELD != square:
        raise _not_a_point(public_key, field)
    return x, root if root % 2 == public_key[0] % 2 else _FIELD - root


def _right_side(x: int) -> int:
    return (x * x * x + 7) % _FIELD


def _not_a_point(public_key: bytes, field: str) -> MalformedError:
    return malformed(Code.ADDRESS_INVALID, field, "a point of secp256k1", public_key.hex())
