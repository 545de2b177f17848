"""Pictures of a camera as plain pixels: PGM, which any capture program writes, and the plain kinds of PNG.

Written here and not taken from a library of many formats: a picture comes from outside, and each further format is a
further parser in the vault. Both are read with their size known first, and nothing is unpacked beyond it.
Source: netpbm pgm(5); W3C PNG, third edition, sections 5, 9 and 11.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, malformed

MAX_PICTURE_BYTES = 32 * 1024 * 1024
MAX_SIDE = 4096
_PGM = re.compile(rb"P5(?:\s|#[^\n]*\n)+(\d{1,5})(?:\s|#[^\n]*\n)+(\d{1,5})(?:\s|#[^\n]*\n)+255\s")
_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""PNG's colour types that are read: grey, and red, green, blue; each without transparency, and with it."""
_GREY = {1: 0, 2: 0, 3: 1, 4: 1}
"""Which byte of a pixel is taken for its grey: the green one of a coloured pixel. Transparency is not looked at."""
_BITS = tuple(bytes(255 if byte >> (7 - bit) & 1 else 0 for bit in range(8)) for byte in range(256))
"""The eight grey pixels of a byte of a picture in black and white."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Grey pixels row by row, one byte each, 0 for black."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What the first chunk of a PNG says. row: bytes of one row without its filter byte. step: bytes a pixel."""

    width: int
    height: int
    channels: int
    depth: int

    @property
    def row(self) -> int:
        return (self.width * self.channels * self.depth + 7) // 8

    @property
    def step(self) -> int:
        return self.channels


def parse_picture(raw: bytes) -> Picture:
    """Read a picture. Raises PICTURE_INVALID for what is neither a PGM of 8 bits nor a plain PNG, or is too large."""
    if len(raw) > MAX_PICTURE_BYTES:
        raise _invalid(f"at most {MAX_PICTURE_BYTES} bytes", f"{len(raw)} bytes")
    if raw.startswith(_PNG):
        return _parse_png(raw)
    return _parse_pgm(raw)


def _parse_pgm(raw: bytes) -> Picture:
    # Bounded, because a header of comments alone would be searched for its end again and again.
    found = _PGM.match(raw[:1024])
    if found is None:
        raise _invalid("a binary PGM of 8 bits, or a PNG", "another format")
    width, height = int(found[1]), int(found[2])
    _check_side(width, height)
    pixels = raw[found.end() :]
    if len(pixels) != width * height:
        raise _invalid(f"{width * height} pixels", str(len(pixels)))
    return Picture(width=width, height=height, pixels=pixels)


def _parse_png(raw: bytes) -> Picture:
    header: _Header | None = None
    packed = bytearray()
    for kind, content in _chunks(raw):
        if header is None:
            header = _parse_header(kind, content)
        elif kind == b"IDAT":
            packed += content
        elif kind == b"IEND":
            return _unpack(header, bytes(packed))
        elif not kind[0] & 0x20:
            # A chunk that must be understood: a palette, or something that this reader has never heard of.
            raise _invalid("a grey or plain colour PNG", f"chunk {kind!r}")
    raise _invalid("a whole PNG", "cut off")


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG)
    while place < len(raw):
        if place + 12 > len(raw):
            raise _invalid("a whole PNG", "cut off")
        (length,) = struct.unpack_from(">I", raw, place)
        end = place + 8 + length
        if end + 4 > len(raw):
            raise _invalid("a whole PNG", "cut off")
        kind = raw[place + 4 : place + 8]
        if zlib.crc32(raw[place + 4 : end]) != struct.unpack_from(">I", raw, end)[0]:
            raise _invalid(f"the check sum of chunk {kind!r}", "another")
        yield kind, raw[place + 8 : end]
        place = end + 4


def _parse_header(kind: bytes, content: bytes) -> _Header:
    if kind != b"IHDR" or len(content) != 13:
        raise _invalid("a PNG that begins with IHDR", f"chunk {kind!r}")
    width, height, depth, colour, packing, filtering, interlace = struct.unpack(">IIBBBBB", content)
    _check_side(width, height)
    plain = (packing, filtering, interlace) == (0, 0, 0)
    if not plain or colour not in _CHANNELS or (depth != 8 and (depth, colour) != (1, 0)):
        raise _invalid("8 bits grey or colour, or 1 bit, not interlaced", f"{depth} bits, colour type {colour}")
    return _Header(width=width, height=height, channels=_CHANNELS[colour], depth=depth)


def _unpack(header: _Header, packed: bytes) -> Picture:
    size = header.height * (header.row + 1)
    unpacker = zlib.decompressobj()
    try:
        lines = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise _invalid("pixels that unpack", "a broken stream") from error
    if len(lines) != size:
        raise _invalid(f"{size} bytes of pixels", "more" if len(lines) > size else str(len(lines)))
    rows = _unfilter(header, lines)
    if header.depth == 1:
        rows = [b"".join(_BITS[byte] for byte in row)[: header.width] for row in rows]
    grey = b"".join(rows)[_GREY[header.channels] :: header.channels]
    return Picture(width=header.width, height=header.height, pixels=grey)


def _unfilter(header: _Header, lines: bytes) -> list[bytes]:
    rows: list[bytes] = []
    above = bytes(header.row)
    for start in range(0, len(lines), header.row + 1):
        row = bytearray(lines[start + 1 : start + 1 + header.row])
        _unfilter_row(lines[start], row, above, header.step)
        above = bytes(row)
        rows.append(above)
    return rows


def _unfilter_row(kind: int, row: bytearray, above: bytes, step: int) -> None:
    """Add to each byte what its filter foretold. Source: PNG, section 9.2."""
    if kind > 4:
        raise _invalid("a filter from 0 to 4", str(kind))
    if kind == 0:
        return
    for i, byte in enumerate(row):
        left = row[i - step] if i >= step else 0
        if kind == 1:
            foretold = left
        elif kind == 2:
            foretold = above[i]
        elif kind == 3:
            foretold = (left + above[i]) // 2
        else:
            foretold = _paeth(left, above[i], above[i - step] if i >= step else 0)
        row[i] = (byte + foretold) & 0xFF


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    # Of equally near ones the first is taken: left, above, corner.
    return min((left, above, corner), key=lambda value: abs(guess - value))


def _check_side(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise _invalid(f"1 to {MAX_SIDE} pixels a side", f"{width} x {height}")


def _invalid(expected: str, got: str) -> MalformedError:
    return malformed(Code.PICTURE_INVALID, "picture", expected, got)
