"""A refusal as message lines: code, field and values as they are, meaning and remedy in a person's language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from strongroom.core.codes import CODES
from strongroom.core.errors import Refusal
from strongroom.devices.screens.layout import Translate, render_line
from strongroom.devices.screens.page import Line, Mark, Page, Row, build_line, build_quote
from strongroom.devices.screens.visible import render_visible

_PIECE = 60
"""Characters of a value in one line, so that three lines stay below each other."""


def build_reason_lines(refusal: Refusal) -> tuple[Line, ...]:
    """What it means, both values, and what to do. Values stay as they are: they are read out on the telephone."""
    entry = CODES[refusal.code]
    values = [build_quote("expected: {value}", value=refusal.expected)] if refusal.expected else []
    values += [build_quote("got: {value}", value=refusal.got)] if refusal.got else []
    return (build_quote(entry.meaning), *values, build_quote(entry.remedy))


def render_refusals(refusals: Sequence[Refusal], translate: Translate) -> tuple[str, ...]:
    """Code and field of each, and its reasons further in."""
    lines: list[str] = []
    for refusal in refusals:
        lines.append(f"{refusal.code.value}: {render_visible(refusal.field)}")
        lines += [f"  {render_line(line, translate)}" for line in build_reason_lines(refusal)]
    return tuple(lines)


def build_halt_pages(step: str, refusals: Sequence[Refusal]) -> tuple[Page, ...]:
    """One page a refusal; the first names the cause. step: at which it was refused.

    The two values stand one above the other, a mark below every character that differs: there an attack shows.
    """
    return tuple(Page(title="STOPPED: nothing was signed", rows=tuple(_rows(step, each))) for each in refusals)


def _rows(step: str, refusal: Refusal) -> Iterator[Row]:
    entry = CODES[refusal.code]
    stopped = build_quote("{code}, at the step {step}", code=refusal.code.value, step=step)
    yield Row(label="STOPPED", lines=(stopped,), mark=Mark.WARN)
    yield Row(label="WHERE", lines=(build_quote("{field}", field=refusal.field),), mark=Mark.NONE)
    for above, below in zip_longest(_cut(refusal.expected), _cut(refusal.got), fillvalue=""):
        if above:
            yield Row(label="EXPECTED", lines=(build_quote("{value}", value=above),), mark=Mark.NONE)
        if below:
            yield Row(label="GOT", lines=(build_quote("{value}", value=below),), mark=Mark.NONE)
        marks = "".join(" " if a == b else "^" for a, b in zip_longest(above, below))
        if above and below and marks.strip():
            yield Row(label="", lines=(build_quote("{value}", value=marks.rstrip(" ")),), mark=Mark.DIFF)
    yield Row(label="MEANS", lines=(build_quote(entry.meaning),), mark=Mark.NONE)
    yield Row(
        label="NEXT",
        lines=(
            build_quote(entry.remedy),
            build_line("Do not try again."),
        ),
        mark=Mark.NONE,
    )


def _cut(text: str) -> list[str]:
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]
