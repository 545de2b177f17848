"""Makes the table of known weak keys: `.venv/bin/python tools/weak_keys/make.py [--check]`.

Each row is the first six bytes of the x coordinate of a public key of secp256k1; d and n - d have the same x, so every
row stands for both. What is in it is listed in `FAMILIES` and nowhere else: a key that is not listed is not found.
With --check nothing is written, and the exit code says whether the committed table is what this program makes.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import coincurve
from eth_account import Account
from shamir_mnemonic.wordlist import WORDLIST  # type: ignore[import-untyped]

from strongroom.chains.ethereum.hashing import keccak256
from strongroom.vault.weak_keys.table import PREFIX_BYTES, TABLE

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SMALL = 2**16
TWISTER_SEEDS = 2048
"""32-bit seeds 0 to 2047, in each of four spellings. All 2**32 of them would be a table of 100 GB."""
DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk"
"""Of Hardhat, Anvil and Ganache: the most published keys there are."""
PHRASES = (
    *("", " ", "a", "abc", "password", "password1", "passw0rd", "qwerty", "letmein", "secret", "god", "love", "test"),
    *("admin", "root", "bitcoin", "Bitcoin", "satoshi", "satoshi nakamoto", "Satoshi Nakamoto", "ethereum", "vitalik"),
    *("brainwallet", "brain wallet", "bitcoin is awesome", "correct horse battery staple", "hello", "hello world"),
    *("the quick brown fox jumps over the lazy dog", "to be or not to be", "to be, or not to be", "in god we trust"),
    *("how much wood could a woodchuck chuck if a woodchuck could chuck wood", "may the force be with you"),
    *("sausage", "blockchain", "wallet", "money", "dragon", "monkey", "master", "iloveyou", "trustno1", "111111"),
    *("123456", "12345678", "123456789", "1234567890", "abc123", "000000", "changeme", "cat", "dog", "sex", "fuckyou"),
)


def small_numbers() -> Iterator[int]:
    """1 to 2**16, and with them n - 1 downwards."""
    yield from range(1, SMALL + 1)


def patterns() -> Iterator[int]:
    """Powers of two and their neighbours, one byte all over, one nibble pair all over, counting bytes."""
    for bit in range(256):
        yield from (2**bit - 1, 2**bit, 2**bit + 1)
    for value in range(256):
        yield int.from_bytes(bytes([value]) * 32, "big")
        yield int.from_bytes(bytes((value + n) % 256 for n in range(32)), "big")
        yield int.from_bytes(bytes((value - n) % 256 for n in range(32)), "big")


def seeded_twisters() -> Iterator[int]:
    """32 bytes of a Mersenne Twister with a small seed, in the spellings of known faulty programs.

    The highest byte of each output as in libbitcoin's `bx seed` (CVE-2023-39910), the lowest byte, and whole words; and
    the 64-bit twister of Profanity (2022).
    """
    for seed in range(TWISTER_SEEDS):
        words = [word for word, _ in zip(twister32(seed), range(32), strict=False)]
        yield int.from_bytes(bytes(word >> 24 for word in words), "big")
        yield int.from_bytes(bytes(word & 0xFF for word in words), "big")
        yield int.from_bytes(b"".join(word.to_bytes(4, "big") for word in words[:8]), "big")
        longs = [word for word, _ in zip(twister64(seed), range(4), strict=False)]
        yield int.from_bytes(b"".join(word.to_bytes(8, "big") for word in longs), "big")


def brain_wallets() -> Iterator[int]:
    """SHA-256 and Keccak-256 of phrases, of every word of SLIP-39, and of the numbers below 1000."""
    for phrase in (*PHRASES, *WORDLIST, *map(str, range(1000))):
        yield int.from_bytes(hashlib.sha256(phrase.encode()).digest(), "big")
        yield int.from_bytes(keccak256(phrase.encode()), "big")


def development_keys() -> Iterator[int]:
    """The first twenty keys of the mnemonic that every development node starts with."""
    Account.enable_unaudited_hdwallet_features()
    for number in range(20):
        account = Account.from_mnemonic(DEVELOPMENT_MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}")
        yield int.from_bytes(account.key, "big")


FAMILIES: dict[str, Callable[[], Iterator[int]]] = {
    "1 to 65536, and n - 1 down to n - 65536": small_numbers,
    "patterns of bits and bytes": patterns,
    "Mersenne Twisters with seeds 0 to 2047": seeded_twisters,
    "brain wallets": brain_wallets,
    "development nodes": development_keys,
}


def twister32(seed: int) -> Iterator[int]:
    """MT19937 by `init_genrand`, as C++ seeds `std::mt19937`. Source: Matsumoto and Nishimura, mt19937ar.c."""
    state = [seed]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) & 0xFFFFFFFF)
    while True:
        for i in range(624):
            mixed = state[i] & 0x80000000 | state[(i + 1) % 624] & 0x7FFFFFFF
            state[i] = state[(i + 397) % 624] ^ mixed >> 1 ^ (0x9908B0DF if mixed & 1 else 0)
        for word in state:
            y = word ^ word >> 11
            y ^= y << 7 & 0x9D2C5680
            y ^= y << 15 & 0xEFC60000
            yield y ^ y >> 18


def twister64(seed: int) -> Iterator[int]:
    """MT19937-64, as C++ seeds `std::mt19937_64`. Source: Nishimura and Matsumoto, mt19937-64.c."""
    mask = 2**64 - 1
    state = [seed]
    for i in range(1, 312):
        state.append((6364136223846793005 * (state[-1] ^ state[-1] >> 62) + i) & mask)
    while True:
        for i in range(312):
            mixed = state[i] & 0xFFFFFFFF80000000 | state[(i + 1) % 312] & 0x7FFFFFFF
            state[i] = state[(i + 156) % 312] ^ mixed >> 1 ^ (0xB5026F5AA96619E9 if mixed & 1 else 0)
        for word in state:
            y = word ^ word >> 29 & 0x5555555555555555
            y ^= y << 17 & 0x71D67FFFEDA60000
            y ^= y << 37 & 0xFFF7EEE000000000
            yield y ^ y >> 43


def build_table() -> bytes:
    """All rows, sorted, each once."""
    rows = set()
    for family in FAMILIES.values():
        for secret in family():
            if 0 < secret < ORDER:
                point = coincurve.PrivateKey(secret.to_bytes(32, "big")).public_key.format()
                rows.add(point[1 : 1 + PREFIX_BYTES])
    return b"".join(sorted(rows))


def main() -> int:
    """Make the table, or compare it."""
    table = build_table()
    print(f"{len(table) // PREFIX_BYTES} rows, {len(table)} bytes, sha256:{hashlib.sha256(table).hexdigest()}")
    if "--check" in sys.argv[1:]:
        return int(Path(TABLE).read_bytes() != table)
    Path(TABLE).write_bytes(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
