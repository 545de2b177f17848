"""Public keys and signatures, with other libraries than core: libsodium (PyNaCl) and pycryptodome; spec/statement.md.

The algorithm is the key's as the roster or the register has it. An envelope never chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from strongroom.checker.reading.assertions import is_host_name, read_assertion
from strongroom.checker.reading.fields import Node
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Source: FIPS 186-4, D.1.2.3."""


class Algorithm(StrEnum):
    """The three signature algorithms of statements."""

    ED25519 = "ed25519"
    P256 = "p256"
    WEBAUTHN_P256 = "webauthn-p256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key. public: 32 bytes for Ed25519; 65 bytes, 0x04 first, for P-256; with a host name for FIDO2."""

    alg: Algorithm
    public: bytes

    @property
    def id(self) -> Digest:
        """`sha256:` of algorithm, zero byte and public bytes."""
        return Digest("sha256:" + sha256(self.alg.value.encode() + b"\x00" + self.public).hexdigest())


def parse_key(node: Node) -> Key:
    """Read a key and refuse one that is no point of its curve (FIELD_INVALID)."""
    found = node.members("alg", "public")
    alg = found["alg"].choice(Algorithm)
    match alg:
        case Algorithm.ED25519:
            return Key(alg=alg, public=found["public"].hex(size=32))
        case Algorithm.P256:
            return Key(alg=alg, public=_check_point(found["public"], found["public"].hex(size=65)))
        case Algorithm.WEBAUTHN_P256:
            public = _check_point(found["public"], found["public"].hex())
            if not is_host_name(public[65:].decode("ascii", errors="replace")):
                raise found["public"].invalid("a point and a host name in lower case")
            return Key(alg=alg, public=public)


def _check_point(node: Node, public: bytes) -> bytes:
    try:
        _load_point(public[:65])
    except ValueError as error:
        raise node.invalid("an uncompressed point of P-256") from error
    return public


def check_signature(key: Key, message: bytes, signature: bytes, path: str) -> None:
    """Raise SIGNATURE_INVALID, or SIGNATURE_HIGH_S for the second signature that everybody can make of a P-256 one."""
    if key.alg is Algorithm.WEBAUTHN_P256:
        message, signature = read_assertion(signature, key.public[65:].decode("ascii"), message, path)
    if len(signature) != 64:
        raise refused(Code.SIGNATURE_INVALID, path, "64 bytes", f"{len(signature)} bytes")
    if key.alg is not Algorithm.ED25519 and int.from_bytes(signature[32:], "big") > P256_ORDER // 2:
        raise refused(Code.SIGNATURE_HIGH_S, path, "s of at most half the order", signature[32:].hex())
    if not _is_signed(key, message, signature):
        raise refused(Code.SIGNATURE_INVALID, path, f"a signature of {key.id}", "another")


@lru_cache(maxsize=256)
def _is_signed(key: Key, message: bytes, signature: bytes) -> bool:
    match key.alg:
        case Algorithm.ED25519:
            try:
                VerifyKey(key.public).verify(message, signature)
            except BadSignatureError:
                return False
            return True
        case Algorithm.P256 | Algorithm.WEBAUTHN_P256:
            try:
                DSS.new(_load_point(key.public[:65]), "fips-186-3").verify(SHA256.new(message), signature)
            except ValueError:
                return False
            return True


def _load_point(public: bytes) -> ECC.EccKey:
    if len(public) != 65 or public[0] != 4:
        raise ValueError("not an uncompressed point")
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if not x and not y:
        # The library's spelling of the point at infinity, for which anybody can sign.
        raise ValueError("no point of the curve")
    return ECC.construct(curve="P-256", point_x=x, point_y=y)
