"""Lookouts: what changes outside the database and can wake nobody by itself, a folder of packages and a chain's tip.

A lookout looks often and cheaply, and wakes the task that reads properly. What it misses, the sweep finds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import StrongroomError


@dataclass(slots=True, kw_only=True)
class Lookout:
    """look: what is there now, to be compared with what was there before. wakes: task and subject, one or more."""

    look: Callable[[], object]
    wakes: tuple[tuple[str, str], ...]
    seen: object = None

    def is_changed(self) -> bool:
        """Look once more. What does not answer has not changed: the task itself tells the SOC of it."""
        try:
            now = self.look()
        except StrongroomError:
            return False
        changed, self.seen = now != self.seen, now
        return changed


def build_folder_lookout(folder: Path, task: str) -> Lookout:
    """Wakes a task when files of packages come, go or change."""
    return Lookout(look=lambda: list_packages(folder), wakes=((task, ""),))


def list_packages(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Names, sizes and times of the package files of all devices."""
    found = set()
    for device in _entries(folder):
        if device.is_dir():
            for file in _entries(Path(device.path)):
                if file.name.endswith(".package.json"):
                    known = file.stat()
                    found.add((file.path, known.st_size, known.st_mtime_ns))
    return frozenset(found)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        # Made with the first package.
        return []
