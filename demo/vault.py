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


def make_terminals(folder: Path) -> tuple[Terminal, ...]:
    """All three terminals' tokens, two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(lambda number: make_terminal(number, folder), (1, 2, 3)))


def fill_terminal(terminal: Terminal) -> Terminal:
    """The wrapping key by the security officer, and the asset keys, with single commands and no run book."""
    common = ["--token", terminal.label, "--module", MODULE, "--json"]
    store = terminal.store
    run("ceremony", ["make-wrapping-key", *common], stdin=f"{terminal.officer_pin}\n", store=store, offline=True)
    return make_asset_keys(terminal)


def make_asset_keys(terminal: Terminal) -> Terminal:
    """Litecoin keys in every terminal, Ethereum keys in the first."""
    letter = "abc"[int(terminal.label[-1]) - 1]
    orders = [("ltc", LTC_WALLET, LTC_KEYS, f"ltc-{letter}")]
    if letter == "a":
        orders.append(("eth", ETH_WALLET, ETH_KEYS, "eth"))
    publics = {}
    for name, wallet, count, names in orders:
        out = terminal.keys / name
        arguments = ["make-keys", "--token", terminal.label, "--module", MODULE, "--json"]
        arguments += ["--count", str(count), "--wallet", wallet, "--out", str(out), "--names", names]
        run("ceremony", arguments, stdin=f"{terminal.pin}\n", store=terminal.store, offline=True)
        listed = json.loads((out / "keys.json").read_text())
        publics.update({entry["key"]: entry["public"] for entry in listed["keys"]})
    return replace(terminal, publics=publics)


def fill_terminals(terminals: tuple[Terminal, ...]) -> tuple[Terminal, ...]:
    """All of them, two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(fill_terminal, terminals))
