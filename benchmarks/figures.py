"""What every benchmark does with its figures: take them in turns, print a table, keep them as JSON in build/bench/."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

BUILD = Path(__file__).parents[1] / "build" / "bench"


Clock = Callable[[], int]
WALL: Clock = time.perf_counter_ns
"""For work that waits, or runs in processes of its own."""
CPU: Clock = time.thread_time_ns
"""For work that only computes, in this thread: what others do on the machine is left out."""


def measure_in_turns(
    works: Mapping[str, Callable[[], object]], rounds: int, clock: Clock = WALL
) -> dict[str, list[int]]:
    """Nanoseconds of each work, one call of each a round, so that a busy machine is busy for all of them alike."""
    taken: dict[str, list[int]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            before = clock()
            work()
            taken[name].append(clock() - before)
    return taken


def median_ms(taken: Sequence[int]) -> float:
    """The median in milliseconds."""
    return round(statistics.median(taken) / 1e6, 3)


def render_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as they must be; the first is text, the others are figures."""
    cells = [[str(each) for each in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def save_figures(name: str, figures: Mapping[str, object]) -> Path:
    """Keep figures with the machine that they are from."""
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / f"{name}.json"
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    whole = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, **figures}
    path.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path
