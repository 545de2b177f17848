"""A console on the full screen: the program's steps run beside it, ask, and wait for the answer.

The steps hold the bytes from parsing to signature; the screen gets message values from them, and gives words back.
"""

from __future__ import annotations

import argparse
import queue
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

from strongroom.devices.screens.app import Ended, Setting, Shell, Shown
from strongroom.devices.screens.console import Choice, Console, no_answer, waited_too_long
from strongroom.devices.screens.language import Language, english, language_named
from strongroom.devices.screens.layout import render_line
from strongroom.devices.screens.page import LineShape, PageShape
from strongroom.devices.screens.views import Asking, Stopped, Talk, View, build_choosing, build_screens, build_told

T = TypeVar("T")


def is_full_screen(options: argparse.Namespace) -> bool:
    """Whether a person sits at it: two real terminals, and nobody asked for lines or JSON."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not options.json and not options.plain


class FullScreen(Generic[T]):
    """A `Console` whose steps run in a thread of their own while `shell` draws."""

    def __init__(self, setting: Setting, work: Callable[[Console], T]) -> None:
        self._setting = setting
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._has_ended = False
        self._longest: Callable[[], float] | None = None
        self._said: list[LineShape] = []
        self._result: Future[T] = Future()
        self._thread = Thread(target=self._run, args=(work,), name="steps")
        self.shell = Shell(setting, self._thread.start, self._answers.put, self._end)

    def run(self) -> T:
        """Draw until the work is done; its result, or what it raised."""
        self.shell.run(mouse=False)
        return self.result()

    def result(self) -> T:
        """What the work gave, once the screen has ended."""
        if self._thread.ident is not None:
            self._thread.join()
        return self._result.result(timeout=0)

    @property
    def language(self) -> Language:
        """In which the last page stood."""
        return language_named(self.shell.language)

    @property
    def is_done(self) -> bool:
        """Whether the work has ended."""
        return self._result.done()

    def say(self, line: LineShape) -> None:
        """Show one line below the others."""
        self._said.append(line)
        self._show(Talk(lines=tuple(self._said)))

    def ask(self, question: LineShape, doubts: Sequence[Choice] = ()) -> str:
        """Ask for one line; a key that doubts returns its word."""
        lines = tuple(self._said)
        return self._wait(Asking(lines=lines, question=question, doubts=tuple(doubts), is_secret=False), question)

    def ask_secret(self, question: LineShape) -> str:
        """Ask for a PIN, shown as dots."""
        return self._wait(Asking(lines=tuple(self._said), question=question, doubts=(), is_secret=True), question)

    def choose(self, pages: Sequence[PageShape], question: LineShape, choices: Sequence[Choice]) -> str:
        """Page through what was said, then the pages; the word of the key that was pressed."""
        return self._wait(build_choosing((*build_told(self._said), *pages), question, choices), question)

    def wait_at_most(self, seconds: Callable[[], float] | None) -> None:
        """The steps' thread waits no longer, whatever stands on the screen; pages of `stop` are waited for."""
        self._longest = seconds

    def stop(self, pages: Sequence[PageShape], code: Sequence[str], carry: LineShape) -> None:
        """Page through, and wait until it was seen."""
        shown = (*build_told(self._said), *pages)
        self._wait(Stopped(pages=shown, code=tuple(code), carry=carry), carry)

    def _run(self, work: Callable[[Console], T]) -> None:
        try:
            result = work(self)
            self._tell_the_rest()
            self._result.set_result(result)
        except BaseException as error:  # noqa: BLE001 - It is raised again where the result is taken.
            self._result.set_exception(error)
        finally:
            self.shell.post_message(Ended())

    def _end(self) -> None:
        """From now on nobody answers: whoever waits is told, and whoever asks later too."""
        self._has_ended = True
        self._answers.put(None)

    def _tell_the_rest(self) -> None:
        """What was said last is read before the screen goes away."""
        if self._said and not self._has_ended:
            self.stop((), (), self._said[-1])

    def _show(self, view: View) -> None:
        self.shell.post_message(Shown(view))

    def _wait(self, view: View, question: LineShape) -> str:
        # Here, in the steps' thread: what cannot be drawn in a language refuses before anything of it is shown.
        for translate in self._setting.languages.values():
            build_screens(view, translate)
        # An answer to a question that is no longer waited for is none to the next one.
        while not self._answers.empty():
            self._answers.get_nowait()
        if self._has_ended:
            raise no_answer(render_line(question, english))
        self._show(view)
        longest = None if self._longest is None or isinstance(view, Stopped) else max(0.0, self._longest())
        try:
            answer = self._answers.get(timeout=longest)
        except queue.Empty as error:
            raise waited_too_long(render_line(question, english), longest or 0) from error
        self._said.clear()
        if answer is None:
            raise no_answer(render_line(question, english))
        return answer
