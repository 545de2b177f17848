"""The screen of the ceremony room: plain lines of at most 79 characters, cleared between people.

It works on a bare console and through a pipe. Nothing is drawn over, so that a printer or a recording shows the same.
"""

from __future__ import annotations

import re
import termios
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.vault.hsm.secret import Secret

WIDTH = 78
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
"""Home, clear, and drop what a console keeps above the screen: words that scrolled away must not scroll back."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A keyboard and a screen: a terminal, or a pipe with one answer a line."""

    keyboard: TextIO
    screen: TextIO

    def clear(self) -> None:
        """Empty the screen and what stands above it; a pipe gets a line, since it has no screen."""
        self._write(_CLEAR if self.screen.isatty() else "\n" + "=" * WIDTH + "\n")

    def say(self, text: str = "", indent: str = "") -> None:
        """Show a paragraph, broken into lines."""
        for line in textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent) or [""]:
            self._write(line + "\n")

    def show(self, lines: Iterable[str]) -> None:
        """Show lines as they stand."""
        for line in lines:
            self._write(line + "\n")

    def rule(self) -> None:
        """A line across."""
        self._write("-" * WIDTH + "\n")

    def ask(self, question: str) -> str:
        """Ask for one line. Raises OPERATOR_REFUSED at the end of the input: silence is no consent."""
        self._write(f"{question}: ")
        answer = self.keyboard.readline()
        if not self.keyboard.isatty():
            self._write("\n")
        return _line(answer, question)

    def ask_secret(self, question: str) -> Secret:
        """Ask for a line that is not shown while it is typed."""
        # Silent before the question stands there: a fast typist's first letters would be shown.
        with self._no_echo():
            self._write(f"{question}: ")
            answer = self.keyboard.readline()
        self._write("\n")
        return Secret(_line(answer, question))

    @contextmanager
    def _no_echo(self) -> Iterator[None]:
        if not self.keyboard.isatty():
            yield
            return
        descriptor = self.keyboard.fileno()
        before = termios.tcgetattr(descriptor)
        silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _write(self, text: str) -> None:
        self.screen.write(text)
        self.screen.flush()


def render_fact(name: str, value: str) -> list[str]:
    """A fact as lines: the name, and the value whole, broken where it does not fit."""
    shown = _CONTROL.sub("?", value)
    head = f"  {name:<22} "
    width = WIDTH - len(head)
    parts = textwrap.wrap(shown, width, break_on_hyphens=False) or [""]
    return [head + parts[0], *(" " * len(head) + part for part in parts[1:])]


def render_words(words: str) -> list[str]:
    """Share words, numbered, three a line: as they are copied to paper and read back."""
    numbered = [f"{number:2}. {word:<12}" for number, word in enumerate(words.split(), start=1)]
    return ["    " + "   ".join(numbered[i : i + 3]) for i in range(0, len(numbered), 3)]


def _line(answer: str, question: str) -> str:
    if not answer:
        raise refused(Code.OPERATOR_REFUSED, question, "an answer", "the end of the input")
    return answer.removesuffix("\n").removesuffix("\r").strip()
