"""`eth-feeburn-2020`: two correct payments to permitted addresses paid 2.6 million dollars each to miners.

Stopped by: (1) approver's device and terminal hold the most that a transaction can burn against what the client signed
and what the policy allows (FEE_CEILING), and the terminal adds up what it has signed itself (LIMIT_FEES is the row's
CUMULATIVE_FEE); (2) station and gate judge each fee in a reading of their own, and the platform adds up what it has
built. Thus for one fee four places refuse, in two readings; for many small ones two memories, of which neither asks the
other: station and gate keep none of fees.

Software cannot stop: fees inside every ceiling, until the window is full.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crooked import Forge, check_each, crooked_eth, crooked_ltc, rebuilt, with_fields
from firm import ETHER, Firm, find_proposal, open_firm
from nodes import start_anvil
from places import NOTHING, PLACES, Places, open_places
from strongroom.core.codes import Code
from strongroom.core.policy import Policy, Window
from strongroom.core.records import Units
from strongroom.online.db.bootstrap import Database
from strongroom.online.governance.store import publish
from world import ETH, Edit, Trip, World, eth_trip

BURN = 10_000 * ETHER // 21_000
"""Wei for each gas, so that 0.55 ETH cost ten thousand."""
GAS = 21_000
NEAR = 5
"""The usual fee times this is just under the ceiling of one payment."""


def burning(tip: int) -> Forge:
    """The client's own payment, at the attacker's price."""
    return lambda raw: with_fields(raw, max_fee=BURN, tip=tip)


def claim(body: Any) -> Any:
    """The builder says so."""
    return replace(body, fee=Units(GAS * BURN))


@pytest.mark.parametrize("tip", [BURN, 10**9], ids=["all of it a tip", "the base fee may take it"])
@pytest.mark.parametrize("claims", [claim, lambda body: body], ids=["claimed", "hidden"])
def test_each_place_alone_refuses_the_price(places: Places, tip: int, claims: Edit) -> None:
    """Controls 1 and 2, each with the other out of the way: amount and destination are the client's."""
    check_each(places.all(crooked_eth(places.world, burning(tip), claims)), Code.FEE_CEILING)
    assert [] == places.wire.sent


def test_each_place_alone_refuses_a_fee_of_all_the_change(places: Places) -> None:
    """The Bitcoin family's twin: 35 coins of 40 are left to the miner, and the builder says so."""

    def claim_all(body: Any) -> Any:
        return replace(body, change=(), fee=Units(35 * 10**8))

    trip = crooked_ltc(places.world, lambda raw: rebuilt(raw, lambda outputs: outputs[:-1]), claim_all)
    check_each(places.all(trip), Code.FEE_CEILING)
    assert [] == places.wire.sent


def test_a_client_who_allows_anything_meets_the_policy(places: Places) -> None:
    """The client's key is the attacker's as well: its ceiling is as high as it likes."""
    allow: Edit = lambda body: replace(body, fee_ceiling=Units(GAS * BURN))  # noqa: E731 -- One edit among others.
    trip = crooked_eth(places.world, burning(BURN), claim, edits={"instruct": allow})
    check_each(places.all(trip), Code.FEE_CEILING)
    assert [] == places.wire.sent


# --- many small ones --------------------------------------------------------------------------------------------------


def fees_of(most: int) -> Edit:
    """A policy whose window has room for so much in fees, and for everything else."""
    window = Window(max_amount=Units(10**30), max_count=9_999, max_fee=Units(most), max_hkd_cents=None, seconds=86400)

    def edit(policy: Policy) -> Policy:
        return replace(policy, rules=tuple(replace(rule, windows=(window,)) for rule in policy.rules))

    return edit


@contextmanager
def places_with_room_for(payments: int, folder: Path) -> Iterator[Places]:
    world = World(edits={"policy": fees_of(payments * 10**16)})
    with open_places(world, folder) as made:
        yield made


def dear(places: Places, number: int) -> Trip:
    """A payment whose fee is just inside the ceiling of one."""
    return eth_trip(places.world, nonce=7 + number, sequence=1 + number, rate=NEAR)


def test_the_terminal_adds_up_what_it_signed(tmp_path: Path) -> None:
    """Run 3 with the platform out of the way: each payment passes alone, and the window is full after three."""
    with places_with_room_for(3, tmp_path) as places:
        for number in range(3):
            assert dict.fromkeys(PLACES, NOTHING) == places.all(dear(places, number))
        assert {Code.LIMIT_FEES} == places.terminal(dear(places, 3))
        # What does not fit today fits when the window has moved on.
        places.world.tick(86_400)
        assert NOTHING == places.terminal(dear(places, 4))


def test_the_platform_adds_up_what_it_built(tmp_path: Path, database: Database) -> None:
    """Run 3 with the terminal out of the way: what would be too much is never built, and pages."""
    with start_anvil() as eth, open_firm(tmp_path, database, eth=eth, edits={"policy": fees_of(10**18)}) as firm:
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        fee = fee_of(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        firm.world.now = firm.clock()
        firm.world.change_policy(fees_of(2 * fee - 1))
        publish(firm.platform.connection, firm.world.policy, (), ())
        second = firm.instruct("client:harbour", ETH, ETHER)
        firm.work()
        ((proposal, why),) = firm.query("select proposal, why from transfers.instructions where id = %s", second.id)
        assert proposal is None
        assert str(why).startswith(Code.LIMIT_FEES.value)
        assert [("high",)] == firm.query("select severity from watch.alerts where code = 'LIMIT_FEES'")
        firm.world.change_policy(fees_of(2 * fee))
        publish(firm.platform.connection, firm.world.policy, (), ())
        assert find_proposal(firm, second.id)


def fee_of(firm: Firm, instruction: Any) -> int:
    """The most that the docket of an instruction can burn."""
    ((fee,),) = firm.query("select fee from transfers.dockets where proposal = %s", find_proposal(firm, instruction))
    return int(fee)


def test_a_payment_at_the_usual_price_is_released(places: Places) -> None:
    """The honest twin: 0.55 ETH."""
    trip = Trip(world=places.world, chain=ETH, payments=(("client:harbour", 55 * 10**16),))
    assert dict.fromkeys(PLACES, NOTHING) == places.all(trip)
    assert 1 == len(places.wire.sent)
