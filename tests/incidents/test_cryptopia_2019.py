"""`cryptopia-2019`: an employee had copied private keys, and emptied old deposit wallets that still got deposits.

Stopped by: (1) one key or share signs nothing by itself: the address is 2-of-3 across terminals, and each device
refuses a coin of which a key is compromised (KEY_COMPROMISED); (2) a retired address stays watched for ever
(RETIRED_ADDRESS_ACTIVITY). A key that was once outside counts as burnt: it never becomes active again
(KEY_STATE_ILLEGAL), and what its addresses hold is swept to ourselves.

Software cannot stop: a thief who holds as many keys of one address as its threshold signs without us; on Ethereum one
key is enough, so that only value ceilings and the sweep's speed bound the loss.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.checker.reading.bitcoin import read_psbt
from strongroom.checker.reading.bitcoin_signed import verify_signatures
from strongroom.checker.reading.verify import prove_docket as prove_second
from strongroom.core.checks.device import check_against_trust
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import EntryId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.registers import KeyState
from strongroom.core.trust import Trust, apply_update, enroll
from strongroom.online.watch.addresses import find_retired
from world import World, ltc_key_names, ltc_sweep, ltc_trip, safe_world

STOLEN = ltc_key_names("ltc-1")[0]


def device_of(world: World) -> Trust:
    return apply_update(enroll(world.roots, world.fingerprint), world.update_body(), world.now)


def declared(world: World, trust: Trust) -> Trust:
    """An officer declares the copied key, and the device has had the next package."""
    body = KeyStateChange(
        keys=(EntryId(STOLEN),), lifts=(), reason="copied by a former employee", state=KeyState.COMPROMISED
    )
    world.notice(body, "person:r.ho", ("person:r.ho",))
    news = replace(world.update_body(trust.log_head.size, whole=False), registers=())
    return apply_update(trust, news, world.now)


def test_one_stolen_share_makes_no_transaction() -> None:
    """Control 1: with a share of his own the thief has one signature of two, and no node takes that."""
    trip = ltc_trip(World())
    trip.terminals = ("device:terminal-1",)
    trip.to(Stage.SIGN)
    with pytest.raises(StrongroomError) as caught:
        verify_signatures(read_psbt(trip.unsigned), trip.build_signed())
    assert caught.value.codes & {Code.SIGNATURES_MISSING, Code.SIGNATURE_INVALID, Code.TX_NOT_CANONICAL}
    honest = ltc_trip(World()).to(Stage.SIGN)
    assert all(2 == len(by) for by in verify_signatures(read_psbt(honest.unsigned), honest.build_signed()))
    assert 2 == len(psbts.parse_psbt(honest.unsigned).inputs)


def test_a_declared_share_stops_the_inside_way_as_well() -> None:
    """Control 2: a colleague inside who still has the platform gets nothing signed with that address either."""
    world = World()
    trust = device_of(world)
    proved = prove_docket(ltc_trip(world).to(Stage.VERIFY).docket(), world.roots, now=world.now)
    check_against_trust(proved, trust, world.now)
    with pytest.raises(StrongroomError) as caught:
        check_against_trust(proved, declared(world, trust), world.now)
    assert Code.KEY_COMPROMISED in caught.value.codes


def test_a_burnt_key_never_comes_back() -> None:
    """Whoever holds the register's pens cannot make it active again, nor lose the entry."""
    edits = {"keys": lambda es: tuple(replace(e, state=KeyState.COMPROMISED) if e.id == STOLEN else e for e in es)}
    for back in (True, False):
        world = World(edits=edits)
        trust = device_of(world)
        entry = replace(world.registers["keys"].find(STOLEN, "keys"), state=KeyState.ACTIVE)
        added, removed = ((entry,), ()) if back else ((), (STOLEN,))
        world.change_register("keys", added, removed)
        with pytest.raises(StrongroomError) as caught:
            apply_update(trust, world.register_update("keys", added, removed, trust.log_head.size), world.now)
        assert Code.KEY_STATE_ILLEGAL in caught.value.codes
    world = World(edits=edits)
    trust = device_of(world)
    gone = replace(world.registers["keys"].find(STOLEN, "keys"), state=KeyState.DESTROYED)
    world.change_register("keys", (gone,))
    after = apply_update(trust, world.register_update("keys", (gone,), (), trust.log_head.size), world.now)
    assert KeyState.DESTROYED is after.key_states[STOLEN]


def test_coins_that_still_arrive_there_are_told() -> None:
    """RETIRED_ADDRESS_ACTIVITY: what the watcher says of every movement at an address of a declared key.

    That the alert is opened for a mined block is in online/tests/watch/test_addresses.py.
    """
    world = World()
    trust = declared(world, device_of(world))
    addresses = {a.id: a for a in world.registers["addresses"].entries}
    assert f"{STOLEN} is compromised" == find_retired(trust.key_states, addresses["address:ltc-1"], {})
    assert "" == find_retired(trust.key_states, addresses["address:ltc-2"], {})


def test_what_the_address_holds_is_saved() -> None:
    """The honest twin: two officers order the sweep, it pays only ourselves, and both readings let it through."""
    world = safe_world()
    trip = ltc_sweep(world).to(Stage.SETTLE)
    proved = prove_docket(trip.docket(), world.roots, now=world.now)
    assert {"address:safe-ltc"} == {o.entry for o in proved.facts.outputs}
    assert "SETTLE" == prove_second(trip.docket_bytes(), world.root_file, now=world.now).furthest.name
