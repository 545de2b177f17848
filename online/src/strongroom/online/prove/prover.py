"""Proves the ledger by the log, run by run: log first, then what it justifies beside what is there.

A run compares the balances of all accounts and every transfer that is new. A whole run also reads the log and all
transfers again; it comes with every run while the ledger is small, later once a minute, and always before a clear.
What it costs is measured in benchmarks/README.md. V.4, V.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, RefusedError
from strongroom.core.ids import Digest
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.memory import grow_memory, load_memory
from strongroom.online.evidence.said import Said
from strongroom.online.governance.store import load_rules_under
from strongroom.online.ledger.store import check_ledger
from strongroom.online.prove import store
from strongroom.online.prove.compare import (
    compare_accounts,
    compare_ends,
    compare_rows,
    compare_sums,
    render_overdue,
    render_unshared,
)
from strongroom.online.prove.reading import LogFold
from strongroom.online.prove.rows import Ledger

SMALL = 10_000
"""Transfers up to which every run is a whole one."""
WHOLE_EVERY = timedelta(minutes=1)
"""How old the last whole run of a larger ledger may be."""
MOST = 50
"""Differences that are named in one run; the rest are counted."""


@dataclass(kw_only=True)
class LedgerProver:
    """The reconciler's proof of the ledger, kept between runs and built anew when the program starts.

    memory: the file in which it keeps how far it saw the log; it belongs on the reconciler's own disk.
    unproved: what the last run found.
    """

    root: Digest
    memory: Path
    clock: Callable[[], datetime]
    unproved: tuple[Refusal, ...] = ()
    _fold: LogFold = field(default_factory=LogFold)
    _last_whole: datetime | None = None

    def prove(self, connection: Connection) -> tuple[Refusal, ...]:
        """One run, with a transaction of its own: what is unproved, worst first; nothing when all is proved."""
        return self._run(connection, self._find_differences)

    def prove_whole(self, connection: Connection) -> tuple[Refusal, ...]:
        """One run that reads everything again."""
        return self._run(connection, self._find_all_differences)

    def check(self, connection: Connection) -> None:
        """Raise LEDGER_UNPROVED or LOG_NOT_CONSISTENT with every difference of a whole run."""
        refusals = self.prove_whole(connection)
        if refusals:
            raise RefusedError(*refusals)

    def read_log(self, connection: Connection) -> Said:
        """What the log says now, by the entries that this program read and proves the ledger by.

        Raises LOG_NOT_CONSISTENT for a log that was cut, rewritten or replaced since this program first saw it.
        """
        remembered, now = load_memory(self.memory), self.clock()
        with connection.transaction():
            store.begin_snapshot(connection)
            rules = load_rules_under(connection, self.root)
            wrong = (*self._fold.refresh(connection, rules, now), *self._fold.check_memory(remembered))
        if wrong:
            raise RefusedError(*wrong)
        grow_memory(self.memory, self._fold.remember(rules))
        return self._fold.said

    def take_unreadable(self) -> tuple[Refusal, ...]:
        """Entries of the log that are no statement, each given once, to be told."""
        found = tuple(self._fold.unreadable)
        self._fold.unreadable.clear()
        return found

    def _run(
        self, connection: Connection, find: Callable[[Connection, datetime], Iterator[Refusal]]
    ) -> tuple[Refusal, ...]:
        # Before the snapshot: what another program of this host remembers by now is in the snapshot then.
        remembered, now = load_memory(self.memory), self.clock()
        with connection.transaction():
            store.begin_snapshot(connection)
            rules = load_rules_under(connection, self.root)
            wrong = (*self._fold.refresh(connection, rules, now), *self._fold.check_memory(remembered))
            self._meet(connection)
            found = (*wrong, *islice(find(connection, now), MOST + 1))
        if not wrong:
            grow_memory(self.memory, self._fold.remember(rules))
        if found:
            # Until all is proved again, every run is a whole one.
            self._last_whole = None
        self.unproved = _counted(found)
        return self.unproved

    def _meet(self, connection: Connection) -> None:
        expected = self._fold.expected
        expected.meet(store.load_rows(connection, expected.open_rows), store.load_ends(connection, expected.open_ends))

    def _find_differences(self, connection: Connection, now: datetime) -> Iterator[Refusal]:
        rows, last = len(self._fold.expected.rows), self._last_whole
        if rows <= SMALL or last is None or now - last >= WHOLE_EVERY:
            yield from self._find_all_differences(connection, now)
            return
        yield from self._find_new(connection)
        yield from self._find_moved(connection)
        yield from self._find_owed(now)

    def _find_all_differences(self, connection: Connection, now: datetime) -> Iterator[Refusal]:
        expected, self._last_whole = self._fold.expected, now
        yield from self._fold.find_rewritten(connection)
        buckets = expected.find_other_buckets(store.load_row_digests(connection))
        if buckets:
            found = store.load_rows_of_buckets(connection, buckets)
            yield from compare_rows(expected.rows_in(buckets), found, self._fold.refused)
        yield from compare_ends(store.load_stray_ends(connection))
        yield from compare_sums(expected.sums, store.load_entry_sums(connection), "entries add up to")
        moved = tuple(self._find_moved(connection))
        yield from moved
        yield from self._find_owed(now)
        if not moved and not buckets:
            yield from _find_unbalanced(connection)
        expected.unread.clear()

    def _find_new(self, connection: Connection) -> Iterator[Refusal]:
        """Transfers that were justified or ended since the last run, exactly as they are."""
        expected = self._fold.expected
        wanted: Ledger = {i: (expected.rows[i], expected.ends.get(i)) for i in expected.unread}
        ends = {e.transfer: e for e in store.load_ends(connection, wanted)}
        found: Ledger = {r.id: (r, ends.get(r.id)) for r in store.load_rows(connection, wanted)}
        yield from compare_rows(wanted, found, self._fold.refused)
        expected.unread.clear()

    def _find_owed(self, now: datetime) -> Iterator[Refusal]:
        """What should be there by now, and what should add up."""
        yield from render_unshared(self._fold.expected.find_unshared())
        yield from render_overdue(self._fold.expected.find_overdue(now))

    def _find_moved(self, connection: Connection) -> Iterator[Refusal]:
        """Accounts whose balances are not those of the justified transfers, and accounts of nobody."""
        accounts = store.load_balances(connection)
        yield from compare_accounts(self._fold.signers.accounts, self._fold.signers.heads, accounts)
        yield from compare_sums(self._fold.expected.sums, {a: r.sums for a, r in accounts.items()}, "balance")


def build_prover(root: Digest, home: Path, clock: Callable[[], datetime]) -> LedgerProver:
    """A prover whose memory is in this program's own folder."""
    return LedgerProver(root=root, memory=home / "reconciler.json", clock=clock)


def _find_unbalanced(connection: Connection) -> Iterator[Refusal]:
    """Entries that do not follow each other: nothing moved, but a history was written anew."""
    try:
        check_ledger(connection)
    except InvariantError as error:
        for each in error.refusals:
            yield Refusal(code=Code.LEDGER_UNPROVED, field=each.field, expected=each.expected, got=each.got)


def _counted(found: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    if len(found) <= MOST:
        return found
    more = Refusal(code=Code.LEDGER_UNPROVED, field="ledger", expected=f"at most {MOST} differences", got="more")
    return (*found[:MOST], more)
