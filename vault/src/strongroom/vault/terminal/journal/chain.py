"""Verifying a whole journal: every hash, every number and time, and every index made again and compared.

A change of an entry breaks its hash; a change of an index differs from what the chain gives. What this cannot see is a
journal cut short at its end or rewritten whole: for that the head is quoted to others (`Journal.check_extends`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import zip_longest

from strongroom.core.errors import StrongroomError
from strongroom.core.ids import Digest
from strongroom.core.records import encode_time, parse_time
from strongroom.vault.terminal.journal.entry import NO_ENTRY, Entry, EntryKind, hash_entry
from strongroom.vault.terminal.journal.index import Row, save_marks
from strongroom.vault.terminal.journal.queries import query
from strongroom.vault.terminal.journal.store import broken, memory_database

INDEX_TABLES = (
    "binding",
    "commitment",
    "instruction_use",
    "signed_r",
    "clear_use",
    "head",
    "freeze",
    "freeze_lift",
    "package",
    "checkpoint",
    "prices",
    "limit_use",
    "paid",
    "pin_failure",
    "codes",
)


def check_journal(connection: sqlite3.Connection) -> None:
    """Verify a journal. Raises RefusedError JOURNAL_BROKEN naming the first bad entry, table or row.

    1. SQLite's own structure. 2. The tables and triggers are ours. 3. The chain. 4. The indexes equal the chain's.
    """
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise broken("database", "ok", str(found))
    with closing(memory_database()) as rebuilt:
        _check_same(connection, rebuilt, "sqlite_schema", "SELECT type, name, sql FROM sqlite_schema ORDER BY name")
        _replay_chain(connection, rebuilt)
        for table in INDEX_TABLES:
            _check_same(connection, rebuilt, table, query(f"rows_of_{table}"))


def read_entries(connection: sqlite3.Connection, name: str, /, **values: str | int) -> Iterator[Entry]:
    """The entries that a query of `queries.sql` gives."""
    for row in connection.execute(query(name), values):
        yield _parse_row(row)


def _parse_row(row: tuple[int, str, str, bytes, str, str]) -> Entry:
    number, time, kind, payload, previous, digest = row
    try:
        return Entry(
            number=number,
            time=parse_time(time, f"entry {number}.time"),
            kind=EntryKind(kind),
            payload=payload,
            previous=Digest(previous),
            hash=Digest(digest),
        )
    except (StrongroomError, ValueError) as error:
        raise broken(f"entry {number}", "a time and a kind that are known", f"{time} {kind}") from error


def _replay_chain(connection: sqlite3.Connection, rebuilt: sqlite3.Connection) -> None:
    """Verify every entry and save its marks in `rebuilt`, an empty database."""
    rebuilt.execute("BEGIN")
    previous, number, time = NO_ENTRY, 0, None
    for entry in read_entries(connection, "every_entry"):
        number += 1
        _check_entry(entry, number, previous, time)
        try:
            save_marks(rebuilt, entry.number, entry.time, entry.marks)
        except StrongroomError as error:
            raise broken(f"entry {entry.number}", "marks that could have been appended", str(error.code)) from error
        previous, time = entry.hash, entry.time
    rebuilt.execute("COMMIT")
    if number == 0:
        raise broken("entry 1", "the entry that created the journal", "nothing")


def _check_entry(entry: Entry, number: int, previous: Digest, time: datetime | None) -> None:
    field = f"entry {number}"
    if entry.number != number:
        raise broken(field, f"number {number}", f"number {entry.number}")
    if entry.previous != previous:
        raise broken(field, previous, entry.previous)
    computed = hash_entry(
        number=entry.number, time=entry.time, kind=entry.kind, payload=entry.payload, previous=entry.previous
    )
    if entry.hash != computed:
        raise broken(field, computed, entry.hash)
    if time is not None and entry.time < time:
        raise broken(field, f"not before {encode_time(time)}", encode_time(entry.time))
    if (entry.kind is EntryKind.CREATED) != (number == 1):
        raise broken(field, "created once, first", entry.kind.value)


def _check_same(connection: sqlite3.Connection, rebuilt: sqlite3.Connection, table: str, sql: str) -> None:
    there: Iterator[Row | None] = connection.execute(sql)
    made: Iterator[Row | None] = rebuilt.execute(sql)
    for found, expected in zip_longest(there, made):
        if found != expected:
            raise broken(f"table {table}", _render_row(expected), _render_row(found))


def _render_row(row: Row | None) -> str:
    return "no row" if row is None else " ".join(str(column) for column in row)
