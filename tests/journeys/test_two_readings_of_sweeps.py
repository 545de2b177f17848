"""The emergency sweep through both readings: what passes, and every way in which it must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from plain_pages import render_docket
from strongroom.checker.reading.stages import Stage as Reached
from strongroom.checker.reading.verify import prove_docket as prove_second
from strongroom.core.bodies import Budget, Scope
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.prove import prove_docket as prove_first
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, parse_docket
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import EntryId
from strongroom.core.records import Units
from strongroom.core.registers import AddressPurpose, KeyState
from strongroom.core.sweeps import Rehearsal
from world import (
    ETH_ASSET,
    SWEPT_ETH,
    USD_ASSET,
    Edit,
    SweepTrip,
    Trip,
    World,
    eth_sweep,
    eth_trip,
    ltc_sweep,
    safe_world,
)

Make = Callable[..., SweepTrip]


def first(trip: Trip) -> ProvedDocket:
    return prove_first(parse_docket(trip.docket_bytes()), trip.world.roots, now=trip.world.now)


def first_codes(trip: Trip) -> frozenset[Code]:
    try:
        first(trip)
    except StrongroomError as error:
        return error.codes
    return frozenset()


def second_codes(trip: Trip) -> frozenset[Code]:
    try:
        prove_second(trip.docket_bytes(), trip.world.root_file, now=trip.world.now)
    except StrongroomError as error:
        return error.codes
    return frozenset()


@pytest.mark.parametrize("make", [eth_sweep, ltc_sweep], ids=["ethereum", "litecoin"])
def test_a_sweep_goes_all_the_way_and_both_read_the_same(make: Make) -> None:
    trip = make(safe_world()).to(Stage.SETTLE)
    proved = first(trip)
    proof = prove_second(trip.docket_bytes(), trip.world.root_file, now=trip.world.now)
    assert Reached.SETTLE is proof.furthest
    assert proof.facts is not None
    assert proved.facts.digest == proof.facts.digest
    assert {"sweep"} == {each.kind for each in proved.facts.outputs}
    shown = "\n".join(render_docket(proved))
    assert "EMERGENCY SWEEP: pays only ourselves." in shown
    assert "compromised, says person:r.ho" in shown
    assert any("EMERGENCY SWEEP: pays only ourselves" in line.summary for line in proof.lines)


def test_only_the_fee_counts_against_the_clear() -> None:
    """A clear for containment needs no budget for what moves between our own wallets: it can pay nobody."""
    fee = 21_000 * 90 * 10**9
    just = {"clear": lambda c: replace(c, budget=(Budget(asset=ETH_ASSET, units=Units(fee)),))}
    less = {"clear": lambda c: replace(c, budget=(Budget(asset=ETH_ASSET, units=Units(fee - 1)),))}
    trip = eth_sweep(safe_world(), edits=just).to(Stage.SIGN)
    assert fee < SWEPT_ETH
    assert (frozenset(), frozenset()) == (first_codes(trip), second_codes(trip))
    poor = eth_sweep(safe_world(), edits=less).to(Stage.SIGN)
    assert ({Code.CLEAR_BUDGET}, {Code.CLEAR_BUDGET}) == (first_codes(poor), second_codes(poor))


def test_a_token_is_swept_and_pays_its_gas_in_ether() -> None:
    trip = eth_sweep(safe_world(), token=True).to(Stage.SETTLE)
    proved = first(trip)
    proof = prove_second(trip.docket_bytes(), trip.world.root_file, now=trip.world.now)
    assert proof.facts is not None
    assert proved.facts.digest == proof.facts.digest
    assert {USD_ASSET} == {each.asset for each in proved.facts.outputs}
    assert ETH_ASSET == proved.facts.fee.asset


def keys(states: Mapping[str, KeyState]) -> Edit:
    return lambda entries: tuple(replace(e, state=states.get(e.id, e.state)) for e in entries)


def addresses(name: str, **fields: Any) -> Edit:
    return lambda entries: tuple(replace(e, **fields) if e.id == name else e for e in entries)


def scope(which: Scope) -> Edit:
    return lambda clear: replace(clear, scope=which)


def stranger_instead(raw: bytes) -> bytes:
    """The same bytes with another recipient."""
    target = next(a for a in safe_world().registers["addresses"].entries if a.id == "address:safe-eth")
    wanted = bytes.fromhex(target.address.removeprefix("0x"))
    assert wanted in raw
    return raw.replace(wanted, wanted[:-1] + bytes([wanted[-1] ^ 1]))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sweep that is wrong in one way."""

    says: str
    code: Code
    stage: Stage = Stage.PROPOSE
    make: Make = eth_sweep
    edits: Mapping[str, Edit] = field(default_factory=dict)
    govern: Mapping[str, Edit] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def trip(self) -> SweepTrip:
        return self.make(safe_world(self.govern), edits=self.edits, **self.more).to(self.stage)


