"""What a terminal paid before: told to whoever signs next, out of its own journal alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.core.canonical import sha256
from strongroom.core.ids import AssetId, Digest, EntryId, PartyId
from strongroom.core.records import Units
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import Paid
from strongroom.vault.terminal.journal.state import History

ONE = Paid(
    asset=AssetId("eip155:1/slip44:60"),
    client=PartyId("client:a"),
    destination=EntryId("entry:a"),
    instruction=sha256(b"1"),
    units=Units(9 * 10**18),
)


def other(name: str, **changes: Any) -> Paid:
    return replace(ONE, instruction=sha256(name.encode()), **changes)


def told(journal: Journal, asked: Paid) -> History:
    return journal.state.load_histories([asked])[asked.instruction]


def pay(journal: Journal, clock: Any, *paid: Paid) -> None:
    clock.turn(60)
    journal.append(EntryKind.COMMITTED, b"{}", paid)


def test_nothing_was_paid_yet(journal: Journal) -> None:
    assert History(times=0, last_paid=None, largest=None, latest=None) == told(journal, ONE)


def test_the_last_and_the_largest_beyond_64_bits(journal: Journal, clock: Any) -> None:
    pay(journal, clock, other("2", units=Units(10 * 10**18)))
    pay(journal, clock, other("3", units=Units(2**90)))
    pay(journal, clock, other("4", units=Units(7)))
    found = told(journal, ONE)
    assert (3, 2**90, 7) == (found.times, found.largest, found.latest)
    assert found.last_paid == clock.now


def test_only_the_same_destination_the_same_client_and_the_same_asset_count(journal: Journal, clock: Any) -> None:
    pay(journal, clock, other("2", destination=EntryId("entry:b")))
    assert History(times=0, last_paid=None, largest=ONE.units, latest=ONE.units) == told(journal, ONE)
    for name, strange in (("3", {"client": PartyId("client:b")}), ("4", {"asset": AssetId("eip155:1/erc20:0xaa")})):
        pay(journal, clock, other(name, destination=EntryId("entry:c"), units=Units(10**20), **strange))
    assert ONE.units == told(journal, ONE).largest


def test_a_payment_is_not_its_own_history_and_another_attempt_is_no_other_payment(journal: Journal, clock: Any) -> None:
    pay(journal, clock, ONE)
    pay(journal, clock, replace(ONE, units=Units(1)))
    assert 0 == told(journal, ONE).times
    assert (1, ONE.units) == (told(journal, other("2")).times, told(journal, other("2")).largest)


def test_several_payments_are_asked_about_at_once(journal: Journal, clock: Any) -> None:
    pay(journal, clock, ONE)
    both = [other("2"), other("3", destination=EntryId("entry:b"))]
    assert [1, 0] == [journal.state.load_histories(both)[Digest(each.instruction)].times for each in both]
