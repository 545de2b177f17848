"""The pages of a docket as bare lines, unbroken, for tests that look for a value and not for its place."""

from __future__ import annotations

from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.pages import build_pages

LABEL_WIDTH = 10


def render_docket(proved: ProvedDocket) -> tuple[str, ...]:
    lines: list[str] = []
    for row in (row for page in build_pages(proved) for row in page.rows):
        labels = [row.label, *[""] * (len(row.lines) - 1)]
        lines += [f"{label:<{LABEL_WIDTH}}{line.text}" for label, line in zip(labels, row.lines, strict=True)]
    return tuple(lines)
