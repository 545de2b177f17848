"""Two readings, one answer: what core refuses the checker refuses for the same reason, and what core shows it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.checker.reading.stages import Stage
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.checks.prove import prove_docket as prove_with_core
from strongroom.core.codes import Code
from strongroom.core.docket import Stage as CoreStage
from strongroom.core.docket import encode_docket
from strongroom.core.errors import StrongroomError
from world import Trip, World, eth_trip, ltc_trip, mixed_trip, one_key_trip, usd_trip

from .first_reading import load_cases

OTHERWISE = {
    # The field says "integer from 1", so a zero is already no number of that field.
    "the sequence number is zero": Code.FIELD_INVALID,
    # The same for versions, which are counted from 1.
    "an approver's device had an older whitelist": Code.FIELD_INVALID,
    "the station had an older policy": Code.FIELD_INVALID,
    "the gate had older clients": Code.FIELD_INVALID,
    # Stages are proved one after the other: without the approval there is no quorum, before any `prev` is looked at.
    "one approval is taken out": Code.QUORUM_NOT_MET,
    # Point 9 asks that the keys that sign are active; two of three are.
    "the source's key is destroyed": None,
}
"""Where the readings take the specification apart differently, and what the checker says."""

CASES = load_cases()
TRIPS = [eth_trip, usd_trip, ltc_trip, one_key_trip, mixed_trip]


@pytest.mark.parametrize("make_trip", TRIPS)
@pytest.mark.parametrize("stage", [s for s in CoreStage if s >= CoreStage.APPROVE])
def test_an_honest_docket_is_proved_at_every_stage(make_trip: Callable[[World], Trip], stage: CoreStage) -> None:
    world = World()
    trip = make_trip(world).to(stage)
    proof = prove_docket(trip.docket_bytes(), world.root_file, now=world.now)
    first = prove_with_core(trip.docket(), world.roots, now=world.now)
    assert stage.name == proof.furthest.name
    assert proof.facts is not None
    assert first.facts.digest == proof.facts.digest
    assert len(trip.statements) == len(proof.lines)


@pytest.mark.parametrize("make_trip", TRIPS)
@pytest.mark.parametrize("stage", [CoreStage.INSTRUCT, CoreStage.DECIDE, CoreStage.PROPOSE])
def test_a_young_docket_is_proved_as_far_as_it_came(make_trip: Callable[[World], Trip], stage: CoreStage) -> None:
    world = World()
    proof = prove_docket(make_trip(world).to(stage).docket_bytes(), world.root_file)
    assert Stage[stage.name] is proof.furthest
    assert (proof.facts is None) == (stage < CoreStage.PROPOSE)


@pytest.mark.parametrize("case", CASES, ids=[c.says.replace(" ", "_") for c in CASES])
def test_what_the_first_reading_refuses_the_second_refuses(case: Any) -> None:
    trip = case.trip()
    raw = encode_docket(case.docket(trip.docket()))
    expected = OTHERWISE.get(case.says, case.code)
    if expected is None:
        assert (
            trip.statements[-1].type.value == prove_docket(raw, trip.world.root_file, now=trip.world.now).lines[-1].type
        )
        return
    with pytest.raises(StrongroomError) as caught:
        prove_docket(raw, trip.world.root_file, now=trip.world.now)
    assert expected in caught.value.codes, caught.value
    assert all(refusal.field for refusal in caught.value.refusals)
