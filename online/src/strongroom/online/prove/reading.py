"""Folds the log, entry by entry, into what the ledger must hold. Each entry is read, verified and judged once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from strongroom.core.assignments import Assigned
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, refused
from strongroom.core.ids import Digest
from strongroom.core.merkle import Tree, leaf_hash
from strongroom.core.statements import Statement, parse_envelope_bytes, parse_statement
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.memory import LogMemory
from strongroom.online.evidence.said import Said
from strongroom.online.governance.store import Rules
from strongroom.online.prove import store
from strongroom.online.prove.expected import Expected
from strongroom.online.prove.history import NOTHING, EntryAt, Signers, Witnessed, digest_entries, digest_entry
from strongroom.online.prove.justify import Facts, justify
from strongroom.online.prove.store import LogEntry

PAGE = 5_000
"""Entries that are read at a time, so that a long log does not fill the memory."""
RUN = 1_024
"""Entries that are compared again by one digest."""


class LogFold:
    """The log so far: its tree, its signers, what it said, and what the ledger must therefore hold.

    refused: why statements justify nothing. broken: what is wrong with the log itself; it stays wrong. said: what
    decides beside the ledger. unreadable: entries that are no statement, until somebody is told of them.
    """

    def __init__(self) -> None:
        self.tree = Tree()
        self.expected = Expected()
        self.refused: dict[Digest, str] = {}
        self.broken: list[Refusal] = []
        self.said = Said()
        self.unreadable: list[Refusal] = []
        self.signers = Signers()
        self._witnessed = Witnessed()
        self._facts = Facts(entries=NOTHING)
        self._digests: list[bytes] = []
        self._held: tuple[EntryAt, ...] = ()

    def refresh(self, connection: Connection, rules: Rules, now: datetime) -> tuple[Refusal, ...]:
        """Take in what is new, in the caller's snapshot; returns what is wrong with the log now.

        An entry that is not witnessed yet is judged at this moment, and compared with what the witness signs later.
        """
        wrong: tuple[Refusal, ...] = ()
        waiting: list[LogEntry] = []
        self._held = ()
        while page := store.load_entries(connection, self.tree.size, PAGE):
            for entry in page:
                self._append(entry)
            waiting += page
            wrong = self._take_checkpoints(connection, rules)
            waiting = self._judge(connection, waiting, rules, now, self._witnessed.size)
        wrong = wrong or self._take_checkpoints(connection, rules)
        self._judge(connection, waiting, rules, now, self.tree.size)
        return (*self.broken, *wrong)

    def _append(self, entry: LogEntry) -> None:
        if entry.idx != self.tree.size:
            raise refused(Code.LOG_NOT_CONSISTENT, "evidence.entries", f"entry {self.tree.size}", f"entry {entry.idx}")
        self.tree.append(leaf_hash(entry.leaf))
        self._digests.append(digest_entry(entry.statement, entry.kind, entry.leaf))

    def _take_checkpoints(self, connection: Connection, rules: Rules) -> tuple[Refusal, ...]:
        try:
            for size, note in store.load_checkpoints(connection, self._witnessed.size):
                if size > self.tree.size and store.load_entries(connection, self.tree.size, 1):
                    # Its entries are on the next page.
                    break
                self._witnessed.take(note, rules, self.tree)
        except (MalformedError, RefusedError) as error:
            return error.refusals
        return ()

    def _judge(
        self, connection: Connection, entries: Sequence[LogEntry], rules: Rules, now: datetime, size: int
    ) -> list[LogEntry]:
        """Judge the entries below a size; returns the others, which wait for their checkpoint's time."""
        for entry in entries:
            if entry.idx < size:
                self._judge_one(connection, entry, rules, self._witnessed.time_of(entry.idx, now))
        return [e for e in entries if e.idx >= size]

    def _judge_one(self, connection: Connection, entry: LogEntry, rules: Rules, moment: datetime) -> None:
        """One entry: its columns are the leaf's, the right people signed, and it contradicts nothing before it."""
        statement = self._read(entry)
        if statement is None:
            return
        self.said.take(entry.idx, statement)
        try:
            if entry.kind == "register" and not self._held:
                self._held = store.load_register_entries(connection)
            self.signers.take_governance(statement, rules, self._held)
            self.signers.check(statement, entry.idx, moment, rules)
            self._facts.entries = self.signers.entries
            self.expected.take(justify(statement, self._facts), moment)
            self._facts.learn(statement)
        except (MalformedError, RefusedError) as error:
            self.refused[statement.id] = str(error)

    def _read(self, entry: LogEntry) -> Statement[Any] | None:
        """The entry's statement; None for what says nothing.

        Whoever may append can append what is no statement: it is told, and stops nobody. Columns that are not the
        leaf's are another matter, since only who owns the database can write them.
        """
        try:
            statement = parse_statement(parse_envelope_bytes(entry.leaf))
        except (MalformedError, RefusedError) as error:
            field, expected = f"log entry {entry.idx}", "a statement"
            self.unreadable.append(Refusal(code=Code.LOGGED_UNSIGNED, field=field, expected=expected, got=str(error)))
            return None
        if (entry.statement, entry.kind) != (statement.id, statement.type.value):
            wanted, got = f"{statement.type.value} {statement.id}", f"{entry.kind} {entry.statement}"
            field = f"log entry {entry.idx}"
            self.broken.append(Refusal(code=Code.LOG_NOT_CONSISTENT, field=field, expected=wanted, got=got))
            return None
        return statement

    @property
    def assigned(self) -> Assigned:
        """Whose every address is, by the log so far."""
        return self._facts.assigned

    def find_rewritten(self, connection: Connection) -> tuple[Refusal, ...]:
        """Read the whole log again, in the caller's snapshot: the first entry of each run that is another by now."""
        found = store.load_log_digests(connection, RUN)
        rewritten: list[Refusal] = []
        for first in range(0, len(self._digests), RUN):
            known = self._digests[first : first + RUN]
            if found.get(first // RUN) != (len(known), digest_entries(known)):
                rewritten.append(self._name_first(connection, first, known))
        return tuple(rewritten)

    def _name_first(self, connection: Connection, first: int, known: Sequence[bytes]) -> Refusal:
        there = {e.idx: e for e in store.load_run(connection, first, first + RUN)}
        for idx, digest in enumerate(known, first):
            entry = there.get(idx)
            if entry is None or digest_entry(entry.statement, entry.kind, entry.leaf) != digest:
                got = f"{entry.kind} {entry.statement}" if entry else "no such entry"
                break
        else:
            idx, got = first + len(known), "more entries than the log has"
        expected = "the entry that was read before, unchanged"
        return Refusal(code=Code.LOG_NOT_CONSISTENT, field=f"log entry {idx}", expected=expected, got=got)

    def check_memory(self, memory: LogMemory | None) -> tuple[Refusal, ...]:
        """What an earlier life of this program saw of the log must be the beginning of this one."""
        if memory is None or (memory.size <= self.tree.size and self._root(memory.size) == memory.root):
            return ()
        got = f"{self.tree.size} entries" if memory.size > self.tree.size else self._root(memory.size)
        expected = f"{memory.size} entries with root {memory.root}, as seen before"
        return (Refusal(code=Code.LOG_NOT_CONSISTENT, field="evidence.entries", expected=expected, got=got),)

    def remember(self, rules: Rules) -> LogMemory:
        """What a later life must find again."""
        return LogMemory(origin=rules.root.log.origin, root=self._root(self.tree.size), size=self.tree.size)

    def _root(self, size: int) -> Digest:
        return Digest("sha256:" + self.tree.root(size).hex())
