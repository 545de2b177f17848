"""Pure arithmetic on ECDSA signatures and points, shared by people's keys (P-256) and asset keys (secp256k1)."""

from __future__ import annotations

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, malformed

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order n of P-256. Source: SEC 2 version 2, section 2.4.2."""
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order n of secp256k1. Source: SEC 2 version 2, section 2.4.1."""

_UNCOMPRESSED_BYTES = 65
_DER_OCTET_STRING = b"\x04\x41"
_SPKI_P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""DER of SubjectPublicKeyInfo for id-ecPublicKey on P-256, up to the point. Source: RFC 5480 section 2.1.1."""


def parse_ec_point(raw: bytes, field: str) -> bytes:
    """Return the 65-byte uncompressed point of a token's EC_POINT attribute.

    PKCS#11 v2.40 wraps it in a DER octet string (67 bytes); some modules give the bare point (65 bytes).
    Raises FIELD_INVALID for anything else.
    """
    point = raw[len(_DER_OCTET_STRING) :] if raw.startswith(_DER_OCTET_STRING) and len(raw) == 67 else raw
    if len(point) != _UNCOMPRESSED_BYTES or point[0] != 0x04:
        raise malformed(Code.FIELD_INVALID, field, "an uncompressed point of 65 bytes", f"{len(raw)} bytes")
    return point


def compress_point(point: bytes) -> bytes:
    """The 33-byte form of a 65-byte uncompressed point: the sign of y, then x. Source: SEC 1 section 2.3.3."""
    return bytes([0x02 | (point[-1] & 1)]) + point[1:33]


def encode_p256_spki(point: bytes) -> bytes:
    """DER SubjectPublicKeyInfo of a P-256 public key. point: 65 bytes uncompressed."""
    return _SPKI_P256_PREFIX + point


def split_signature(raw: bytes, order: int, field: str) -> tuple[int, int]:
    """Read a token's 64-byte `r || s` and return (r, s) with s at most half the order.

    Both s and order - s verify, so anyone could make a second signature for the same bytes; statements and both chain
    families accept only the low one. Raises InvariantError SIGNATURE_INVALID when the token gave something else.
    Source: BIP-62 rule 5, EIP-2.
    """
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if len(raw) != 64 or not 0 < r < order or not 0 < s < order:
        raise InvariantError(
            Refusal(code=Code.SIGNATURE_INVALID, field=field, expected="r || s of 64 bytes in range", got=f"{len(raw)}")
        )
    return r, min(s, order - s)


def encode_signature(r: int, s: int) -> bytes:
    """`r || s`, 64 bytes, big-endian."""
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def encode_der_signature(r: int, s: int) -> bytes:
    """Strict DER of a signature, as libsecp256k1 and OpenSSL read it. Source: BIP-66."""
    body = b"".join(b"\x02" + bytes([len(part)]) + part for part in (_der_integer(r), _der_integer(s)))
    return b"\x30" + bytes([len(body)]) + body


def _der_integer(value: int) -> bytes:
    # One more bit than the value needs, so that the first bit is always zero: DER integers are signed.
    return value.to_bytes(value.bit_length() // 8 + 1, "big")
