"""Order, `prev` and heads along a docket: truncation, splicing, replaced statements; each beside one that passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strongroom.core.bodies import Instruction, Release, Settlement
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import STAGE_OF, Docket, Stage, build_prev
from strongroom.core.ids import Digest
from strongroom.core.statements import Environment, parse_statement
from world import Edit, Trip, World, eth_trip, ltc_trip

from .refusals import Case, by_sentence, change, prove, refuse, with_head, without

NOBODY = sha256(b"nothing of ours")


def swapped(docket: Docket, one: int, two: int) -> Docket:
    """The docket with two statements in each other's place."""
    order = list(docket.statements)
    order[one], order[two] = order[two], order[one]
    return replace(docket, statements=tuple(order))


CASES = (
    Case(
        says="the stages are in another order",
        code=Code.DOCKET_ORDER,
        stage=Stage.VERIFY,
        docket=lambda d: swapped(d, 0, 1),
    ),
    Case(
        says="two approvals are in another order",
        code=Code.DOCKET_ORDER,
        stage=Stage.APPROVE,
        docket=lambda d: swapped(d, 3, 4),
    ),
    Case(
        says="one statement stands twice",
        code=Code.DOCKET_ORDER,
        stage=Stage.PROPOSE,
        docket=lambda d: replace(d, statements=(*d.statements, d.statements[-1])),
    ),
    Case(
        says="the decision is taken out", code=Code.STAGE_MISSING, stage=Stage.PROPOSE, docket=lambda d: without(d, 1)
    ),
    Case(says="the order is taken out", code=Code.STAGE_MISSING, stage=Stage.PROPOSE, docket=lambda d: without(d, 0)),
    Case(
        says="the approvals are taken out",
        code=Code.STAGE_MISSING,
        stage=Stage.VERIFY,
        docket=lambda d: without(d, 3, 4),
    ),
    Case(
        says="the verification is taken out", code=Code.STAGE_MISSING, stage=Stage.CLEAR, docket=lambda d: without(d, 5)
    ),
    Case(says="nothing is proposed", code=Code.STAGE_MISSING, stage=Stage.PROPOSE, docket=lambda d: without(d, 2)),
    Case(says="one approval is taken out", code=Code.PREV_MISMATCH, stage=Stage.VERIFY, docket=lambda d: without(d, 3)),
    Case(
        says="the proposal stands on something else",
        code=Code.PREV_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": change(prev=NOBODY)},
    ),
    Case(
        says="the approvals stand on something else",
        code=Code.PREV_MISMATCH,
        stage=Stage.APPROVE,
        edits={"approve": change(prev=NOBODY)},
    ),
    Case(
        says="the verification stands on something else",
        code=Code.PREV_MISMATCH,
        stage=Stage.VERIFY,
        edits={"verify": change(prev=NOBODY)},
    ),
    Case(
        says="the record stands on something else",
        code=Code.PREV_MISMATCH,
        stage=Stage.SIGN,
        edits={"sign": change(prev=NOBODY)},
    ),
    Case(
        says="the release stands on something else",
        code=Code.PREV_MISMATCH,
        stage=Stage.RELEASE,
        edits={"release": change(prev=NOBODY)},
    ),
    Case(
        says="the broadcast stands on something else",
        code=Code.PREV_MISMATCH,
        stage=Stage.BROADCAST,
        edits={"broadcast": change(prev=NOBODY)},
    ),
    Case(
        says="the settlement stands on something else",
        code=Code.PREV_MISMATCH,
        stage=Stage.SETTLE,
        edits={"settle": change(prev=NOBODY)},
    ),
    Case(
        says="the proposal rests on a newer policy",
        code=Code.HEAD_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": with_head("policy", version=2)},
    ),
    Case(
        says="the proposal rests on another whitelist",
        code=Code.HEAD_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": with_head("whitelist", digest=NOBODY)},
    ),
    Case(
        says="the proposal rests on an unknown roster",
        code=Code.HEAD_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": with_head("roster", version=2)},
    ),
    Case(
        says="the proposal rests on another roster",
        code=Code.HEAD_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": with_head("roster", digest=NOBODY)},
    ),
    Case(
        says="the proposal rests on another root",
        code=Code.HEAD_MISMATCH,
        stage=Stage.PROPOSE,
        edits={"propose": with_head("root", digest=NOBODY)},
    ),
    Case(
        says="an approver's device had an older whitelist",
        code=Code.HEAD_ROLLBACK,
        stage=Stage.APPROVE,
        edits={"approve": with_head("whitelist", version=0)},
    ),
    Case(
        says="an approver's device had another whitelist",
        code=Code.HEAD_UNEQUAL,
        stage=Stage.APPROVE,
        edits={"approve": with_head("whitelist", digest=NOBODY)},
    ),
    Case(
        says="the station had an older policy",
        code=Code.HEAD_ROLLBACK,
        stage=Stage.VERIFY,
        edits={"verify": with_head("policy", version=0)},
    ),
    Case(
        says="the clear speaks of other keys",
        code=Code.HEAD_UNEQUAL,
        stage=Stage.CLEAR,
        edits={"clear": with_head("keys", digest=NOBODY)},
    ),
    Case(
        says="the gate had older clients",
        code=Code.HEAD_ROLLBACK,
        stage=Stage.RELEASE,
        edits={"release": with_head("clients", version=0)},
    ),
)


@by_sentence(CASES)
def test_a_journey_is_refused(case: Case) -> None:
    trip = case.trip()
    refuse(case.code, lambda: prove(trip, case.docket(trip.docket())))


