"""Talking with the people at a device: lines and pages out, words in. One protocol for a pipe and for a full screen.

Steps decide; a console shows what it is given and returns what was typed. Nothing here knows what a docket is.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.devices.screens.language import Language, load_language
from strongroom.devices.screens.layout import Translate, draw_texts, render_line
from strongroom.devices.screens.page import LineShape, PageShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer. word: what is returned, and typed where there are no keys. key: what is pressed, one letter.

    label: a message id, what the key does. needs_reading: only after every page was shown; doubt never waits.
    """

    word: str
    key: str
    label: str
    needs_reading: bool


REJECT = Choice(word="reject", key="r", label="reject", needs_reading=False)
UNSURE = Choice(word="unsure", key="u", label="unsure", needs_reading=False)
ACCEPT = Choice(word="accept", key="a", label="accept", needs_reading=True)
"""Takes an update in."""
DOUBTS = (REJECT, UNSURE)
"""Doubt is cheap: the same two keys on every page and at every question."""


class Console(Protocol):
    """What the steps need of a screen and a keyboard."""

    @property
    def language(self) -> Language:
        """In which language the pages stand; a statement says in which one something was shown."""

    def say(self, line: LineShape) -> None:
        """Show one line."""

    def ask(self, question: LineShape, doubts: Sequence[Choice] = ()) -> str:
        """Ask for one line; a doubt is returned as its word. Raises OPERATOR_REFUSED when nobody is there to answer."""

    def ask_secret(self, question: LineShape) -> str:
        """Ask for a PIN, without echo where that is possible. Raises OPERATOR_REFUSED when nobody answers."""

    def choose(self, pages: Sequence[PageShape], question: LineShape, choices: Sequence[Choice]) -> str:
        """Show every page, then ask; the word that was chosen. No answer is the default.

        Raises UNRENDERABLE before anything is shown, OPERATOR_REFUSED when nobody answers.
        """

    def wait_at_most(self, seconds: Callable[[], float] | None) -> None:
        """From now on no question waits longer than this says when it is asked: SESSION_OVER. None waits for ever."""

    def stop(self, pages: Sequence[PageShape], code: Sequence[str], carry: LineShape) -> None:
        """Show why nothing goes on, and a code for a camera, empty for none; returns when it was seen.

        carry: what to do with the code.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConsole:
    """A console on two streams: a real terminal, or a pipe with one answer a line."""

    source: TextIO
    screen: TextIO
    language: Language = Language.ENGLISH

    @property
    def translate(self) -> Translate:
        """Into that language."""
        return load_language(self.language)

    def say(self, line: LineShape) -> None:
        """Show one line."""
        self._write(render_line(line, self.translate))

    def ask(self, question: LineShape, doubts: Sequence[Choice] = ()) -> str:
        """Ask for one line; whoever doubts types the word."""
        asked = render_line(question, self.translate)
        print(f"{asked} ", end="", file=self.screen, flush=True)
        answer = self.source.readline()
        if not self.source.isatty():
            self._write("")
        line = _line(answer, asked)
        known = {each.word for each in doubts}
        return line.strip().lower() if line.strip().lower() in known else line

    def ask_secret(self, question: LineShape) -> str:
        """Ask for a PIN; from a pipe it is read as a line, so that nothing but the pipe has held it."""
        asked = render_line(question, self.translate)
        if self.source.isatty():
            return getpass.getpass(f"{asked} ", stream=self.screen)
        self._write(asked)
        return _line(self.source.readline(), asked)

    def choose(self, pages: Sequence[PageShape], question: LineShape, choices: Sequence[Choice]) -> str:
        """Every page one below the other, then the question until one of the words is typed."""
        for text in draw_texts(pages, self.translate):
            self._write(text)
        words = [each.word for each in choices]
        offer = self.translate("Type one of these words: {words}.").format(words=", ".join(words))
        while True:
            self._write(render_line(question, self.translate))
            print(f"{offer} ", end="", file=self.screen, flush=True)
            typed = _line(self.source.readline(), offer)
            if not self.source.isatty():
                self._write("")
            if typed in words:
                return typed
            self._write(self.translate("Only these words are an answer; nothing was signed."))

    def wait_at_most(self, seconds: Callable[[], float] | None) -> None:
        """Nothing: whoever feeds a pipe answers or ends it, and the step after an answer asks the clock itself."""

    def stop(self, pages: Sequence[PageShape], code: Sequence[str], carry: LineShape) -> None:
        """The pages, then the code. Nobody is waited for: a pipe has no hand that turns a page."""
        for text in (*draw_texts(pages, self.translate), *code, render_line(carry, self.translate)):
            self._write(text)

    def _write(self, text: str) -> None:
        print(text, file=self.screen, flush=True)


def no_answer(question: str) -> RefusedError:
    """Silence is no consent: the end of the input refuses."""
    return refused(Code.OPERATOR_REFUSED, question, "an answer", "the end of the input")


def waited_too_long(question: str, seconds: float) -> RefusedError:
    """Nobody is there, or their time is over; what is open for them must not stay open."""
    return refused(Code.SESSION_OVER, question, f"an answer in {int(seconds)} s", "none")


def _line(answer: str, question: str) -> str:
    if not answer:
        raise no_answer(question)
    return answer.removesuffix("\n").removesuffix("\r")
