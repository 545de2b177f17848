"""`strongroom-film`: the connected side's end of a film of QR codes, between its outbox or inbox and a camera.

It believes nothing and needs no key: what it carries is read by whoever takes it in. Exit codes: 0 done, 2 the call is
wrong, 3 refused, 4 a file or folder is not available.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, StrongroomError, UnavailableError, refused
from strongroom.devices.gap.bbqr import MAX_JOINED_BYTES
from strongroom.devices.gap.commands import (
    READ,
    SHOW,
    add_read_arguments,
    add_show_arguments,
    read_frames,
    show_frames,
)

OVERVIEW = """\
Carries a package across the gap by sight, on the connected side.

  strongroom-film show outbox/device-terminal-1/000004-signing.package.json      on a screen before the vault's camera
  strongroom-film show PACKAGE --pictures DIR                                    or as pictures, for any other screen
  strongroom-film read CAMERA --out inbox/film --name 000003-terminal-result.package.json
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _build_parser().parse_args(arguments)
    try:
        return _show(options) if options.command == "show" else _read(options)
    except StrongroomError as error:
        for refusal in error.refusals:
            sys.stderr.write(f"{refusal.code.value}: {refusal.sentence}\n")
        return 4 if isinstance(error, UnavailableError) else 3


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strongroom-film", description=OVERVIEW, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_show_arguments(commands.add_parser("show", help=SHOW, description=SHOW))
    reading = commands.add_parser("read", help=READ, description=READ)
    add_read_arguments(reading)
    reading.add_argument("--name", required=True, help="the file's name, NNNNNN-KIND.package.json")
    return parser


def _show(options: argparse.Namespace) -> int:
    shown = show_frames(options, _load(options.package), sys.stdout)
    sys.stdout.write(f"{shown.frames} frames{f' in {options.pictures}' if shown.files else ''}\n")
    return 0


def _read(options: argparse.Namespace) -> int:
    path = options.out / Path(options.name).name
    if path.exists():
        raise refused(Code.ALREADY_EXISTS, str(path), "no file yet", "a file")
    raw = read_frames(options, _tell)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(raw)
        part.replace(path)
    except OSError as error:
        raise _unavailable(path, error) from error
    sys.stdout.write(f"{len(raw)} bytes in {path}\n")
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def _load(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            raw = handle.read(MAX_JOINED_BYTES + 1)
    except OSError as error:
        raise _unavailable(path, error) from error
    if len(raw) > MAX_JOINED_BYTES:
        raise refused(Code.TOO_LARGE, str(path), f"at most {MAX_JOINED_BYTES} bytes", "more")
    return raw


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    got = error.strerror or type(error).__name__
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="a file", got=got))
