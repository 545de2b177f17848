"""Talking with the people at the terminal: lines out, lines in, PINs without echo."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import Protocol, TextIO

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.vault.hsm.secret import Secret


class Console(Protocol):
    """What the steps need of a screen and a keyboard."""

    def say(self, line: str) -> None:
        """Show one line."""

    def ask(self, question: str) -> str:
        """Ask for one line. Raises OPERATOR_REFUSED when nobody is there to answer."""

    def ask_secret(self, question: str) -> Secret:
        """Ask for a PIN, without echo where that is possible. Raises OPERATOR_REFUSED when nobody answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConsole:
    """A console on two streams: a real terminal, or a pipe with one answer a line."""

    source: TextIO
    screen: TextIO

    def say(self, line: str) -> None:
        """Show one line."""
        print(line, file=self.screen, flush=True)

    def ask(self, question: str) -> str:
        """Ask for one line."""
        print(f"{question} ", end="", file=self.screen, flush=True)
        answer = self.source.readline()
        if not self.source.isatty():
            print(file=self.screen, flush=True)
        return _line(answer, question)

    def ask_secret(self, question: str) -> Secret:
        """Ask for a PIN; from a pipe it is read as a line, so that nothing but the pipe has held it."""
        if self.source.isatty():
            return Secret(getpass.getpass(f"{question} "))
        self.say(question)
        return Secret(_line(self.source.readline(), question))


def _line(answer: str, question: str) -> str:
    if not answer:
        # Silence is no consent: the end of the input refuses.
        raise refused(Code.OPERATOR_REFUSED, question, "an answer", "the end of the input")
    return answer.removesuffix("\n").removesuffix("\r")
