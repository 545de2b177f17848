"""What a page is for whoever draws it: rows of a label and lines. each reading makes such values by itself.

The shapes are protocols, because core, which imports nobody, makes pages too. The classes are the checker's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Mark(StrEnum):
    """What a row says by its style as well as in words."""

    NONE = "none"
    WARN = "warn"
    DIFF = "diff"


class Breaks(StrEnum):
    """Where a line that is too long may be broken: values only between their groups, people's own words anywhere."""

    BETWEEN_GROUPS = "between-groups"
    ANYWHERE = "anywhere"


class LineShape(Protocol):
    """One line. message: an English sentence, its message id, with `{name}` for each value."""

    @property
    def message(self) -> str:
        """The sentence."""

    @property
    def values(self) -> Sequence[tuple[str, str]]:
        """Name and text of what fills its gaps."""

    @property
    def breaks(self) -> str:
        """A value of `Breaks`."""


class RowShape(Protocol):
    """A label and its lines."""

    @property
    def label(self) -> str:
        """A message id; empty where a row goes on."""

    @property
    def lines(self) -> Sequence[LineShape]:
        """At least one."""

    @property
    def mark(self) -> str:
        """A value of `Mark`."""


class PageShape(Protocol):
    """One thought."""

    @property
    def title(self) -> str:
        """A message id."""

    @property
    def rows(self) -> Sequence[RowShape]:
        """From top to bottom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A `LineShape`."""

    message: str
    values: tuple[tuple[str, str], ...]
    breaks: Breaks


def build_line(message: str, **values: str) -> Line:
    """A line whose values may only be broken between their groups."""
    return Line(message=message, values=tuple(sorted(values.items())), breaks=Breaks.BETWEEN_GROUPS)


def build_quote(message: str, **values: str) -> Line:
    """A line of what people wrote, in any script and of any length."""
    return Line(message=message, values=tuple(sorted(values.items())), breaks=Breaks.ANYWHERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A `RowShape`."""

    label: str
    lines: tuple[Line, ...]
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A `PageShape`."""

    title: str
    rows: tuple[Row, ...]
