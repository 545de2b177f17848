"""A run book as a page for the binder: the same steps that the program leads through, in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from strongroom.core.ceremonies import REPEATED, CeremonyKind
from strongroom.vault.ceremony.run.books import RUN_BOOKS
from strongroom.vault.ceremony.run.step import Confirm, Step

_AT_THE_END = (
    "Everybody signs the transcript, each with their own token: the key officer, the key witness, the custodians. "
    "`transcript.json` in the ceremony's home goes to the platform: `strongroom publish --config ... transcript.json`."
)
_STOPPED = (
    "If the program or the machine stops: start it again with the same command. It goes on at the step that was not "
    "confirmed. PINs and shares are typed again. A wrapping key that was only in memory is gone: the papers written "
    "for it are shredded, and it is drawn anew."
)


def render_run_book(kind: CeremonyKind) -> str:
    """One page."""
    return "\n".join(_lines(kind)) + "\n"


def _lines(kind: CeremonyKind) -> Iterator[str]:
    book = RUN_BOOKS[kind]
    yield f"# Ceremony: {kind.value}"
    yield ""
    yield from _wrap(book.purpose)
    yield ""
    yield f"Bring: {'; '.join(book.bring)}."
    yield ""
    yield from _wrap(_STOPPED)
    for number, step in enumerate(book.steps, start=1):
        yield ""
        yield f"## {number}. {step.title}"
        yield ""
        yield from _step(step)
    yield ""
    yield f"## {len(book.steps) + 1}. Signatures"
    yield ""
    yield from _wrap(_AT_THE_END)


def _step(step: Step) -> Iterator[str]:
    yield from _wrap(step.words)
    yield ""
    often = " Once for each of them." if step.name in REPEATED else ""
    yield f"- Who: {step.who.value}.{often}"
    yield f"- Recorded as `{step.name}`: {', '.join(step.records)}."
    if step.confirm is Confirm.BEFORE:
        yield "- It cannot be undone: `yes` comes before it."


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 118)
