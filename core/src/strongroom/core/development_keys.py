"""A person's key in a file under a passphrase: for development only, and only where the root says development.

A file can be copied, and nothing counts the guesses at its passphrase. So it is refused by code wherever the deployment
is a production one, and every screen that shows such a key says what it is. Randomness is handed in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey
from strongroom.core.records import Base64Bytes, HexBytes, encode_record, parse_record
from strongroom.core.statements import Environment

FORMAT = "strongroom-development-key/1"
LABEL = "DEVELOPMENT KEY"
"""Stands on every screen that shows such a key."""
MIN_PASSPHRASE = 12
SALT_BYTES = 16
NONCE_BYTES = 12
MAX_FILE_BYTES = 4096
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1
"""32 MiB and a tenth of a second a guess. Source: RFC 7914, section 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """The file. sealed: the secret under AES-256-GCM, bound to the public key."""

    format: str
    nonce: HexBytes
    public: HexBytes
    salt: HexBytes
    sealed: Base64Bytes

    def __post_init__(self) -> None:
        if self.format != FORMAT or len(self.salt) != SALT_BYTES or len(self.nonce) != NONCE_BYTES:
            raise malformed(Code.FIELD_INVALID, "format", FORMAT, self.format)

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode_canonical(encode_record(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentKey:
    """An open key."""

    key: PublicKey
    _private: ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 of the message, `r || s`, low s."""
        r, s = decode_dss_signature(self._private.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


def check_development(environment: Environment, field: str) -> None:
    """Refuse a key in a file wherever the deployment is not for development. Raises ENVIRONMENT_MISMATCH."""
    if environment is not Environment.DEVELOPMENT:
        raise refused(Code.ENVIRONMENT_MISMATCH, field, Environment.DEVELOPMENT.value, environment.value)


def seal_key(passphrase: str, drawn: bytes) -> KeyFile:
    """Make a key and its file. drawn: 76 random bytes: 48 for the key, then salt and nonce.

    Raises FIELD_INVALID for a short passphrase.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise malformed(Code.FIELD_INVALID, "passphrase", f"at least {MIN_PASSPHRASE} characters", "fewer")
    # 48 bytes reduced: the bias is below 2**-128. Source: FIPS 186-5, A.2.1.
    secret = int.from_bytes(drawn[:48], "big") % (P256_ORDER - 1) + 1
    salt, nonce = drawn[48 : 48 + SALT_BYTES], drawn[48 + SALT_BYTES : 48 + SALT_BYTES + NONCE_BYTES]
    public = _public_of(ec.derive_private_key(secret, ec.SECP256R1()))
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, secret.to_bytes(32, "big"), public)
    return KeyFile(
        format=FORMAT, nonce=HexBytes(nonce), public=HexBytes(public), salt=HexBytes(salt), sealed=Base64Bytes(sealed)
    )


def parse_key_file(raw: bytes) -> KeyFile:
    """Read a file. Raises FIELD_INVALID and what canonical JSON refuses."""
    return parse_record(KeyFile, parse_canonical(raw, limit=MAX_FILE_BYTES), "development key")


def open_key(file: KeyFile, passphrase: str, environment: Environment) -> DevelopmentKey:
    """Open the key. Raises ENVIRONMENT_MISMATCH before the passphrase is looked at, PIN_WRONG."""
    check_development(environment, "development key")
    try:
        raw = AESGCM(_stretch(passphrase, file.salt)).decrypt(file.nonce, bytes(file.sealed), bytes(file.public))
    except InvalidTag as error:
        expected, got = "the file's passphrase", "another one, or a changed file"
        raise refused(Code.PIN_WRONG, "development key", expected, got) from error
    private = ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())
    return DevelopmentKey(key=PublicKey(alg=Algorithm.P256, public=HexBytes(_public_of(private))), _private=private)


def _stretch(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, maxmem=64 * 2**20, dklen=32
    )


def _public_of(private: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = private.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
