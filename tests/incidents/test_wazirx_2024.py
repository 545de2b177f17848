"""`wazirx-2024`: signers and a co-signing vendor judged the description of a transfer; signed was a wallet's upgrade.

Stopped by: (1) approver's device and terminal take nothing from a description: destination, amount and call are read
from the bytes (TX_CONTRACT_CALL, and DISPLAY_MISMATCH for a screen that showed something else; both are the row's
INTENT_MISMATCH); (2) station and gate, the co-signers here, do the same in a reading of their own. Signatures that were
harvested while sessions "failed" are of no use: each names one proposal and one digest (DIGEST_MISMATCH,
PREV_MISMATCH). A terminal that says it failed has bound its nonce, and signs nothing else with it (ALREADY_COMMITTED);
what it did sign is sealed to the gate, and pages when it has not left in its time (RELEASE_EXPIRED is the row's
SIGNED_BUT_NEVER_BROADCAST).

Software cannot stop: nobody counts sessions that fail. A person who is asked to sign the same thing again and again
has to find that strange.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from crooked import STRANGER, Crooked, Forge, call, calling, check_each, crooked_eth, with_fields
from firm import ETHER, Firm, drive, find_proposal
from office import open_office
from places import NOTHING, PLACES, Codes, Places
from strongroom.core.bodies import Approval
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from world import ETH, Trip, eth_trip, usd_trip

SAFE = bytes.fromhex("5a" * 20)
TERMINAL = "device:terminal-1"
UPGRADE = calling(SAFE, call("changeMasterCopy(address)", STRANGER))


def ask_later_places(places: Places, trip: Trip) -> dict[str, Codes]:
    """Everybody who reads what approvers have signed."""
    return {"station": places.station(trip), "terminal": places.terminal(trip), "gate": places.gate(trip)}


def test_a_description_convinces_no_cosigner(places: Places) -> None:
    """Three approvers' devices lie; the description is a whitelisted transfer, the digest is of the upgrade."""
    three = ("person:a.wong", "person:m.chan", "person:r.singh")
    trip = crooked_eth(places.world, UPGRADE, approvers=three)
    check_each(places.all(trip), Code.TX_CONTRACT_CALL)
    assert 3 == len(trip.of(Approval))
    assert [] == places.wire.sent


def test_a_screen_that_showed_something_else_is_found_by_its_digest(places: Places) -> None:
    """The bytes are an honest payment, by another fee than shown: nothing is wrong with them but what people saw."""
    trip = Crooked(
        world=places.world,
        chain=eth_trip(places.world).chain,
        payments=eth_trip(places.world).payments,
        forge=lambda raw: with_fields(raw, max_fee=91 * 10**9),
        claims=lambda body: replace(body, fee=21_000 * 91 * 10**9),
    )
    found = ask_later_places(places, trip)
    check_each(found, Code.DISPLAY_MISMATCH, Code.VOID_MISMATCH)
    assert all(Code.DISPLAY_MISMATCH in codes for codes in found.values()), found


def harvest(places: Places) -> list[Trip]:
    """Three honest transfers are approved, and each session shows an error."""
    return [eth_trip(places.world, nonce=7 + n, sequence=1 + n).to(Stage.APPROVE) for n in range(3)]


@pytest.mark.parametrize("forge", [UPGRADE, lambda raw: raw], ids=["an upgrade", "an honest transfer"])
def test_harvested_signatures_are_of_no_use_for_a_fourth(places: Places, forge: Forge) -> None:
    harvested = [statement for trip in harvest(places) for statement in trip.of(Approval)][:2]
    trip = crooked_eth(places.world, forge, nonce=10, sequence=4).to(Stage.PROPOSE)
    assert trip.facts()
    trip.statements = [*trip.statements, *harvested]
    codes = (Code.DIGEST_MISMATCH, Code.PREV_MISMATCH, Code.DOCKET_ORDER, Code.TX_CONTRACT_CALL)
    check_each(ask_later_places(places, trip), *codes)
    assert [] == places.wire.sent


def test_nor_when_they_were_harvested_after_it_was_proposed(places: Places) -> None:
    """In the right order in the log: what they are signatures of is all that is left to refuse them."""
    trip = crooked_eth(places.world, lambda raw: raw, nonce=10, sequence=4).to(Stage.PROPOSE)
    assert trip.facts()
    trip.statements = [*trip.statements, *harvest(places)[0].of(Approval)]
    check_each(ask_later_places(places, trip), Code.DIGEST_MISMATCH, Code.PREV_MISMATCH)


def test_a_session_that_failed_has_bound_its_nonce(places: Places) -> None:
    """The terminal signed, the error is a lie: its journal and the gate's let nothing else have that nonce."""
    first, second = eth_trip(places.world), eth_trip(places.world, sequence=2)
    assert NOTHING == places.terminal(first)
    assert {Code.ALREADY_COMMITTED} == places.terminal(second)
    # The journal out of the way: what the second session signed meets what the first has released.
    assert NOTHING == places.gate(first)
    assert Code.ALREADY_COMMITTED in places.gate(second)
    assert 1 == len(places.wire.sent)


def test_what_is_signed_and_never_broadcast_pages(firm: Firm) -> None:
    """The terminal signed, and its result is kept back until the time is over."""
    office = open_office(firm, {ETH: (TERMINAL,)})
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    drive(firm, proposal, office.serve, "VERIFIED")
    while not office.terminals[TERMINAL].signed:
        firm.round()
        office.serve()
    for path in office.inbox(TERMINAL).glob("*-terminal-result.package.json"):
        path.unlink()
    firm.clock.forward(hours=13)
    firm.round()
    told = firm.query("select code, severity from watch.alerts where subject = %s", f"docket {proposal}")
    assert [(Code.RELEASE_EXPIRED.value, "high")] == told


def test_three_transfers_that_do_not_fail_are_paid(places: Places) -> None:
    """The honest twin: tokens of a whitelisted client, approved, signed and released one after the other."""
    for trip in (usd_trip(places.world, nonce=7 + n, sequence=1 + n) for n in range(3)):
        assert dict.fromkeys(PLACES, NOTHING) == places.all(trip)
    assert 3 == len(places.wire.sent)
