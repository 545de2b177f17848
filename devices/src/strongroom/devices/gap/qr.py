"""QR codes out: as text of half blocks for a console, and as PNG or SVG for a screen that shows pictures.

Always in alphanumeric mode at level L, as BBQr asks: a perfect screen needs no more, and a finger's width of distance
gains less from redundancy than from larger modules.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import segno

from strongroom.core.codes import Code
from strongroom.core.errors import refused

CAPACITIES = (
    *(25, 47, 77, 114, 154, 195, 224, 279, 335, 395),
    *(468, 535, 619, 667, 758, 854, 938, 1046, 1153, 1249),
    *(1352, 1460, 1588, 1704, 1853, 1990, 2132, 2223, 2369, 2520),
    *(2677, 2840, 3009, 3183, 3351, 3537, 3729, 3927, 4087, 4296),
)
"""Alphanumeric characters of versions 1 to 40 at level L. Source: ISO/IEC 18004, table 7."""
PICTURE_VERSION = 27
"""125 modules a side: what BBQr's authors found a camera reads well. 1,062 bytes in hex, 1,327 in base 32."""
QUIET_TEXT = 2
"""Light modules around a code on a console. The standard asks for 4; cameras read it with 2, which leaves a version
more for content at 80 by 24. tests: with 2 it is read by zxing-cpp from a black screen."""
QUIET_PICTURE = 4
_BLOCKS = {(False, False): "█", (True, False): "▄", (False, True): "▀", (True, True): " "}
"""Dark above, dark below. Light modules are drawn in the console's bright ink, dark ones are its black ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QrCode:
    """A code's modules, True where dark, row by row, without a quiet zone."""

    version: int
    rows: tuple[tuple[bool, ...], ...]

    @property
    def size(self) -> int:
        """Modules a side."""
        return len(self.rows)


def capacity_of(version: int) -> int:
    """How many alphanumeric characters a version holds."""
    return CAPACITIES[version - 1]


def text_version(columns: int, lines: int) -> int:
    """The largest version that fits a console of so many columns and lines, with its quiet zone. Raises TOO_LARGE."""
    side = min(columns, 2 * lines) - 2 * QUIET_TEXT
    if side < 21:
        raise refused(
            Code.TOO_LARGE, "QR code", "a console of at least 25 columns and 13 lines", f"{columns} x {lines}"
        )
    return min((side - 17) // 4, 40)


def build_code(text: str, version: int | None = None) -> QrCode:
    """The code of a text of alphanumeric characters; version: None for the smallest that holds it. Raises TOO_LARGE."""
    code = _make(text, version)
    rows = tuple(tuple(bool(module) for module in row) for row in code.matrix)
    return QrCode(version=(len(rows) - 17) // 4, rows=rows)


def render_qr_text(text: str, version: int | None = None) -> tuple[str, ...]:
    """Lines of half blocks, to be shown in a bright ink on a dark ground: a version 6 takes 45 columns and 23 lines."""
    code = build_code(text, version)
    light = (False,) * (code.size + 2 * QUIET_TEXT)
    side = (False,) * QUIET_TEXT
    rows = [light] * QUIET_TEXT + [(*side, *row, *side) for row in code.rows] + [light] * QUIET_TEXT
    if len(rows) % 2:
        # The half line below the last row stays dark ground: it lies outside the quiet zone.
        rows.append((True,) * len(light))
    return tuple(
        "".join(_BLOCKS[pair] for pair in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    )


def render_png(text: str, version: int | None = None, scale: int = 4) -> bytes:
    """A PNG of the code with its quiet zone; the same text gives the same bytes."""
    picture = io.BytesIO()
    _make(text, version).save(picture, kind="png", scale=scale, border=QUIET_PICTURE)
    return picture.getvalue()


def render_svg(text: str, version: int | None = None) -> bytes:
    """An SVG of the code with its quiet zone, one unit a module."""
    picture = io.BytesIO()
    _make(text, version).save(picture, kind="svg", border=QUIET_PICTURE, light="white", xmldecl=False)
    return picture.getvalue()


def _make(text: str, version: int | None) -> segno.QRCode:
    try:
        return segno.make_qr(text, version=version, mode="alphanumeric", error="l", boost_error=False)
    except ValueError as error:
        # segno names a text that is too long, and one with other characters, by the same class.
        held = capacity_of(version or 40)
        expected = f"at most {held} characters of 0-9 A-Z and $%*+-./:"
        raise refused(Code.TOO_LARGE, "QR code", expected, f"{len(text)} characters") from error
