"""Somebody's telephone: takes a picture of a screen that shows a QR code in half blocks, and prints what it says.

Run in the environment of `strongroom-film`, which has a reader of codes; the screen comes on standard input.
"""

from __future__ import annotations

import sys

from strongroom.devices.gap.camera import read_codes
from strongroom.devices.gap.pictures import parse_picture

PIXELS = 6
"""A module's side in the picture."""
MARGIN = 4
"""Dark modules around: the ground of the screen."""
_INK = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}


def main() -> int:
    """Read the screen and print its one code."""
    lines = sys.stdin.read().splitlines()
    codes = read_codes(parse_picture(take_picture(lines)))
    if len(codes) != 1:
        sys.stderr.write(f"{len(codes)} codes in the picture\n")
        return 1
    sys.stdout.write(codes[0] + "\n")
    return 0


def take_picture(lines: list[str]) -> bytes:
    """A PGM of the screen: each character two modules high."""
    width = max(len(line) for line in lines)
    side = bytes(MARGIN)
    dark = [bytes(width + 2 * MARGIN)] * MARGIN
    rows = [
        side + bytes(_INK[character][half] for character in line.ljust(width)) + side
        for line in lines
        for half in (0, 1)
    ]
    pixels = b"".join(b"".join(bytes([module]) * PIXELS for module in row) * PIXELS for row in (*dark, *rows, *dark))
    size = ((width + 2 * MARGIN) * PIXELS, (len(rows) + 2 * MARGIN) * PIXELS)
    return b"P5\n%d %d\n255\n" % size + pixels


if __name__ == "__main__":
    sys.exit(main())
