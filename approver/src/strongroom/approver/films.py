"""Packages by sight at the approval device: it shows only what it made, and takes only what is for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from strongroom.approver.files import load_file, write_durably
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId
from strongroom.core.packages import MAX_PACKAGE_BYTES, parse_package
from strongroom.devices.gap.commands import Shown, read_frames, show_frames


def show_package(me: PartyId, options: argparse.Namespace, stream: TextIO) -> Shown:
    """Show a package of this device as a film. Raises PACKAGE_NOT_FOR_US for another's, and what does not parse."""
    raw = load_file(options.package, MAX_PACKAGE_BYTES)
    package = parse_package(raw)
    if package.sender != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.from", me, package.sender)
    return show_frames(options, raw, stream)


def take_package(me: PartyId, options: argparse.Namespace, say: Callable[[str], None]) -> Path:
    """Read a film and write its package for `import` and `decide`, which judge it.

    Raises what `read_film` raises; PACKAGE_NOT_FOR_US; what does not parse is not written.
    """
    raw = read_frames(options, say)
    package = parse_package(raw)
    if package.to != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.to", me, package.to)
    path: Path = options.out / package.file_name
    write_durably(path, raw)
    return path
