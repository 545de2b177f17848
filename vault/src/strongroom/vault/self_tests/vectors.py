"""The published vectors of the self-tests, each with its source. Constants, so that no file has to be read."""

from __future__ import annotations

from typing import Final

ABC: Final = b"abc"
SHA256_ABC: Final = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
"""Source: FIPS 180-4 examples, SHA-256, one block."""
SHA512_ABC: Final = bytes.fromhex(
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)
"""Source: FIPS 180-4 examples, SHA-512, one block."""
KECCAK256_ABC: Final = bytes.fromhex("4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45")
"""Source: Keccak reference, ShortMsgKAT_256 of the SHA-3 competition's padding, as Ethereum uses it."""
P2WPKH_SCRIPT: Final = bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")
"""Output script of the secp256k1 generator point. Source: BIP-173, examples."""
HMAC_KEY: Final = b"Jefe"
HMAC_MESSAGE: Final = b"what do ya want for nothing?"
HMAC_MAC: Final = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
"""Source: RFC 4231, 4.3 (test case 2)."""
KW_KEK: Final = bytes(range(32))
KW_KEY: Final = bytes.fromhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
KW_WRAPPED: Final = bytes.fromhex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")
"""Source: RFC 3394, 4.6."""
KWP_KEK: Final = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
KWP_KEY: Final = bytes.fromhex("466f7250617369")
KWP_WRAPPED: Final = bytes.fromhex("afbeb0f07dfbf5419200f2ccb50bb24f")
"""Source: RFC 5649, section 6, second example."""
SECP256K1_SECRET: Final = (1).to_bytes(32, "big")
SECP256K1_PUBLIC: Final = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
"""The generator point. Source: SEC 2 version 2, 2.4.1."""
SECP256K1_MESSAGE: Final = b"Satoshi Nakamoto"
SECP256K1_SIGNATURE: Final = bytes.fromhex(
    "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
    "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
)
"""RFC 6979 with SHA-256. Source: the vectors that Trezor, btcd and libsecp256k1's bindings share for key 1."""
P256_SECRET: Final = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
P256_PUBLIC: Final = bytes.fromhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
P256_MESSAGE: Final = b"sample"
P256_SIGNATURE: Final = bytes.fromhex(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
)
"""Source: RFC 6979, A.2.5, SHA-256; its s is the high one, so it is made low before our own check reads it."""
ED25519_SECRET: Final = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
ED25519_PUBLIC: Final = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
ED25519_MESSAGE: Final = b"\x72"
ED25519_SIGNATURE: Final = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
"""Source: RFC 8032, 7.1, test 2."""
HPKE_SECRET: Final = bytes.fromhex("c08d1239bd51f7001cf66d951ba5d1cd670547dbc61f354325f104cc2c8f961f")
HPKE_INFO: Final = b"strongroom self-test"
HPKE_MESSAGE: Final = b"known answer"
HPKE_SEALED: Final = bytes.fromhex(
    "fcaccc47e3f7eb207d93195670777bd3b7b326facc2312672ddd7dee6797246f"
    "cd0a547dc2f708b48ba55537f00b6571e635cd22362e00ad67a7bdd8"
)
"""Sealed by pycryptodome's HPKE: RFC 9180's own vectors all have associated data, which our suite does not take."""
