"""Which keys a transaction may be signed by, and which it may pay to, by the states that a reader holds to be true.

Asked twice: of the docket's own register entries, and on each device again of its register and its latches together.
Source: spec/registers.md, Key states; 10.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError
from strongroom.core.key_states import may_contain, may_pay
from strongroom.core.registers import AddressEntry, KeyEntry, KeyState

States = Mapping[str, KeyState]
"""Key id to the state that holds."""


def register_states(keys: Mapping[str, KeyEntry]) -> dict[str, KeyState]:
    """The states as the register has them."""
    return {name: entry.state for name, entry in keys.items()}


def check_paying_sources(sources: Sequence[AddressEntry], states: States, field: str) -> None:
    """Raise KEY_COMPROMISED for any exported key, KEY_NOT_ACTIVE where fewer keys than the threshold may sign.

    A key that is gone leaves the others of an m-of-n address to sign, which is what m-of-n is for. A key that somebody
    else holds does not: the address is worth one key less than it claims, and is swept instead.
    """
    found = [
        Refusal(code=Code.KEY_COMPROMISED, field=field, expected=f"no such key of {source.id}", got=name)
        for source in sources
        for name in source.keys
        if states.get(name) is KeyState.COMPROMISED
    ]
    found += _too_few(sources, states, may_pay, field)
    if found:
        raise RefusedError(*found)


def check_sweeping_sources(sources: Sequence[AddressEntry], states: States, field: str) -> None:
    """Raise KEY_NOT_ACTIVE where fewer keys than the threshold may sign even to save what is left."""
    found = _too_few(sources, states, may_contain, field)
    if found:
        raise RefusedError(*found)


def check_receiving(address: AddressEntry, states: States, code: Code, field: str) -> None:
    """Raise `code` unless every key of an address of ours is active: what goes to another is lost, or the thief's."""
    idle = [f"{name} is {_name(states, name)}" for name in address.keys if states.get(name) is not KeyState.ACTIVE]
    if idle:
        raise RefusedError(
            Refusal(code=code, field=field, expected=f"active keys of {address.id}", got=", ".join(idle))
        )


def _too_few(
    sources: Sequence[AddressEntry], states: States, may_sign: Callable[[KeyState], bool], field: str
) -> list[Refusal]:
    found = []
    for source in sources:
        able = [name for name in source.keys if name in states and may_sign(states[name])]
        if len(able) < source.threshold:
            got = ", ".join(f"{name} is {_name(states, name)}" for name in source.keys if name not in able)
            expected = f"{source.threshold} keys of {source.id} that may sign this"
            found.append(Refusal(code=Code.KEY_NOT_ACTIVE, field=field, expected=expected, got=got))
    return found


def _name(states: States, name: str) -> str:
    return states[name].value if name in states else "unknown here"
