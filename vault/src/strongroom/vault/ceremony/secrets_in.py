"""Reading PINs and typed entropy: from a terminal without echo, or from a pipe, one a line.

Never from an argument or the environment: every process on the machine can read those.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.vault.hsm.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One secret to ask for. name: what the person is asked. is_new: asked twice on a terminal, so a slip shows."""

    name: str
    is_new: bool


def read_secrets(questions: Sequence[Question], source: TextIO) -> list[Secret]:
    """Ask for every secret in order. Raises MalformedError FIELD_INVALID when one is empty, missing or too many."""
    if source.isatty():
        return [_ask(question) for question in questions]
    lines = source.read().split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) != len(questions):
        names = ", ".join(question.name for question in questions)
        raise malformed(Code.FIELD_INVALID, "standard input", f"{len(questions)} lines: {names}", f"{len(lines)} lines")
    return [_checked(line, question) for line, question in zip(lines, questions, strict=True)]


def check_separate_pins(officer: Secret, user: Secret) -> None:
    """Refuse one PIN for both. Raises RefusedError SEPARATION.

    Who holds both can make a trusted key of their own choosing and take asset keys out under it.
    """
    if officer.equals(user):
        raise refused(Code.SEPARATION, "PINs", "two PINs, known to two people", "the same PIN twice")


def _ask(question: Question) -> Secret:
    first = _checked(getpass.getpass(f"{question.name}: "), question)
    if question.is_new and not first.equals(Secret(getpass.getpass(f"{question.name}, again: "))):
        raise malformed(Code.FIELD_INVALID, question.name, "the same twice", "two that differ")
    return first


def _checked(line: str, question: Question) -> Secret:
    text = line.removesuffix("\r")
    if not text or not text.isprintable():
        raise malformed(Code.FIELD_INVALID, question.name, "printable characters on one line", "nothing, or others")
    return Secret(text)
