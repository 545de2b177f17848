"""The gate lets nothing go that a terminal signed without the lease of its moment, by the gate's own notices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import Digest
from world import World, eth_trip

from .gatehouse import Gatehouse, open_gatehouse
from .test_release_refused import check_halted, check_released

ONE = "device:terminal-1"


@pytest.fixture
def gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return open_gatehouse(World(), tmp_path, capsys)


def test_a_leased_terminals_record_is_released(gate: Gatehouse) -> None:
    check_released(gate, gate.pack(eth_trip(gate.world).to(Stage.SIGN)))


def test_a_terminal_that_was_never_leased(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The clear quotes a lease that this gate has never seen."""
    world = World()
    lease = world.leases_of(ONE)[-1]
    world.notices = [e for e in world.notices if e.id != lease.id]
    gate = open_gatehouse(world, tmp_path, capsys)
    world.notices.insert(0, lease.envelope)
    trip = eth_trip(world).to(Stage.SIGN)
    world.notices = [e for e in world.notices if e.id != lease.id]
    check_halted(gate, gate.pack(trip), Code.LEASE_MISSING)


def test_a_terminal_that_was_replaced_before_it_signed(gate: Gatehouse) -> None:
    """Its clear is of its last days; the new lease stands in the log below its record."""
    world = gate.world
    trip = eth_trip(world).to(Stage.CLEAR)
    world.lease(world.build_lease(ONE, journal=sha256(b"the new machine")))
    check_halted(gate, gate.pack(trip.to(Stage.SIGN)), Code.LEASE_REPLACED)


def test_a_terminal_that_is_replaced_after_it_signed(gate: Gatehouse) -> None:
    """What it signed while it was leased is released, whatever came after."""
    trip = eth_trip(gate.world).to(Stage.SIGN)
    gate.world.lease(gate.world.build_lease(ONE, journal=sha256(b"the new machine")))
    check_released(gate, gate.pack(trip))


def test_a_clear_that_quotes_another_lease(gate: Gatehouse) -> None:
    def other(body: Any) -> Any:
        return replace(body, lease=Digest(sha256(b"another")))

    check_halted(gate, gate.pack(eth_trip(gate.world, edits={"clear": other}).to(Stage.SIGN)), Code.LEASE_REPLACED)


def test_a_record_from_before_its_clear_was_asked_for(gate: Gatehouse) -> None:
    """A journal only grows: what stands at or below the place that was quoted was not signed under this clear."""

    def earlier(body: Any) -> Any:
        return replace(body, journal=replace(body.journal, number=4))

    trip = eth_trip(gate.world, edits={"sign": earlier}).to(Stage.SIGN)
    check_halted(gate, gate.pack(trip), Code.CLEAR_NOT_FOR_SESSION)
