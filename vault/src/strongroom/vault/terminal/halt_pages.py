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
    return [
        build_warning("STOPPED", build_quote("STOPPED at {step}: {code}: {sentence}", **_values(step, refusal))),
        build_row("MEANS", build_quote(entry.meaning)),
        build_row("NEXT", build_quote(entry.remedy), build_line("Do not try again.")),
    ]


def _values(step: str, refusal: Refusal) -> dict[str, str]:
    return {"step": step, "code": refusal.code.value, "sentence": refusal.sentence}
