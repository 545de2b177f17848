"""`drift-2026`: genuine approvals were collected early, kept, and used when the quorum was two and the delay none.

Stopped by: (1) an approval names one proposal and lives for a time; station, terminal and gate count it by clocks of
their own (STALE_APPROVAL is STALE_APPROVAL_USED here), and by the quorum of its decision, of today's policy and of the
root, whichever is the strictest (QUORUM_NOT_MET); (2) the client's order itself says by when it is signed and released
(INSTRUCTION_EXPIRED, RELEASE_EXPIRED), and whatever is signed and kept back is sealed to the gate and meets there what
conflicts with it (ALREADY_COMMITTED). A policy that asks for fewer people or a shorter delay pages when it is published
(QUORUM_OR_DELAY_LOWERED).

Software cannot stop: approvers who are persuaded within the hours in which an approval lives. A policy is in force when
its delegates have signed it; nothing but the root's floors and the page stands between that and its use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crooked import check_each
from firm import Firm
from places import NOTHING, PLACES, Codes, Places, open_places
from strongroom.core import assemble
from strongroom.core.assemble import Governance
from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage, TransactionPart
from strongroom.core.policy import Policy
from strongroom.core.records import HexBytes, HexOrNone
from strongroom.online.governance.store import publish
from world import ETH, Edit, Trip, World, bump_trip, eth_trip, ltc_trip

DAY_S = 86_400
MAKERS = pytest.mark.parametrize("make", [eth_trip, ltc_trip], ids=["evm", "bitcoin"])
Make = Callable[..., Trip]


def ask_later_places(places: Places, trip: Trip) -> dict[str, Codes]:
    """Everybody who reads what approvers have signed."""
    return {"station": places.station(trip), "terminal": places.terminal(trip), "gate": places.gate(trip)}


def lasting(world: World, *fields: str) -> Edit:
    """An edit of a body: it lasts for two months, as long as whoever made it liked."""
    return lambda body: replace(body, **dict.fromkeys(fields, world.now + timedelta(days=59)))


def kept(places: Places, make: Make, **edits: Edit) -> Trip:
    """Approved today, and kept for nine days."""
    trip = make(places.world, edits=edits).to(Stage.APPROVE)
    places.world.tick(9 * DAY_S)
    return trip


@MAKERS
def test_control_1_an_approval_that_was_kept_is_none(places: Places, make: Make) -> None:
    """Control 2 out of the way: the client's order is good for two months."""
    trip = kept(places, make, instruct=lasting(places.world, "sign_by", "release_by"))
    check_each(ask_later_places(places, trip), Code.STALE_APPROVAL)
    assert [] == places.wire.sent


@MAKERS
def test_control_2_an_order_that_was_kept_is_over(places: Places, make: Make) -> None:
    """Control 1 out of the way: the approvers' devices are the attacker's, and sign approvals that never lapse."""
    trip = kept(places, make, approve=lasting(places.world, "until"))
    check_each(ask_later_places(places, trip), Code.INSTRUCTION_EXPIRED)
    assert [] == places.wire.sent


@MAKERS
def test_what_was_signed_and_kept_meets_the_gates_clock(places: Places, make: Make) -> None:
    """Fully signed today: nobody can use the sealed result but the gate, and for the gate it is too late."""
    trip = make(places.world).to(Stage.SIGN)
    places.world.tick(9 * DAY_S)
    assert {Code.RELEASE_EXPIRED} == places.gate(trip)
    assert [] == places.wire.sent


@MAKERS
def test_what_was_signed_and_kept_meets_what_replaced_it(places: Places, make: Make) -> None:
    """In time, but the client has been paid by a replacement since: it has the coins or the nonce."""
    first = make(places.world).to(Stage.SIGN)
    assert NOTHING == places.gate(bump_trip(places.world, first))
    assert Code.ALREADY_COMMITTED in places.gate(first)
    assert 1 == len(places.wire.sent)


# --- a smaller quorum, at once ----------------------------------------------------------------------------------------


