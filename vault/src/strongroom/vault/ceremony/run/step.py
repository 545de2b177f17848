"""What a run book is made of: steps, and the questions that a step asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from strongroom.core.ceremonies import CeremonyKind, CeremonyRole, Fact
from strongroom.vault.hsm.secret import Secret

if TYPE_CHECKING:
    from strongroom.vault.ceremony.run.desk import Desk

Facts = tuple[Fact, ...]


def _accept(_text: str) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question whose answer is shown and recorded. check: raises what is wrong with an answer."""

    name: str
    words: str
    check: Callable[[str], None] = _accept


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSecret:
    """A question whose answer is neither shown nor kept. is_new: asked twice, so that a slip shows."""

    name: str
    words: str
    is_new: bool = False


Question = Ask | AskSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was typed in one step."""

    shown: Mapping[str, str]
    secret: Mapping[str, Secret]


class Confirm(StrEnum):
    """When the people say yes: before something that cannot be undone, or after looking at what was read."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a run book, as data.

    who: leads it. words: what to do. records: names of the facts that it leaves. repeat: how often it
    stands, for the people and media of this ceremony. needs: secrets that must be in memory; they are typed again, or
    what was half made is made again. find_done: facts, when tokens and files show that it was done before the record
    could say so. do: does it, checks it and returns what is recorded.
    """

    name: str
    title: str
    who: CeremonyRole
    words: str
    records: Sequence[str]
    do: Callable[[Desk, Answers], Facts]
    questions: Callable[[Desk], Sequence[Question]] = lambda _desk: ()
    confirm: Confirm = Confirm.AFTER
    repeat: Callable[[Desk], int] = lambda _desk: 1
    needs_new_key: bool = False
    needs_old_shares: bool = False
    find_done: Callable[[Desk], Facts | None] = lambda _desk: None
    actor: Callable[[Desk], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBook:
    """A ceremony as a list of steps. purpose: one paragraph for the binder."""

    kind: CeremonyKind
    purpose: str
    bring: Sequence[str]
    steps: Sequence[Step]


def facts(**values: str) -> Facts:
    """Facts in the order given; an underscore stands for a blank."""
    return tuple(Fact(name=name.replace("_", " "), value=value) for name, value in values.items())
