"""Known-answer tests of every curve and hash that the vault uses, run when a program starts.

They find a broken library, processor or memory, and a library that was swapped for one that answers wrongly always.
They do not find one that answers wrongly only sometimes: against that, each signature is verified after it was made.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import coincurve
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke, keywrap
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from strongroom.chains.bitcoin.scripts import p2wpkh_script
from strongroom.chains.ethereum import hashing
from strongroom.core.errors import RefusedError
from strongroom.core.keys import Algorithm, PublicKey, check_signature
from strongroom.core.records import HexBytes
from strongroom.devices.measure.self_test import YES_NO, KnownAnswer, build_verdicts, check_answers
from strongroom.vault.hsm.ecdsa import P256_ORDER, encode_der_signature, encode_signature
from strongroom.vault.self_tests import vectors as v


def run_self_tests() -> None:
    """Compute every known answer. Raises RefusedError SELF_TEST_FAILED with the names of all that were wrong."""
    check_answers(KNOWN_ANSWERS)


def _verifies(key: PublicKey, message: bytes) -> Callable[[bytes], bool]:
    def verify(signature: bytes) -> bool:
        try:
            check_signature(key, message, signature, "self-test")
        except RefusedError:
            return False
        return True

    return verify


def _secp256k1_public() -> bytes:
    return coincurve.PrivateKey(v.SECP256K1_SECRET).public_key.format()


def _secp256k1_sign() -> bytes:
    key = coincurve.PrivateKey(v.SECP256K1_SECRET)
    return key.sign_recoverable(v.SECP256K1_MESSAGE)[:64]


def _secp256k1_verify() -> bytes:
    key = coincurve.PublicKey(v.SECP256K1_PUBLIC)

    def verify(signature: bytes) -> bool:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return key.verify(encode_der_signature(r, s), v.SECP256K1_MESSAGE)

    return build_verdicts(verify, v.SECP256K1_SIGNATURE)


def _secp256k1_recover() -> bytes:
    found = {
        coincurve.PublicKey.from_signature_and_message(
            v.SECP256K1_SIGNATURE + bytes([parity]), v.SECP256K1_MESSAGE
        ).format()
        for parity in (0, 1)
    }
    return bytes([v.SECP256K1_PUBLIC in found, len(found)])


def _p256_sign() -> bytes:
    key = ec.derive_private_key(int.from_bytes(v.P256_SECRET, "big"), ec.SECP256R1())
    return encode_signature(
        *decode_dss_signature(key.sign(v.P256_MESSAGE, ec.ECDSA(SHA256(), deterministic_signing=True)))
    )


def _p256_verify() -> bytes:
    r, s = int.from_bytes(v.P256_SIGNATURE[:32], "big"), int.from_bytes(v.P256_SIGNATURE[32:], "big")
    key = PublicKey(alg=Algorithm.P256, public=HexBytes(v.P256_PUBLIC))
    return build_verdicts(_verifies(key, v.P256_MESSAGE), encode_signature(r, min(s, P256_ORDER - s)))


def _ed25519_verify() -> bytes:
    key = PublicKey(alg=Algorithm.ED25519, public=HexBytes(v.ED25519_PUBLIC))
    return build_verdicts(_verifies(key, v.ED25519_MESSAGE), v.ED25519_SIGNATURE)


def _hpke_open() -> bytes:
    return _suite().decrypt(v.HPKE_SEALED, X25519PrivateKey.from_private_bytes(v.HPKE_SECRET), info=v.HPKE_INFO)


def _hpke_seal() -> bytes:
    """A round trip, and a refusal of the same bytes under another `info`."""
    key = X25519PrivateKey.from_private_bytes(v.HPKE_SECRET)
    sealed = _suite().encrypt(v.HPKE_MESSAGE, key.public_key(), info=v.HPKE_INFO)
    try:
        _suite().decrypt(sealed, key, info=v.HPKE_INFO + b"x")
    except InvalidTag:
        return _suite().decrypt(sealed, key, info=v.HPKE_INFO)
    return b""


def _suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


KNOWN_ANSWERS: tuple[KnownAnswer, ...] = (
    KnownAnswer(name="SHA-256", expected=v.SHA256_ABC, compute=lambda: hashlib.sha256(v.ABC).digest()),
    KnownAnswer(name="SHA-512", expected=v.SHA512_ABC, compute=lambda: hashlib.sha512(v.ABC).digest()),
    KnownAnswer(name="Keccak-256", expected=v.KECCAK256_ABC, compute=lambda: hashing.keccak256(v.ABC)),
    KnownAnswer(
        name="RIPEMD-160 of SHA-256", expected=v.P2WPKH_SCRIPT, compute=lambda: p2wpkh_script(v.SECP256K1_PUBLIC)
    ),
    KnownAnswer(
        name="HMAC-SHA-256",
        expected=v.HMAC_MAC,
        compute=lambda: hmac.new(v.HMAC_KEY, v.HMAC_MESSAGE, hashlib.sha256).digest(),
    ),
    KnownAnswer(name="AES key wrap", expected=v.KW_WRAPPED, compute=lambda: keywrap.aes_key_wrap(v.KW_KEK, v.KW_KEY)),
    KnownAnswer(
        name="AES key wrap with padding",
        expected=v.KWP_WRAPPED,
        compute=lambda: keywrap.aes_key_wrap_with_padding(v.KWP_KEK, v.KWP_KEY),
    ),
    KnownAnswer(
        name="secp256k1 public key",
        expected=v.SECP256K1_PUBLIC,
        compute=_secp256k1_public,
    ),
    KnownAnswer(name="secp256k1 sign", expected=v.SECP256K1_SIGNATURE, compute=_secp256k1_sign),
    KnownAnswer(name="secp256k1 verify", expected=YES_NO, compute=_secp256k1_verify),
    KnownAnswer(name="secp256k1 recover", expected=b"\x01\x02", compute=_secp256k1_recover),
    KnownAnswer(name="P-256 sign", expected=v.P256_SIGNATURE, compute=_p256_sign),
    KnownAnswer(name="P-256 verify", expected=YES_NO, compute=_p256_verify),
    KnownAnswer(
        name="Ed25519 sign",
        expected=v.ED25519_SIGNATURE,
        compute=lambda: Ed25519PrivateKey.from_private_bytes(v.ED25519_SECRET).sign(v.ED25519_MESSAGE),
    ),
    KnownAnswer(name="Ed25519 verify", expected=YES_NO, compute=_ed25519_verify),
    KnownAnswer(name="HPKE open", expected=v.HPKE_MESSAGE, compute=_hpke_open),
    KnownAnswer(name="HPKE seal", expected=v.HPKE_MESSAGE, compute=_hpke_seal),
)
"""Every algorithm of the vault. A new one comes with its answer here."""
