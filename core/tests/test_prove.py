"""A docket proves itself at every stage, for both chains, and the digest of its facts stands in every yes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.core.checks.prove import prove_docket
from strongroom.core.docket import Stage, encode_docket, parse_docket
from world import Trip, World, eth_trip, ltc_trip

STAGES = [stage for stage in Stage if stage >= Stage.PROPOSE]


@pytest.mark.parametrize("make_trip", [eth_trip, ltc_trip])
def test_an_honest_docket_is_proved_at_every_stage(make_trip: Callable[[World], Trip]) -> None:
    world = World()
    trip = make_trip(world)
    for stage in STAGES:
        trip.to(stage)
        raw = trip.docket_bytes()
        docket = parse_docket(raw)
        assert encode_docket(docket) == raw
        proved = prove_docket(docket, world.roots, now=world.now)
        assert proved.journey.furthest is stage
        assert len(proved.facts.outputs) == (1 if make_trip is eth_trip else 4)
