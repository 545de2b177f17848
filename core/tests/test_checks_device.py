"""A proved docket against what a device itself believes: the device's own copy decides, never the docket's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from policies import OFFICER_FIRM, WITH_OFFICER, give_roles
from strongroom.core.checks.device import check_against_trust
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.policy import Effect
from strongroom.core.records import Units
from strongroom.core.trust import Trust, apply_update, enroll
from world import ETH_ASSET, Edit, Trip, World, eth_trip, ltc_trip, void_trip

from .refusals import change_party, drop_party, prove, refuse


def device_of(world: World) -> Trust:
    """A device that was enrolled and has imported everything of today."""
    return apply_update(enroll(world.roots, world.fingerprint), world.update_body(), world.now)


def without_entry(name: str) -> Edit:
    """An edit of a register that takes one entry out."""
    return lambda entries: tuple(e for e in entries if e.id != name)


def entry(which: str, /, **fields: Any) -> Edit:
    """An edit of one entry of a register."""
    return lambda entries: tuple(replace(e, **fields) if e.id == which else e for e in entries)


def rules(**fields: Any) -> Edit:
    """An edit of all rules of the policy."""
    return lambda policy: replace(policy, rules=tuple(replace(r, **fields) for r in policy.rules))


OWN_COPY = (
    ("the client is unknown here", {"clients": without_entry("client:harbour")}, Code.NOT_IN_REGISTER),
    ("the client has another name here", {"clients": entry("client:harbour", name="Other")}, Code.NOT_IN_REGISTER),
    (
        "the destination is not whitelisted here",
        {"whitelist": without_entry("entry:harbour-eth")},
        Code.DEST_NOT_WHITELISTED,
    ),
    (
        "the destination has another owner here",
        {"whitelist": entry("entry:harbour-eth", owner="Other")},
        Code.DEST_NOT_WHITELISTED,
    ),
    ("the key is unknown here", {"keys": without_entry("key:eth-1")}, Code.SOURCE_NOT_OURS),
    ("the key is suspended here", {"keys": entry("key:eth-1", state="suspended")}, Code.SOURCE_NOT_OURS),
    ("the address is unknown here", {"addresses": without_entry("address:eth-1")}, Code.SOURCE_NOT_OURS),
    ("the asset is unknown here", {"assets": without_entry(ETH_ASSET)}, Code.ASSET_UNKNOWN),
    ("the whitelist has other entries here", {"whitelist": without_entry("entry:peak-ltc")}, Code.HEAD_UNEQUAL),
    ("the roster is another here", {"roster": change_party("person:a.wong", group="other")}, Code.HEAD_UNEQUAL),
    ("the policy here has no rule", {"policy": lambda p: replace(p, rules=p.rules[1:])}, Code.POLICY_NO_RULE),
    ("the policy here blocks", {"policy": rules(effect=Effect.BLOCK)}, Code.POLICY_BLOCKED),
    ("the policy here allows less", {"policy": rules(max_amount=Units(1))}, Code.LIMIT_TRANSACTION),
    ("the policy here allows a smaller fee", {"policy": rules(max_fee=Units(1))}, Code.FEE_CEILING),
    (
        "the policy here wants older entries",
        {"policy": lambda p: replace(p, parameters=replace(p.parameters, whitelist_min_age_s=42 * 86400))},
        Code.ENTRY_TOO_YOUNG,
    ),
    ("no overseer here", {"roster": lambda r: replace(r, overseers=())}, Code.OVERSEER_MISSING),
)


@pytest.mark.parametrize(("edits", "code"), [r[1:] for r in OWN_COPY], ids=[r[0].replace(" ", "_") for r in OWN_COPY])
def test_the_devices_own_copy_decides(edits: dict[str, Edit], code: Code) -> None:
    trip = eth_trip(World()).to(Stage.APPROVE)
    proved = prove(trip)
    refuse(code, lambda: check_against_trust(proved, device_of(World(edits=edits)), trip.world.now))
    check_against_trust(proved, device_of(trip.world), trip.world.now)


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
@pytest.mark.parametrize("stage", [Stage.PROPOSE, Stage.APPROVE, Stage.VERIFY, Stage.CLEAR, Stage.SIGN])
def test_an_honest_docket_stands_on_every_device(make: Callable[..., Trip], stage: Stage) -> None:
    trip = make(World()).to(stage)
    check_against_trust(prove(trip), device_of(trip.world), trip.world.now)


def test_a_destination_that_was_removed_since_is_refused() -> None:
    """The platform shows a docket that still stands on the version before; removal acts at once."""
    world = World()
    trip = eth_trip(world).to(Stage.APPROVE)
    proved = prove(trip)
    device = device_of(world)
    check_against_trust(proved, device, world.now)
    world.change_register("whitelist", removed=["entry:harbour-eth"])
    update = world.register_update("whitelist", (), ["entry:harbour-eth"], device.log_head.size)
    newer = apply_update(device, update, world.now)
    refuse(Code.DEST_NOT_WHITELISTED, lambda: check_against_trust(proved, newer, world.now))


def test_a_void_outlives_the_destination_that_was_removed() -> None:
    """Rejected because its destination went off the list: the nonce is not stranded by that."""
    world = World()
    void = prove(void_trip(world))
    device = device_of(world)
    world.change_register("whitelist", removed=["entry:harbour-eth"])
    update = world.register_update("whitelist", (), ["entry:harbour-eth"], device.log_head.size)
    check_against_trust(void, apply_update(device, update, world.now), world.now)
    gone = device_of(World(edits={"keys": without_entry("key:eth-1")}))
    refuse(Code.SOURCE_NOT_OURS, lambda: check_against_trust(void, gone, world.now))


def test_a_docket_is_never_newer_than_the_device() -> None:
    """Or a delegate's newest entry would be paid at once, before the device has seen and aged it."""
    world = World()
    device = device_of(world)
    world.change_register("whitelist", removed=["entry:peak-ltc"])
    trip = eth_trip(world).to(Stage.APPROVE)
    refuse(Code.HEAD_ROLLBACK, lambda: check_against_trust(prove(trip), device, world.now))
    check_against_trust(prove(trip), device_of(world), world.now)


