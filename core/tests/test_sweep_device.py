"""Key states that latch on a device, and sweeps on a device that is frozen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.core import assemble
from strongroom.core.checks.device import check_against_trust
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import Digest, EntryId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.packages import UpdateBody
from strongroom.core.registers import KeyState
from strongroom.core.trust import Trust, apply_update
from strongroom.core.trust_file import encode_trust, parse_trust
from world import World, eth_sweep, eth_trip, ltc_trip, safe_world

from .refusals import drop_party, prove, refuse
from .test_checks_device import device_of

OFFICERS = ("person:r.ho", "person:s.lee")


def declare(world: World, state: KeyState, *keys: str, lifts: tuple[Digest, ...] = (), people: int = 1) -> Digest:
    """Officers say something about keys; every later package brings it."""
    names = tuple(sorted(EntryId(k) for k in keys))
    body = KeyStateChange(keys=names, lifts=lifts, reason="a copy was found", state=state)
    return world.notice(body, OFFICERS[0], OFFICERS[:people]).id


def news(world: World, trust: Trust) -> UpdateBody:
    """Everything that was said since, and no register."""
    return replace(world.update_body(trust.log_head.size, whole=False), registers=())


def after(world: World, trust: Trust) -> Trust:
    """The device after the next package, stored and read again: a latch outlives a restart."""
    return parse_trust(encode_trust(apply_update(trust, news(world, trust), world.now)))


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (KeyState.COMPROMISED, Code.KEY_COMPROMISED),
        (KeyState.SUSPENDED, Code.KEY_NOT_ACTIVE),
        (KeyState.DEACTIVATED, Code.KEY_NOT_ACTIVE),
        (KeyState.DESTROYED, Code.KEY_NOT_ACTIVE),
    ],
)
def test_a_latched_state_stops_what_was_approved_before_it(state: KeyState, code: Code) -> None:
    world = World()
    trust = device_of(world)
    proved = prove(eth_trip(world).to(Stage.VERIFY))
    check_against_trust(proved, trust, world.now)
    declare(world, state, "key:eth-1", people=2 if state is KeyState.DESTROYED else 1)
    latched = after(world, trust)
    assert state is latched.key_states["key:eth-1"]
    refuse(code, lambda: check_against_trust(proved, latched, world.now))


def test_a_leaked_key_of_the_change_stops_the_transfer() -> None:
    world = World()
    trust = device_of(world)
    proved = prove(ltc_trip(world).to(Stage.VERIFY))
    declare(world, KeyState.SUSPENDED, "key:ltc-change-3")
    refuse(Code.CHANGE_NOT_OURS, lambda: check_against_trust(proved, after(world, trust), world.now))


def test_a_suspension_ends_by_two_officers_and_a_compromise_never() -> None:
    world = World()
    trust = device_of(world)
    first = declare(world, KeyState.SUSPENDED, "key:eth-1")
    declare(world, KeyState.ACTIVE, "key:eth-1", lifts=(first,))
    refuse(Code.QUORUM_NOT_MET, lambda: apply_update(trust, news(world, trust), world.now))
    world.notices.pop()
    declare(world, KeyState.ACTIVE, "key:eth-1", lifts=(first,), people=2)
    assert KeyState.ACTIVE is after(world, trust).key_states["key:eth-1"]
    second = declare(world, KeyState.COMPROMISED, "key:eth-1")
    declare(world, KeyState.ACTIVE, "key:eth-1", lifts=(second,), people=2)
    assert KeyState.COMPROMISED is after(world, trust).key_states["key:eth-1"]


def test_only_an_officer_declares() -> None:
    world = World()
    trust = device_of(world)
    body = KeyStateChange(keys=(EntryId("key:eth-1"),), lifts=(), reason="none", state=KeyState.DESTROYED)
    world.notice(body, "person:m.chan", ("person:m.chan",))
    refuse(Code.ROLE_MISSING, lambda: apply_update(trust, news(world, trust), world.now))


def frozen(world: World, trust: Trust) -> Trust:
    """The device after a freeze, and everything else that was said."""
    freeze = world.freeze()
    body = news(world, trust)
    size = world.log.last_checkpoint().size
    return apply_update(
        trust, replace(body, freezes=(assemble.build_placed(world.log, freeze.envelope, size),)), world.now
    )


def test_a_sweep_passes_a_freeze_that_stops_every_transfer() -> None:
    world = safe_world()
    trust = device_of(world)
    transfer = prove(eth_trip(world).to(Stage.APPROVE))
    sweep = prove(eth_sweep(world, keys=("key:eth-2",), account_name="eth-2", nonce=8).to(Stage.VERIFY))
    stopped = frozen(world, trust)
    check_against_trust(sweep, stopped, world.now)
    refuse(Code.FROZEN, lambda: check_against_trust(transfer, stopped, world.now))


def test_a_sweep_stands_on_statements_that_latch_here() -> None:
    world = safe_world()
    trust = device_of(world)
    sweep = prove(eth_sweep(world).to(Stage.VERIFY))
    refuse(Code.SWEEP_NOT_JUSTIFIED, lambda: check_against_trust(sweep, trust, world.now))
    check_against_trust(sweep, after(world, trust), world.now)


def test_a_sweep_does_not_pay_a_key_that_was_declared_since() -> None:
    world = safe_world()
    trust = device_of(world)
    sweep = prove(eth_sweep(world).to(Stage.VERIFY))
    declare(world, KeyState.SUSPENDED, "key:safe-eth")
    refuse(Code.SWEEP_NOT_OURS, lambda: check_against_trust(sweep, after(world, trust), world.now))


def test_a_sweep_of_officers_who_left_is_refused() -> None:
    world = safe_world()
    trust = device_of(world)
    sweep = prove(eth_sweep(world).to(Stage.VERIFY))
    leaver: Any = drop_party("person:s.lee")
    world.change_roster(leaver)
    body = replace(news(world, trust), rosters=(placed(world, world.rosters[-1]),))
    refuse(Code.QUORUM_NOT_MET, lambda: check_against_trust(sweep, apply_update(trust, body, world.now), world.now))


def placed(world: World, envelope: Any) -> Any:
    return assemble.build_placed(world.log, envelope, world.log.last_checkpoint().size)
