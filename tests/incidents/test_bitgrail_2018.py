"""`bitgrail-2018`: withdrawals were not idempotent; one request could be sent several times, and was paid each time.

Stopped by: (1) the platform takes each signed order in once, by its own digest and its client's number
(INSTRUCTION_REPLAYED is the row's DUPLICATE_INSTRUCTION; it pages), and the ledger reserves once; (2) with the platform
out of the way, terminal and gate each remember which instruction they have signed and released, and for what: another
transaction for it must spend all that the first one spends, so that both are never mined (INSTRUCTION_ALREADY_PAID). A
retry gets the same answer and sends the same bytes.

Software cannot stop: a client who signs two orders and meant one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from firm import ETHER, Firm, find_proposal
from places import NOTHING, PLACES, Places, codes_of
from strongroom.checker.gate.nodes import Took
from strongroom.core.bodies import Decision, Instruction
from strongroom.core.codes import Code
from strongroom.core.statements import Envelope
from strongroom.online.db.connect import connect
from strongroom.online.db.roles import Role
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from world import ETH, Trip, bump_trip, eth_trip, ltc_trip

CLIENT = "client:harbour"
MAKERS = pytest.mark.parametrize("make", [eth_trip, ltc_trip], ids=["evm", "bitcoin"])
Make = Callable[..., Trip]


def accept_alone(firm: Firm, envelope: Envelope) -> frozenset[Code]:
    """One request in a connection of its own, as another worker takes it in."""
    with connect(firm.database.conninfo(Role.PLATFORM)) as connection:
        return codes_of(lambda: accept(replace(firm.platform, connection=connection), envelope))


def test_control_1_one_order_five_times_at_once_is_one_payment(firm: Firm) -> None:
    envelope = firm.order(CLIENT, ETH, ETHER)
    with ThreadPoolExecutor(max_workers=5) as pool:
        answers = list(pool.map(lambda _: accept_alone(firm, envelope), range(5)))
    assert NOTHING in answers
    assert all(codes <= {Code.INSTRUCTION_REPLAYED} for codes in answers)
    # A retry after a forced timeout: the same order, the same answer.
    again = accept(firm.platform, envelope)
    assert find_proposal(firm, again.id)
    assert NOTHING == accept_alone(firm, envelope)
    for _ in range(3):
        firm.round()
    counts = "select (select count(*) from transfers.instructions), (select count(*) from transfers.dockets)"
    assert [(1, 1)] == firm.query(counts)


def test_control_1_a_new_request_with_the_same_number_pages(firm: Firm) -> None:
    first = firm.instruct(CLIENT, ETH, ETHER)
    same = firm.order(CLIENT, ETH, ETHER, lambda body: replace(body, reference="2027-999", sequence=1))
    assert {Code.INSTRUCTION_REPLAYED} == codes_of(lambda: accept(firm.platform, same))
    assert [("high",)] == firm.query("select severity from watch.alerts where code = 'INSTRUCTION_REPLAYED'")
    assert [(first.id,)] == firm.query("select id from transfers.instructions")
    # A second payment that the client does mean has the next number.
    assert 2 == firm.instruct(CLIENT, ETH, ETHER, lambda body: replace(body, sequence=2)).body.sequence


def paid_again(make: Make, first: Trip) -> Trip:
    """The platform makes a second docket for the same order, of another nonce or other coins."""
    trip = make(first.world, nonce=first.nonce + 1)
    trip.statements = [each for each in first.statements if isinstance(each.body, Instruction | Decision)]
    return trip


@MAKERS
def test_control_2_terminal_and_gate_remember_what_they_paid(places: Places, make: Make) -> None:
    """Control 1 out of the way. The terminal's memory, and then the gate's without the terminal's."""
    first = make(places.world)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(first)
    second = paid_again(make, first)
    assert {Code.INSTRUCTION_ALREADY_PAID} == places.terminal(second)
    assert {Code.INSTRUCTION_ALREADY_PAID} == places.gate(second)
    assert 1 == len(places.wire.sent)


@MAKERS
def test_a_retry_is_the_same_transaction(places: Places, make: Make) -> None:
    """Packed again, and taken again, it is sent again byte for byte."""
    trip = make(places.world)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(trip)
    assert NOTHING == places.gate(trip)
    one, other = places.wire.sent
    assert one == other


@MAKERS
def test_a_crash_between_broadcast_and_commit_pays_once(places: Places, make: Make) -> None:
    """The node took it or did not: nobody knows. What comes after is the same transaction, and no other."""
    places.wire.took = Took.UNREACHED
    trip = make(places.world)
    assert {"gate": {Code.NODE_UNAVAILABLE}} == {k: v for k, v in places.all(trip).items() if v}
    assert {Code.INSTRUCTION_ALREADY_PAID} == places.gate(paid_again(make, trip))
    places.wire.took = Took.TAKEN
    assert NOTHING == places.gate(trip)
    assert places.wire.lost == places.wire.sent


def test_a_replacement_conflicts_with_what_it_replaces(places: Places) -> None:
    """The honest twin of a retry: a higher fee for the same order, with the nonce that the first one has."""
    first = eth_trip(places.world)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(first)
    second = bump_trip(places.world, first)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(second)
    assert first.proposal.body.commits == second.proposal.body.commits
    assert 2 == len(places.wire.sent)


@MAKERS
def test_two_orders_are_two_payments(places: Places, make: Make) -> None:
    """The honest twin: same client, same amount, the next number."""
    for number in range(2):
        trip = make(places.world, nonce=7 + number, sequence=1 + number)
        assert dict.fromkeys(PLACES, NOTHING) == places.all(trip)
    assert 2 == len(places.wire.sent)
