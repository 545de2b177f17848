"""Pictures from outside: every filter of PNG, PGM with its comments, and every way in which a file lies."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError
from strongroom.devices.gap.pictures import parse_picture
from strongroom.devices.gap.qr import render_png

GREY = bytes(range(12))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    lines: bytes, size: tuple[int, int] = (4, 3), colour: int = 0, depth: int = 8, more: bytes = b"", laced: int = 0
) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, laced)
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), more, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    )


def filtered(kind: int, pixels: bytes, row: int, step: int) -> bytes:
    """The other direction, written from the standard: what a PNG's author does."""
    lines = bytearray()
    for start in range(0, len(pixels), row):
        lines.append(kind)
        for i in range(row):
            left = pixels[start + i - step] if i >= step else 0
            above = pixels[start + i - row] if start else 0
            corner = pixels[start + i - row - step] if start and i >= step else 0
            guess = left + above - corner
            near = {abs(guess - corner): corner} | {abs(guess - above): above} | {abs(guess - left): left}
            foretold = (0, left, above, (left + above) // 2, near[min(near)])[kind]
            lines.append((pixels[start + i] - foretold) % 256)
    return bytes(lines)


@given(pixels=st.binary(min_size=24, max_size=24), kind=st.integers(0, 4), step=st.sampled_from([1, 2, 3, 4]))
def test_every_filter_gives_the_pixels_back(pixels: bytes, kind: int, step: int) -> None:
    size = (12 // step, 2)

    picture = parse_picture(png(filtered(kind, pixels, 12, step), size, colour={1: 0, 2: 4, 3: 2, 4: 6}[step]))

    # Of a coloured pixel the green byte is its grey; what says how transparent it is, is left out.
    assert pixels[{1: 0, 2: 0, 3: 1, 4: 1}[step] :: step] == picture.pixels
    assert size == (picture.width, picture.height)


def test_a_pgm_with_comments_is_read() -> None:
    for head in (b"P5 4 3 255\n", b"P5\n# of a camera\n4\n3\n255\n", b"P5\n4 # wide\n3\n255 "):
        picture = parse_picture(head + GREY)

        assert (4, 3, GREY) == (picture.width, picture.height, picture.pixels)


def _edited(raw: bytes, place: int, value: int) -> bytes:
    return raw[:place] + bytes([value]) + raw[place + 1 :]


def answer_of(raw: bytes) -> frozenset[Code] | int:
    """What is refused of a picture, or how wide it is."""
    try:
        return parse_picture(raw).width
    except MalformedError as error:
        return error.codes


_HONEST = png(filtered(0, GREY, 4, 1))
_LIES = {
    "nothing": b"",
    "another format": b"GIF89a",
    "a colour map of text": b"P2 4 3 255\n",
    "16 bits": b"P5 4 3 65535\n" + GREY * 2,
    "too few pixels": b"P5 4 3 255\n" + GREY[:-1],
    "too many pixels": b"P5 4 3 255\n" + GREY + b"x",
    "no pixels": b"P5 0 3 255\n",
    "too wide": b"P5 99999 1 255\n",
    "comments without end": b"P5" + b" #\n" * 10_000,
    "cut off": _HONEST[:-6],
    "without an end": _HONEST[:-12],
    "spoiled": _edited(_HONEST, 45, 7),
    "wrong sum": _edited(_HONEST, -1, 0),
    "with a palette": png(filtered(0, GREY, 4, 1), more=chunk(b"PLTE", bytes(3))),
    "a palette's colours": png(filtered(0, GREY, 4, 1), colour=3),
    "interlaced": png(filtered(0, GREY, 4, 1), laced=1),
    "16 bits a channel": png(filtered(0, GREY, 4, 1), depth=16),
    "larger than it says": png(filtered(0, GREY, 4, 1) + b"x"),
    "smaller than it says": png(filtered(0, GREY, 4, 1)[:-1]),
    "a bomb": png(bytes(50_000_000)),
    "a filter of its own": png(b"\x05" + GREY[:4] + b"\x00" + GREY[4:8] + b"\x00" + GREY[8:]),
    "sides too long": png(b"", size=(5000, 5000)),
    "a chunk before its header": b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b""),
    "pixels that do not unpack": _HONEST[:33] + chunk(b"IDAT", b"xxxx") + chunk(b"IEND", b""),
}


@pytest.mark.parametrize("raw", _LIES.values(), ids=_LIES.keys())
def test_a_picture_that_lies_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_picture(raw)

    assert {Code.PICTURE_INVALID} == caught.value.codes
    assert GREY == parse_picture(_HONEST).pixels


@given(place=st.integers(0, 400), value=st.integers(0, 255), end=st.integers(0, 400))
def test_a_spoiled_picture_is_refused_or_read_and_nothing_else(place: int, value: int, end: int) -> None:
    whole = render_png("B$ZJ0100", 2)
    for raw in (_edited(whole, place % len(whole), value), whole[: end % len(whole)]):
        assert answer_of(raw) in ({Code.PICTURE_INVALID}, parse_picture(whole).width)