def test_a_docket_may_be_older_than_the_device_while_its_entries_stand() -> None:
    world = World()
    trip = eth_trip(world).to(Stage.APPROVE)
    proved = prove(trip)
    world.change_register("whitelist", removed=["entry:peak-eth"])
    check_against_trust(proved, device_of(world), world.now)
    world.change_register("whitelist", removed=["entry:harbour-eth"])
    refuse(Code.DEST_NOT_WHITELISTED, lambda: check_against_trust(proved, device_of(world), world.now))


def test_a_roster_that_the_device_does_not_know_is_unequal() -> None:
    world = World()
    device = device_of(world)
    world.change_roster(lambda r: r)
    trip = eth_trip(world).to(Stage.APPROVE)
    refuse(Code.HEAD_UNEQUAL, lambda: check_against_trust(prove(trip), device, world.now))
    check_against_trust(prove(trip), device_of(world), world.now)


def test_a_removed_approvers_earlier_yes_no_longer_counts() -> None:
    """Tightening is immediate (protocol: removal acts at once)."""
    world = World()
    trip = eth_trip(world).to(Stage.VERIFY)
    check_against_trust(prove(trip), device_of(world), world.now)
    world.change_roster(drop_party("person:r.singh"))
    refuse(Code.SIGNER_UNKNOWN, lambda: check_against_trust(prove(trip), device_of(world), world.now))


def test_an_officer_who_is_none_now_fills_no_seat() -> None:
    """The docket's own rosters still say officer; this device's newest one does not."""
    world = World(edits=OFFICER_FIRM)
    trip = eth_trip(world, approvers=WITH_OFFICER).to(Stage.VERIFY)
    check_against_trust(prove(trip), device_of(world), world.now)
    world.change_roster(give_roles("person:a.wong", "approver"))
    refuse(Code.QUORUM_NOT_MET, lambda: check_against_trust(prove(trip), device_of(world), world.now))


