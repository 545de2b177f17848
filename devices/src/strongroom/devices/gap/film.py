"""A film out: its frames shown one after the other on a console, or written as pictures for another screen."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.devices.gap.bbqr import split
from strongroom.devices.gap.qr import (
    PICTURE_VERSION,
    capacity_of,
    render_png,
    render_qr_text,
    render_svg,
    text_version,
)

FRAME_MS = 250
"""What BBQr's authors recommend; slower is surer for a weak camera."""
ROUNDS = 10
_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_WRITERS = {"png": render_png, "svg": render_svg}

Pause = Callable[[float], None]
"""Waits so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A console: where its lines go, and how many of them it shows."""

    stream: TextIO
    columns: int
    lines: int


def build_screen(stream: TextIO) -> Screen:
    """The console behind a stream; 80 by 24 where nothing else is known."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        # ValueError: a stream without a file behind it has no size either.
        return Screen(stream=stream, columns=80, lines=24)
    return Screen(stream=stream, columns=size.columns, lines=size.lines)


def show_film(raw: bytes, screen: Screen, pause: Pause, rounds: int = ROUNDS, frame_ms: int = FRAME_MS) -> int:
    """Show a file as a film, again and again; returns how many frames it has. Raises TOO_LARGE.

    The last line of the console says which frame is shown. Codes are as dense as the console allows.
    """
    version = text_version(screen.columns, screen.lines - 1)
    pages = ["\n".join(render_qr_text(frame, version)) for frame in split(raw, capacity_of(version))]
    try:
        for turn in range(1, rounds + 1):
            _show_round(pages, screen, f"round {turn} of {rounds}   Ctrl-C ends", lambda: pause(frame_ms / 1000))
    except KeyboardInterrupt:
        # As its last line says: whoever films has seen enough.
        return len(pages)
    finally:
        screen.stream.write(_HOME_AND_CLEAR)
    return len(pages)


def _show_round(pages: list[str], screen: Screen, words: str, pause: Callable[[], None]) -> None:
    for number, page in enumerate(pages, start=1):
        foot = f"frame {number} of {len(pages)}   {words}"
        screen.stream.write(f"{_HOME_AND_CLEAR}{page}\n{foot[: screen.columns - 1]}")
        screen.stream.flush()
        pause()


def write_film(raw: bytes, folder: Path, kind: str = "png", version: int = PICTURE_VERSION) -> tuple[Path, ...]:
    """Write a file as pictures `frame-0001-of-0054.png`, to be shown as a film by whatever shows pictures.

    kind: `png` or `svg`. Raises TOO_LARGE; UnavailableError FILE_UNAVAILABLE.
    """
    if kind not in _WRITERS:
        raise malformed(Code.FIELD_INVALID, "kind", " or ".join(_WRITERS), kind)
    frames = split(raw, capacity_of(version))
    return tuple(
        _write(folder / f"frame-{number:04d}-of-{len(frames):04d}.{kind}", _WRITERS[kind](frame, version))
        for number, frame in enumerate(frames, start=1)
    )


def _write(path: Path, raw: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(raw)
    except OSError as error:
        expected, got = "a place that can be written", error.strerror or type(error).__name__
        raise UnavailableError(
            Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected=expected, got=got)
        ) from error
    return path
