"""Keccak-256, the hash of Ethereum. It is not SHA3-256: the padding differs, and so does every digest."""

from __future__ import annotations

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """The 32 bytes of Keccak-256 over `data`. Source: Ethereum Yellow Paper, section 3."""
    return keccak.new(digest_bits=256, data=data).digest()
