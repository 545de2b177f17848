"""The terminal's files: written whole, flushed, renamed. A power cut leaves the older file, never half of a new one."""

from __future__ import annotations

import os
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
    """Read a file of at most `limit` bytes. Raises TOO_LARGE, UnavailableError FILE_UNAVAILABLE."""
    try:
        with path.open("rb") as handle:
            raw = handle.read(limit + 1)
    except OSError as error:
        raise _unavailable(path, "a readable file", error) from error
    if len(raw) > limit:
        raise refused(Code.TOO_LARGE, str(path), f"at most {limit} bytes", "more")
    return raw


def find_files(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Files of a folder by name. A folder that is not there yet holds nothing: the medium may come later."""
    return tuple(sorted(path for path in folder.glob(pattern) if path.is_file()))


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(path: Path, expected: str, error: OSError) -> UnavailableError:
    got = error.strerror or type(error).__name__
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected=expected, got=got))
