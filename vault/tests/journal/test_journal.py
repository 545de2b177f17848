"""Appending and reading, and what opening a journal refuses."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError, RefusedError, UnavailableError
from strongroom.core.ids import Digest, PartyId
from strongroom.vault.terminal.journal.entry import NO_ENTRY, EntryKind, encode_payload, hash_entry
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import WrongPin
from strongroom.vault.terminal.journal.store import database_errors, memory_database

from .bound import spending

FIELDS = encode_canonical({"note": "one"})


def test_entries_follow_one_another(journal: Journal, clock: Any) -> None:
    first = journal.append(EntryKind.STARTED, FIELDS)
    clock.turn(5)
    second = journal.append(EntryKind.REFUSED, encode_canonical({"note": "two"}), (WrongPin(token="op-1"),))
    created = journal.entry(1)
    assert [created, first, second] == list(journal.entries())
    assert (NO_ENTRY, created.hash, first.hash) == (created.previous, first.previous, second.previous)
    assert (3, second.hash) == journal.head()
    assert (b'{"note":"two"}', (WrongPin(token="op-1"),)) == (second.fields, second.marks)
    assert [second] == list(journal.entries_of_kind(EntryKind.REFUSED))
    assert "device:terminal-1" == journal.terminal


def test_the_hash_covers_exactly_what_the_format_says(journal: Journal) -> None:
    entry = journal.append(EntryKind.STARTED, FIELDS)
    covered = (
        f'{{"format":"strongroom-journal/1","kind":"started","number":2,"payload":"{sha256(entry.payload)}",'
        f'"previous":"{entry.previous}","time":"2027-03-14T02:55:00Z"}}'
    )
    assert sha256(covered.encode()) == entry.hash
    assert b'{"fields":{"note":"one"},"marks":[]}' == entry.payload


def test_a_journal_opens_again_as_it_was(path: Path, clock: Any, journal: Journal) -> None:
    journal.append(EntryKind.STARTED, FIELDS)
    head = journal.head()
    journal.close()
    with Journal.open(path, clock) as again:
        assert head == again.head()
        assert "device:terminal-1" == again.terminal
        again.check_extends(*head)
        again.check_extends(0, NO_ENTRY)


def test_a_journal_that_was_cut_short_is_found_by_who_remembers_its_head(
    path: Path, clock: Any, journal: Journal
) -> None:
    journal.close()
    shorter = path.read_bytes()
    with Journal.open(path, clock) as longer:
        longer.append(EntryKind.STARTED, FIELDS)
        head = longer.head()
    path.write_bytes(shorter)
    with Journal.open(path, clock) as cut:
        with pytest.raises(RefusedError) as caught:
            cut.check_extends(*head)
        assert Code.JOURNAL_BROKEN in caught.value.codes
        cut.append(EntryKind.REFUSED, FIELDS)
        with pytest.raises(RefusedError) as rewritten:
            cut.check_extends(*head)
    assert Code.JOURNAL_BROKEN in rewritten.value.codes


def test_a_journal_is_created_once(path: Path, clock: Any, journal: Journal) -> None:
    journal.close()
    with pytest.raises(RefusedError) as caught:
        Journal.create(path, clock, PartyId("device:terminal-1"))
    assert Code.ALREADY_EXISTS in caught.value.codes
    with Journal.open(path, clock) as again:
        assert 1 == again.head().number


def test_a_journal_that_is_not_there_is_not_made_silently(path: Path, clock: Any) -> None:
    with pytest.raises(RefusedError) as caught:
        Journal.open(path, clock)
    assert Code.JOURNAL_BROKEN in caught.value.codes
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to have a header" * 40])
def test_another_file_is_no_journal(path: Path, clock: Any, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RefusedError) as caught:
        Journal.open(path, clock)
    assert Code.JOURNAL_BROKEN in caught.value.codes


def test_another_database_is_no_journal(path: Path, clock: Any) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE entry (number INTEGER)")
    other.close()
    with pytest.raises(RefusedError) as caught:
        Journal.open(path, clock)
    assert Code.JOURNAL_BROKEN in caught.value.codes


def test_an_entry_is_never_before_the_last(journal: Journal, clock: Any) -> None:
    journal.append(EntryKind.STARTED, FIELDS)
    head = journal.head()
    clock.turn(-1)
    with pytest.raises(RefusedError) as caught:
        journal.append(EntryKind.STARTED, FIELDS)
    assert Code.CLOCK_BEHIND in caught.value.codes
    assert head == journal.head()
    clock.turn(1)
    assert 3 == journal.append(EntryKind.STARTED, FIELDS).number


def test_a_clock_without_a_zone_is_our_fault(journal: Journal, clock: Any) -> None:
    clock.now = clock.now.replace(tzinfo=None)
    with pytest.raises(InvariantError) as caught:
        journal.append(EntryKind.STARTED, FIELDS)
    assert Code.INVARIANT in caught.value.codes


def test_created_is_only_the_first_entry(journal: Journal) -> None:
    with pytest.raises(InvariantError) as caught:
        journal.append(EntryKind.CREATED, FIELDS)
    assert Code.INVARIANT in caught.value.codes


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (Code.JSON_SYNTAX, b"{"),
        (Code.JSON_NOT_CANONICAL, b'{ "a":1}'),
        (Code.FIELD_INVALID, b"[]"),
        (Code.TOO_LARGE, b'{"a":"' + b"x" * 262144 + b'"}'),
    ],
)
def test_fields_are_one_canonical_object(journal: Journal, code: Code, fields: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        journal.append(EntryKind.STARTED, fields)
    assert code in caught.value.codes
    assert 2 == journal.append(EntryKind.STARTED, b"{}").number


def test_a_mark_that_no_reader_takes_never_gets_in(journal: Journal) -> None:
    bad = spending("nonce:eip155:1:0xab:7", Digest("not a digest"))
    for attempt in (lambda: journal.append(EntryKind.COMMITTED, b"{}", (bad,)), lambda: journal.check((bad,))):
        with pytest.raises(MalformedError) as caught:
            attempt()
        assert Code.FIELD_INVALID in caught.value.codes
    assert 1 == journal.head().number


def test_one_process_holds_a_journal(path: Path, clock: Any, journal: Journal) -> None:
    with pytest.raises(UnavailableError) as caught:
        Journal.open(path, clock)
    assert Code.JOURNAL_UNWRITABLE in caught.value.codes
    journal.append(EntryKind.STARTED, FIELDS)
    journal.close()
    with Journal.open(path, clock) as again:
        assert 2 == again.head().number


def test_a_closed_journal_takes_and_tells_nothing(journal: Journal) -> None:
    journal.close()
    journal.close()
    for attempt in (lambda: journal.append(EntryKind.STARTED, FIELDS), journal.head, lambda: journal.state):
        with pytest.raises(UnavailableError) as caught:
            attempt()
        assert Code.JOURNAL_UNWRITABLE in caught.value.codes


def test_an_entry_beyond_the_end_is_refused(journal: Journal) -> None:
    assert 1 == journal.entry(1).number
    with pytest.raises(RefusedError) as caught:
        journal.entry(2)
    assert Code.JOURNAL_BROKEN in caught.value.codes


def test_files_are_for_their_owner_only(path: Path, journal: Journal) -> None:
    journal.append(EntryKind.STARTED, FIELDS)
    for file in path.parent.iterdir():
        assert 0 == file.stat().st_mode & 0o077, file


def test_a_whole_second_is_the_same_second_in_every_zone() -> None:
    payload = encode_payload(b"{}", ())
    moment = datetime(2027, 3, 14, 2, 55, 0, 999999, tzinfo=UTC)
    whole = datetime(2027, 3, 14, 2, 55, tzinfo=UTC)
    digests = {
        hash_entry(number=1, time=time, kind="started", payload=payload, previous=NO_ENTRY) for time in (moment, whole)
    }
    assert 1 == len(digests)


def test_sql_of_ours_that_does_not_fit_is_our_fault(path: Path) -> None:
    database = memory_database()
    with pytest.raises(InvariantError) as caught, database_errors(path):
        database.execute("SELECT nothing FROM entry")
    assert Code.INVARIANT in caught.value.codes
    with database_errors(path):
        assert [] == database.execute("SELECT number FROM entry").fetchall()
    database.close()
