"""Pages as values: what a person is shown, before anybody draws it.

A line is an English sentence with named gaps and what fills them. The sentence is also its message id, so that a
catalogue can say it in another language without touching what was read from the bytes. `devices/screens` draws pages.
Source: design of III.23, III.A4-GP.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """What a row says by its style as well as in words."""

    NONE = "none"
    WARN = "warn"
    DIFF = "diff"


class Breaks(StrEnum):
    """Where a line that is too long may be broken: values only between their groups, people's own words anywhere."""

    BETWEEN_GROUPS = "between-groups"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. message: English, with `{name}` for each value. values: name and text, sorted by name."""

    message: str
    values: tuple[tuple[str, str], ...]
    breaks: Breaks

    @property
    def text(self) -> str:
        """The line in English. A brace inside a value stays a brace."""
        return self.message.format_map(dict(self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A label, a message id itself, and the lines that stand beside it. `label` is empty where a row goes on."""

    label: str
    lines: tuple[Line, ...]
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One thought. title: a message id."""

    title: str
    rows: tuple[Row, ...]


def build_line(message: str, **values: str) -> Line:
    """A line whose values may only be broken between their groups."""
    return Line(message=message, values=tuple(sorted(values.items())), breaks=Breaks.BETWEEN_GROUPS)


def build_quote(message: str, **values: str) -> Line:
    """A line of what people wrote, in any script and of any length."""
    return Line(message=message, values=tuple(sorted(values.items())), breaks=Breaks.ANYWHERE)


def build_row(label: str, *lines: Line) -> Row:
    """A row that says nothing unusual."""
    return Row(label=label, lines=lines, mark=Mark.NONE)


def build_warning(label: str, *lines: Line) -> Row:
    """A row that nobody may pass over."""
    return Row(label=label, lines=lines, mark=Mark.WARN)
