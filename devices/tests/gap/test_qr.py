"""Codes that are drawn are codes that a camera reads: on paper white, on a console's black ground, small and large."""

from __future__ import annotations

import random

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.devices.gap.camera import read_codes
from strongroom.devices.gap.pictures import Picture, parse_picture
from strongroom.devices.gap.qr import (
    CAPACITIES,
    build_code,
    render_png,
    render_qr_text,
    render_svg,
    text_version,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*+-./:"
_INK = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}


def words(length: int, seed: int = 1) -> str:
    return "".join(random.Random(seed).choices(ALPHABET, k=length))


def photograph(lines: tuple[str, ...], scale: int = 6, margin: int = 60) -> Picture:
    """A console as a camera sees it: bright ink on black, with black all around."""
    width = (max(map(len, lines)) * scale) + 2 * margin
    rows = [bytes(width)] * margin
    for line in lines:
        for half in (0, 1):
            inked = b"".join(bytes([_INK[character][half]]) * scale for character in line)
            rows += [bytes(margin) + inked + bytes(width - margin - len(inked))] * scale
    rows += [bytes(width)] * margin
    return Picture(width=width, height=len(rows), pixels=b"".join(rows))


def test_capacities_are_those_of_the_standard() -> None:
    for version, capacity in enumerate(CAPACITIES, start=1):
        assert version == build_code(words(capacity)).version
        with pytest.raises(RefusedError, match="TOO_LARGE"):
            build_code(words(capacity + 1), version)


@pytest.mark.parametrize("version", [1, 6, 7, 20, 27, 40])
def test_a_picture_is_read_back(version: int) -> None:
    text = words(CAPACITIES[version - 1])

    assert (text,) == read_codes(parse_picture(render_png(text, version)))


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (80, 25), (132, 43), (240, 67), (25, 13)])
def test_a_console_shows_a_code_that_fits_it_and_is_read(columns: int, lines: int) -> None:
    version = text_version(columns, lines)
    text = words(CAPACITIES[version - 1])

    drawn = render_qr_text(text, version)

    assert len(drawn) <= lines
    assert max(map(len, drawn)) <= columns
    assert (text,) == read_codes(photograph(drawn))


def test_eighty_by_twenty_four_holds_version_six() -> None:
    assert 6 == text_version(80, 24)
    assert (45, 23) == (len(render_qr_text("A", 6)[0]), len(render_qr_text("A", 6)))


def test_a_console_that_is_too_small_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        text_version(24, 13)

    assert {Code.TOO_LARGE} == caught.value.codes
    assert 1 == text_version(25, 13)


def test_what_a_code_cannot_hold_is_refused() -> None:
    for text in ("small letters", "ÜBER", "A" * 4_297):
        with pytest.raises(RefusedError) as caught:
            build_code(text)
        assert {Code.TOO_LARGE} == caught.value.codes
    assert 40 == build_code("A" * 4_296).version


def test_the_same_text_gives_the_same_picture() -> None:
    assert render_png("STRONGROOM") == render_png("STRONGROOM")
    assert render_svg("STRONGROOM").startswith(b"<svg")
    assert render_svg("STRONGROOM") == render_svg("STRONGROOM")
    assert render_svg("STRONGROOM") != render_svg("STRONGROOM.")


def test_a_blurred_or_empty_picture_holds_no_code() -> None:
    assert () == read_codes(Picture(width=300, height=200, pixels=bytes(60_000)))
    noise = Picture(width=300, height=200, pixels=random.Random(3).randbytes(60_000))
    assert () == read_codes(noise)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("version", [6, 27])
def test_a_pale_noisy_and_turned_picture_is_read(version: int, turned: bool) -> None:  # noqa: FBT001
    text = words(CAPACITIES[version - 1], seed=version)
    sharp = parse_picture(render_png(text, version, scale=6))
    chance = random.Random(version)
    pale = bytes(70 + value // 3 + chance.randrange(40) for value in sharp.pixels)
    side = sharp.width
    pixels = b"".join(pale[column::side] for column in range(side))[::-1] if turned else pale

    assert (text,) == read_codes(Picture(width=side, height=side, pixels=pixels))
