"""What the second reading computes at every start: the published answers of its own hashes, verifiers and codecs.

By the checker's own libraries, through the functions that read dockets: a swapped one must not pass as a second
reading. The numbers are written down here anew and not taken from the vault's, so that one wrong copy is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from eth_utils.crypto import keccak

from strongroom.checker.reading import bitcoin_scripts, ethereum, keys
from strongroom.core.errors import RefusedError
from strongroom.core.ids import ChainId
from strongroom.devices.measure.self_test import YES_NO, KnownAnswer, build_verdicts

BITCOIN: Final = ChainId("bip122:000000000019d6689c085ae165831e93")
GENERATOR: Final = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
"""The generator of secp256k1, which is the public key of 1. Source: SEC 2 version 2, 2.4.1."""
P2WPKH: Final = bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")
BECH32: Final = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
"""The generator's script and address. Source: BIP-173, examples."""
P2PKH: Final = bytes.fromhex("76a914751e76e8199196d454941c45d1b3a323f1433bd688ac")
BASE58: Final = "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH"
"""The same key before segregated witness: HASH160 of BIP-173's example in Base58Check."""
KEY_ONE: Final = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
"""The Ethereum address of the generator: the last 20 bytes of Keccak-256 of its point (yellow paper, appendix F)."""
EIP55: Final = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
"""Source: EIP-55, test cases."""
ED25519: Final = keys.Key(
    alg=keys.Algorithm.ED25519,
    public=bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
)
ED25519_MESSAGE: Final = b"\x72"
ED25519_SIGNATURE: Final = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
"""Source: RFC 8032, 7.1, test 2."""
P256: Final = keys.Key(
    alg=keys.Algorithm.P256,
    public=bytes.fromhex(
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    ),
)
P256_MESSAGE: Final = b"sample"
P256_R: Final = bytes.fromhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716")
P256_S: Final = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
"""Source: RFC 6979, A.2.5, SHA-256; its s is the high one, and ours are low."""
SHA256_ABC: Final = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
"""Source: FIPS 180-4, examples."""
KECCAK_ABC: Final = bytes.fromhex("4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45")
"""Source: Keccak's own padding, as Ethereum uses it."""


def _verifies(key: keys.Key, message: bytes) -> Callable[[bytes], bool]:
    def verify(signature: bytes) -> bool:
        try:
            keys.check_signature(key, message, signature, "self-test")
        except RefusedError:
            return False
        return True

    return verify


def _p256_signature() -> bytes:
    return P256_R + min(P256_S, keys.P256_ORDER - P256_S).to_bytes(32, "big")


KNOWN_ANSWERS: tuple[KnownAnswer, ...] = (
    KnownAnswer(name="SHA-256", expected=SHA256_ABC, compute=lambda: hashlib.sha256(b"abc").digest()),
    KnownAnswer(name="Keccak-256", expected=KECCAK_ABC, compute=lambda: keccak(b"abc")),
    KnownAnswer(name="RIPEMD-160 of SHA-256", expected=P2WPKH, compute=lambda: bitcoin_scripts.p2wpkh_of(GENERATOR)),
    KnownAnswer(
        name="Ed25519 verify",
        expected=YES_NO,
        compute=lambda: build_verdicts(_verifies(ED25519, ED25519_MESSAGE), ED25519_SIGNATURE),
    ),
    KnownAnswer(
        name="P-256 verify",
        expected=YES_NO,
        compute=lambda: build_verdicts(_verifies(P256, P256_MESSAGE), _p256_signature()),
    ),
    KnownAnswer(
        name="secp256k1 address",
        expected=KEY_ONE.encode(),
        compute=lambda: ethereum.bytes_to_ethereum_address(ethereum.ethereum_address_of(GENERATOR)).encode(),
    ),
    KnownAnswer(
        name="EIP-55",
        expected=EIP55.encode(),
        compute=lambda: ethereum.bytes_to_ethereum_address(bytes.fromhex(EIP55[2:])).encode(),
    ),
    KnownAnswer(
        name="Bech32",
        expected=BECH32.encode(),
        compute=lambda: bitcoin_scripts.script_to_address(P2WPKH, BITCOIN).encode(),
    ),
    KnownAnswer(
        name="Bech32 read", expected=P2WPKH, compute=lambda: bitcoin_scripts.address_to_script(BECH32, BITCOIN)
    ),
    KnownAnswer(
        name="Base58",
        expected=BASE58.encode(),
        compute=lambda: bitcoin_scripts.script_to_address(P2PKH, BITCOIN).encode(),
    ),
    KnownAnswer(name="Base58 read", expected=P2PKH, compute=lambda: bitcoin_scripts.address_to_script(BASE58, BITCOIN)),
)
"""Everything that a reading computes with. A new algorithm comes with its answer here."""
