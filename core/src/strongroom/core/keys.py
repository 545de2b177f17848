"""Public keys of people, devices, services and clients, and the checking of their signatures.

Two algorithms: Ed25519 and ECDSA on P-256 with SHA-256. The roster fixes which one a key uses, never the envelope.
ECDSA signatures are `r || s` with low `s`, so that one statement cannot get a second valid signature from a stranger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest
from strongroom.core.records import HexBytes

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the P-256 group. Source: SP 800-186, 3.2.1.3."""

_P256_SHA256 = ec.ECDSA(SHA256())

Sign = Callable[[bytes], bytes]
"""Signs a message (not a digest) and returns the 64 bytes of spec/statement.md; made by whoever holds the key."""


class Algorithm(StrEnum):
    """Signature algorithms of statements."""

    ED25519 = "ed25519"
    P256 = "p256"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key. `public` is 32 bytes for Ed25519, 65 bytes (uncompressed point, 0x04 first) for P-256."""

    alg: Algorithm
    public: HexBytes

    def __post_init__(self) -> None:
        length = 32 if self.alg is Algorithm.ED25519 else 65
        if len(self.public) != length or (length == 65 and self.public[0] != 4):
            raise malformed(Code.FIELD_INVALID, "key.public", f"{length} bytes", f"{len(self.public)} bytes")

    @property
    def key_id(self) -> Digest:
        """`sha256:` of `alg || 0x00 || public`."""
        return _key_id(self.public)


# All are functions of the key's own bytes and say nothing about trust, so that they may outlive any change of it.
@lru_cache(maxsize=4096)
def _key_id(public: bytes) -> Digest:
    # A key's length says its algorithm: `PublicKey` holds no other pair.
    alg = Algorithm.ED25519 if len(public) == 32 else Algorithm.P256
    return Digest("sha256:" + hashlib.sha256(alg.value.encode() + b"\0" + public).hexdigest())


@lru_cache(maxsize=4096)
def ed25519_key(public: bytes) -> ed25519.Ed25519PublicKey:
    """An Ed25519 key. Raises ValueError for another number of bytes."""
    return ed25519.Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=4096)
def _point_of(public: bytes) -> ec.EllipticCurvePublicKey:
    """A P-256 point. Raises ValueError for what is not on the curve."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)


def check_signature(key: PublicKey, message: bytes, signature: bytes, field: str) -> None:
    """Verify a signature over `message`. Raises SIGNATURE_INVALID or SIGNATURE_HIGH_S."""
    if len(signature) != 64:
        raise refused(Code.SIGNATURE_INVALID, field, "64 bytes", f"{len(signature)} bytes")
    try:
        match key.alg:
            case Algorithm.ED25519:
                ed25519_key(key.public).verify(signature, message)
            case Algorithm.P256:
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                if s > P256_ORDER // 2:
                    raise refused(Code.SIGNATURE_HIGH_S, field, "s of at most half the order", "a high s")
                _point_of(key.public).verify(encode_dss_signature(r, s), message, _P256_SHA256)
    except (InvalidSignature, ValueError) as error:
        raise refused(
            Code.SIGNATURE_INVALID, field, f"a signature by {key.key_id}", "one that does not verify"
        ) from error
