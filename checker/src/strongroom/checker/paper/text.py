"""The paper as plain text of 80 columns, for a printer that knows no more. The same values, in the same order."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from strongroom.checker.paper.pages import (
    ANSWERS,
    HOUSE_TITLE,
    HOUSE_TITLE_ZH,
    SIGNATURES,
    TICKS,
    USE,
    USE_ZH,
    Group,
    PaperPage,
)

WIDTH = 80
_RULE = "=" * WIDTH
_LABEL = 16
_GROUPS_A_LINE = 8


def render_text(pages: Sequence[PaperPage]) -> str:
    """All pages, a form feed between them."""
    return "\f".join("\n".join(_render_page(page)) + "\n" for page in pages)


def _render_page(page: PaperPage) -> Iterator[str]:
    yield f"{HOUSE_TITLE}  {HOUSE_TITLE_ZH}   {page.number} / {page.total}"
    yield _RULE
    yield from wrap(USE, WIDTH)
    yield from wrap(USE_ZH, WIDTH)
    yield ""
    yield f"DESTINATION 收款地址   {page.prefix}"
    for start in range(0, len(page.destination), _GROUPS_A_LINE):
        yield from _render_groups(page.destination[start : start + _GROUPS_A_LINE])
    yield ""
    yield "AMOUNT 金額"
    yield f"    {page.amount}"
    yield ""
    for row in page.rows:
        lines = wrap(row.value, WIDTH - _LABEL)
        yield f"{row.label:<{_LABEL}}{lines[0]}"
        label_zh = row.label_zh + " " * (_LABEL - width_of(row.label_zh))
        yield f"{label_zh}{lines[1] if len(lines) > 1 else ''}".rstrip()
        yield from (f"{'':<{_LABEL}}{line}" for line in lines[2:])
    yield _RULE
    yield from (f"[ ] {tick} {tick_zh}" for tick, tick_zh in TICKS)
    yield "    ".join(f"[ ] {answer} {answer_zh}" for answer, answer_zh in ANSWERS)
    yield "Why 原因: " + "_" * 60
    for line, line_zh in SIGNATURES:
        yield f"{line} {line_zh}: " + "_" * 24
    yield from wrap(page.foot, WIDTH)


def _render_groups(groups: Sequence[Group]) -> Iterator[str]:
    yield "    " + "  ".join(f"{each.first:<4}" for each in groups).rstrip()
    yield "    " + "  ".join(f"{each.characters:<4}" for each in groups).rstrip()


def width_of(text: str) -> int:
    """Columns that a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most so many columns, broken at spaces where there are any; nothing is left out but those spaces."""
    lines: list[str] = []
    rest = text
    while width_of(rest) > width:
        fits = next(i for i in range(min(len(rest), width), 0, -1) if width_of(rest[:i]) <= width)
        space = rest.rfind(" ", 0, fits + 1)
        end = space if space > 0 else fits
        lines.append(rest[:end])
        rest = rest[end:].removeprefix(" ")
    return [*lines, rest]