ROWS = (
    Row(
        says="it pays an address that is not ours",
        code=Code.SWEEP_NOT_OURS,
        edits={"unsigned": stranger_instead},
    ),
    Row(says="it pays another address of the same wallet", code=Code.SWEEP_NOT_OURS, more={"pay": "eth-2"}),
    Row(
        says="it pays ours that the officers did not name",
        code=Code.SWEEP_NOT_OURS,
        edits={"sweep": lambda body: replace(body, destinations=(EntryId("address:eth-2"),))},
    ),
    Row(
        says="it pays an address whose key is compromised too",
        code=Code.SWEEP_NOT_OURS,
        govern={"keys": keys({"key:safe-eth": KeyState.COMPROMISED})},
    ),
    Row(
        says="it pays an address whose key the same statement declares",
        code=Code.SWEEP_NOT_OURS,
        more={"keys": ("key:eth-1", "key:safe-eth")},
    ),
    Row(
        says="it pays an address that credits a client",
        code=Code.SWEEP_NOT_OURS,
        govern={"addresses": addresses("address:safe-eth", purpose=AddressPurpose.DEPOSIT)},
    ),
    Row(
        says="no statement names the key of the coin",
        code=Code.SWEEP_NOT_JUSTIFIED,
        more={"keys": ("key:eth-2",)},
    ),
    Row(
        says="only one of two coins has a declared key",
        code=Code.SWEEP_NOT_JUSTIFIED,
        make=ltc_sweep,
        more={"keys": ("key:ltc-1-2",)},
    ),
    Row(
        says="the key is only suspended",
        code=Code.SWEEP_NOT_JUSTIFIED,
        more={"state": KeyState.SUSPENDED},
    ),
    Row(
        says="the order names other statements",
        code=Code.SWEEP_NOT_JUSTIFIED,
        edits={"sweep": lambda body: replace(body, states=("sha256:" + "0" * 64,))},
    ),
    Row(says="one officer alone orders it", code=Code.QUORUM_NOT_MET, more={"officers": ("person:r.ho",)}),
    Row(
        says="the register says that the key is suspended",
        code=Code.KEY_NOT_ACTIVE,
        govern={"keys": keys({"key:eth-1": KeyState.SUSPENDED})},
    ),
    Row(
        says="the fee is above the officers' ceiling",
        code=Code.FEE_CEILING,
        edits={"sweep": lambda body: replace(body, fee_ceiling=Units(1))},
    ),
    Row(
        says="the proposal lives longer than the order",
        code=Code.INSTRUCTION_EXPIRED,
        edits={"propose": lambda body: replace(body, sign_by=body.release_by)},
    ),
    Row(
        says="an output that the proposal does not name",
        code=Code.SWEEP_NOT_OURS,
        edits={"propose": lambda body: replace(body, change=())},
    ),
    Row(
        says="it is signed under a clear for transfers",
        code=Code.CLEAR_NOT_FOR_SESSION,
        stage=Stage.SIGN,
        edits={"clear": scope(Scope.TRANSFERS)},
    ),
    Row(
        says="a rehearsal is signed",
        code=Code.SWEEP_REHEARSAL,
        stage=Stage.SIGN,
        more={"rehearsal": Rehearsal.YES},
    ),
    Row(
        says="one approver instead of the root's floor",
        code=Code.QUORUM_NOT_MET,
        stage=Stage.VERIFY,
        more={"approvers": ("person:m.chan",)},
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=[row.says.replace(" ", "_") for row in ROWS])
def test_what_no_reading_lets_through(row: Row) -> None:
    trip = row.trip()
    assert row.code in first_codes(trip)
    assert row.code in second_codes(trip)


def test_a_rehearsal_is_proved_to_the_station() -> None:
    trip = eth_sweep(safe_world(), rehearsal=Rehearsal.YES).to(Stage.VERIFY)
    assert (frozenset(), frozenset()) == (first_codes(trip), second_codes(trip))
    assert any("REHEARSAL: this is never signed." in line for line in render_docket(first(trip)))


def test_a_transfer_is_not_signed_under_containment() -> None:
    trip = eth_trip(World(), edits={"clear": scope(Scope.CONTAINMENT)}).to(Stage.SIGN)
    assert {Code.CLEAR_NOT_FOR_SESSION} == first_codes(trip) == second_codes(trip)
    honest = eth_trip(World()).to(Stage.SIGN)
    assert frozenset() == first_codes(honest) == second_codes(honest)


def test_a_deactivated_key_sweeps_and_pays_nobody() -> None:
    world = safe_world({"keys": keys({"key:eth-1": KeyState.DEACTIVATED})})
    assert frozenset() == first_codes(eth_sweep(world, state=KeyState.DEACTIVATED).to(Stage.SIGN))
    assert frozenset() == second_codes(eth_sweep(world, state=KeyState.DEACTIVATED, nonce=8).to(Stage.SIGN))
    trip = eth_trip(safe_world({"keys": keys({"key:eth-1": KeyState.DEACTIVATED})})).to(Stage.PROPOSE)
    assert {Code.KEY_NOT_ACTIVE} == first_codes(trip) == second_codes(trip)


def test_orders_of_clients_and_officers_do_not_mix() -> None:
    world = safe_world()
    trip = eth_trip(world).to(Stage.DECIDE)
    sweep = eth_sweep(world)
    sweep.instruct()
    trip.statements += sweep.statements
    trip.statements.sort(key=lambda s: (0 if s.type in ("instruction", "key-state") else 1, s.id))
    trip.propose()
    assert Code.DOCKET_ORDER in first_codes(trip)
    assert Code.DOCKET_ORDER in second_codes(trip)
