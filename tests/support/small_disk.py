"""A disk that is really full, for whoever runs the tests: a small tmpfs, or a bound on the size of files.

The tmpfs is mounted in a mount namespace of the test process. Where that is forbidden (a plain container, or not
root), the kernel's RLIMIT_FSIZE stands in for it: every write of this process fails while the disk is full. Neither
ever skips.
"""

from __future__ import annotations

import ctypes
import errno
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KINDS = ("tmpfs", "bound")
_SIZE = 4 * 1024 * 1024
_CHUNK = 4096
_CLONE_NEWNS = 0x00020000


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallDisk:
    """folder: an empty folder on the disk. is_bound: RLIMIT_FSIZE, and not a file system, makes it full."""

    folder: Path
    is_bound: bool

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """From now on nothing more can be written."""
        if self.is_bound:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            return
        with self._filler.open("wb", buffering=0) as handle:
            try:
                while True:
                    handle.write(bytes(_CHUNK))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """There is room again."""
        if self.is_bound:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            return
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(kind: str, folder: Path) -> Iterator[SmallDisk]:
    """kind: one of KINDS; `tmpfs` becomes `bound` where it cannot be mounted. folder: an empty one on a large disk."""
    is_mounted = kind == "tmpfs" and _mount(folder)
    disk = SmallDisk(folder=folder, is_bound=not is_mounted)
    try:
        yield disk
    finally:
        disk.free()
        if is_mounted:
            assert _runs("umount", "--lazy", str(folder))


def fill_place(path: Path) -> None:
    """Let the next durable write of this one file meet a full medium: its temporary name leads to /dev/full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f".{path.name}.part").symlink_to("/dev/full")


@cache
def _is_apart() -> bool:
    """Give this process mounts of its own, so that none of ours is seen, or left behind, elsewhere."""
    return ctypes.CDLL(None).unshare(_CLONE_NEWNS) == 0 and _runs("mount", "--make-rprivate", "/")


def _mount(folder: Path) -> bool:
    return _is_apart() and _runs("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "none", str(folder))


def _runs(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
