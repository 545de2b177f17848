"""A docket proves itself at every stage, for both chains, and the digest of its facts stands in every yes."""

from __future__ import annotations

import pytest
from world import World, eth_trip, ltc_trip

from strongroom.core.checks.prove import prove_docket
from strongroom.core.docket import Stage, encode_docket, parse_docket

STAGES = [stage for stage in Stage if stage >= Stage.PROPOSE]


@pytest.mark.parametrize("make_trip", [eth_trip, ltc_trip])
def test_an_honest_docket_is_proved_at_every_stage(make_trip) -> None:
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
