"""The gate's memory: a replacement may follow what it replaces; of the twins of one proposal, one leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin
from world import Trip, World, bump_trip, eth_trip, ltc_trip, priced_trip, void_trip

from .gatehouse import Gatehouse, RpcNode, id_of, open_gatehouse, serving


@pytest.fixture
def gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return open_gatehouse(World(), tmp_path, capsys)


def released(gate: Gatehouse, trip: Trip) -> None:
    """It leaves, and the node gets exactly it."""
    node = RpcNode(answer=lambda raw: "0x" + _hash(raw) if trip.twin is Twin.VOID else id_of(raw))
    with serving(node):
        answer = gate.release(gate.pack(trip), node)
    assert (0, [trip.build_signed()]) == (answer.code, node.sent), answer.json


def halted(gate: Gatehouse, trip: Trip, code: Code) -> None:
    """It stays, for this reason, and no node hears of it."""
    node = RpcNode()
    with serving(node):
        answer = gate.release(gate.pack(trip), node)
    assert code in answer.codes, answer.json
    assert [] == node.sent


def _hash(raw: bytes) -> str:
    return keccak256(raw).hex()


def twins(gate: Gatehouse) -> tuple[Trip, Trip]:
    """One rejected proposal, signed both ways: the transfer before the rejection came, the void after it."""
    transfer = eth_trip(gate.world).to(Stage.APPROVE)
    void = replace(transfer, statements=list(transfer.statements), sealed={})
    transfer.to(Stage.SIGN)
    void.reject()
    void.twin = Twin.VOID
    return transfer, void.to(Stage.SIGN)


def test_a_void_leaves_and_its_transfer_does_not(gate: Gatehouse) -> None:
    transfer, void = twins(gate)
    released(gate, void)
    halted(gate, transfer, Code.VOIDED)


def test_after_the_transfer_no_void_leaves(gate: Gatehouse) -> None:
    transfer, void = twins(gate)
    released(gate, transfer)
    halted(gate, void, Code.ALREADY_RELEASED)


def test_a_void_leaves_long_after_release_by(gate: Gatehouse) -> None:
    trip = void_trip(gate.world)
    gate.world.now += timedelta(hours=20)
    released(gate, trip.to(Stage.SIGN))


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_a_replacement_leaves_beside_what_it_replaces(gate: Gatehouse, make: Any) -> None:
    first = make(gate.world).to(Stage.SIGN)
    second = bump_trip(gate.world, first).to(Stage.SIGN)
    released(gate, first)
    released(gate, second)


def test_after_its_replacement_a_first_attempt_stays(gate: Gatehouse) -> None:
    first = eth_trip(gate.world).to(Stage.SIGN)
    released(gate, bump_trip(gate.world, first).to(Stage.SIGN))
    halted(gate, first, Code.ALREADY_COMMITTED)


def test_one_instruction_in_two_dockets_that_do_not_conflict(gate: Gatehouse) -> None:
    first = eth_trip(gate.world).to(Stage.SIGN)
    second = bump_trip(gate.world, first)
    second.nonce = 8
    second.to(Stage.SIGN)
    released(gate, first)
    halted(gate, second, Code.INSTRUCTION_ALREADY_PAID)


def test_a_void_of_a_replacement_does_not_leave_beside_the_first_attempt(gate: Gatehouse) -> None:
    first = eth_trip(gate.world).to(Stage.SIGN)
    second = bump_trip(gate.world, first).to(Stage.APPROVE)
    second.reject()
    second.twin = Twin.VOID
    second.to(Stage.SIGN)
    released(gate, first)
    halted(gate, second, Code.ALREADY_RELEASED)


def test_after_a_void_no_replacement_leaves(gate: Gatehouse) -> None:
    _, void = twins(gate)
    second = bump_trip(gate.world, void).to(Stage.SIGN)
    released(gate, void)
    halted(gate, second, Code.VOIDED)


def test_the_gate_bounds_what_a_void_burns(gate: Gatehouse) -> None:
    """Attack: a ceiling of 400 ETH that the client wrote, and a void that nobody is asked about."""
    dear = priced_trip(gate.world, 400 * 10**18 // 21_000).to(Stage.PROPOSE)
    honest = priced_trip(gate.world, 10**16 // 21_000, nonce=8, sequence=2).to(Stage.PROPOSE)
    gate.world.now += timedelta(hours=9)
    for trip in (dear, honest):
        trip.twin = Twin.VOID
        trip.verify()
        trip.to(Stage.SIGN)
    halted(gate, dear, Code.FEE_CEILING)
    released(gate, honest)


def test_a_void_that_no_node_takes_is_followed_by_the_next_one(gate: Gatehouse) -> None:
    """A void at no price is signed and released, and no node ever mines it: its nonce must not be held for good."""
    free = priced_trip(gate.world, 0).to(Stage.PROPOSE)
    dearer = bump_trip(gate.world, free).to(Stage.PROPOSE)
    stranger = eth_trip(gate.world, sequence=2).to(Stage.PROPOSE)
    gate.world.now += timedelta(hours=9)
    for trip in (free, dearer, stranger):
        trip.twin = Twin.VOID
        trip.verify()
        trip.to(Stage.SIGN)
    released(gate, free)
    halted(gate, stranger, Code.ALREADY_RELEASED)
    released(gate, dearer)


def test_a_transfer_that_no_node_took_in_time_is_voided(gate: Gatehouse) -> None:
    """Nodes were away until `release_by`: what was kept may not be sent any more, and would strand its nonce."""
    transfer, void = twins(gate)
    away = RpcNode(url="http://127.0.0.1:9")
    assert 0 != gate.release(gate.pack(transfer), away).code
    halted(gate, void, Code.ALREADY_RELEASED)
    gate.world.now += timedelta(hours=13)
    halted(gate, transfer, Code.RELEASE_EXPIRED)
    released(gate, void)
    halted(gate, transfer, Code.VOIDED)


def test_a_transfer_that_a_node_took_is_not_voided_after_its_time(gate: Gatehouse) -> None:
    transfer, void = twins(gate)
    released(gate, transfer)
    gate.world.now += timedelta(hours=13)
    halted(gate, void, Code.ALREADY_RELEASED)
