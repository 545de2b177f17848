"""Refusals with the stage at which they stood, and how they are collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from strongroom.checker.reading.stages import Stage
from strongroom.core.errors import MalformedError, Refusal, RefusedError
from strongroom.core.ids import Digest, PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One proved statement in words: who said what, and when the log's witnesses saw it. signers: by id."""

    stage: Stage
    type: str
    id: Digest
    issuer: PartyId
    signers: tuple[str, ...]
    issued_at: datetime
    logged_at: datetime
    index: int
    summary: str


class DocketRefusedError(RefusedError):
    """A docket that does not hold. stage: where it was refused. furthest: the last stage proved, None for none.

    lines: the statements that were proved before the refusal.
    """

    def __init__(
        self, stage: Stage, refusals: Sequence[Refusal], furthest: Stage | None, lines: Sequence[Line]
    ) -> None:
        super().__init__(*refusals)
        self.stage = stage
        self.furthest = furthest
        self.lines = tuple(lines)


@contextmanager
def gathered(found: list[Refusal]) -> Iterator[None]:
    """Add what the block refuses to `found` and go on; whoever owns the list raises it.

    An attacker who hides one forgery behind another is still named, and an operator mends everything in one round.
    """
    try:
        yield
    except (MalformedError, RefusedError) as error:
        found.extend(each for each in error.refusals if each not in found)


def raise_found(found: Sequence[Refusal]) -> None:
    """Raise one RefusedError with everything that was found, if anything was."""
    if found:
        raise RefusedError(*found)
