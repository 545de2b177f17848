"""From pages to screenfuls of 80 by 23, below the device's own line: exact, nothing cut off, no group of four broken.

What does not fit is continued on the next screenful, under its title and number. What cannot be drawn whole is refused,
and so cannot be signed. Source: design of III.23, III.A4-GP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.devices.screens.page import Breaks, LineShape, Mark, PageShape, RowShape
from strongroom.devices.screens.visible import render_visible, width_of

COLUMNS = 80
ROWS = 24
LABEL = 10
_SIGN = 2
_TEXT = COLUMNS - LABEL - _SIGN
BODY = ROWS - 5
"""The device's own line, the title, two rules and the foot take five."""
_SIGNS = {Mark.NONE: "  ", Mark.WARN: "! ", Mark.DIFF: "* "}
RULE = "-" * COLUMNS
_CLOSING = frozenset("\uff0c\u3002\u3001\uff1a\uff1b\uff1f\uff01\uff09\u300d\u300f\u300b")
_OPENING = frozenset("\uff08\u300c\u300e\u300a")
"""Punctuation of Chinese, in the full width."""

Translate = Callable[[str], str]
"""A message id to the sentence of a person's language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One line of a screenful, at most 80 columns. mark: its row's, for the style."""

    text: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenful:
    """23 lines: title, rule, body, rule, foot."""

    lines: tuple[Drawn, ...]

    @property
    def text(self) -> str:
        """The lines as they stand."""
        return "\n".join(each.text for each in self.lines)


def build_screenfuls(pages: Sequence[PageShape], translate: Translate) -> tuple[Screenful, ...]:
    """Every page in order, each on as many screenfuls as it needs. Raises UNRENDERABLE."""
    bodies: list[tuple[str, list[Drawn]]] = []
    for page in pages:
        drawn = [line for row in page.rows for line in _draw_row(row, translate)]
        bodies += [(translate(page.title), drawn[i : i + BODY]) for i in range(0, max(len(drawn), 1), BODY)]
    return tuple(_build_one(title, body, (i, len(bodies)), translate) for i, (title, body) in enumerate(bodies, 1))


def draw_texts(pages: Sequence[PageShape], translate: Translate) -> tuple[str, ...]:
    """All pages as lines of at most 80 columns, for a console that has no screen. Raises UNRENDERABLE."""
    texts: list[str] = []
    for page in pages:
        texts += [RULE, translate(page.title), RULE]
        texts += [line.text for row in page.rows for line in _draw_row(row, translate)]
    return tuple(texts)


def render_line(line: LineShape, translate: Translate) -> str:
    """The whole sentence in a person's language, its values made visible; as long as it is."""
    return translate(line.message).format_map({name: render_visible(value) for name, value in line.values})


def wrap_line(line: LineShape, translate: Translate, columns: int = COLUMNS) -> tuple[str, ...]:
    """What a program says beside its pages; long words are broken, since none is compared."""
    rest, pieces = render_line(line, translate), []
    while width_of(rest) > columns:
        end = _end_of_piece(rest, Breaks.ANYWHERE, "", columns)
        pieces.append(rest[:end])
        rest = rest[end:].removeprefix(" ")
    return (*pieces, rest)


def _build_one(title: str, body: Sequence[Drawn], place: tuple[int, int], translate: Translate) -> Screenful:
    foot = translate("page {number} of {total}").format(number=place[0], total=place[1])
    if width_of(title) > COLUMNS:
        raise refused(Code.UNRENDERABLE, "title", f"at most {COLUMNS} columns", title)
    frame = [title, RULE, *[""] * (BODY - len(body)), RULE, foot]
    above, below = frame[:2], frame[2:]
    return Screenful(lines=(*map(_plain, above), *body, *map(_plain, below)))


def _plain(text: str) -> Drawn:
    return Drawn(text=text, mark=Mark.NONE)


def _draw_row(row: RowShape, translate: Translate) -> Iterator[Drawn]:
    mark, label = Mark(row.mark), translate(row.label) if row.label else ""
    if width_of(label) >= LABEL:
        raise refused(Code.UNRENDERABLE, f"label {label}", f"below {LABEL} columns", str(width_of(label)))
    for line in row.lines:
        for text in _wrap(line, translate, row.label):
            # The sign stands on every line, so that a marked row stays one where colours are not seen.
            beside = label + " " * (LABEL - width_of(label))
            yield Drawn(text=f"{_SIGNS[mark]}{beside}{text}".rstrip(" "), mark=mark)
            label = ""


def _wrap(line: LineShape, translate: Translate, label: str) -> Iterator[str]:
    """The line in pieces that fit; only the spaces where it breaks are left out."""
    rest = render_line(line, translate)
    while width_of(rest) > _TEXT:
        end = _end_of_piece(rest, Breaks(line.breaks), label, _TEXT)
        yield rest[:end]
        rest = rest[end:].removeprefix(" ")
    yield rest


def _end_of_piece(text: str, breaks: Breaks, label: str, columns: int) -> int:
    if text.isascii():
        # A column a character and spaces alone to break at: the same answer, found by the string itself.
        fits = columns
        end = text.rfind(" ", 1, fits + 1)
    else:
        fits = next(i for i in range(min(len(text), columns), 0, -1) if width_of(text[:i]) <= columns)
        end = next((i for i in range(fits, 0, -1) if _may_break(text[i - 1], text[i])), 0)
    if end > 0:
        return end
    if breaks is Breaks.ANYWHERE:
        return fits
    word = text.split(" ", 1)[0]
    raise refused(Code.UNRENDERABLE, label, f"groups of at most {columns} columns", word)


def _may_break(last: str, first: str) -> bool:
    """Whether a line may end between two characters: at a space, and in Chinese, which has none, beside any character.

    No group of a value is of such characters. A line does not begin with what closes, nor end with what opens.
    """
    if first == " " or last == " ":
        return first == " "
    return (width_of(last) > 1 or width_of(first) > 1) and first not in _CLOSING and last not in _OPENING
