"""What the log justifies: rows of the ledger and ends of reservations, and what they add up to. No database here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.online.ledger.rules import TransferId

_QUOTED = re.compile(r'[\s"\\(),]|^$')


class Phase(StrEnum):
    """How a transfer begins."""

    POSTED = "posted"
    PENDING = "pending"


class Ended(StrEnum):
    """How a reservation ends."""

    POSTED = "posted"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One transfer, with everything that the ledger says of it and that moves value."""

    id: TransferId
    phase: Phase
    kind: str
    statement: Digest
    debit: AccountId
    credit: AccountId
    asset: AssetId
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a reservation, and the statement that it cites."""

    transfer: TransferId
    outcome: Ended
    statement: Digest


class Duty(StrEnum):
    """When the ledger has what a statement justifies."""

    NOW = "now"  # in the statement's own transaction
    SOON = "soon"  # by another program's next pass
    MAY = "may"  # when that program finds it due


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A transfer that a statement justifies. units of 0: as much as the chain says, since the statement names none."""

    row: Row
    duty: Duty


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """An end that a statement justifies."""

    end: End
    duty: Duty


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Rows whose units a statement leaves open, but not their sum. repaid: the row that may pay the last part back."""

    parts: tuple[TransferId, ...]
    total: int
    repaid: TransferId


Claim = Posting | Ending | Shared


@dataclass(slots=True)
class Sums:
    """One account: credits minus debits, what is reserved on either side, and how many entries it has."""

    posted: int = 0
    pending_debits: int = 0
    pending_credits: int = 0
    version: int = 0

    def __str__(self) -> str:
        return (
            f"posted {self.posted}, pending {self.pending_debits} out and {self.pending_credits} in, "
            f"{self.version} entries"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account as the ledger has it, with its balance."""

    id: AccountId
    kind: str
    asset: str
    holder: str
    statement: Digest
    sums: Sums


Ledger = Mapping[TransferId, tuple[Row, End | None]]
"""Transfers by id, each with its end."""


def add_row(sums: dict[AccountId, Sums], row: Row) -> None:
    """Carry a transfer's first step into both accounts."""
    debit, credit = sums.setdefault(row.debit, Sums()), sums.setdefault(row.credit, Sums())
    if row.phase is Phase.POSTED:
        debit.posted -= row.units
        credit.posted += row.units
    else:
        debit.pending_debits += row.units
        credit.pending_credits += row.units
    debit.version += 1
    credit.version += 1


def add_end(sums: dict[AccountId, Sums], row: Row, end: End) -> None:
    """Carry the end of a reservation into both accounts."""
    debit, credit = sums[row.debit], sums[row.credit]
    debit.pending_debits -= row.units
    credit.pending_credits -= row.units
    if end.outcome is Ended.POSTED:
        debit.posted -= row.units
        credit.posted += row.units
    debit.version += 1
    credit.version += 1


def encode_row(row: Row, end: End | None) -> str:
    """The row as PostgreSQL prints it as a record, its end with it: the same text here and there."""
    ending = ("", "") if end is None else (_field(end.outcome.value), _field(end.statement))
    fields = (row.id, row.phase.value, row.kind, row.statement, row.debit, row.credit, row.asset, str(row.units))
    return "(" + ",".join((*(_field(f) for f in fields), *ending)) + ")"


def digest_row(row: Row, end: End | None) -> bytes:
    """SHA-256 of that text."""
    return sha256(encode_row(row, end).encode()).digest()


def render_row(row: Row, end: End | None) -> str:
    """The row for people: what moves, between whom, by which statement, and how it ended."""
    ending = f"; {end.outcome.value} by {end.statement}" if end else ""
    return (
        f"{row.phase.value} {row.kind} of {row.units} {row.asset} from {row.debit} to {row.credit} "
        f"by {row.statement}{ending}"
    )


def _field(text: str) -> str:
    """One field of a record as PostgreSQL's record_out writes it."""
    if _QUOTED.search(text) is None:
        return text
    doubled = text.replace("\\", "\\\\").replace('"', '""')
    return f'"{doubled}"'
