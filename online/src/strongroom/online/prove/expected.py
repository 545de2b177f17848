"""What the ledger must hold by the log: a fold over claims, kept in the reconciler's memory. No database here.

A claim that is due at once counts at once. One that another program carries out counts from when it was first seen
there; until then it is open, and overdue after a while. What has counted once never stops counting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AccountId
from strongroom.online.ledger.rules import TransferId
from strongroom.online.prove.rows import (
    Claim,
    Duty,
    End,
    Ending,
    Posting,
    Row,
    Shared,
    Sums,
    add_end,
    add_row,
    digest_row,
)

BUCKETS = 256
"""Rows are compared in groups by the first byte of their digests, so that a difference is looked for in a few only."""
GRACE = timedelta(minutes=10)
"""How long a program may take to carry out what a statement asks of it."""


Waiting = tuple[Ending, datetime]
"""An end that the ledger does not have yet, and when its statement was taken in."""


@dataclass(slots=True, kw_only=True)
class Expected:
    """Rows and ends that must be there, what they add up to, and what may come. unread: changed since last compared."""

    rows: dict[TransferId, Row] = field(default_factory=dict)
    ends: dict[TransferId, End] = field(default_factory=dict)
    sums: dict[AccountId, Sums] = field(default_factory=dict)
    open_rows: dict[TransferId, tuple[Posting, datetime]] = field(default_factory=dict)
    open_ends: dict[TransferId, list[Waiting]] = field(default_factory=dict)
    shared: list[Shared] = field(default_factory=list)
    unread: set[TransferId] = field(default_factory=set)
    _digests: list[set[bytes]] = field(default_factory=lambda: [set() for _ in range(BUCKETS)])
    _hashes: list[bytes | None] = field(default_factory=lambda: [None] * BUCKETS)

    def take(self, claims: Iterable[Claim], moment: datetime) -> None:
        """Take in what one statement justifies, all of it or nothing. Raises LEDGER_UNPROVED for a contradiction."""
        claims = tuple(claims)
        for claim in claims:
            self._check(claim)
        for claim in claims:
            match claim:
                case Posting(row=row, duty=Duty.NOW):
                    self._add_row(row)
                case Posting(row=row):
                    self.open_rows[row.id] = (claim, moment)
                case Ending():
                    self._await_end(claim, moment)
                case Shared():
                    self.shared.append(claim)

    def _await_end(self, claim: Ending, moment: datetime) -> None:
        """What must come shuts out what might: after a settlement, a rejection voids nothing any more."""
        waiting = self.open_ends.setdefault(claim.end.transfer, [])
        if claim.duty is Duty.SOON:
            waiting[:] = [(claim, moment)]
        elif all(other.duty is Duty.MAY for other, _ in waiting):
            waiting.append((claim, moment))

    def _check(self, claim: Claim) -> None:
        """One statement for one row: a second one may only repeat it."""
        if isinstance(claim, Shared):
            return
        if isinstance(claim, Ending):
            end = claim.end
            if end.transfer not in self.rows:
                raise refused(Code.LEDGER_UNPROVED, end.transfer, "a reservation to end", "none justified before")
            known = self.ends.get(end.transfer)
            if known is not None and claim.duty is not Duty.MAY:
                raise refused(Code.LEDGER_UNPROVED, end.transfer, f"{known.outcome} by {known.statement}", end.outcome)
            return
        row = claim.row
        before = self.rows.get(row.id) or (self.open_rows[row.id][0].row if row.id in self.open_rows else None)
        if before is not None and before != row:
            raise refused(Code.LEDGER_UNPROVED, row.id, f"justified by {before.statement} alone", row.statement)

    def meet(self, rows: Iterable[Row], ends: Iterable[End]) -> None:
        """Count the open claims that the ledger was seen to have carried out, exactly as justified."""
        for row in rows:
            waiting = self.open_rows.get(row.id)
            if waiting is not None and _is_met(waiting[0].row, row):
                del self.open_rows[row.id]
                self._add_row(row)
        for end in ends:
            if end.transfer not in self.ends and any(c.end == end for c, _ in self.open_ends.get(end.transfer, ())):
                del self.open_ends[end.transfer]
                self._add_end(end)

    def _add_row(self, row: Row) -> None:
        if row.id in self.rows:
            return
        self.rows[row.id] = row
        add_row(self.sums, row)
        self._add_digest(digest_row(row, None))
        self.unread.add(row.id)

    def _add_end(self, end: End) -> None:
        row = self.rows[end.transfer]
        self._remove_digest(digest_row(row, None))
        self.ends[end.transfer] = end
        add_end(self.sums, row, end)
        self._add_digest(digest_row(row, end))
        self.unread.add(end.transfer)

    def _add_digest(self, digest: bytes) -> None:
        self._digests[digest[0]].add(digest)
        self._hashes[digest[0]] = None

    def _remove_digest(self, digest: bytes) -> None:
        self._digests[digest[0]].discard(digest)
        self._hashes[digest[0]] = None

    def find_other_buckets(self, found: Mapping[int, bytes]) -> tuple[int, ...]:
        """Groups whose digest in the ledger is another. found: by group; a group without rows has none."""
        for number, digests in enumerate(self._digests):
            if self._hashes[number] is None:
                self._hashes[number] = sha256(b"".join(sorted(digests))).digest() if digests else b""
        return tuple(n for n in range(BUCKETS) if self._hashes[n] != found.get(n, b""))

    def rows_in(self, buckets: Iterable[int]) -> dict[TransferId, tuple[Row, End | None]]:
        """The rows whose digests are in these groups, each with its end."""
        wanted = frozenset(buckets)
        paired = ((row, self.ends.get(row.id)) for row in self.rows.values())
        return {row.id: (row, end) for row, end in paired if digest_row(row, end)[0] in wanted}

    def find_unshared(self) -> Iterator[tuple[Shared, int]]:
        """Parts that do not add up to what their statement says, or are paid back otherwise; with their sum."""
        for each in self.shared:
            units = [self.rows[part].units if part in self.rows else 0 for part in each.parts]
            repaid = self.rows.get(each.repaid)
            if sum(units) != each.total or (repaid is not None and repaid.units != units[-1]):
                yield each, sum(units)

    def find_overdue(self, moment: datetime) -> tuple[Posting | Ending, ...]:
        """What a program should have carried out by now."""
        waiting: list[tuple[Posting | Ending, datetime]] = list(self.open_rows.values())
        for ends in self.open_ends.values():
            waiting += ends
        return tuple(c for c, since in waiting if c.duty is Duty.SOON and moment - since > GRACE)


def _is_met(wanted: Row, row: Row) -> bool:
    """Exactly the justified row; where the statement leaves the units open, with any."""
    return row == (wanted if wanted.units else replace(wanted, units=row.units))
