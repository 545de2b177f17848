"""What a reader of the log remembers of it in a file of its own, which no rolled back database changes."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.ids import Digest
from strongroom.core.records import encode_record, parse_record


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMemory:
    """The largest log that was seen: its origin, size and root."""

    origin: str
    root: Digest
    size: int


def load_memory(path: Path) -> LogMemory | None:
    """What is remembered; None before the first time."""
    if not path.exists():
        return None
    return parse_record(LogMemory, parse_canonical(path.read_bytes()), path.stem)


def save_memory(path: Path, memory: LogMemory) -> None:
    """Remember it, durably, before anything follows from it."""
    write_file(path, encode_canonical(encode_record(memory)))


def write_file(path: Path, raw: bytes) -> None:
    """A file of a program's own, whole or not at all, and on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as handle:
        handle.write(raw)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def grow_memory(path: Path, memory: LogMemory) -> None:
    """Remember it if it is more than what is remembered; several programs of one host may share the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        # Held for one write only, so whoever else wants it waits.
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = load_memory(path)
        if before is None or before.size < memory.size:
            save_memory(path, memory)
