"""Files of the device and of the media: read with a bound, written whole, flushed, renamed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused


def load_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; a larger one is not read at all.

    Raises TOO_LARGE; UnavailableError FILE_UNAVAILABLE, also for a folder, a pipe or a device under that name.
    """
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would hold the program for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                got = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
                raise UnavailableError(
                    Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="a regular file", got=got)
                )
            if found.st_size > limit:
                raise refused(Code.TOO_LARGE, str(path), f"at most {limit} bytes", f"{found.st_size} bytes")
            with os.fdopen(descriptor, "rb", closefd=False) as handle:
                raw = handle.read(limit + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unavailable(path, "a readable file", error) from error
    if len(raw) > limit:
        raise refused(Code.TOO_LARGE, str(path), f"at most {limit} bytes", "a file that grows")
    return raw


def write_durably(path: Path, data: bytes) -> None:
    """Write to a temporary name, flush to disk, rename, flush the folder. Raises UnavailableError FILE_UNAVAILABLE."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise unavailable(path, "a place that can be written", error) from error


def unavailable(path: Path, expected: str, error: OSError) -> UnavailableError:
    """What cannot be read or written; raise what this returns."""
    got = error.strerror or type(error).__name__
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected=expected, got=got))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
