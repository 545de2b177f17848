"""Base58check, strictly: one spelling for each payload.

Source: Bitcoin Core `base58.cpp`; vectors/bitcoin/core_base58.json.
"""

from __future__ import annotations

import hashlib

from strongroom.core.codes import Code
from strongroom.core.errors import malformed

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
_MAX_TEXT = 64
"""An address has at most 35 characters. The bound keeps a long text from becoming a costly number."""
_CHECKSUM_BYTES = 4


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:_CHECKSUM_BYTES]


def encode_base58check(payload: bytes) -> str:
    """Spell a payload (version byte and hash) with its four checksum bytes."""
    data = payload + _checksum(payload)
    number = int.from_bytes(data, "big")
    characters: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        characters.append(_ALPHABET[digit])
    leading_zeros = len(data) - len(data.lstrip(b"\x00"))
    return "1" * leading_zeros + "".join(reversed(characters))


def parse_base58check(text: str, field: str) -> bytes:
    """Return the payload without its checksum.

    Raises ADDRESS_INVALID for a foreign character, a wrong checksum, or any second spelling of the same payload.
    """
    if not 1 <= len(text) <= _MAX_TEXT or any(character not in _DIGITS for character in text):
        raise malformed(Code.ADDRESS_INVALID, field, f"1 to {_MAX_TEXT} base58 characters", repr(text))
    number = 0
    for character in text:
        number = number * 58 + _DIGITS[character]
    leading_zeros = len(text) - len(text.lstrip("1"))
    data = b"\x00" * leading_zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload = data[:-_CHECKSUM_BYTES]
    # Spelling the payload again checks the checksum, and that there is no second spelling, in one comparison.
    if len(data) <= _CHECKSUM_BYTES or encode_base58check(payload) != text:
        raise malformed(Code.ADDRESS_INVALID, field, "a base58 text with its checksum", text)
    return payload
