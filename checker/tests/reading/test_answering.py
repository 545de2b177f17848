"""The second reading of where an approval was given; the attacks are core's, in `test_both_readings.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.checker.reading.stages import Stage
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage as CoreStage
from world import Edit, World, eth_trip, signer_of

from .crooked import refused

COOL_OFF_S = 86400


def with_key(party: str, name: str) -> Edit:
    """An edit of the roster that gives a party somebody's key."""

    def edit(roster: Any) -> Any:
        parties = [replace(p, key=signer_of(name).key) if p.id == party else p for p in roster.parties]
        return replace(roster, parties=tuple(parties))

    return edit


@pytest.mark.parametrize("party", ["device:approver-1", "person:m.chan"])
def test_a_new_key_counts_when_its_cool_off_is_over_and_not_before(party: str) -> None:
    for wait_s in (COOL_OFF_S - 3600, COOL_OFF_S):
        world = World(edits={"roster": with_key(party, "before")})
        world.change_roster(with_key(party, party))
        world.tick(wait_s)
        trip = eth_trip(world).to(CoreStage.VERIFY)
        if wait_s < COOL_OFF_S:
            assert Code.CREDENTIAL_TOO_YOUNG in refused(trip, "APPROVE", Code.CREDENTIAL_TOO_YOUNG).codes
        else:
            assert Stage.VERIFY is prove_docket(trip.docket_bytes(), world.root_file, now=world.now).furthest


def test_a_rejection_is_read_from_a_new_device() -> None:
    world = World(edits={"roster": with_key("device:approver-2", "before")})
    world.change_roster(with_key("device:approver-2", "device:approver-2"))
    trip = eth_trip(world).to(CoreStage.PROPOSE)
    trip.reject()
    assert {Code.REJECTED} == refused(trip, "APPROVE", Code.REJECTED).codes - {Code.QUORUM_NOT_MET}
