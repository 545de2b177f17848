"""The three ways in which BBQr writes bytes with the characters that a QR code packs best, and what they unpack to.

Source: Coinkite, BBQr.md ("Binary to Text Encoding", "Advanced Encodings"); RFC 4648 section 6; RFC 1951.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from enum import StrEnum
from typing import assert_never

from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused

_WINDOW_BITS = -10
"""Raw deflate with a window of 1,024 bytes, as the specification fixes it: no header, and a small reader's memory."""
_BASE32_LENGTHS = frozenset({0, 2, 4, 5, 7})
"""Characters left over after whole groups of eight, when whole bytes were written."""


class Encoding(StrEnum):
    """The third character of a frame."""

    HEX = "H"
    BASE32 = "2"
    ZLIB = "Z"


def encode_part(raw: bytes, encoding: Encoding) -> str:
    """The characters of one frame's share of the bytes; compressed ones are written in base 32."""
    match encoding:
        case Encoding.HEX:
            return raw.hex().upper()
        case Encoding.BASE32 | Encoding.ZLIB:
            return base64.b32encode(raw).decode("ascii").rstrip("=")
        case _:
            assert_never(encoding)


def decode_part(text: str, encoding: Encoding) -> bytes:
    """The bytes that these characters stand for, in their one spelling. Raises FRAME_INVALID."""
    match encoding:
        case Encoding.HEX:
            return _decode_hex(text)
        case Encoding.BASE32 | Encoding.ZLIB:
            return _decode_base32(text)
        case _:
            assert_never(encoding)


def _decode_hex(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise malformed(Code.FRAME_INVALID, "frame", "pairs of 0-9 and A-F", "another character") from error
    # `fromhex` passes over spaces and takes small letters: two spellings of one frame would look like two frames.
    if raw.hex().upper() != text:
        raise malformed(Code.FRAME_INVALID, "frame", "pairs of 0-9 and A-F", "another spelling")
    return raw


def _decode_base32(text: str) -> bytes:
    if len(text) % 8 not in _BASE32_LENGTHS:
        raise malformed(Code.FRAME_INVALID, "frame", "whole bytes in base 32", f"{len(text)} characters")
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise malformed(Code.FRAME_INVALID, "frame", "A-Z and 2-7", "another character") from error
    if encode_part(raw, Encoding.BASE32) != text:
        raise malformed(Code.FRAME_INVALID, "frame", "unused bits that are 0", "another spelling")
    return raw


def compress(raw: bytes) -> bytes:
    """Raw deflate at the specification's window and the highest effort."""
    packer = zlib.compressobj(level=9, method=zlib.DEFLATED, wbits=_WINDOW_BITS)
    return packer.compress(raw) + packer.flush()


def decompress(packed: bytes, limit: int) -> bytes:
    """The bytes, at most `limit` of them: one byte more is never unpacked, whatever the stream promises.

    Raises TOO_LARGE; FRAME_INVALID for a stream that is broken, cut off, or followed by anything.
    """
    unpacker = zlib.decompressobj(wbits=_WINDOW_BITS)
    try:
        raw = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise malformed(Code.FRAME_INVALID, "frames", "raw deflate, window of 1,024 bytes", "broken") from error
    if len(raw) > limit:
        raise refused(Code.TOO_LARGE, "frames", f"at most {limit} bytes", "more when unpacked")
    if not unpacker.eof or unpacker.unused_data:
        got = "bytes behind its end" if unpacker.eof else "cut off"
        raise malformed(Code.FRAME_INVALID, "frames", "one whole deflate stream", got)
    return raw
