"""What waits, runs, failed and is stalled, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from strongroom.online.jobs.holder import render_holder
from strongroom.online.jobs.store import Holder, TaskCount

_COLUMNS = ("task", "waiting", "later", "running", "stalled", "failed", "oldest_s")


def render_overview(tasks: Sequence[TaskCount], holders: Sequence[Holder]) -> str:
    """A table with one line a task, then who works on the database."""
    rows = [_COLUMNS, *(tuple(str(getattr(t, name)) for name in _COLUMNS) for t in tasks)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = [
        "  ".join(_align(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return "\n".join([*lines, "", *(render_holder(h) for h in holders)]) + "\n"


def build_overview(tasks: Sequence[TaskCount], holders: Sequence[Holder]) -> Mapping[str, object]:
    """The same for machines."""
    known = [{**asdict(h), "since": h.since.isoformat(), "seen_at": h.seen_at.isoformat()} for h in holders]
    return {"tasks": [asdict(t) for t in tasks], "holders": known}


def _align(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
