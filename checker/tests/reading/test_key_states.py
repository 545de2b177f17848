"""The second reading of key states says what the first says, of every pair of states and of every source."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from strongroom.checker.reading import key_states as second
from strongroom.checker.reading.registers import ChainKey
from strongroom.checker.reading.registers import KeyState as Second
from strongroom.checker.reading.stages import Stage as Reached
from strongroom.core import key_states as first
from strongroom.core.checks.states import register_states
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest, EntryId
from strongroom.core.registers import KeyEntry, KeyState
from world import World, ltc_trip

from .crooked import prove, refused

KEY = EntryId("key:eth-2")


def second_key(entry: KeyEntry) -> ChainKey:
    return ChainKey(
        chain=entry.chain,
        id=entry.id,
        public=bytes(entry.public),
        state=Second(entry.state.value),
        terminal=entry.terminal,
        wallet=entry.wallet,
    )


def the_key(state: KeyState) -> KeyEntry:
    found = World().registers["keys"].find(KEY, "keys")
    return replace(found, state=state)


@pytest.mark.parametrize(("before", "after"), list(product(KeyState, KeyState)), ids=lambda s: s.value)
def test_both_allow_the_same_changes(before: KeyState, after: KeyState) -> None:
    old, new = the_key(before), the_key(after)
    try:
        first.check_key_changes({KEY: old}, {KEY: new})
        codes: set[Code] = set()
    except RefusedError as error:
        codes = set(error.codes)
    found = second.find_illegal([second_key(old)], {KEY: second_key(new)}, "keys")
    assert codes == {each.code for each in found}


def test_both_refuse_a_key_that_goes_away_or_takes_another_name() -> None:
    old = second_key(the_key(KeyState.COMPROMISED))
    assert [] == second.find_illegal([old], {KEY: old}, "keys")
    reborn = replace(old, id=EntryId("key:eth-9"), state=Second.ACTIVE)
    assert {Code.KEY_STATE_ILLEGAL} == {
        each.code for each in second.find_illegal([], {KEY: old, reborn.id: reborn}, "k")
    }
    assert [] == second.find_illegal([], {KEY: old}, "k")
    for after in ({}, {KEY: old, reborn.id: reborn}, {KEY: replace(old, public=b"\x02" * 33)}):
        assert {Code.KEY_STATE_ILLEGAL} == {each.code for each in second.find_illegal([old], after, "keys")}


@pytest.mark.parametrize(("held", "latched"), list(product(KeyState, KeyState)), ids=lambda s: s.value)
def test_both_hold_the_same_state(held: KeyState, latched: KeyState) -> None:
    if latched in (KeyState.PRE_ACTIVATION, KeyState.ACTIVE):
        book: dict[Digest, tuple[KeyState, tuple[Digest, ...]]] = {Digest("a"): (KeyState.SUSPENDED, ())}
        book[Digest("b")] = (KeyState.ACTIVE, (Digest("a"),))
    else:
        book = {Digest("a"): (latched, ())}
    ours = {n: first.KeyStateChange(keys=(KEY,), lifts=li, reason="r", state=s) for n, (s, li) in book.items()}
    theirs = {
        n: second.KeyStateChange(keys=(KEY,), lifts=li, reason="r", state=Second(s.value))
        for n, (s, li) in book.items()
    }
    key = the_key(held)
    assert first.effective_state(key, ours).value == second.state_of(second_key(key), theirs).value
    assert first.standing_states(ours) == second.standing_states(theirs)
    assert first.may_contain(held) == second.may_save(Second(held.value))


SOURCES: tuple[tuple[dict[str, KeyState], Code | None], ...] = (
    ({"key:ltc-1-2": KeyState.DESTROYED}, None),
    ({"key:ltc-1-2": KeyState.SUSPENDED}, None),
    ({"key:ltc-1-2": KeyState.DESTROYED, "key:ltc-1-3": KeyState.DESTROYED}, Code.KEY_NOT_ACTIVE),
    ({"key:ltc-1-2": KeyState.COMPROMISED}, Code.KEY_COMPROMISED),
)


@pytest.mark.parametrize(("states", "code"), SOURCES)
def test_a_source_with_keys_gone_or_leaked(states: dict[str, KeyState], code: Code | None) -> None:
    """The same rows as core/tests/test_key_states.py: where the two readings once differed."""

    def keys(entries: Any) -> Any:
        return tuple(replace(e, state=states.get(e.id, e.state)) for e in entries)

    world = World(edits={"keys": keys})
    assert set(states) < set(register_states({e.id: e for e in world.registers["keys"].entries}))
    trip = ltc_trip(world).to(Stage.PROPOSE)
    if code is None:
        assert Reached.PROPOSE is prove(trip)
    else:
        refused(trip, "PROPOSE", code)