def of_people(people: int, groups: int) -> Callable[[Policy], Policy]:
    """An edit of the policy: each rule asks for so many."""
    quorum = Quorum(role="approver", people=people, groups=groups)
    return lambda policy: replace(policy, rules=tuple(replace(rule, quorums=(quorum,)) for rule in policy.rules))


def decided_by_three(body: Any) -> Any:
    return replace(body, quorums=(Quorum(role="approver", people=3, groups=2),))


@dataclass(kw_only=True)
class Older(Trip):
    """A docket that the platform assembles on the governance that its proposal quotes, as it does."""

    governance: Governance

    def docket(self) -> Docket:
        part = TransactionPart(
            chain=self.chain, signed=HexOrNone("none"), twin=self.twin, unsigned=HexBytes(self.unsigned)
        )
        return assemble.build_docket(self.world.log, self.governance, self.statements, part)


def test_approvals_are_counted_by_the_quorum_of_their_day(tmp_path: Path) -> None:
    """Two of three approved; then the policy asks for two. The decision was made for three, and it stands."""
    world = World(edits={"policy": of_people(3, 2)})
    with open_places(world, tmp_path) as places:
        now = replace(world.governance, heads=dict(world.heads), registers=dict(world.registers))
        trip = Older(world=world, chain=ETH, payments=(("client:harbour", 10**18),), governance=now)
        trip.edits = {"decide": decided_by_three}
        trip.to(Stage.APPROVE)
        world.change_policy(of_people(2, 2))
        places.take_policy()
        check_each(ask_later_places(places, trip), Code.QUORUM_NOT_MET)
        assert [] == places.wire.sent
        three = ("person:a.wong", "person:m.chan", "person:r.singh")
        honest = eth_trip(world, {"decide": decided_by_three}, approvers=three, nonce=8, sequence=2)
        assert dict.fromkeys(PLACES, NOTHING) == places.all(honest)


def test_no_policy_is_below_the_roots_floors(tmp_path: Path) -> None:
    """The policy's delegates are the attacker's: one person is enough for them, and for nobody else."""
    world = World()
    with open_places(world, tmp_path) as places:
        world.change_policy(of_people(1, 1))
        places.take_policy()
        alone: Edit = lambda body: replace(body, quorums=(Quorum(role="approver", people=1, groups=1),))  # noqa: E731 -- One edit among others.
        trip = eth_trip(world, {"decide": alone}, approvers=("person:m.chan",))
        check_each(ask_later_places(places, trip), Code.QUORUM_NOT_MET)
        assert [] == places.wire.sent


def loosened(firm: Firm, edit: Callable[[Policy], Policy]) -> list[tuple[str, str]]:
    """Severity and words of what is told when a policy is published."""
    firm.world.now = firm.clock()
    firm.world.change_policy(edit)
    publish(firm.platform.connection, firm.world.policy, (), ())
    return [
        (str(severity), str(words))
        for severity, words in firm.query(
            "select severity, detail from watch.alerts where code = %s", Code.QUORUM_OR_DELAY_LOWERED.value
        )
    ]


def test_a_policy_that_asks_for_less_pages(firm: Firm) -> None:
    def no_delay(policy: Policy) -> Policy:
        return replace(policy, parameters=replace(policy.parameters, whitelist_min_age_s=0))

    assert [] == loosened(firm, of_people(3, 2))
    ((severity, words),) = loosened(firm, of_people(2, 2))
    assert "critical" == severity
    assert "rule:eth: 3 people of 2 groups as approver, no more" in words
    assert 2 == len(loosened(firm, no_delay))


@MAKERS
def test_what_is_approved_and_used_in_time_is_released(places: Places, make: Make) -> None:
    """The honest twin: an hour later."""
    trip = make(places.world).to(Stage.APPROVE)
    places.world.tick(3600)
    assert dict.fromkeys(("station", "terminal", "gate"), NOTHING) == ask_later_places(places, trip)
    assert 1 == len(places.wire.sent)
