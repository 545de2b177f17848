"""Bech32 (BIP-173) and Bech32m (BIP-350), strictly: lower case only, one spelling for each witness program.

The BIPs also allow all upper case, for denser QR codes. We refuse it: with one spelling, two texts are the same address
exactly when they are equal, in a database as in a human's eyes.
"""

from __future__ import annotations

from enum import IntEnum

from strongroom.core.codes import Code
from strongroom.core.errors import malformed

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_CHARSET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_CHARACTERS = 6
_MAX_TEXT = 90


class Checksum(IntEnum):
    """Which of the two checksums closes a text; the value is the constant that is xored in."""

    BECH32 = 1
    BECH32M = 0x2BC830A3


def _polymod(values: list[int]) -> int:
    """The BCH checksum of BIP-173."""
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            checksum ^= generator if (top >> bit) & 1 else 0
    return checksum


def _expand(hrp: str) -> list[int]:
    return [ord(character) >> 5 for character in hrp] + [0] + [ord(character) & 31 for character in hrp]


def parse_bech32(text: str, field: str) -> tuple[str, bytes, Checksum]:
    """Split a text into human-readable part, 5-bit values (one a byte, checksum removed) and its checksum kind.

    Raises ADDRESS_INVALID. Source: BIP-173 "Bech32"; vectors/bitcoin/bip173_bip350.json.
    """
    if len(text) > _MAX_TEXT or any(not 33 <= ord(character) <= 126 for character in text):
        raise malformed(Code.ADDRESS_INVALID, field, f"at most {_MAX_TEXT} printable ASCII characters", repr(text))
    if text != text.lower():
        raise malformed(Code.ADDRESS_INVALID, field, "lower-case bech32", text)
    hrp, separator, tail = text.rpartition("1")
    if not separator or not hrp or len(tail) < _CHECKSUM_CHARACTERS:
        raise malformed(Code.ADDRESS_INVALID, field, "prefix, 1, data and a checksum of 6", text)
    if any(character not in _VALUES for character in tail):
        raise malformed(Code.ADDRESS_INVALID, field, "bech32 characters after the 1", text)
    values = [_VALUES[character] for character in tail]
    found = _polymod(_expand(hrp) + values)
    if found not in tuple(Checksum):
        raise malformed(Code.ADDRESS_INVALID, field, "a correct bech32 checksum", text)
    return hrp, bytes(values[:-_CHECKSUM_CHARACTERS]), Checksum(found)


def encode_bech32(hrp: str, values: bytes, checksum: Checksum) -> str:
    """Spell 5-bit values (one a byte) under a human-readable part, with the checksum asked for."""
    payload = list(values)
    closing = _polymod(_expand(hrp) + payload + [0] * _CHECKSUM_CHARACTERS) ^ checksum
    tail = payload + [(closing >> 5 * (5 - position)) & 31 for position in range(_CHECKSUM_CHARACTERS)]
    return hrp + "1" + "".join(_CHARSET[value] for value in tail)


def _to_fives(program: bytes) -> bytes:
    """Regroup bytes into 5-bit values, the last one padded with zero bits."""
    padding = -len(program) * 8 % 5
    number = int.from_bytes(program, "big") << padding
    count = (len(program) * 8 + padding) // 5
    return bytes((number >> 5 * (count - 1 - position)) & 31 for position in range(count))


def _from_fives(values: bytes, field: str) -> bytes:
    """Regroup 5-bit values into bytes. Refuses more than four padding bits and any that is not zero."""
    padding = len(values) * 5 % 8
    number = 0
    for value in values:
        number = number << 5 | value
    if padding > 4 or number & ((1 << padding) - 1):
        raise malformed(Code.ADDRESS_INVALID, field, "at most four padding bits, all zero", f"{padding} bits")
    return (number >> padding).to_bytes(len(values) * 5 // 8, "big")


def parse_segwit(text: str, hrp: str, field: str) -> tuple[int, bytes]:
    """Return witness version and program of a segwit address under that human-readable part.

    Raises ADDRESS_INVALID: version 0 must close with Bech32, all later versions with Bech32m (BIP-350), versions go to
    16, programs have 2 to 40 bytes, and of version 0 exactly 20 or 32.
    """
    found_hrp, values, checksum = parse_bech32(text, field)
    if found_hrp != hrp:
        raise malformed(Code.ADDRESS_INVALID, field, f"an address that starts with {hrp}1", text)
    if not values or values[0] > 16:
        raise malformed(Code.ADDRESS_INVALID, field, "a witness version from 0 to 16", text)
    version, program = values[0], _from_fives(values[1:], field)
    wanted = Checksum.BECH32 if version == 0 else Checksum.BECH32M
    if checksum is not wanted:
        raise malformed(Code.ADDRESS_INVALID, field, f"{wanted.name} for witness version {version}", checksum.name)
    if not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise malformed(Code.ADDRESS_INVALID, field, "a witness program of a legal length", f"{len(program)} bytes")
    return version, program


def encode_segwit(hrp: str, version: int, program: bytes) -> str:
    """Spell a witness program as an address."""
    checksum = Checksum.BECH32 if version == 0 else Checksum.BECH32M
    return encode_bech32(hrp, bytes([version]) + _to_fives(program), checksum)
