"""What the people at the terminal read when something was refused: both values, what it means, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.codes import CODES
from strongroom.core.errors import Refusal
from strongroom.core.page_values import Page, Row, build_line, build_quote, build_row, build_warning


def build_halt_pages(step: str, refusals: Sequence[Refusal]) -> tuple[Page, ...]:
    """One page a refusal, the first names the cause."""
    return tuple(Page(title="STOPPED: nothing was signed", rows=tuple(_rows(step, each))) for each in refusals)


def _rows(step: str, refusal: Refusal) -> list[Row]:
    entry = CODES[refusal.code]
    stopped = build_quote("{code}, at the step {step}", code=refusal.code.value, step=step)
    rows = [build_warning("STOPPED", stopped), build_row("WHERE", build_quote("{field}", field=refusal.field))]
    # One above the other, so that the eye finds the difference.
    if refusal.expected:
        rows.append(build_row("EXPECTED", build_quote("{value}", value=refusal.expected)))
    if refusal.got:
        rows.append(build_row("GOT", build_quote("{value}", value=refusal.got)))
    return [
        *rows,
        build_row("MEANS", build_quote(entry.meaning)),
        build_row("NEXT", build_quote(entry.remedy), build_line("Do not try again.")),
    ]
