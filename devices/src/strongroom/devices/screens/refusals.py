"""A refusal as message lines: code, field and values as they are, meaning and remedy in a person's language."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.codes import CODES
from strongroom.core.errors import Refusal
from strongroom.devices.screens.layout import Translate, render_line
from strongroom.devices.screens.page import Line, build_quote
from strongroom.devices.screens.visible import render_visible


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
