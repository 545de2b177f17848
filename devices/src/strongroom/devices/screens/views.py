"""What stands on the screen at a moment, as a value, and its lines: pure, so that a test compares pictures with words.

A view holds message values, never text: another language is another drawing of the same view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.devices.screens.console import Choice
from strongroom.devices.screens.layout import (
    BODY,
    COLUMNS,
    ROWS,
    RULE,
    Drawn,
    Screenful,
    Translate,
    build_screenfuls,
    wrap_line,
)
from strongroom.devices.screens.page import Breaks, Line, LineShape, Mark, Page, PageShape, Row, build_line
from strongroom.devices.screens.visible import width_of

_GAP = "   "
_BESIDE = 34
"""Columns for words beside a code of 45 columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """The program works. lines: what it said so far."""

    lines: tuple[LineShape, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One line is asked for. is_secret: it is not shown while it is typed."""

    lines: tuple[LineShape, ...]
    question: LineShape
    doubts: tuple[Choice, ...]
    is_secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """Pages, and an answer of one key. The last page is the question."""

    pages: tuple[PageShape, ...]
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Pages that say why, then a code for a camera. carry: what to do with the code."""

    pages: tuple[PageShape, ...]
    code: tuple[str, ...]
    carry: LineShape


View = Talk | Asking | Choosing | Stopped
SEEN = Choice(word="seen", key="k", label="seen, go on", needs_reading=True)
"""How a stop is left: by a key of its own, after every page, so that a hand that pages on does not leave it."""


def build_told(lines: Sequence[LineShape]) -> tuple[Page, ...]:
    """What the program said while nobody was asked, so that it is read before anything else; no page for nothing."""
    rows = tuple(Row(label="", lines=(_quote(line),), mark=Mark.NONE) for line in lines)
    return (Page(title="What was done", rows=rows),) if rows else ()


def build_choosing(pages: Sequence[PageShape], question: LineShape, choices: Sequence[Choice]) -> Choosing:
    """The pages, and one more that asks."""
    asked = Row(label="", lines=(_quote(question), build_line("")), mark=Mark.NONE)
    doubt = Row(
        label="",
        lines=(
            build_line("R rejects: this must not go."),
            build_line("U sets it aside, for whoever is not sure. Neither is ever held against anyone."),
        ),
        mark=Mark.NONE,
    )
    return Choosing(pages=(*pages, Page(title="Your answer", rows=(asked, doubt))), choices=tuple(choices))


def choices_of(view: View) -> tuple[Choice, ...]:
    """The keys that answer a view."""
    match view:
        case Choosing():
            return view.choices
        case Asking():
            return view.doubts
        case Stopped():
            return (SEEN,)
        case Talk():
            return ()


def build_screens(view: View, translate: Translate) -> tuple[Screenful, ...]:
    """What is paged through. Raises UNRENDERABLE."""
    match view:
        case Choosing():
            return build_screenfuls(view.pages, translate)
        case Stopped():
            shown = build_screenfuls(view.pages, translate)
            return (*shown, _build_code(view, translate)) if view.code else shown
        case Asking():
            asked = [Drawn(text=text, mark=Mark.WARN) for text in wrap_line(view.question, translate)]
            return (_build_talk(view.lines, asked, BODY - 1, translate("Your answer"), translate),)
        case Talk():
            return (_build_talk(view.lines, [], BODY, translate("Please wait"), translate),)


def render_keys(view: View, place: tuple[int, int], *, has_read: bool, translate: Translate, languages: int) -> str:
    """The last line: where in the pages, and which keys do something now. place: this one and how many."""
    number, total = place
    left = translate("page {number} of {total}").format(number=number, total=total) if total > 1 else ""
    keys: list[str] = []
    if number < total:
        keys.append(translate("PgDn next"))
    if number > 1:
        keys.append(translate("PgUp back"))
    if isinstance(view, Asking):
        keys.append(translate("Enter answer"))
        named = zip(DOUBT_KEYS, view.doubts, strict=False)
        keys += [f"{key.upper()} {translate(each.label)}" for key, each in named]
        if not view.doubts:
            keys.append(translate("Esc give up"))
    else:
        offered = [each for each in choices_of(view) if has_read or not each.needs_reading]
        keys += [f"{each.key.upper()} {translate(each.label)}" for each in offered]
    if languages > 1:
        keys.append(f"{LANGUAGE_KEY.upper()} {translate('language')}")
    right = _GAP.join(keys)
    gap = COLUMNS - width_of(left) - width_of(right)
    if gap < 1:
        raise refused(Code.UNRENDERABLE, "keys", f"at most {COLUMNS} columns", left + right)
    return left + " " * gap + right


DOUBT_KEYS = ("f7", "f8")
"""Where letters are typed, doubt has keys that are no letters."""
LANGUAGE_KEY = "f4"


def _build_talk(
    lines: Sequence[LineShape], last: Sequence[Drawn], most: int, title: str, translate: Translate
) -> Screenful:
    """The newest lines that fit, above what must stand there."""
    texts = [Drawn(text=text, mark=Mark.NONE) for line in lines for text in wrap_line(line, translate)]
    room = most - len(last)
    if room < 0:
        raise refused(Code.UNRENDERABLE, "question", f"at most {most} lines", str(len(last)))
    body = [*texts[len(texts) - min(room, len(texts)) :], *last]
    filled = [*body, *[_plain("")] * (BODY - len(body))]
    return Screenful(lines=(_plain(title), _plain(RULE), *filled, _plain(RULE), _plain("")))


def _build_code(view: Stopped, translate: Translate) -> Screenful:
    """The code at the left, over the whole height, and beside it what to do with it; the last line is for the keys."""
    wide, rows = max(width_of(text) for text in view.code), ROWS - 1
    words = [*[""] * 2, *wrap_line(view.carry, translate, COLUMNS - wide - 2)]
    if wide + _BESIDE > COLUMNS or max(len(view.code), len(words)) > rows:
        raise refused(Code.UNRENDERABLE, "code", f"{COLUMNS - _BESIDE} by {rows}", f"{wide} by {len(view.code)}")
    drawn = [
        f"{code}{' ' * (wide - width_of(code))}  {text}".rstrip(" ")
        for code, text in zip_longest(view.code, words, fillvalue="")
    ]
    return Screenful(lines=(*map(_plain, drawn), *[_plain("")] * (ROWS - len(drawn))))


def _quote(line: LineShape) -> Line:
    """Said beside the pages, so it may be broken anywhere."""
    return Line(message=line.message, values=tuple(line.values), breaks=Breaks.ANYWHERE)


def _plain(text: str) -> Drawn:
    return Drawn(text=text, mark=Mark.NONE)
