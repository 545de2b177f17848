"""Files that no program of ours can take, one maker each, and what the program must say about it.

`without_rights` takes from root what lets it read everything, so that a forbidden file is forbidden for it, too.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.packages import MAX_PACKAGE_BYTES

_CAPABILITY_VERSION_3 = 0x20080522
_READS_ANYTHING = (1 << 1) | (1 << 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFile:
    """make: puts it at a path, given the bytes of a good file. codes: one of them is what a reader answers.

    is_there: False for what cannot be read at all: no bytes to keep, and it may be readable tomorrow.
    """

    name: str
    make: Callable[[Path, bytes], None]
    codes: frozenset[Code]
    is_there: bool = True

    def __str__(self) -> str:
        return self.name


def _sparse(path: Path, _raw: bytes) -> None:
    with path.open("wb") as handle:
        handle.truncate(MAX_PACKAGE_BYTES + 1)


def _forbidden(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)
    path.chmod(0)


_SYNTAX = frozenset({Code.JSON_SYNTAX, Code.JSON_NOT_CANONICAL})
_UNAVAILABLE = frozenset({Code.FILE_UNAVAILABLE})
BAD_FILES: tuple[BadFile, ...] = (
    BadFile(name="empty", make=lambda path, _: _write(path, b""), codes=_SYNTAX),
    BadFile(name="truncated", make=lambda path, raw: _write(path, raw[: len(raw) // 2]), codes=_SYNTAX),
    BadFile(name="one byte more", make=lambda path, raw: _write(path, raw + b"\n"), codes=_SYNTAX),
    BadFile(name="noise", make=lambda path, _: _write(path, bytes(range(256)) * 8), codes=_SYNTAX),
    BadFile(name="too large", make=_sparse, codes=frozenset({Code.TOO_LARGE}), is_there=False),
    BadFile(name="a folder", make=lambda path, _: path.mkdir(), codes=_UNAVAILABLE, is_there=False),
    BadFile(name="a pipe", make=lambda path, _: os.mkfifo(path), codes=_UNAVAILABLE, is_there=False),
    BadFile(name="a loop", make=lambda path, _: path.symlink_to(path), codes=_UNAVAILABLE, is_there=False),
    BadFile(name="forbidden", make=_forbidden, codes=_UNAVAILABLE, is_there=False),
    # Reading a process's memory at address 0 is an input/output error of a file that opens: a failing medium.
    BadFile(
        name="failing",
        make=lambda path, _: path.symlink_to("/proc/self/mem"),
        codes=_UNAVAILABLE,
        is_there=False,
    ),
)


def _write(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def without_rights() -> Iterator[None]:
    """This thread as somebody to whom file modes apply; for who is not root, nothing changes."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = _Header(_CAPABILITY_VERSION_3, 0), (_Data * 2)()
    _check(libc.capget(ctypes.byref(header), data))
    before = data[0].effective
    data[0].effective = before & ~_READS_ANYTHING
    _check(libc.capset(ctypes.byref(header), data))
    try:
        yield
    finally:
        data[0].effective = before
        _check(libc.capset(ctypes.byref(header), data))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
