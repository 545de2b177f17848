"""The full screen: draws views, moves through pages, and hands back what was pressed or typed. It decides nothing.

Built on Textual, with everything of it left out that is not needed: no mouse, no palette, no links, no markup, no key
that ends the program. What was read from the bytes is drawn as exact lines of `views.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import Key, Resize
from textual.message import Message
from textual.widgets import Input, Static

from strongroom.devices.screens.layout import COLUMNS, ROWS, Drawn, Screenful, Translate, render_line
from strongroom.devices.screens.page import LineShape, Mark
from strongroom.devices.screens.views import (
    DOUBT_KEYS,
    LANGUAGE_KEY,
    Asking,
    Talk,
    View,
    build_screens,
    choices_of,
    render_keys,
)
from strongroom.devices.screens.visible import width_of

_STYLES = {Mark.NONE: "", Mark.WARN: "bold black on yellow", Mark.DIFF: "bold black on white"}
"""Colour repeats what the sign at the line's head says."""
_NEXT = frozenset({"pagedown", "down", "right", "space"})
_BACK = frozenset({"pageup", "up", "left"})
TOO_SMALL = "Make this window at least 80 columns by 24 lines. Nothing is answered while it is smaller."


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a program's screens have in common. device: its name, short. banner: what is true of it at each drawing.

    languages: by their own name, in the order of the language key; the first one is shown first.
    """

    device: str
    banner: Callable[[], LineShape]
    languages: Mapping[str, Translate]


class Shown(Message):
    """Another view."""

    def __init__(self, view: View) -> None:
        self.view = view
        super().__init__()


class Ended(Message):
    """The work is done."""


class Shell(App[None], inherit_bindings=False):
    """One screen of 80 by 24. on_start: called once it stands.

    on_answer: gets each answer, None where it was given up. on_end: called when the screen has ended, for any reason.
    """

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = """
    Screen { background: black; color: white; overflow: hidden; layout: vertical; }
    #head { height: auto; width: 80; }
    #typed { height: 1; width: 80; border: none; padding: 0; background: black; color: white; }
    #typed:focus { border: none; background: black; background-tint: black 0%; }
    #foot { height: auto; width: 80; }
    """

    def __init__(
        self,
        setting: Setting,
        on_start: Callable[[], None],
        on_answer: Callable[[str | None], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(ansi_color=False)
        self._setting = setting
        self._on_start, self._on_answer, self._on_end = on_start, on_answer, on_end
        self._language = 0
        self._place = 0
        self._read: set[int] = set()
        self.view: View = Talk(lines=())
        self.is_answered = True
        """Whether the view that stands was answered already: a key that is pressed twice answers once."""

    def compose(self) -> ComposeResult:
        """Called by Textual to get the widgets: lines, the line that is typed, lines."""
        yield Static(id="head", markup=False)
        yield Input(id="typed", compact=True, select_on_focus=False)
        yield Static(id="foot", markup=False)

    def on_mount(self) -> None:
        """Called by Textual when the screen stands."""
        self._draw()
        self._on_start()

    def on_unmount(self) -> None:
        """Called by Textual when it ends, for whatever reason: whoever waits for an answer gets none."""
        self._on_end()

    def on_ended(self, _message: Ended) -> None:
        """The work is done, and so is the screen."""
        self.exit()

    def on_shown(self, message: Shown) -> None:
        """Another view stands: from its first page, nothing of it read yet."""
        self.view = message.view
        self.is_answered = not isinstance(message.view, Asking) and not choices_of(message.view)
        self._start_reading()
        typed = self.query_one(Input)
        typed.clear()
        typed.password = isinstance(message.view, Asking) and message.view.is_secret
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        """The window has another size."""
        self._draw()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter in the line that is typed."""
        if isinstance(self.view, Asking) and not self.is_answered and self._fits():
            self._answer(message.value)

    def on_key(self, event: Key) -> None:
        """Every other key. What is no key of this view does nothing."""
        if event.key == LANGUAGE_KEY and self._fits():
            self._language = (self._language + 1) % len(self._setting.languages)
            # Another language breaks other pages: they are read anew.
            self._start_reading()
            self._draw()
        elif not self.is_answered and self._fits():
            self._press(event)

    @property
    def language(self) -> str:
        """The language that is shown, by its own name."""
        return tuple(self._setting.languages)[self._language]

    @property
    def translate(self) -> Translate:
        """Into the language that is shown."""
        return self._setting.languages[self.language]

    @property
    def screens(self) -> tuple[Screenful, ...]:
        """All pages of the view that stands."""
        return build_screens(self.view, self.translate)

    @property
    def text(self) -> str:
        """What is on the screen, line by line."""
        return "\n".join(each.text for each in self._lines())

    def _press(self, event: Key) -> None:
        if isinstance(self.view, Asking):
            keys = dict(zip(DOUBT_KEYS, self.view.doubts, strict=False))
            if event.key in keys:
                self._answer(keys[event.key].word)
            elif event.key == "escape" and not self.view.doubts:
                self._answer(None)
            return
        if event.key in _NEXT or event.key in _BACK:
            self._turn(1 if event.key in _NEXT else -1)
            return
        pressed = (event.character or "").lower()
        for choice in choices_of(self.view):
            if choice.key == pressed and (self._has_read or not choice.needs_reading):
                self._answer(choice.word)
                return

    def _turn(self, step: int) -> None:
        self._place = min(max(self._place + step, 0), len(self.screens) - 1)
        self._read.add(self._place)
        self._draw()

    def _start_reading(self) -> None:
        self._place, self._read = 0, {0}

    @property
    def _has_read(self) -> bool:
        return len(self._read) == len(self.screens)

    def _answer(self, word: str | None) -> None:
        self.is_answered = True
        self.query_one(Input).clear()
        self._on_answer(word)

    def _fits(self) -> bool:
        return self.size.width >= COLUMNS and self.size.height >= ROWS

    def _draw(self) -> None:
        head, typed, foot = self.query_one("#head", Static), self.query_one(Input), self.query_one("#foot", Static)
        is_typing = isinstance(self.view, Asking) and self._fits()
        typed.display = is_typing
        if not self._fits():
            head.update(Text(self.translate(TOO_SMALL)))
            foot.update(Text(""))
            return
        lines = self._lines()
        if is_typing:
            # The line that is typed stands in the place of the last line of the body.
            head.update(_render(lines[: ROWS - 3]))
            foot.update(_render(lines[ROWS - 2 :]))
            typed.focus()
        else:
            # A hidden line that kept the focus would swallow the letters that answer.
            self.set_focus(None)
            head.update(_render(lines))
            foot.update(Text(""))

    def _lines(self) -> tuple[Drawn, ...]:
        shown = self.screens
        place = min(self._place, len(shown) - 1)
        drawn = shown[place].lines
        keys = render_keys(
            self.view,
            (place + 1, len(shown)),
            has_read=self._has_read,
            translate=self.translate,
            languages=len(self._setting.languages),
        )
        above = () if len(drawn) == ROWS else (Drawn(text=self._banner(), mark=Mark.NONE),)
        return (*above, *drawn[:-1], Drawn(text=keys, mark=Mark.NONE))

    def _banner(self) -> str:
        left = f"STRONGROOM  {self._setting.device}"
        right = render_line(self._setting.banner(), self.translate)
        return left + " " * max(COLUMNS - width_of(left) - width_of(right), 1) + right


def _render(lines: tuple[Drawn, ...]) -> Text:
    """Lines as they are: rich breaks nothing, and reads no markup in what a client wrote."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for number, line in enumerate(lines):
        text.append(("\n" if number else "") + line.text, style=_STYLES[line.mark])
    return text
