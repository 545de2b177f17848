"""`dmm-ginco-2024`: a vendor between custody client and builder rewrote a real withdrawal order on its way.

Stopped by: (1) the client's own key signs destination, amount and number, and the platform takes in nothing else
(SIGNATURE_INVALID is INSTRUCTION_SIGNATURE_INVALID; it pages); (2) with the platform and its builder in the attacker's
hands, each place verifies the client's signature again and compares it with the bytes to be signed
(DEST_NOT_INSTRUCTED): approver's device and terminal in one reading, station and gate in the other. A look-alike is no
help to the thief, since whole addresses are compared.

Software cannot stop: a thief who has the client's own key, until the whitelist's delay and the limits bound it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from crooked import blind_eth, check_each, crooked_ltc, rebuilt
from firm import ETHER, Firm
from lookalike import lookalike_eth, lookalike_ltc
from places import NOTHING, PLACES, Places, codes_of
from strongroom.chains.bitcoin.addresses import parse_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.psbt import Payment
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.records import Base64Bytes, Units
from strongroom.core.statements import Envelope
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from world import ETH, Trip, World, eth_trip, ltc_trip

CLIENT, VENDOR = "client:harbour", "client:vendor"


def altered(envelope: Envelope, other: Envelope) -> Envelope:
    """The vendor's order under the client's signature: number, time and requester are the real ones."""
    return replace(envelope, payload=Base64Bytes(bytes(other.payload)))


def rewrite(body: Any) -> Any:
    """The destination becomes one that looks the same, and the amount grows."""
    there = replace(body.destination, address=lookalike_eth(body.destination.address))
    return replace(body, amount=Units(3 * body.amount), destination=there)


def test_control_1_what_was_altered_on_its_way_is_not_taken_in(firm: Firm) -> None:
    honest = firm.order(CLIENT, ETH, ETHER)
    body = accept(firm.platform, honest).body
    following = replace(body, sequence=2)
    real = firm.world.sign(following, CLIENT, (CLIENT,))
    evil = altered(real, firm.world.sign(rewrite(following), CLIENT, (CLIENT,)))
    assert {Code.SIGNATURE_INVALID} == codes_of(lambda: accept(firm.platform, evil))
    ((severity, subject),) = firm.query("select severity, subject from watch.alerts where code = 'SIGNATURE_INVALID'")
    assert ("high", f"instruction in the name of {CLIENT}") == (severity, subject)
    assert [(1,)] == firm.query("select count(*) from transfers.instructions")
    # It used up nothing: the real order still has its number.
    assert 2 == accept(firm.platform, real).body.sequence


@pytest.mark.parametrize("name", [CLIENT, "client:nobody"])
def test_an_order_signed_with_another_key_pages_once_a_client(firm: Firm, name: str) -> None:
    body = accept(firm.platform, firm.order(CLIENT, ETH, ETHER)).body
    for sequence in (2, 3):
        evil = firm.world.sign(replace(rewrite(body), client=name, sequence=sequence), name, (VENDOR,))
        assert codes_of(partial(accept, firm.platform, evil))
    assert [(1,)] == firm.query("select count(*) from watch.alerts")
    assert [(1,)] == firm.query("select count(*) from transfers.instructions")


def lookalike_output(raw: bytes) -> bytes:
    """The builder pays a look-alike three times as much, out of the change."""

    def edit(outputs: list[Payment]) -> list[Payment]:
        paid, change = outputs
        more = 3 * paid.value_sat
        script = parse_address(lookalike_ltc(HARBOUR), LITECOIN_REGTEST)
        return [
            replace(paid, script=script, value_sat=more),
            replace(change, value_sat=change.value_sat - more + paid.value_sat),
        ]

    return rebuilt(raw, edit)


HARBOUR = World().registers["whitelist"].find("entry:harbour-ltc", "whitelist").address


def test_control_2_every_place_reads_the_order_beside_the_bytes(places: Places) -> None:
    """Control 1 out of the way: the order came in true, and was rewritten where the PSBT is built."""
    twin = lookalike_ltc(HARBOUR)
    assert (HARBOUR[:14], HARBOUR[-6:]) == (twin[:14], twin[-6:])
    assert HARBOUR != twin
    check_each(places.all(crooked_ltc(places.world, lookalike_output)), Code.DEST_NOT_INSTRUCTED)
    assert [] == places.wire.sent


@pytest.mark.parametrize("signer", [CLIENT, VENDOR])
def test_control_2_every_place_verifies_the_clients_signature_again(places: Places, signer: str) -> None:
    """Platform, log and builder are the attacker's: the order itself is rewritten, and everything after follows it."""
    world = places.world
    trip = blind_eth(world).to(Stage.INSTRUCT)
    (real,) = trip.statements
    evil = world.sign(rewrite(real.body), CLIENT, (signer,))
    trip.statements = [world.record(altered(real.envelope, evil) if signer == CLIENT else evil)]
    check_each(places.all(trip), Code.SIGNATURE_INVALID, Code.SIGNER_UNKNOWN, Code.SIGNATURES_MISSING)
    assert [] == places.wire.sent


@pytest.mark.parametrize("make", [ltc_trip, eth_trip])
def test_the_honest_order_is_paid(places: Places, make: Any) -> None:
    trip: Trip = make(places.world)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(trip)
    assert 1 == len(places.wire.sent)
