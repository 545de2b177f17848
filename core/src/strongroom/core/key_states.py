"""States of signing keys: which change is legal, what officers' statements do to them, and what a state allows.

The register says what a key is; a `key-state` statement tightens it at once, on the word of one officer, and latches
on every device as a freeze does. What holds is the strictest of the two. States and legal changes are those of
NIST SP 800-57 part 1; spec/registers.md, Key states; II.1, 10.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, malformed, refused
from strongroom.core.ids import Digest, EntryId
from strongroom.core.records import check_sorted
from strongroom.core.registers import KeyEntry, KeyState


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStateChange:
    """Body of a `key-state` statement.

    lifts: ids of `suspended` statements that an `active` one ends, for `keys` only; empty for every other state.
    """

    keys: tuple[EntryId, ...]
    lifts: tuple[Digest, ...]
    reason: str
    state: KeyState

    def __post_init__(self) -> None:
        check_sorted(self.keys, "key-state.keys")
        check_sorted(self.lifts, "key-state.lifts")
        if not self.keys:
            raise malformed(Code.FIELD_INVALID, "key-state.keys", "at least one key", "none")
        if self.state is KeyState.PRE_ACTIVATION:
            # A key's first state is the register's to give; a statement could only hide that it was active.
            raise malformed(Code.FIELD_INVALID, "key-state.state", "any state but pre-activation", self.state.value)
        if (self.state is KeyState.ACTIVE) != bool(self.lifts):
            raise malformed(
                Code.FIELD_INVALID, "key-state.lifts", "suspensions exactly when the state is active", self.state.value
            )


BY_QUORUM = frozenset({KeyState.ACTIVE, KeyState.DESTROYED})
"""What one officer alone may not say: the one loosens, the other can never be made good."""
_STRICTER = (
    KeyState.ACTIVE,
    KeyState.PRE_ACTIVATION,
    KeyState.SUSPENDED,
    KeyState.DEACTIVATED,
    KeyState.COMPROMISED,
    KeyState.DESTROYED,
)
_LEGAL: Mapping[KeyState, frozenset[KeyState]] = {
    KeyState.PRE_ACTIVATION: frozenset(KeyState),
    KeyState.ACTIVE: frozenset(KeyState) - {KeyState.PRE_ACTIVATION},
    KeyState.SUSPENDED: frozenset(KeyState) - {KeyState.PRE_ACTIVATION},
    KeyState.DEACTIVATED: frozenset({KeyState.DEACTIVATED, KeyState.COMPROMISED, KeyState.DESTROYED}),
    KeyState.COMPROMISED: frozenset({KeyState.COMPROMISED, KeyState.DESTROYED}),
    KeyState.DESTROYED: frozenset({KeyState.DESTROYED}),
}


def strictest(states: Iterable[KeyState]) -> KeyState:
    """The strictest of some states; ACTIVE of none."""
    return max(states, key=_STRICTER.index, default=KeyState.ACTIVE)


def effective_state(entry: KeyEntry, said: Mapping[Digest, KeyStateChange]) -> KeyState:
    """What holds for a key: the strictest of its register entry and of every statement about it that stands."""
    latched = [body.state for name, body in said.items() if entry.id in body.keys and _stands(name, entry.id, said)]
    return strictest([entry.state, *latched])


def effective_keys(keys: Mapping[str, KeyEntry], said: Mapping[Digest, KeyStateChange]) -> dict[str, KeyState]:
    """The state that holds for each key."""
    return {name: effective_state(entry, said) for name, entry in keys.items()}


def standing_states(said: Mapping[Digest, KeyStateChange]) -> tuple[Digest, ...]:
    """Ids of the statements that still tighten at least one key, sorted: what a device's latches are compared by."""
    return tuple(
        sorted(
            name
            for name, body in said.items()
            if body.state is not KeyState.ACTIVE and any(_stands(name, key, said) for key in body.keys)
        )
    )


def _stands(name: Digest, key: EntryId, said: Mapping[Digest, KeyStateChange]) -> bool:
    """Only a suspension can be ended: nobody's signatures make an exported key secret again."""
    if said[name].state is not KeyState.SUSPENDED:
        return True
    return not any(name in other.lifts and key in other.keys for other in said.values())


def may_pay(state: KeyState) -> bool:
    """Whether a key may sign a transfer."""
    return state is KeyState.ACTIVE


def may_contain(state: KeyState) -> bool:
    """Whether a key may sign a sweep to ourselves. A deactivated one signs nothing else, a compromised one neither."""
    match state:
        case KeyState.ACTIVE | KeyState.DEACTIVATED | KeyState.COMPROMISED:
            return True
        case KeyState.PRE_ACTIVATION | KeyState.SUSPENDED | KeyState.DESTROYED:
            return False
        case _:
            assert_never(state)


def check_key_changes(before: Mapping[str, KeyEntry], after: Mapping[str, KeyEntry]) -> None:
    """Raise KEY_STATE_ILLEGAL with every change of the key register that no state allows.

    An entry that vanishes is refused, or a key could come back as a new one (attack: remove a compromised key, add it
    again as active). A point that stood under a name keeps that name for ever, for the same reason.
    """
    found = [
        _illegal(f"registers.keys.{name}", "kept in the register, destroyed or not", "no entry")
        for name in sorted(set(before) - set(after))
    ]
    named = {entry.public: name for name, entry in before.items()}
    for name, entry in after.items():
        old, field = before.get(name), f"registers.keys.{name}"
        if old is None:
            if entry.public in named:
                found.append(_illegal(f"{field}.public", "a point of no other key", named[entry.public]))
            # Two new names in one version share no point either: one of them could be suspended and the other sign.
            named.setdefault(entry.public, name)
            continue
        if entry.state not in _LEGAL[old.state]:
            legal = ", ".join(sorted(_LEGAL[old.state]))
            found.append(_illegal(f"{field}.state", f"after {old.state.value}: {legal}", entry.state.value))
        if (entry.public, entry.chain) != (old.public, old.chain):
            found.append(_illegal(f"{field}.public", f"{old.public.hex()} on {old.chain}", entry.public.hex()))
    if found:
        raise RefusedError(*found)


def check_known_keys(body: KeyStateChange, keys: Mapping[str, KeyEntry]) -> None:
    """Raise NOT_IN_REGISTER for a statement about a key that the register does not hold."""
    strange = sorted(set(body.keys) - set(keys))
    if strange:
        raise refused(Code.NOT_IN_REGISTER, "key-state.keys", "keys of the register", ", ".join(strange))


def _illegal(field: str, expected: str, got: str) -> Refusal:
    return Refusal(code=Code.KEY_STATE_ILLEGAL, field=field, expected=expected, got=got)
