"""The station and declared keys: a latch stops a transfer at once, and a sweep is verified while frozen."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.checker.console import Exit
from strongroom.core.assemble import build_placed
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import EntryId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.registers import KeyState
from strongroom.core.sweeps import Rehearsal
from world import World, eth_sweep, eth_trip, ltc_sweep, safe_world

from .stationhouse import Stationhouse, open_stationhouse


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(safe_world(), tmp_path, capsys)


def declare(world: World, state: KeyState, key: str) -> None:
    body = KeyStateChange(keys=(EntryId(key),), lifts=(), reason="a copy was found", state=state)
    world.notice(body, "person:r.ho", ("person:r.ho",))


def test_a_declared_key_stops_a_transfer_at_once_and_for_ever(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    declare(station.world, KeyState.COMPROMISED, "key:eth-1")
    assert Code.KEY_COMPROMISED in station.ask(trip).codes
    # A package without the notice changes nothing: it latches.
    later = eth_trip(station.world, nonce=8, sequence=2).to(Stage.APPROVE)
    assert Code.KEY_COMPROMISED in station.ask(later, notices=()).codes


def test_a_transfer_from_other_keys_goes_on(station: Stationhouse) -> None:
    declare(station.world, KeyState.COMPROMISED, "key:eth-2")
    assert Exit.DONE == station.ask(eth_trip(station.world).to(Stage.APPROVE)).code


def test_a_sweep_is_verified_while_frozen(station: Stationhouse) -> None:
    world = station.world
    freeze = world.freeze()
    put = build_placed(world.log, freeze.envelope, world.log.last_checkpoint().size)
    transfer = eth_trip(world).to(Stage.APPROVE)
    placed = build_placed(world.log, freeze.envelope, world.log.last_checkpoint().size)
    assert {Code.FROZEN} == set(station.ask(transfer, freezes=(placed,)).codes)
    assert put.index == placed.index
    for trip in (eth_sweep(world, nonce=8), ltc_sweep(world), eth_sweep(world, nonce=9, rehearsal=Rehearsal.YES)):
        answer = station.ask(trip.to(Stage.APPROVE))
        assert Exit.DONE == answer.code, answer.json
        assert trip.facts().digest == answer.json["reading_digest"]


def test_a_sweep_to_a_key_declared_since_is_refused(station: Stationhouse) -> None:
    trip = eth_sweep(station.world).to(Stage.APPROVE)
    declare(station.world, KeyState.COMPROMISED, "key:safe-eth")
    assert Code.SWEEP_NOT_OURS in station.ask(trip).codes


def test_a_sweep_without_its_reasons_on_this_station_is_refused(station: Stationhouse) -> None:
    trip = eth_sweep(station.world).to(Stage.APPROVE)
    assert Code.SWEEP_NOT_JUSTIFIED in station.ask(trip, notices=()).codes
