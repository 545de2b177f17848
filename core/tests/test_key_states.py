"""Key states: legal changes of the register, statements that tighten at once, and what each state lets a key sign."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from strongroom.core.checks.states import check_paying_sources, check_receiving, check_sweeping_sources
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import MalformedError
from strongroom.core.ids import Digest, EntryId
from strongroom.core.key_states import (
    KeyStateChange,
    check_key_changes,
    check_known_keys,
    effective_keys,
    effective_state,
    standing_states,
)
from strongroom.core.registers import KeyEntry, KeyState
from strongroom.core.trust import apply_update
from world import World, ltc_trip

from .refusals import refuse
from .test_checks_separation import refused_codes
from .test_trust import device_of, seen

S = KeyState
LEGAL = {
    S.PRE_ACTIVATION: {*S},
    S.ACTIVE: {S.ACTIVE, S.SUSPENDED, S.DEACTIVATED, S.COMPROMISED, S.DESTROYED},
    S.SUSPENDED: {S.ACTIVE, S.SUSPENDED, S.DEACTIVATED, S.COMPROMISED, S.DESTROYED},
    S.DEACTIVATED: {S.DEACTIVATED, S.COMPROMISED, S.DESTROYED},
    S.COMPROMISED: {S.COMPROMISED, S.DESTROYED},
    S.DESTROYED: {S.DESTROYED},
}
"""From each state to every state that may follow in the register; NIST SP 800-57 part 1."""
ETH_2, LTC_2 = EntryId("key:eth-2"), EntryId("key:ltc-1-2")


def keys_of(world: World) -> dict[str, KeyEntry]:
    return {e.id: e for e in world.registers["keys"].entries}


def said(state: KeyState, *keys: str, lifts: tuple[Digest, ...] = ()) -> KeyStateChange:
    return KeyStateChange(
        keys=tuple(EntryId(k) for k in sorted(keys)), lifts=lifts, reason="the laptop was copied", state=state
    )


def name(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


@pytest.mark.parametrize(("before", "after"), list(product(S, S)), ids=lambda s: s.value)
def test_a_device_takes_legal_changes_of_state_only(before: KeyState, after: KeyState) -> None:
    world = World(edits={"keys": lambda es: tuple(replace(e, state=before) if e.id == ETH_2 else e for e in es)})
    trust = device_of(world)
    changed = replace(world.registers["keys"].find(ETH_2, "keys"), state=after)
    world.change_register("keys", added=[changed])
    update = world.register_update("keys", [changed], (), seen(trust))
    if after in LEGAL[before]:
        assert after is apply_update(trust, update, world.now).entries.keys[ETH_2].state
    else:
        refuse(Code.KEY_STATE_ILLEGAL, lambda: apply_update(trust, update, world.now))


def test_a_key_neither_vanishes_nor_comes_back_under_another_name() -> None:
    keys = keys_of(World())
    check_key_changes(keys, keys)
    gone = {k: v for k, v in keys.items() if k != ETH_2}
    refuse(Code.KEY_STATE_ILLEGAL, lambda: check_key_changes(keys, gone))
    twins = {ETH_2: keys[ETH_2], "key:eth-9": replace(keys[ETH_2], id=EntryId("key:eth-9"))}
    refuse(Code.KEY_STATE_ILLEGAL, lambda: check_key_changes({}, twins))
    check_key_changes({}, keys)
    reborn = {**keys, "key:eth-9": replace(keys[ETH_2], id=EntryId("key:eth-9"))}
    refuse(Code.KEY_STATE_ILLEGAL, lambda: check_key_changes(keys, reborn))
    swapped = {**keys, ETH_2: replace(keys[ETH_2], public=keys[LTC_2].public)}
    refuse(Code.KEY_STATE_ILLEGAL, lambda: check_key_changes(keys, swapped))
    new = replace(keys[ETH_2], id=EntryId("key:eth-9"), public=type(keys[ETH_2].public)(b"\x02" + b"\x11" * 32))
    check_key_changes(keys, {**keys, "key:eth-9": new})


@pytest.mark.parametrize(("held", "latched"), list(product(S, [s for s in S if s is not S.PRE_ACTIVATION])))
def test_the_strictest_of_register_and_statement_holds(held: KeyState, latched: KeyState) -> None:
    order = [S.ACTIVE, S.PRE_ACTIVATION, S.SUSPENDED, S.DEACTIVATED, S.COMPROMISED, S.DESTROYED]
    entry = replace(keys_of(World())[ETH_2], state=held)
    lifts = (name(9),) if latched is S.ACTIVE else ()
    found = effective_state(entry, {name(1): said(latched, ETH_2, lifts=lifts)})
    assert order[max(order.index(held), order.index(latched))] is found


def test_only_a_suspension_ends_and_only_for_the_keys_named() -> None:
    keys = {k: v for k, v in keys_of(World()).items() if k in (ETH_2, LTC_2)}
    book = {name(1): said(S.SUSPENDED, ETH_2, LTC_2), name(2): said(S.ACTIVE, ETH_2, lifts=(name(1),))}
    assert {ETH_2: S.ACTIVE, LTC_2: S.SUSPENDED} == effective_keys(keys, book)
    assert (name(1),) == standing_states(book)
    book[name(3)] = said(S.ACTIVE, LTC_2, lifts=(name(1),))
    assert {ETH_2: S.ACTIVE, LTC_2: S.ACTIVE} == effective_keys(keys, book)
    assert () == standing_states(book)
    book[name(4)] = said(S.COMPROMISED, ETH_2)
    book[name(5)] = said(S.ACTIVE, ETH_2, lifts=(name(4),))
    assert S.COMPROMISED is effective_keys(keys, book)[ETH_2]
    assert (name(4),) == standing_states(book)


def test_what_a_statement_must_say() -> None:
    for state, keys, lifts in (
        (S.COMPROMISED, (), ()),
        (S.COMPROMISED, (ETH_2,), (name(1),)),
        (S.ACTIVE, (ETH_2,), ()),
        (S.PRE_ACTIVATION, (ETH_2,), ()),
    ):
        with pytest.raises(MalformedError) as caught:
            said(state, *keys, lifts=lifts)
        assert {Code.FIELD_INVALID} == caught.value.codes
    check_known_keys(said(S.COMPROMISED, ETH_2), keys_of(World()))
    refuse(Code.NOT_IN_REGISTER, lambda: check_known_keys(said(S.COMPROMISED, "key:nobody"), keys_of(World())))


@pytest.mark.parametrize("state", S, ids=lambda s: s.value)
def test_what_each_state_may_sign(state: KeyState) -> None:
    world = World()
    source = next(a for a in world.registers["addresses"].entries if a.keys == (ETH_2,))
    states = {ETH_2: state}
    paying = {S.ACTIVE: None, S.COMPROMISED: Code.KEY_COMPROMISED}.get(state, Code.KEY_NOT_ACTIVE)
    if paying is None:
        check_paying_sources([source], states, "sources")
        check_receiving(source, states, Code.CHANGE_NOT_OURS, "outputs")
    else:
        refuse(paying, lambda: check_paying_sources([source], states, "sources"))
        refuse(Code.CHANGE_NOT_OURS, lambda: check_receiving(source, states, Code.CHANGE_NOT_OURS, "outputs"))
    if state in (S.ACTIVE, S.DEACTIVATED, S.COMPROMISED):
        check_sweeping_sources([source], states, "sources")
    else:
        refuse(Code.KEY_NOT_ACTIVE, lambda: check_sweeping_sources([source], states, "sources"))


LTC_SOURCE_STATES = (
    ({LTC_2: S.DESTROYED}, None),
    ({LTC_2: S.SUSPENDED}, None),
    ({LTC_2: S.DESTROYED, "key:ltc-1-3": S.DESTROYED}, Code.KEY_NOT_ACTIVE),
    ({LTC_2: S.COMPROMISED}, Code.KEY_COMPROMISED),
)
"""States of keys of a 2-of-3 coin, and what both readings answer (checker/tests/reading/test_key_states.py)."""


@pytest.mark.parametrize(("states", "code"), LTC_SOURCE_STATES)
def test_two_of_three_keys_sign_when_the_third_is_gone_but_not_when_it_leaked(
    states: dict[str, KeyState], code: Code | None
) -> None:
    def keys(entries: tuple[KeyEntry, ...]) -> tuple[KeyEntry, ...]:
        return tuple(replace(e, state=states.get(e.id, e.state)) for e in entries)

    world = World(edits={"keys": keys})
    assert (set() if code is None else {code}) == set(refused_codes(ltc_trip(world).to(Stage.PROPOSE), world))
