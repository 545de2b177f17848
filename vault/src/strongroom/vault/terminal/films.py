"""Packages by sight at the terminal: only what it made itself is shown, only what is addressed to it is taken."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.packages import MAX_PACKAGE_BYTES, parse_package
from strongroom.devices.gap.commands import Shown, read_frames, show_frames
from strongroom.vault.terminal.config import Home, load_config
from strongroom.vault.terminal.files import load_file, save_durably


def show_package(options: argparse.Namespace, stream: TextIO) -> Shown:
    """Show a package of this terminal as a film. Raises PACKAGE_NOT_FOR_US for another's, and what does not parse."""
    raw = load_file(options.package, MAX_PACKAGE_BYTES)
    package, me = parse_package(raw), load_config(Home(path=options.home)).terminal
    if package.sender != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.from", me, package.sender)
    return show_frames(options, raw, stream)


def take_package(options: argparse.Namespace, say: Callable[[str], None]) -> Path:
    """Read a film and put its package where `import` and `run` look for it; they judge it as if a courier had come.

    Raises what `read_film` raises; PACKAGE_NOT_FOR_US; what does not parse is not written.
    """
    me = load_config(Home(path=options.home)).terminal
    raw = read_frames(options, say)
    package = parse_package(raw)
    if package.to != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.to", me, package.to)
    path: Path = options.out / package.file_name
    save_durably(path, raw)
    return path
