"""The vault: three terminals with a token each, their wrapping keys, asset keys and operators."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from demo.people import ROLES, Person, make_person, make_person_key, make_token
from demo.programs import MODULE, make_store, run
from strongroom.core.ids import PartyId
from strongroom.core.keys import PublicKey

ETH_WALLET, LTC_WALLET = "wallet:eth-cold-1", "wallet:ltc-cold-1"
ETH_KEYS, LTC_KEYS = 2, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A signing terminal: its token, its wrapped keys, its operators. publics: key id to compressed point, hex."""

    id: PartyId
    label: str
    store: Path
    keys: Path
    key: PublicKey
    operators: tuple[Person, ...]
    publics: dict[str, str]
    officer_pin: str = field(repr=False)
    pin: str = field(repr=False)


def make_terminal(number: int, folder: Path) -> Terminal:
    """One terminal's token with its device key, and its operators' tokens. Asset keys come later, in a ceremony."""
    label = f"terminal-{number}"
    store = make_store(folder / label)
    officer_pin, pin = make_token(store, label)
    key = make_person_key(store, label, pin)
    operators = tuple(make_person(role, folder) for role in ROLES if role.place == label)
    return Terminal(
        id=PartyId(f"device:{label}"),
        label=label,
        store=store,
        keys=store / "keys",
        key=key,
        operators=operators,
        publics={},
        officer_pin=officer_pin,
        pin=pin,
    )


def make_terminal_with(store: Path, keys: Path, publics: dict[str, str], pins: tuple[str, str]) -> Terminal:
    """The first terminal: its token was made in the led ceremony, with its asset keys. pins: officer's and user's."""
    label = store.name
    return Terminal(
        id=PartyId(f"device:{label}"),
        label=label,
        store=store,
        keys=keys,
        key=make_person_key(store, label, pins[1]),
        operators=tuple(make_person(role, store.parent) for role in ROLES if role.place == label),
        publics=publics,
        officer_pin=pins[0],
        pin=pins[1],
    )


def make_terminals(folder: Path) -> tuple[Terminal, ...]:
    """The tokens of the second and the third terminal, both at a time; the first one's is born in the ceremony."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(lambda number: make_terminal(number, folder), (2, 3)))


def fill_terminal(terminal: Terminal) -> Terminal:
    """The wrapping key by the security officer, and the asset keys, with single commands and no run book."""
    common = ["--token", terminal.label, "--module", MODULE, "--json"]
    store = terminal.store
    run("ceremony", ["make-wrapping-key", *common], stdin=f"{terminal.officer_pin}\n", store=store, offline=True)
    return make_asset_keys(terminal)


def make_asset_keys(terminal: Terminal) -> Terminal:
    """Litecoin keys; Ethereum's live in the first terminal."""
    out = terminal.keys / "ltc"
    letter = "abc"[int(terminal.label[-1]) - 1]
    arguments = ["make-keys", "--token", terminal.label, "--module", MODULE, "--json", "--count", str(LTC_KEYS)]
    arguments += ["--wallet", LTC_WALLET, "--out", str(out), "--names", f"ltc-{letter}"]
    run("ceremony", arguments, stdin=f"{terminal.pin}\n", store=terminal.store, offline=True)
    listed = json.loads((out / "keys.json").read_text())
    return replace(terminal, publics={entry["key"]: entry["public"] for entry in listed["keys"]})


def fill_terminals(terminals: tuple[Terminal, ...]) -> tuple[Terminal, ...]:
    """Both at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(fill_terminal, terminals))
