"""Dropping, reordering, editing and planting: opening names the first bad entry or row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AssetId, EntryId, PartyId
from strongroom.core.records import HexBytes, Units, parse_time
from strongroom.vault.terminal.journal.chain import INDEX_TABLES
from strongroom.vault.terminal.journal.entry import NO_ENTRY, EntryKind, encode_payload, hash_entry
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import (
    CODE_SLOT_BYTES,
    CheckpointSeen,
    ClearUse,
    CodesSet,
    FreezeLatched,
    FreezeLifted,
    HeadSeen,
    LimitUse,
    Mark,
    PackageIn,
    Paid,
    PricesSeen,
    SignedR,
    WrongPin,
)

from .bound import paying, spending

D1, D2 = sha256(b"one"), sha256(b"two")
R1 = HexBytes(b"\x11" * 32)
NONCE = "nonce:eip155:1:0x00000000000000000000000000000000000000aa:7"


USE = LimitUse(
    rule=EntryId("rule:daily"),
    asset=AssetId("eip155:1/slip44:60"),
    instruction=D1,
    units=Units(40),
    fee=Units(2),
    hkd_cents=None,
)

PAID = Paid(
    asset=USE.asset, client=PartyId("client:a"), destination=EntryId("entry:a"), instruction=D1, units=Units(40)
)

SLOTS = HexBytes(bytes(3 * CODE_SLOT_BYTES))


@pytest.fixture
def closed(path: Path, clock: Any, journal: Journal) -> Path:
    """A closed journal of eight entries with something in every index."""
    marks: list[tuple[Mark, ...]] = [
        (HeadSeen(name="whitelist", version=4, digest=D1), CheckpointSeen(size=10, root=D1, time=clock.now)),
        (PackageIn(sender=PartyId("service:platform"), sequence=7, digest=D1), ClearUse(clear=D1, nonce=R1)),
        (spending(NONCE, D1), paying(D2, D1)),
        (USE, PAID, PricesSeen(as_of=clock.now)),
        (SignedR(r=R1, key=EntryId("key:a"), digest=R1),),
        (FreezeLatched(freeze=D1, scope="vault"), FreezeLifted(freeze=D2, lift=D1)),
        (WrongPin(token="op-1"), CodesSet(person=PartyId("person:a"), salt=HexBytes(bytes(16)), slots=SLOTS)),
    ]
    for number, several in enumerate(marks):
        clock.turn(10)
        journal.append(EntryKind.UPDATED, encode_canonical({"n": number}), several)
    journal.close()
    return path


def edit(path: Path, *statements: str) -> None:
    """What someone with the file and SQLite can do; the triggers go first and come back."""
    connection = sqlite3.connect(path)
    triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()


def refusal_of_opening(path: Path, clock: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        Journal.open(path, clock)
    assert Code.JOURNAL_BROKEN in caught.value.codes
    return caught.value.refusals[0].field


def test_an_untouched_journal_opens(closed: Path, clock: Any) -> None:
    edit(closed)
    with Journal.open(closed, clock) as journal:
        assert 8 == journal.head().number


@pytest.mark.parametrize(
    ("field", "statement"),
    [
        ("entry 3", "UPDATE entry SET payload = CAST(replace(payload, ':1}', ':9}') AS BLOB) WHERE number = 3"),
        ("entry 3", "UPDATE entry SET time = '2027-03-14T02:55:11Z' WHERE number = 3"),
        ("entry 3", "UPDATE entry SET time = '14 March' WHERE number = 3"),
        ("entry 3", "UPDATE entry SET kind = 'refused' WHERE number = 3"),
        ("entry 3", "UPDATE entry SET kind = 'other' WHERE number = 3"),
        ("entry 3", f"UPDATE entry SET hash = '{NO_ENTRY}' WHERE number = 3"),
        ("entry 3", f"UPDATE entry SET previous = '{NO_ENTRY}' WHERE number = 3"),
        ("entry 3", "DELETE FROM entry WHERE number = 3"),
        ("entry 1", "DELETE FROM entry WHERE number = 1"),
        ("entry 1", "DELETE FROM entry"),
        ("entry 8", "UPDATE entry SET number = 9 WHERE number = 8"),
    ],
)
def test_a_changed_entry_is_named(closed: Path, clock: Any, field: str, statement: str) -> None:
    edit(closed, statement)
    assert field == refusal_of_opening(closed, clock)


def test_two_entries_that_changed_places_are_named(closed: Path, clock: Any) -> None:
    edit(
        closed,
        "UPDATE entry SET number = 99 WHERE number = 3",
        "UPDATE entry SET number = 3 WHERE number = 4",
        "UPDATE entry SET number = 4 WHERE number = 99",
    )
    assert "entry 3" == refusal_of_opening(closed, clock)


def test_a_cut_end_is_found_by_the_indexes(closed: Path, clock: Any) -> None:
    edit(closed, "DELETE FROM entry WHERE number = 8")
    assert "table pin_failure" == refusal_of_opening(closed, clock)


def test_an_entry_with_a_good_hash_that_could_not_have_been_appended_is_named(closed: Path, clock: Any) -> None:
    payload = encode_payload(b"{}", (spending(NONCE, D2),))
    plant(closed, "2027-03-14T02:56:10Z", "committed", payload)
    assert "entry 9" == refusal_of_opening(closed, clock)


def test_an_entry_with_a_good_hash_before_the_last_is_named(closed: Path, clock: Any) -> None:
    plant(closed, "2027-03-14T02:55:00Z", "updated", encode_payload(b"{}", ()))
    assert "entry 9" == refusal_of_opening(closed, clock)


def test_a_second_creation_is_named(closed: Path, clock: Any) -> None:
    plant(closed, "2027-03-14T02:56:10Z", "created", encode_payload(b"{}", ()))
    assert "entry 9" == refusal_of_opening(closed, clock)


def test_an_honest_planted_entry_is_what_an_append_would_have_been(closed: Path, clock: Any) -> None:
    # The twin of the three above: the chain cannot tell who wrote the file, the head that others hold can.
    plant(closed, "2027-03-14T02:56:10Z", "updated", encode_payload(b"{}", ()))
    with Journal.open(closed, clock) as journal:
        assert 9 == journal.head().number


def plant(path: Path, time: str, kind: str, payload: bytes) -> None:
    connection = sqlite3.connect(path)
    previous = connection.execute("SELECT hash FROM entry WHERE number = 8").fetchone()[0]
    digest = hash_entry(number=9, time=parse_time(time, "time"), kind=kind, payload=payload, previous=previous)
    connection.execute("INSERT INTO entry VALUES (9, ?, ?, ?, ?, ?)", (time, kind, payload, previous, digest))
    connection.commit()
    connection.close()


@pytest.mark.parametrize("table", INDEX_TABLES)
def test_an_index_row_that_was_deleted_is_found(closed: Path, clock: Any, table: str) -> None:
    edit(closed, f"DELETE FROM {table}")
    assert f"table {table}" == refusal_of_opening(closed, clock)


@pytest.mark.parametrize("table", INDEX_TABLES)
def test_an_index_row_that_was_changed_is_found(closed: Path, clock: Any, table: str) -> None:
    edit(closed, f"UPDATE {table} SET entry = entry + 1")
    assert f"table {table}" == refusal_of_opening(closed, clock)


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("commitment", f"UPDATE commitment SET proposal = '{D2}'"),
        ("commitment", f"INSERT INTO commitment VALUES ('outpoint:x', '{D2}', 4)"),
        ("head", "UPDATE head SET version = 3"),
        ("package", "UPDATE package SET sequence = 1"),
        ("prices", "UPDATE prices SET as_of = '2020-01-01T00:00:00Z'"),
        ("limit_use", "UPDATE limit_use SET units = '0'"),
        ("codes", "UPDATE codes SET slots = upper(slots) || '00'"),
        ("paid", "UPDATE paid SET destination = 'entry:thief'"),
        ("limit_use", "UPDATE limit_use SET fee = '0'"),
        ("limit_use", "UPDATE limit_use SET hkd_cents = '0'"),
        ("pin_failure", "UPDATE pin_failure SET failures = 0"),
        ("freeze_lift", f"INSERT INTO freeze_lift VALUES ('{D1}', '{D1}', 7)"),
    ],
)
def test_what_an_attacker_would_change_is_found(closed: Path, clock: Any, table: str, statement: str) -> None:
    edit(closed, statement)
    assert f"table {table}" == refusal_of_opening(closed, clock)


def test_a_planted_trigger_is_found(closed: Path, clock: Any) -> None:
    connection = sqlite3.connect(closed)
    connection.execute(
        "CREATE TRIGGER forget AFTER INSERT ON commitment BEGIN DELETE FROM commitment WHERE spend = NEW.spend; END"
    )
    connection.close()
    assert "table sqlite_schema" == refusal_of_opening(closed, clock)


def test_a_missing_trigger_is_found(closed: Path, clock: Any) -> None:
    connection = sqlite3.connect(closed)
    connection.execute("DROP TRIGGER entry_is_never_deleted")
    connection.close()
    assert "table sqlite_schema" == refusal_of_opening(closed, clock)


@pytest.mark.parametrize("statement", ["DELETE FROM entry", "UPDATE entry SET kind = 'refused'"])
def test_our_own_code_cannot_change_an_entry(closed: Path, statement: str) -> None:
    connection = sqlite3.connect(closed)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("damage", [lambda raw: raw[:-4096], lambda raw: raw[:5000] + b"\xff" * 12000 + raw[17000:]])
def test_a_damaged_file_is_broken(closed: Path, clock: Any, damage: Callable[[bytes], bytes]) -> None:
    closed.write_bytes(damage(closed.read_bytes()))
    with pytest.raises(RefusedError) as caught:
        Journal.open(closed, clock)
    assert Code.JOURNAL_BROKEN in caught.value.codes
