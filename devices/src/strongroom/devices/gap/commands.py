"""`show-frames` and `read-frames`, the same in every program: what is asked on the command line, and doing it.

The bytes come from the caller and go back to it: which packages may leave or come in is each program's own reading.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from strongroom.devices.gap.film import FRAME_MS, ROUNDS, build_screen, show_film, write_film

SHOW = "show a package as a film of QR codes, or write its pictures, for a camera on the other side"
READ = "take a package in from a camera's pictures of a film of QR codes"
WAIT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How many frames the film has, and its pictures where they were written."""

    frames: int
    files: tuple[Path, ...]


def add_show_arguments(parser: argparse.ArgumentParser) -> None:
    """What showing takes."""
    parser.add_argument("package", type=Path, help="the package's file")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write pictures here and show nothing")
    parser.add_argument("--kind", choices=("png", "svg"), default="png", help="of the pictures (%(default)s)")
    parser.add_argument("--rounds", type=_number, default=ROUNDS, help="how often it is shown (%(default)s)")
    parser.add_argument("--frame-ms", type=_number, default=FRAME_MS, help="milliseconds a frame (%(default)s)")


def add_read_arguments(parser: argparse.ArgumentParser) -> None:
    """What reading takes."""
    parser.add_argument("pictures", type=Path, help="folder into which the camera's program writes PGM or PNG files")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the package")
    parser.add_argument("--wait", type=_number, default=WAIT_S, help="seconds to wait for the film (%(default)s)")


def show_frames(options: argparse.Namespace, raw: bytes, stream: TextIO) -> Shown:
    """Show or write a film as asked. Raises TOO_LARGE; UnavailableError FILE_UNAVAILABLE."""
    if options.pictures is not None:
        files = write_film(raw, options.pictures, options.kind)
        return Shown(frames=len(files), files=files)
    screen = build_screen(stream)
    return Shown(frames=show_film(raw, screen, time.sleep, options.rounds, options.frame_ms), files=())


def read_frames(options: argparse.Namespace, say: Callable[[str], None]) -> bytes:
    """The bytes of the film that is filmed. Raises what `read_film` raises."""
    # Only here: a library in C++ that reads what a camera sees has no business in the process of a signing session.
    from strongroom.devices.gap.shots import Watch, read_film  # noqa: PLC0415

    watch = Watch(wait_s=options.wait, elapsed_ns=time.monotonic_ns, pause=time.sleep, say=say)
    return read_film(options.pictures, watch)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1,000,000")
    return int(text)
