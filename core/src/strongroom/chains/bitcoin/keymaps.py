"""The container of BIP-174: magic bytes and key-value maps. It knows nothing of what the keys mean.

Kept apart so that it can be tested against every official PSBT, also those whose fields we refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.chains.bitcoin.reader import Reader, encode_variable
from strongroom.core.codes import Code
from strongroom.core.errors import malformed

MAGIC = b"psbt\xff"
_SEPARATOR = b"\x00"
MAX_PSBT_BYTES = 16_000_000
"""Four transactions of the largest size, or a hundred thousand ordinary ones: far more than one payment rests on."""

KeyMap = Mapping[bytes, bytes]
"""Whole keys (type and key data) to values, in the order of the bytes."""


def parse_maps(raw: bytes) -> tuple[KeyMap, ...]:
    """Split a PSBT into its maps, in order: global, inputs, outputs. How many there must be is for the caller to say.

    Raises PSBT_INVALID for wrong magic, a short read, a second spelling of a length or a key that a map has twice;
    TOO_LARGE. Source: BIP-174 "Specification"; vectors/bitcoin/bip174.json.
    """
    if len(raw) > MAX_PSBT_BYTES:
        raise malformed(Code.TOO_LARGE, "psbt", f"at most {MAX_PSBT_BYTES} bytes", str(len(raw)))
    if not raw.startswith(MAGIC):
        raise malformed(Code.PSBT_INVALID, "psbt magic", MAGIC.hex(), raw[: len(MAGIC)].hex())
    code = Code.PSBT_INVALID
    reader = Reader(raw[len(MAGIC) :], "psbt after its magic", truncated=code, not_canonical=code, trailing=code)
    maps: list[KeyMap] = []
    while reader.remaining:
        maps.append(_read_map(reader, f"psbt map {len(maps)}"))
    return tuple(maps)


def _read_map(reader: Reader, field: str) -> KeyMap:
    entries: dict[bytes, bytes] = {}
    while key := reader.variable():
        if key in entries:
            raise malformed(Code.PSBT_INVALID, field, "each key once", key.hex())
        entries[key] = reader.variable()
    return entries


def encode_maps(maps: Sequence[KeyMap]) -> bytes:
    """Put maps together again, each in the order that it has."""
    return MAGIC + b"".join(_encode_map(entries) for entries in maps)


def _encode_map(entries: KeyMap) -> bytes:
    return b"".join(encode_variable(key) + encode_variable(value) for key, value in entries.items()) + _SEPARATOR
