"""The journal itself: create, open, append.

::

    with Journal.open(path, clock) as journal:
        journal.append(EntryKind.COMMITTED, fields, (Binding(...),))
        ...only now is anything signed...

`append` returns after the entry is on the disk. Whatever it raises, nothing was appended and nothing was lost.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, UnavailableError, refused
from strongroom.core.ids import Digest, PartyId, parse_party_id
from strongroom.core.policy.running import RunningUses
from strongroom.core.records import encode_time, parse_time
from strongroom.vault.terminal.journal.chain import check_journal, read_entries
from strongroom.vault.terminal.journal.entry import (
    FORMAT,
    NO_ENTRY,
    STEPS,
    Entry,
    EntryKind,
    build_entry,
    encode_payload,
)
from strongroom.vault.terminal.journal.handed_back import HandedBack
from strongroom.vault.terminal.journal.index import save_marks
from strongroom.vault.terminal.journal.marks import LimitUse, Mark, settle_mark
from strongroom.vault.terminal.journal.queries import query
from strongroom.vault.terminal.journal.state import JournalState
from strongroom.vault.terminal.journal.store import (
    broken,
    create_database,
    database_errors,
    lock_journal,
    open_database,
)

Clock = Callable[[], datetime]
"""Gives the time now, with its zone."""


class JournalHead(NamedTuple):
    """The last entry's number and hash: what others are told, so that a journal cut short is found."""

    number: int
    hash: Digest


Mirror = Callable[[JournalHead], None]
"""Keeps the journal's place somewhere else, durably, or raises."""