STAGES = [stage for stage in Stage if stage >= Stage.PROPOSE]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_an_honest_journey_passes(make: Callable[..., Trip], stage: Stage) -> None:
    assert stage is prove(make(World()).to(stage)).journey.furthest


@pytest.mark.parametrize("stage", STAGES)
def test_a_truncated_docket_proves_less_and_never_more(stage: Stage) -> None:
    """Cutting off the end is the only cut that leaves a true docket: one of an earlier stage."""
    trip = eth_trip(World()).to(stage)
    trip.statements = [s for s in trip.statements if STAGE_OF[s.type] <= Stage.PROPOSE]
    trip.signed = b""
    assert Stage.PROPOSE is prove(trip).journey.furthest


def test_statements_of_two_dockets_cannot_be_spliced() -> None:
    world = World()
    one = eth_trip(world).to(Stage.VERIFY)
    two = eth_trip(world, nonce=8, sequence=2).to(Stage.VERIFY)
    prove(one)
    prove(two)
    one.statements[-1] = two.statements[-1]
    refuse(Code.PREV_MISMATCH, lambda: prove(one))


def test_a_statement_that_is_said_again_with_other_words_is_not_the_one_signed_over() -> None:
    trip = eth_trip(World()).to(Stage.APPROVE)
    first = trip.of(Instruction)[0]
    again = replace(first.body, reason="Redemption, said again")
    trip.statements.remove(first)
    trip.say(again, first.issuer)
    refuse(Code.DOCKET_ORDER, lambda: prove(trip))
    prove(eth_trip(World()).to(Stage.APPROVE))


@pytest.mark.parametrize("stage", [Stage.PROPOSE, Stage.VERIFY, Stage.RELEASE, Stage.BROADCAST, Stage.SETTLE])
def test_what_is_said_once_is_said_once(stage: Stage) -> None:
    trip = eth_trip(World()).to(stage)
    prove(trip)
    known = trip.statements[-1]
    trip.say(known.body, known.issuer)
    refuse(Code.DOCKET_ORDER, lambda: prove(trip))


def test_a_statement_cannot_be_replaced_at_its_place_in_the_log() -> None:
    """The station signs once more with other words, and the platform shows the new ones at the old place."""
    trip = eth_trip(World()).to(Stage.VERIFY)
    prove(trip)
    verification = trip.statements.pop()
    again = trip.world.sign(
        replace(verification.body, reading_digest=NOBODY), verification.issuer, [verification.issuer]
    )
    trip.world.log.envelopes[trip.world.log.index_of(verification.id)] = again
    trip.statements.append(parse_statement(again))
    refuse(Code.NOT_IN_LOG, lambda: prove(trip))


def test_an_index_below_an_earlier_stage_is_refused() -> None:
    trip = eth_trip(World()).to(Stage.INSTRUCT)
    order = trip.statements[0]
    trip.to(Stage.DECIDE)
    decision = next(s for s in trip.statements if s is not order)
    second = trip.say(replace(order.body, sequence=2), order.issuer)
    trip.say(replace(decision.body, instruction=second.id), decision.issuer)
    refuse(Code.DOCKET_ORDER, lambda: prove(trip.to(Stage.PROPOSE)))
    prove(eth_trip(World()).to(Stage.PROPOSE))


def test_a_freeze_is_no_step_of_a_journey() -> None:
    trip = eth_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    prove(trip)
    trip.world.freeze()
    foreign = trip.docket()
    frozen = trip.world.log.envelopes[-1]
    located = replace(foreign.statements[-1], envelope=frozen)
    refuse(Code.TYPE_MISMATCH, lambda: prove(trip, replace(foreign, statements=(*foreign.statements[:-1], located))))
    prove(trip, docket)


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ({"organization": "another-custody"}, Code.WRONG_ORGANIZATION),
        ({"environment": Environment.PRODUCTION}, Code.ENVIRONMENT_MISMATCH),
    ],
)
def test_a_statement_made_elsewhere_means_nothing(context: dict[str, str], code: Code) -> None:
    trip = eth_trip(World()).to(Stage.DECIDE)
    honest = trip.world.context
    trip.world.context = replace(honest, **context)
    trip.to(Stage.PROPOSE)
    trip.world.context = honest
    refuse(code, lambda: prove(trip))
    prove(eth_trip(World()).to(Stage.PROPOSE))


def test_the_heads_of_a_docket_may_rise() -> None:
    """The roster changes while a docket is on its way; what was said before stays said."""
    trip = eth_trip(World()).to(Stage.APPROVE)
    trip.world.change_roster(lambda roster: roster)
    trip.to(Stage.VERIFY)
    proved = prove(trip)
    assert 2 == len(proved.foundation.rosters)
    assert 2 == trip.statements[-1].body.heads.roster.version

    fell: dict[str, Edit] = {"clear": lambda b: replace(b, heads=replace(b.heads, roster=first_roster(trip)))}
    again = eth_trip(World(), edits=fell).to(Stage.APPROVE)
    again.world.change_roster(lambda roster: roster)
    refuse(Code.HEAD_ROLLBACK, lambda: prove(again.to(Stage.CLEAR)))


def first_roster(trip: Trip) -> object:
    """The head of the first roster."""
    return trip.proposal.body.heads.roster


def test_prev_covers_every_earlier_statement() -> None:
    trip = eth_trip(World()).to(Stage.SETTLE)
    known: set[Digest] = set()
    for stage in STAGES:
        found = build_prev(trip.statements, stage)
        assert found not in known or stage is Stage.SIGN
        known.add(found)
    release, settlement = trip.of(Release)[0], trip.of(Settlement)[0]
    assert release.body.prev != settlement.body.prev
    assert build_prev(trip.statements[::-1], Stage.SETTLE) != settlement.body.prev
