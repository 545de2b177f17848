"""The two curves, each with a library that shares nothing with any token: libsecp256k1, and OpenSSL's P-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import coincurve
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from strongroom.vault.hsm.ecdsa import P256_ORDER, SECP256K1_ORDER, encode_der_signature, encode_signature

_SHA256 = ec.ECDSA(Prehashed(hashes.SHA256()))
_DETERMINISTIC = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
TEST_KEY = hashlib.sha256(b"strongroom-hsm check: a key that everybody knows").digest()
"""Imported to compare deterministic signatures; never used for anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """verifies: (65-byte point, digest, `r || s`) -> bool, high s allowed. sign: RFC 6979 over a digest by TEST_KEY."""

    name: str
    order: int
    verifies: Callable[[bytes, bytes, bytes], bool]
    sign: Callable[[bytes], bytes]


def _parts(raw: bytes, order: int) -> tuple[int, int] | None:
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    return (r, s) if len(raw) == 64 and 0 < r < order and 0 < s < order else None


def _verifies_p256(point: bytes, digest: bytes, raw: bytes) -> bool:
    if (parts := _parts(raw, P256_ORDER)) is None:
        return False
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    try:
        key.verify(encode_der_signature(*parts), digest, _SHA256)
    except InvalidSignature:
        return False
    return True


def _verifies_secp256k1(point: bytes, digest: bytes, raw: bytes) -> bool:
    if (parts := _parts(raw, SECP256K1_ORDER)) is None:
        return False
    # libsecp256k1 takes only the low s, and s and order - s are the same proof.
    low = encode_der_signature(parts[0], min(parts[1], SECP256K1_ORDER - parts[1]))
    return coincurve.PublicKey(point).verify(low, digest, hasher=None)


def _sign_p256(digest: bytes) -> bytes:
    key = ec.derive_private_key(int.from_bytes(TEST_KEY, "big"), ec.SECP256R1())
    return encode_signature(*decode_dss_signature(key.sign(digest, _DETERMINISTIC)))


def _sign_secp256k1(digest: bytes) -> bytes:
    return coincurve.PrivateKey(TEST_KEY).sign_recoverable(digest, hasher=None)[:64]


SECP256K1 = Curve(name="secp256k1", order=SECP256K1_ORDER, verifies=_verifies_secp256k1, sign=_sign_secp256k1)
P256 = Curve(name="secp256r1", order=P256_ORDER, verifies=_verifies_p256, sign=_sign_p256)
CURVES = (SECP256K1, P256)
