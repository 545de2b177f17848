"""What people read when something was refused: which code, both values whole, what it means and what to do.

The two values stand one above the other with their differences marked below, because that is where an attack shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from strongroom.core.codes import CODES
from strongroom.core.errors import Refusal
from strongroom.core.page_values import Mark, Page, Row, build_line, build_quote, build_row, build_warning

_PIECE = 60
"""Characters of a value in one line, so that three lines stay below each other."""


def build_halt_pages(step: str, refusals: Sequence[Refusal]) -> tuple[Page, ...]:
    """One page a refusal; the first names the cause. step: at which it was refused."""
    return tuple(Page(title="STOPPED: nothing was signed", rows=tuple(_rows(step, each))) for each in refusals)


def _rows(step: str, refusal: Refusal) -> Iterator[Row]:
    entry = CODES[refusal.code]
    yield build_warning("STOPPED", build_quote("{code}, at the step {step}", code=refusal.code.value, step=step))
    yield build_row("WHERE", build_quote("{field}", field=refusal.field))
    yield from _stack(refusal.expected, refusal.got)
    yield build_row("MEANS", build_quote(entry.meaning))
    yield build_row("NEXT", build_quote(entry.remedy), build_line("Do not try again."))


def _stack(expected: str, got: str) -> Iterator[Row]:
    """Piece by piece: what was expected, below it what was there, and a mark below every character that differs."""
    for above, below in zip_longest(_cut(expected), _cut(got), fillvalue=""):
        if above:
            yield build_row("EXPECTED", build_quote("{value}", value=above))
        if below:
            yield build_row("GOT", build_quote("{value}", value=below))
        marks = "".join(" " if a == b else "^" for a, b in zip_longest(above, below))
        if above and below and marks.strip():
            yield Row(label="", lines=(build_quote("{value}", value=marks.rstrip(" ")),), mark=Mark.DIFF)


def _cut(text: str) -> list[str]:
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]
