"""A device's folder: one writer at a time, secrets for nobody else, files that are whole or not there."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed, refused

LOCK: Final = "lock"
_BLOCK: Final = 1024 * 1024
_MAX_SECRET_BYTES: Final = 4096


@contextmanager
def locked_home(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone. Raises FILE_UNAVAILABLE when there is none or another holds it."""
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unavailable(path, "a device's home", error.strerror) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _unavailable(path, "no other program at work here", "one") from error
        yield
    finally:
        os.close(descriptor)


def create_home(folder: Path, *, expected: frozenset[str] = frozenset()) -> None:
    """Make a home, open to its owner only. Raises ALREADY_EXISTS for a folder that holds anything but `expected`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = sorted(each.name for each in folder.iterdir() if each.name not in expected)
    except OSError as error:
        raise _unavailable(folder, "a folder", error.strerror) from error
    if found:
        raise refused(Code.ALREADY_EXISTS, str(folder), "a new or empty folder", " ".join(found[:5]))


def load_bytes(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; of a larger one nothing is read.

    Raises TOO_LARGE, and FILE_UNAVAILABLE also for a folder, a pipe or a device that stands there.
    """
    try:
        # A pipe would hold us until somebody writes to it; opened like this it is at once seen to be one.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unavailable(path, "a readable file", error.strerror) from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _unavailable(path, "a regular file", stat.filemode(facts.st_mode))
        content = bytearray()
        if facts.st_size <= limit:
            while len(content) <= limit and (block := os.read(descriptor, _BLOCK)):
                content += block
    except OSError as error:
        raise _unavailable(path, "a readable file", error.strerror) from error
    finally:
        os.close(descriptor)
    if facts.st_size > limit or len(content) > limit:
        got = f"{max(facts.st_size, len(content))} bytes"
        raise malformed(Code.TOO_LARGE, str(path), f"at most {limit} bytes", got)
    return bytes(content)


def save_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that after a power cut it is whole or not there: another name, fsync, rename, fsync."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unavailable(path, "a writable file", error.strerror) from error


def load_secret(path: Path, size: int) -> bytes:
    """Read a secret of `size` bytes in hex. Raises FILE_UNAVAILABLE, also when others than its owner can read it."""
    raw = load_bytes(path, _MAX_SECRET_BYTES)
    if path.stat().st_mode & 0o077:
        raise _unavailable(path, "mode 0600", "a file that others can open")
    text = raw.decode("ascii", errors="replace").strip()
    if len(text) != 2 * size or any(each not in "0123456789abcdef" for each in text):
        raise _unavailable(path, f"{size} bytes in hex", "something else")
    return bytes.fromhex(text)


def save_secret(path: Path, secret: bytes) -> None:
    """Write a secret that only its owner can read."""
    save_bytes(path, secret.hex().encode() + b"\n", mode=0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(path: Path, expected: str, got: str | None) -> UnavailableError:
    return UnavailableError(
        Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected=expected, got=got or "nothing")
    )
