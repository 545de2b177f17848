"""Commands about addresses: `strongroom import-addresses`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from strongroom.core.attested import MAX_BATCH_BYTES
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.statements import parse_envelope_bytes
from strongroom.online.bootstrap import system_clock
from strongroom.online.config import Config, load_conninfo
from strongroom.online.db.connect import connect
from strongroom.online.keys.importing import import_batch

AddCommand = Callable[[str, str, Callable[[Config, argparse.Namespace], int]], argparse.ArgumentParser]


def add_commands(add: AddCommand) -> None:
    """Add what this room can do to `strongroom`."""
    imported = add("import-addresses", "verify a batch of addresses that the vault attested, and keep it", _import)
    imported.add_argument("attestation", type=Path, help="the statement of the terminals")
    imported.add_argument("lines", type=Path, help="the batch's file of lines")


def _import(config: Config, options: argparse.Namespace) -> int:
    envelope = parse_envelope_bytes(_read(options.attestation, 1024 * 1024))
    raw = _read(options.lines, MAX_BATCH_BYTES)
    with connect(load_conninfo(Path(config.database))) as connection:
        imported = import_batch(connection, config.root, envelope, raw, system_clock(), tell_progress)
    sys.stdout.write(json.dumps({"attestation": imported.attestation, "addresses": imported.lines}) + "\n")
    return 0


def tell_progress(done: int, of: int) -> None:
    """One line each time that more of the batch holds; on standard error, so that the answer stays alone."""
    sys.stderr.write(f"verified {done:,} of {of:,} addresses\n")


def _read(path: Path, most: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > most:
            raise malformed(Code.TOO_LARGE, str(path), f"at most {most} bytes", f"{size} bytes")
        return path.read_bytes()
    except OSError as error:
        raise refused(Code.FILE_UNAVAILABLE, str(path), "a readable file", error.strerror or "unreadable") from error
