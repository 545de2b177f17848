"""Packages by sight at the station: only what it made itself is shown, only what is addressed to it is taken."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from strongroom.checker.beliefs import load_beliefs
from strongroom.checker.state.home import load_bytes, save_bytes
from strongroom.checker.state.packages import MAX_PACKAGE_BYTES, package_name, parse_package
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.devices.gap.commands import Shown, read_frames, show_frames


def show_package(options: argparse.Namespace, stream: TextIO) -> Shown:
    """Show a package of this station as a film. Raises PACKAGE_NOT_FOR_US for another's, and what does not parse."""
    raw = load_bytes(options.package, MAX_PACKAGE_BYTES)
    package, me = parse_package(raw), load_beliefs(options.home).device
    if package.sender != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.from", me, package.sender)
    return show_frames(options, raw, stream)


def take_package(options: argparse.Namespace, say: Callable[[str], None]) -> Path:
    """Read a film and write its package for `import`, `verify` and `paper`, which judge it.

    Raises what `read_film` raises; PACKAGE_NOT_FOR_US; what does not parse is not written.
    """
    me = load_beliefs(options.home).device
    raw = read_frames(options, say)
    package = parse_package(raw)
    if package.to != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.to", me, package.to)
    path: Path = options.out / package_name(package.sequence, package.kind)
    save_bytes(path, raw)
    return path
