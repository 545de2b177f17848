"""`poisoning-wbtc-2024`: after a test payment dust came from an address that looked alike; the next payment went there.

Stopped by: (1) the client's own key signs the whole destination, which is a whitelist entry: an address from a history
is none (DEST_NOT_WHITELISTED), and each place compares all of it with the bytes (DEST_NOT_INSTRUCTED): approver's
device and terminal in one reading, station and gate in another; (2) a new entry takes its office's two signatures, and
then a delay that every device counts by its own clock (ENTRY_TOO_YOUNG); one that looks like a listed address pages
when it is published, while the delay runs (LOOKALIKE_ADDRESS).

Software cannot stop: an entry that the client confirms, that two delegates sign, and that nobody takes out within its
delay although it was told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crooked import blind_eth, check_each, crooked_eth, crooked_ltc, rebuilt, with_fields
from firm import ETHER, Firm, change_register
from lookalike import lookalike_eth, lookalike_ltc
from places import NOTHING, PLACES, Places, codes_of
from strongroom.chains.bitcoin.addresses import parse_address as parse_bitcoin
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.psbt import Payment
from strongroom.chains.ethereum.addresses import parse_address, render_address
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import EntryId
from strongroom.core.registers import WhitelistEntry, entry_digest
from world import ETH, World, eth_trip, ltc_trip

CLIENT = "client:harbour"
LISTED: dict[str, WhitelistEntry] = {
    chain: World().registers["whitelist"].find(f"entry:harbour-{chain}", "whitelist") for chain in ("eth", "ltc")
}
TWIN_ETH, TWIN_LTC = lookalike_eth(LISTED["eth"].address), lookalike_ltc(LISTED["ltc"].address)


def test_they_look_the_same() -> None:
    """First six and last six; the whole is another."""
    for address, twin in ((LISTED["eth"].address, TWIN_ETH), (LISTED["ltc"].address, TWIN_LTC)):
        assert (address[:8].lower(), address[-6:].lower()) == (twin[:8].lower(), twin[-6:].lower())
        assert address.lower() != twin.lower()


def test_control_1_an_order_for_it_is_not_taken_in(firm: Firm) -> None:
    """The client's operator copied it from the history, and the client's own key signed."""
    firm.instruct(CLIENT, ETH, ETHER)

    def poison(body: Any) -> Any:
        return replace(body, destination=replace(body.destination, address=TWIN_ETH))

    order = lambda: firm.instruct(CLIENT, ETH, ETHER, poison)  # noqa: E731 -- Asked for its refusal.
    assert {Code.DEST_NOT_WHITELISTED} == codes_of(order)
    assert [("high",)] == firm.query("select severity from watch.alerts where code = 'DEST_NOT_WHITELISTED'")
    assert [(1,)] == firm.query("select count(*) from transfers.instructions")


def test_control_1_holds_at_each_place_without_the_platform(places: Places) -> None:
    """The platform takes the order in all the same, and people are shown the payment that they know."""
    trip = blind_eth(places.world).to(Stage.INSTRUCT)
    (known,) = trip.statements
    poisoned = replace(known.body, destination=replace(known.body.destination, address=TWIN_ETH))
    trip.statements = [places.world.say(poisoned, CLIENT)]
    check_each(places.all(trip), Code.DEST_NOT_WHITELISTED)
    assert [] == places.wire.sent


def test_the_builder_pays_it_for_an_honest_order(places: Places) -> None:
    def edit(outputs: list[Payment]) -> list[Payment]:
        return [replace(outputs[0], script=parse_bitcoin(TWIN_LTC, LITECOIN_REGTEST)), *outputs[1:]]

    evm = crooked_eth(places.world, lambda raw: with_fields(raw, to=parse_address(TWIN_ETH)))
    check_each(places.all(evm), Code.DEST_NOT_INSTRUCTED)
    bitcoin = crooked_ltc(places.world, lambda raw: rebuilt(raw, edit))
    check_each(places.all(bitcoin), Code.DEST_NOT_INSTRUCTED)
    assert [] == places.wire.sent


# --- the whitelist's own office is deceived ---------------------------------------------------------------------------


def entry_for(world: World, address: str, name: str = "entry:harbour-usual") -> WhitelistEntry:
    """What the operator proposes: "the usual address", added now."""
    return replace(LISTED["eth"], address=address, id=EntryId(name), added_at=world.now)


def test_control_2_a_new_entry_is_too_young_everywhere(places: Places) -> None:
    """Control 1 out of the way: two delegates listed it, and the client orders a payment to it at once."""
    world, entry = places.world, entry_for(places.world, TWIN_ETH)
    places.take_entry("whitelist", entry)

    def to_entry(body: Any) -> Any:
        there = replace(body.destination, address=TWIN_ETH, entry=entry.id, entry_digest=entry_digest(entry))
        return replace(body, destination=there)

    check_each(places.all(eth_trip(world, {"instruct": to_entry})), Code.ENTRY_TOO_YOUNG)
    assert [] == places.wire.sent
    # The delay is all there is: whoever has not objected by then has agreed.
    world.tick(86_400)
    later = eth_trip(world, {"instruct": to_entry}, nonce=8, sequence=2)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(later)


def told(firm: Firm) -> list[tuple[str, str, str]]:
    """Severity, subject and words of what was told about look-alikes."""
    found = firm.query(
        "select severity, subject, detail from watch.alerts where code = %s", Code.LOOKALIKE_ADDRESS.value
    )
    return [(str(a), str(b), str(c)) for a, b, c in found]


def test_control_2_pages_while_the_delay_runs(firm: Firm) -> None:
    firm.world.now = firm.clock()
    change_register(firm, "whitelist", (entry_for(firm.world, render_address(b"\x5c" * 20), "entry:new"),))
    assert [] == told(firm)
    change_register(firm, "whitelist", (entry_for(firm.world, TWIN_ETH),))
    ((severity, subject, words),) = told(firm)
    assert ("critical", "whitelist entry:harbour-usual") == (severity, subject)
    assert TWIN_ETH in words
    assert LISTED["eth"].address in words


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_the_clients_own_address_is_paid(places: Places, make: Callable[[World], Any]) -> None:
    """The honest twin."""
    assert dict.fromkeys(PLACES, NOTHING) == places.all(make(places.world))
    assert 1 == len(places.wire.sent)
