"""The paper as a PDF, A4: what is drawn where. The same pages give the same bytes, whenever and wherever printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.checker.paper.faces import MONO, TEXT, load_face
from strongroom.checker.paper.ink import A4, Page, build_file
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
    Row,
)

_LEFT, _TOP, _BOTTOM = 42.0, A4[1] - 48.0, 40.0
_WIDTH = A4[0] - 2 * _LEFT
_LABEL = 150.0
_FORM = 186.0
"""Height of the boxes and lines at the foot, which no text may reach."""
_SIZES = (11.0, 10.0, 9.0)
"""Of the rows: the largest at which they fit one sheet; what is longer even so goes on on another one."""
_BIG = 23.0
_GROUPS_A_LINE = 6


@dataclass(slots=True)
class _Pen:
    """Where the next line goes, from the top down."""

    page: Page
    y: float

    def down(self, points: float) -> None:
        self.y -= points


def render_pdf(pages: Sequence[PaperPage]) -> bytes:
    """A sheet for each instruction, and more for one with long texts. Nothing is ever cut off or left out.

    Raises CANNOT_BE_PRINTED for a character that cannot be seen on paper.
    """
    return build_file([sheet for page in pages for sheet in _draw(page)])


def _draw(page: PaperPage) -> list[Page]:
    pen = _Pen(Page(), _TOP)
    sheets = [pen.page]
    _draw_head(pen, page, "")
    _draw_destination(pen, page)
    _draw_amount(pen, page)
    size = _choose_size(page.rows, pen.y - _BOTTOM - _FORM)
    for row in page.rows:
        for i, line in enumerate(_break(TEXT, size, row.value, _WIDTH - _LABEL)):
            if pen.y - size * 1.65 < _BOTTOM + _FORM:
                pen = _Pen(Page(), _TOP)
                sheets.append(pen.page)
                _draw_head(pen, page, "  continued 續")
            _draw_row_line(pen, row, i, line, size)
        pen.down(size * 0.3)
    _draw_form(sheets[-1], page)
    return sheets


def _draw_head(pen: _Pen, page: PaperPage, more: str) -> None:
    pen.page.write(TEXT, 15, (_LEFT, pen.y), f"{HOUSE_TITLE}  {HOUSE_TITLE_ZH}{more}")
    count = f"{page.number} / {page.total}"
    pen.page.write(TEXT, 15, (_LEFT + _WIDTH - _points(TEXT, 15, count), pen.y), count)
    pen.down(10)
    pen.page.rule((_LEFT, pen.y), _WIDTH, 1.6)
    for words in (USE, USE_ZH):
        pen.down(13)
        pen.page.write(TEXT, 8.5, (_LEFT, pen.y), words)
    pen.down(26)


def _draw_destination(pen: _Pen, page: PaperPage) -> None:
    """The prefix, then groups of four, each under the place of its first character."""
    pen.page.write(TEXT, 11, (_LEFT, pen.y), "DESTINATION  收款地址")
    if page.prefix:
        pen.page.write(MONO, _BIG, (_LEFT + 130, pen.y - 3), page.prefix)
    step = _WIDTH / _GROUPS_A_LINE
    for start in range(0, len(page.destination), _GROUPS_A_LINE):
        pen.down(22)
        line = page.destination[start : start + _GROUPS_A_LINE]
        for column, each in enumerate(line):
            pen.page.write(TEXT, 7.5, (_LEFT + column * step, pen.y), str(each.first))
        pen.down(21)
        _draw_groups(pen, line, step)
    pen.down(30)


def _draw_groups(pen: _Pen, line: Sequence[Group], step: float) -> None:
    for column, each in enumerate(line):
        pen.page.write(MONO, _BIG, (_LEFT + column * step, pen.y), each.characters)


def _draw_amount(pen: _Pen, page: PaperPage) -> None:
    pen.page.write(TEXT, 11, (_LEFT, pen.y), "AMOUNT  金額")
    for line in _break(MONO, _BIG, page.amount, _WIDTH):
        pen.down(27)
        pen.page.write(MONO, _BIG, (_LEFT, pen.y), line)
    pen.down(14)
    pen.page.rule((_LEFT, pen.y), _WIDTH)
    pen.down(4)


def _choose_size(rows: Sequence[Row], room: float) -> float:
    """The largest size at which every row is whole on this sheet, or the smallest."""
    for size in _SIZES:
        lines = sum(len(_break(TEXT, size, row.value, _WIDTH - _LABEL)) for row in rows)
        if lines * size * 1.35 + len(rows) * size * 0.3 <= room:
            return size
    return _SIZES[-1]


def _draw_row_line(pen: _Pen, row: Row, number: int, line: str, size: float) -> None:
    pen.down(size * 1.35)
    if number == 0:
        pen.page.write(TEXT, size, (_LEFT, pen.y), f"{row.label}  {row.label_zh}")
    pen.page.write(TEXT, size, (_LEFT + _LABEL, pen.y), line)


def _draw_form(page: Page, values: PaperPage) -> None:
    """Boxes to tick and lines to sign, at the foot of the sheet."""
    top = _BOTTOM + _FORM - 14
    page.rule((_LEFT, top), _WIDTH, 1.6)
    for i, (tick, tick_zh) in enumerate(TICKS):
        _draw_tick(page, (_LEFT, top - 20 - 18 * i), f"{tick}  {tick_zh}")
    for i, (answer, answer_zh) in enumerate(ANSWERS):
        _draw_tick(page, (_LEFT + 150 * i, top - 82), f"{answer}  {answer_zh}")
    for i, words in enumerate(("Why  原因", *("  ".join(line) for line in SIGNATURES))):
        y = top - 106 - 22 * i
        page.write(TEXT, 9.5, (_LEFT, y), words)
        start = _LEFT + _points(TEXT, 9.5, words) + 8
        page.rule((start, y - 2), _LEFT + _WIDTH - start)
    for i, line in enumerate(_break(TEXT, 7, values.foot, _WIDTH)):
        page.write(TEXT, 7, (_LEFT, _BOTTOM - 8 - 9 * i), line)


def _draw_tick(page: Page, place: tuple[float, float], words: str) -> None:
    page.box((place[0], place[1] - 2), (11, 11))
    page.write(TEXT, 10.5, (place[0] + 18, place[1]), words)


def _points(face: str, size: float, text: str) -> float:
    return load_face(face).width_of(text) * size / 1000


def _break(face: str, size: float, text: str, width: float) -> list[str]:
    """Lines that are not wider, broken at spaces where there are any; nothing is left out but those spaces."""
    lines: list[str] = []
    line = ""
    for character in text:
        if line and _points(face, size, line + character) > width:
            space = line.rfind(" ")
            # A break inside a word is better than one that leaves half of the line empty.
            cut = space if space > len(line) // 2 and character != " " else len(line)
            lines.append(line[:cut])
            line = line[cut:].removeprefix(" ")
        line += character
    return [*lines, line]