class Journal:
    """One terminal's journal, held by one process. Use `Journal.create` once and `Journal.open` ever after."""

    def __init__(self, path: Path, clock: Clock, connection: sqlite3.Connection, lock: int) -> None:
        self._path = path
        self._clock = clock
        self._database = connection
        self._lock = lock
        self._is_open = True
        self._mirror: Mirror | None = None
        self._mirror_failed = False
        self._windows = RunningUses(lambda: self.state)
        self._handed_back = HandedBack(self._load_handed_back_after, lambda: self.head().number)

    @classmethod
    def create(cls, path: Path, clock: Clock, terminal: PartyId) -> Self:
        """Make the journal of a new terminal, with its first entry.

        Only enrolment does this: a terminal that made itself a new journal would have forgotten what it has signed.
        Raises RefusedError ALREADY_EXISTS; UnavailableError JOURNAL_UNWRITABLE.
        """
        lock = lock_journal(path)
        try:
            journal = cls(path, clock, create_database(path), lock)
        except BaseException:
            os.close(lock)
            raise
        # Drawn, so that no second journal ever begins alike: a lease names a journal by the hash of this entry.
        fields = encode_canonical({"drawn": os.urandom(32).hex(), "format": FORMAT, "terminal": terminal})
        with journal._closing_on_error():
            journal._append_entry(EntryKind.CREATED, fields, ())
        return journal

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Self:
        """Open a journal and verify all of it first.

        Raises RefusedError JOURNAL_BROKEN with the first bad entry or row; UnavailableError JOURNAL_UNWRITABLE, also
        when another process holds it.
        """
        lock = lock_journal(path)
        try:
            journal = cls(path, clock, open_database(path), lock)
        except BaseException:
            os.close(lock)
            raise
        with journal._closing_on_error(), database_errors(path):
            check_journal(journal._connection)
        return journal

    def close(self) -> None:
        """Close the file and let others have it."""
        if self._is_open:
            self._is_open = False
            self._database.close()
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def terminal(self) -> PartyId:
        """Whose journal this is."""
        fields = parse_canonical(self.entry(1).fields)
        terminal = fields.get("terminal") if isinstance(fields, dict) else None
        return parse_party_id(str(terminal), "entry 1.terminal")

    @property
    def state(self) -> JournalState:
        """What the journal remembers."""
        return JournalState(self._connection)

    @property
    def windows(self) -> RunningUses:
        """What the windows of a policy hold, kept while entries are appended; counted from what `state` says."""
        return self._windows

    @property
    def handed_back(self) -> HandedBack:
        """Which results have left."""
        return self._handed_back

    def _load_handed_back_after(self, number: int) -> Iterator[Entry]:
        kind = EntryKind.PACKAGE_HANDED_BACK.value
        return read_entries(self._connection, "entries_of_kind_after", kind=kind, number=number)

    def append(self, kind: EntryKind, fields: bytes, marks: Sequence[Mark] = ()) -> Entry:
        """Append one entry and return it once it is on the disk.

        fields: one canonical JSON object, at most 256 KiB, without secrets and without signatures.
        marks: what to remember; checked and saved in the same transaction.
        Raises RefusedError with every refusal of the marks (ALREADY_COMMITTED, INSTRUCTION_ALREADY_PAID, VOIDED,
        NONCE_REUSED, CLEAR_USED, HEAD_ROLLBACK, HEAD_UNEQUAL, PACKAGE_SEQUENCE, DIGEST_MISMATCH, CLOCK_BEHIND);
        UnavailableError JOURNAL_UNWRITABLE. When the mirror fails (TOKEN_UNAVAILABLE), the entry is on the disk and
        nothing may follow from it, as after a power cut; no further step is taken.
        """
        if kind is EntryKind.CREATED:
            raise InvariantError(Refusal(code=Code.INVARIANT, field="kind", expected="another kind", got=kind.value))
        self._check_mirror(kind)
        entry = self._append_entry(kind, fields, tuple(settle_mark(mark) for mark in marks))
        if kind in STEPS:
            self._save_place(JournalHead(entry.number, entry.hash))
        return entry

    def mirror_place(self) -> None:
        """Have the token know of everything up to here. Raises UnavailableError TOKEN_UNAVAILABLE, as `append` does."""
        self._save_place(self.head())

    def _save_place(self, head: JournalHead) -> None:
        if self._mirror:
            self._mirror_failed = True
            self._mirror(head)
            self._mirror_failed = False

    @contextmanager
    def mirrored_by(self, mirror: Mirror) -> Iterator[None]:
        """Tell this of every step, after it is on the disk and before `append` returns."""
        self._mirror = mirror
        try:
            yield
        finally:
            self._mirror = None

    def count_steps_after(self, number: int) -> int:
        """How many mirrored steps stand after an entry."""
        kinds = json.dumps([kind.value for kind in STEPS])
        row = self._connection.execute(query("count_after"), {"number": number, "kinds": kinds}).fetchone()
        return int(row[0])

    def _check_mirror(self, kind: EntryKind) -> None:
        """Raise TOKEN_UNAVAILABLE after a mirror failed: two steps that it does not know look like an older token."""
        if self._mirror_failed and kind in STEPS:
            expected, got = "a token that keeps the journal's place", "one that failed to"
            raise UnavailableError(
                Refusal(code=Code.TOKEN_UNAVAILABLE, field="journal mirror", expected=expected, got=got)
            )

    def check(self, marks: Sequence[Mark]) -> None:
        """Raise what `append` would raise for these marks, and remember nothing: for asking before people confirm."""
        settled = [settle_mark(mark) for mark in marks]
        with self._transaction("ROLLBACK"):
            head, last = self._last_entry()
            save_marks(self._connection, head.number + 1, self._time_after(last), settled)

    def entries(self) -> Iterator[Entry]:
        """Every entry, in order."""
        return read_entries(self._connection, "every_entry")

    def entries_of_kind(self, kind: EntryKind) -> Iterator[Entry]:
        """The entries of one kind, in order."""
        return read_entries(self._connection, "entries_of_kind", kind=kind.value)

    def last_of_kind(self, kind: EntryKind) -> Iterator[Entry]:
        """The entries of one kind, newest first; whoever has seen enough stops."""
        return read_entries(self._connection, "last_of_kind", kind=kind.value)

    def entry(self, number: int) -> Entry:
        """One entry. Raises RefusedError JOURNAL_BROKEN when the journal does not reach that far."""
        for entry in read_entries(self._connection, "entry_by_number", number=number):
            return entry
        raise broken(f"entry {number}", "an entry", "nothing")

    def head(self) -> JournalHead:
        """The last entry's number and hash."""
        return self._last_entry()[0]

    def _last_entry(self) -> tuple[JournalHead, datetime | None]:
        """The last entry's place, and its time."""
        row = self._connection.execute(query("last_entry")).fetchone()
        if row is None:
            return JournalHead(0, NO_ENTRY), None
        return JournalHead(row[0], Digest(row[5])), parse_time(row[1], "last entry.time")

    def check_extends(self, number: int, digest: Digest) -> None:
        """Check that the journal still holds an entry that someone else remembers (the log, a clear-to-sign).

        The chain alone cannot show that its end was cut off, or that the whole of it was written anew.
        Raises RefusedError JOURNAL_BROKEN.
        """
        found = NO_ENTRY if number == 0 else self.entry(number).hash
        if found != digest:
            raise broken(f"entry {number}", digest, found)

    @property
    def _connection(self) -> sqlite3.Connection:
        if not self._is_open:
            raise UnavailableError(
                Refusal(
                    code=Code.JOURNAL_UNWRITABLE, field=str(self._path), expected="an open journal", got="a closed one"
                )
            )
        return self._database

    def _append_entry(self, kind: EntryKind, fields: bytes, marks: tuple[Mark, ...]) -> Entry:
        payload = encode_payload(fields, marks)
        with self._transaction("COMMIT"):
            head, last = self._last_entry()
            entry = build_entry(
                number=head.number + 1,
                time=self._time_after(last),
                kind=kind,
                payload=payload,
                previous=head.hash,
            )
            save_marks(self._connection, entry.number, entry.time, marks)
            self._connection.execute(
                query("insert_entry"),
                {
                    "number": entry.number,
                    "time": encode_time(entry.time),
                    "kind": entry.kind.value,
                    "payload": entry.payload,
                    "previous": entry.previous,
                    "hash": entry.hash,
                },
            )
        for mark in marks:
            if isinstance(mark, LimitUse):
                self._windows.note_change(mark.rule, mark.instruction)
        return entry

    def _time_after(self, last: datetime | None) -> datetime:
        """The clock's time in whole seconds. Raises RefusedError CLOCK_BEHIND.

        A checkpoint is refused when it is later than the entry that holds it, so the last entry bounds both.
        """
        now = self._clock()
        if now.tzinfo is None:
            raise InvariantError(Refusal(code=Code.INVARIANT, field="clock", expected="a time zone", got="none"))
        time = parse_time(encode_time(now), "clock")
        if last is not None and time < last:
            raise refused(Code.CLOCK_BEHIND, "clock", f"{encode_time(last)} or later", encode_time(time))
        return time

    @contextmanager
    def _transaction(self, end: str) -> Iterator[None]:
        """One write transaction. After an error of the file the journal closes: what a failed flush left is unknown."""
        connection = self._connection
        try:
            with database_errors(self._path):
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    connection.execute(end)
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except UnavailableError:
            self.close()
            raise

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise
