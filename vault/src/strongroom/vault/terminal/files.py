"""The terminal's files: written whole, flushed, renamed. A power cut leaves the older file, never half of a new one."""

from __future__ import annotations

import os
import stat
from fnmatch import fnmatch
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused


def save_durably(path: Path, raw: bytes) -> None:
    """Write under a temporary name, flush, rename, flush the folder. Raises UnavailableError FILE_UNAVAILABLE."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as handle:
            handle.write(raw)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise _unavailable(path, "a place that can be written", error) from error


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
                raise _not_a_file(path, "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device")
            if found.st_size > limit:
                raise refused(Code.TOO_LARGE, str(path), f"at most {limit} bytes", f"{found.st_size} bytes")
            with os.fdopen(descriptor, "rb", closefd=False) as handle:
                raw = handle.read(limit + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unavailable(path, "a readable file", error) from error
    if len(raw) > limit:
        raise refused(Code.TOO_LARGE, str(path), f"at most {limit} bytes", "a file that grows")
    return raw


def find_files(folder: Path, pattern: str) -> tuple[Path, ...]:
    """What a folder has under such names, whatever it is; a folder that is not there yet holds nothing.

    The medium may come later. What is no file is told by whoever reads it, not passed over here in silence.
    Raises UnavailableError FILE_UNAVAILABLE for a folder that cannot be looked into.
    """
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unavailable(folder, "a folder that can be read", error) from error
    return tuple(path for path in found if fnmatch(path.name, pattern))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_a_file(path: Path, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="a regular file", got=got))


def _unavailable(path: Path, expected: str, error: OSError) -> UnavailableError:
    got = error.strerror or type(error).__name__
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected=expected, got=got))
