"""The vault: three terminals with a token each, their wrapping keys, asset keys and operators."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
    pin: str = field(repr=False)


def make_terminal(number: int, folder: Path) -> Terminal:
    """The ceremony of one terminal: token, wrapping key by the security officer, asset keys, device key, operators."""
    label = f"terminal-{number}"
    store = make_store(folder / label)
    officer, pin = make_token(store, label)
    common = ["--token", label, "--module", MODULE, "--json"]
    run("ceremony", ["make-wrapping-key", *common], stdin=f"{officer}\n", store=store, offline=True)
    keys = store / "keys"
    orders = [("ltc", LTC_WALLET, LTC_KEYS, f"ltc-{'abc'[number - 1]}")]
    if number == 1:
        orders.append(("eth", ETH_WALLET, ETH_KEYS, "eth"))
    publics = {}
    for name, wallet, count, names in orders:
        out = keys / name
        arguments = [
            "make-keys",
            *common,
            "--count",
            str(count),
            "--wallet",
            wallet,
            "--out",
            str(out),
            "--names",
            names,
        ]
        run("ceremony", arguments, stdin=f"{pin}\n", store=store, offline=True)
        listed = json.loads((out / "keys.json").read_text())
        publics.update({entry["key"]: entry["public"] for entry in listed["keys"]})
    key = make_person_key(store, label, pin)
    operators = tuple(make_person(role, folder) for role in ROLES if role.place == label)
    return Terminal(
        id=PartyId(f"device:{label}"),
        label=label,
        store=store,
        keys=keys,
        key=key,
        operators=operators,
        publics=publics,
        pin=pin,
    )


def make_terminals(folder: Path) -> tuple[Terminal, ...]:
    """All three terminals, two ceremonies at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(lambda number: make_terminal(number, folder), (1, 2, 3)))
