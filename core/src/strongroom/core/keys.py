"""Public keys of people, devices, services and clients, and the checking of their signatures.

Three algorithms: Ed25519, ECDSA on P-256 with SHA-256, and the assertion of a FIDO2 key on P-256. The roster fixes
which one a key uses, never the envelope. ECDSA signatures are `r || s` with low `s`, so that one statement cannot get a
second valid signature from a stranger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from strongroom.core.assertions import Assertion, build_client_data, parse_rp_id, read_assertion
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest
from strongroom.core.records import Base64Bytes, HexBytes

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the P-256 group. Source: SP 800-186, 3.2.1.3."""

_P256_SHA256 = ec.ECDSA(SHA256())

Sign = Callable[[bytes], bytes]
"""Signs a message (not a digest) and returns what spec/statement.md says for the key's algorithm: 64 bytes, or a FIDO2
key's assertion. Made by whoever holds the key."""


class Algorithm(StrEnum):
    """Signature algorithms of statements."""

    ED25519 = "ed25519"
    P256 = "p256"
    WEBAUTHN_P256 = "webauthn-p256"


_POINT_BYTES = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key.

    public: 32 bytes for Ed25519; 65 bytes (uncompressed point, 0x04 first) for P-256; for a FIDO2 key the point and the
    ASCII name of the relying party that it was made for, since its signatures are worth nothing elsewhere.
    """

    alg: Algorithm
    public: HexBytes

    def __post_init__(self) -> None:
        match self.alg:
            case Algorithm.ED25519:
                _check_length(self.public, 32)
            case Algorithm.P256:
                _check_length(self.public, _POINT_BYTES)
                _check_head(self.public)
            case Algorithm.WEBAUTHN_P256:
                _check_head(self.public)
                parse_rp_id(self.public[_POINT_BYTES:], "key.public")
            case _:
                assert_never(self.alg)

    @property
    def key_id(self) -> Digest:
        """`sha256:` of `alg || 0x00 || public`."""
        return _key_id(self.alg, self.public)

    @property
    def rp_id(self) -> str:
        """The relying party of a FIDO2 key; empty for every other key."""
        return self.public[_POINT_BYTES:].decode("ascii")


def _check_length(public: bytes, length: int) -> None:
    if len(public) != length:
        raise malformed(Code.FIELD_INVALID, "key.public", f"{length} bytes", f"{len(public)} bytes")


def _check_head(public: bytes) -> None:
    if public[:1] != b"\x04":
        raise malformed(Code.FIELD_INVALID, "key.public", "an uncompressed point, 0x04 first", f"{len(public)} bytes")


# All are functions of the key's own bytes and say nothing about trust, so that they may outlive any change of it.
@lru_cache(maxsize=4096)
def _key_id(alg: Algorithm, public: bytes) -> Digest:
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
    match key.alg:
        case Algorithm.ED25519:
            _check_plain(key, message, signature, field)
        case Algorithm.P256:
            _check_plain(key, message, signature, field)
        case Algorithm.WEBAUTHN_P256:
            signed, plain = read_assertion(signature, key.rp_id, message, field)
            _check_plain(key, signed, plain, f"{field}.signature")
        case _:
            assert_never(key.alg)


def _check_plain(key: PublicKey, message: bytes, signature: bytes, field: str) -> None:
    """Verify 64 bytes over `message`."""
    if len(signature) != 64:
        raise refused(Code.SIGNATURE_INVALID, field, "64 bytes", f"{len(signature)} bytes")
    if key.alg is not Algorithm.ED25519 and int.from_bytes(signature[32:], "big") > P256_ORDER // 2:
        raise refused(Code.SIGNATURE_HIGH_S, field, "s of at most half the order", "a high s")
    try:
        _verify(key, message, signature)
    except (InvalidSignature, ValueError) as error:
        raise refused(
            Code.SIGNATURE_INVALID, field, f"a signature by {key.key_id}", "one that does not verify"
        ) from error


# A function of all the bytes that it is asked about, so that what verified once verifies again; what fails is never
# remembered. Every docket of a package carries the same roots, rosters and lists.
@lru_cache(maxsize=2048)
def _verify(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Raises InvalidSignature, or ValueError for a key that is none."""
    if key.alg is Algorithm.ED25519:
        ed25519_key(key.public).verify(signature, message)
        return
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    _point_of(key.public[:_POINT_BYTES]).verify(der, message, _P256_SHA256)


def encode_assertion(key: PublicKey, message: bytes, authenticator_data: bytes, der_signature: bytes) -> bytes:
    """A FIDO2 key's answer as it stands in an envelope, with s made low and verified before anybody else reads it.

    message: what `build_client_data` was made of. Raises SIGNATURE_INVALID for an answer that no reader would accept.
    """
    try:
        r, s = decode_dss_signature(der_signature)
    except ValueError as error:
        raise refused(Code.SIGNATURE_INVALID, "assertion", "a DER signature", "something else") from error
    plain = r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")
    assertion = Assertion(
        authenticator_data=Base64Bytes(authenticator_data),
        client_data=Base64Bytes(build_client_data(key.rp_id, message)),
        signature=Base64Bytes(plain),
    ).encode()
    check_signature(key, message, assertion, "assertion")
    return assertion
