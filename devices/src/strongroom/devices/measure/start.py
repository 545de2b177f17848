"""A sealed start: Python without the caller's surroundings and without compiled files, so that what runs is measured.

A doctored `.pyc` runs in place of its source. A sealed start looks for compiled files below a path that cannot exist
(`/dev/null` is no folder) and writes none, so that all of them are beside the point and need no measuring.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

from strongroom.devices.measure.environment import find_layout, measure_environment
from strongroom.devices.measure.judge import Start

NOWHERE: Final = "/dev/null/pycache"
_FLAGS: Final = ("-I", "-B", "-X", f"pycache_prefix={NOWHERE}")


def seal_start(module: str) -> NoReturn:
    """Start a program's module, sealed, in the place of this process.

    Textual's variables stay behind: one of them names a Python module that it would load in place of its screen, and
    another one opens a line to a developer's tool.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEXTUAL")}
    os.execve(sys.executable, [sys.executable, *_FLAGS, "-m", module, *sys.argv[1:]], kept)  # noqa: S606 - Ourselves.


def is_sealed() -> bool:
    """Whether Python was started as `seal_start` does."""
    return bool(sys.flags.isolated and sys.flags.dont_write_bytecode) and sys.pycache_prefix == NOWHERE


def find_unsealed(prefix: Path) -> tuple[str, ...]:
    """What would let something run here that is not measured, in words; empty after a sealed start."""
    words = () if is_sealed() else ("not started by its own command",)
    return words + tuple(f"imports from {stray}" for stray in _find_strays(prefix))


def _find_strays(prefix: Path) -> tuple[str, ...]:
    """Folders that this program imports from and that are no measured root."""
    layout = find_layout(prefix)
    roots = (layout.packages, layout.stdlib, layout.stdlib / "lib-dynload", *layout.sources)
    known = {os.path.realpath(root) for root in roots}
    return tuple(each for each in sys.path if Path(each).exists() and os.path.realpath(each) not in known)


@cache
def measure_start() -> Start:
    """Measure the environment that this process runs from; once a process, since one process is one command."""
    prefix = Path(sys.prefix)
    return Start(measurement=measure_environment(find_layout(prefix)), unsealed=find_unsealed(prefix))
