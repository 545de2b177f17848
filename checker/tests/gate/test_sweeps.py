"""The gate and declared keys: nothing of them leaves but a sweep, and that leaves while frozen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.core.assemble import build_placed
from strongroom.core.codes import Code
from strongroom.core.ids import EntryId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.packages import ReleaseBody
from strongroom.core.registers import KeyState
from world import eth_sweep, eth_trip, ltc_sweep, safe_world

from .gatehouse import Gatehouse, RpcNode, open_gatehouse, serving, walked
from .test_release_refused import check_halted, check_released


@pytest.fixture
def gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Gatehouse:
    return open_gatehouse(safe_world(), tmp_path, capsys)


def test_a_key_declared_after_signing_stops_the_release(gate: Gatehouse) -> None:
    trip = walked(eth_trip(gate.world))
    honest = walked(ltc_sweep(gate.world))
    body = KeyStateChange(keys=(EntryId("key:eth-1"),), lifts=(), reason="a copy was found", state=KeyState.COMPROMISED)
    gate.world.notice(body, "person:r.ho", ("person:r.ho",))
    check_halted(gate, gate.pack(trip), Code.KEY_COMPROMISED)
    check_released(gate, gate.pack(honest))


def test_a_sweep_leaves_while_frozen_and_again_when_it_is_lost(gate: Gatehouse) -> None:
    transfer, sweep = (
        walked(eth_trip(gate.world)),
        walked(eth_sweep(gate.world, account_name="eth-2", keys=("key:eth-2",))),
    )
    freeze = gate.world.freeze()

    def frozen(body: ReleaseBody) -> ReleaseBody:
        size = gate.world.log.last_checkpoint().size
        return replace(body, freezes=(build_placed(gate.world.log, freeze.envelope, size),))

    check_halted(gate, gate.pack(transfer, frozen), Code.FROZEN)
    raw = gate.pack(sweep)
    with serving(RpcNode()) as node:
        assert 0 == gate.release(raw, node).code
        assert 0 == gate.release(raw, node).code
    assert 2 == len(node.sent)