def test_the_devices_own_policy_says_how_old_prices_may_be() -> None:
    world = World()
    trip = eth_trip(world).to(Stage.VERIFY)
    hour = {"policy": lambda p: replace(p, parameters=replace(p.parameters, price_max_age_s=3600))}
    stricter = device_of(World(edits=hour))
    refuse(Code.PRICE_STALE, lambda: check_against_trust(prove(trip), stricter, world.now))
    check_against_trust(prove(trip), device_of(World()), world.now)


def test_the_devices_own_policy_sets_its_quorum() -> None:
    def three(policy: Any) -> Any:
        return rules(quorums=(replace(policy.rules[0].quorums[0], people=3, groups=3),))(policy)

    world = World()
    trip = eth_trip(world).to(Stage.VERIFY)
    stricter = device_of(World(edits={"policy": three}))
    refuse(Code.QUORUM_NOT_MET, lambda: check_against_trust(prove(trip), stricter, world.now))
    everybody = eth_trip(World(edits={"policy": three}), approvers=("person:m.chan", "person:r.singh", "person:a.wong"))
    check_against_trust(prove(everybody.to(Stage.VERIFY)), device_of(everybody.world), everybody.world.now)


TIMES = (
    ("today", timedelta(), None),
    ("approvals have run out", timedelta(hours=7), Code.STALE_APPROVAL),
    ("people's entries have run out", timedelta(days=61), Code.SIGNER_NOT_VALID),
    ("the overseer's entry has run out", timedelta(days=61), Code.OVERSEER_MISSING),
    ("the roster has expired", timedelta(days=91), Code.EXPIRED),
    ("the root has expired", timedelta(days=366), Code.EXPIRED),
)


@pytest.mark.parametrize(("span", "code"), [r[1:] for r in TIMES], ids=[r[0].replace(" ", "_") for r in TIMES])
def test_the_devices_own_clock_decides(span: timedelta, code: Code | None) -> None:
    trip = eth_trip(World()).to(Stage.VERIFY)
    proved, device = prove(trip), device_of(trip.world)
    if code:
        refuse(code, lambda: check_against_trust(proved, device, trip.world.now + span))
    else:
        check_against_trust(proved, device, trip.world.now + span)


def test_a_frozen_device_refuses_an_honest_docket() -> None:
    world = World()
    trip = eth_trip(world).to(Stage.APPROVE)
    proved, device = prove(trip), device_of(world)
    check_against_trust(proved, device, world.now)
    freeze = world.freeze()
    frozen = replace(device, frozen=frozenset({freeze.id}))
    refuse(Code.FROZEN, lambda: check_against_trust(proved, frozen, world.now))
    check_against_trust(proved, replace(frozen, lifted=frozenset({freeze.id})), world.now)


def test_a_device_without_registers_refuses() -> None:
    world = World()
    proved = prove(eth_trip(world).to(Stage.APPROVE))
    empty = enroll(world.roots, world.fingerprint)
    refuse(Code.STAGE_MISSING, lambda: check_against_trust(proved, empty, world.now))
    without_policy = replace(device_of(world), policy=None)
    refuse(Code.STAGE_MISSING, lambda: check_against_trust(proved, without_policy, world.now))
    check_against_trust(proved, device_of(world), world.now)


def test_every_difference_is_told_at_once() -> None:
    trip = eth_trip(World()).to(Stage.APPROVE)
    proved = prove(trip)
    other = device_of(
        World(edits={"whitelist": without_entry("entry:harbour-eth"), "policy": rules(max_amount=Units(1))})
    )
    for code in (Code.DEST_NOT_WHITELISTED, Code.LIMIT_TRANSACTION, Code.HEAD_UNEQUAL):
        refuse(code, lambda: check_against_trust(proved, other, trip.world.now))
    check_against_trust(proved, device_of(trip.world), trip.world.now)
