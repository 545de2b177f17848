"""The second reading of key states: statements about them, legal changes, and who may sign what; spec/registers.md.

Written as ranks and questions, where the first reading has tables: the same mistake should not be easy twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from strongroom.checker.reading.emergency_bodies import KeyState, KeyStateChange
from strongroom.checker.reading.registers import Address, ChainKey
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.ids import Digest, EntryId

_RANK: Final[Mapping[KeyState, int]] = {
    KeyState.ACTIVE: 0,
    KeyState.PRE_ACTIVATION: 1,
    KeyState.SUSPENDED: 2,
    KeyState.DEACTIVATED: 3,
    KeyState.COMPROMISED: 4,
    KeyState.DESTROYED: 5,
}
States = Mapping[str, KeyState]


def is_legal(before: KeyState, after: KeyState) -> bool:
    """Whether the register may take a key from one state to the other."""
    if before is after:
        return True
    if after is KeyState.PRE_ACTIVATION:
        return False
    # From deactivated on nothing gets better again; before that, everything but a second birth is allowed.
    return _RANK[before] < _RANK[KeyState.DEACTIVATED] or _RANK[after] > _RANK[before]


def find_illegal(before: Iterable[ChainKey], after: Mapping[str, ChainKey], path: str) -> list[Refusal]:
    """Every change of the key register that must not be: an illegal state, another point, a key gone or renamed."""
    found: list[Refusal] = []
    points: dict[bytes, str] = {}
    for old in before:
        points[old.public] = old.id
        new = after.get(old.id)
        if new is None:
            found.append(_illegal(f"{path}.{old.id}", "an entry for ever", "none"))
            continue
        if not is_legal(old.state, new.state):
            found.append(_illegal(f"{path}.{old.id}.state", f"what may follow {old.state.value}", new.state.value))
        if new.public != old.public or new.chain != old.chain:
            found.append(_illegal(f"{path}.{old.id}.public", old.public.hex(), new.public.hex()))
    for new in after.values():
        name = points.get(new.public, new.id)
        if name != new.id and new.id not in points.values():
            found.append(_illegal(f"{path}.{new.id}.public", "a point of no other key", name))
        # Two entries that are new at once share no point either.
        points.setdefault(new.public, new.id)
    return found


def state_of(key: ChainKey, said: Mapping[Digest, KeyStateChange]) -> KeyState:
    """What holds for a key: its register entry, or the strictest statement about it that nobody ended."""
    worst = key.state
    for name, body in said.items():
        if key.id in body.keys and not _is_ended(name, body, key.id, said) and _RANK[body.state] > _RANK[worst]:
            worst = body.state
    return worst


def standing_states(said: Mapping[Digest, KeyStateChange]) -> tuple[Digest, ...]:
    """Sorted ids of the statements that still tighten a key."""
    tight = [
        name
        for name, body in said.items()
        if body.state is not KeyState.ACTIVE and not all(_is_ended(name, body, key, said) for key in body.keys)
    ]
    return tuple(sorted(tight))


def _is_ended(name: Digest, body: KeyStateChange, key: EntryId, said: Mapping[Digest, KeyStateChange]) -> bool:
    if body.state is not KeyState.SUSPENDED:
        return False
    return any(name in other.lifts for other in said.values() if key in other.keys)


def may_save(state: KeyState) -> bool:
    """Whether a key may sign a sweep to ourselves."""
    return state in {KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.COMPROMISED}


def find_unpayable(sources: Sequence[Address], states: States, path: str) -> list[Refusal]:
    """Sources that a transfer must not spend from: an exported key, or too few active ones."""
    found: list[Refusal] = []
    for source in sources:
        leaked = [name for name in source.keys if states.get(name) is KeyState.COMPROMISED]
        found += [_wrong(Code.KEY_COMPROMISED, path, f"no compromised key of {source.id}", name) for name in leaked]
        active = [name for name in source.keys if states.get(name) is KeyState.ACTIVE]
        found += _find_few(source, active, path)
    return found


def find_unsweepable(sources: Sequence[Address], states: States, path: str) -> list[Refusal]:
    """Sources that not even a sweep can spend from."""
    found: list[Refusal] = []
    for source in sources:
        found += _find_few(source, [name for name in source.keys if name in states and may_save(states[name])], path)
    return found


def _find_few(source: Address, able: Sequence[str], path: str) -> list[Refusal]:
    if len(able) >= source.threshold:
        return []
    expected = f"{source.threshold} keys of {source.id} that may sign"
    return [_wrong(Code.KEY_NOT_ACTIVE, path, expected, f"{len(able)} of {len(source.keys)}")]


def find_idle(address: Address, states: States) -> list[str]:
    """The keys of an address that are not active, in words; what is sent there would be lost."""
    known = {name: states.get(name) for name in address.keys}
    return [f"{name} is {state.value if state else 'unknown'}" for name, state in known.items() if state != "active"]


def _illegal(path: str, expected: str, got: str) -> Refusal:
    return _wrong(Code.KEY_STATE_ILLEGAL, path, expected, got)


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
