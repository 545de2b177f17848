"""Controls that are worth something only while nobody holds two: change, offices and clears, each beside its twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.checker.reading.stages import Stage as Reached
from strongroom.core.bodies import Budget, ClearToSign
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.records import Units
from strongroom.core.registers import KeyState
from strongroom.core.roster import Delegation, Holder, Root
from world import ETH_ASSET, LTC_ASSET, Edit, Trip, World, eth_trip, ltc_key_names, ltc_trip, signer_of

from .crooked import crooked, prove, refused

LAST_CHANGE_KEY = ltc_key_names("ltc-change")[2:]
ETH_MOVED = 125 * 10**16 + 21_000 * 90 * 10**9
"""The payment of `eth_trip` and the most that its fee can be, in wei."""
LTC_MOVED = (5 + 7 + 11) * 10**8 + 2_000
"""The payments and the fee of `ltc_trip`, in litoshi; its change comes back and is not in it."""


@pytest.mark.parametrize("names", [ltc_key_names("ltc-change"), LAST_CHANGE_KEY], ids=["all", "one"])
@pytest.mark.parametrize("state", KeyState)
def test_change_goes_to_keys_that_all_sign(names: tuple[str, ...], state: KeyState) -> None:
    def keys(entries: Any) -> Any:
        return tuple(replace(e, state=state) if e.id in names else e for e in entries)

    trip = ltc_trip(World(edits={"keys": keys})).to(Stage.PROPOSE)
    if state is KeyState.ACTIVE:
        assert Reached.PROPOSE is prove(trip)
    else:
        refused(trip, "PROPOSE", Code.CHANGE_NOT_OURS)


def office_with(office: str, name: str, key_of: str) -> World:
    """A firm whose office (a delegation of the root) also has a person of that name with that party's key."""

    def root(body: Root) -> Root:
        before: Delegation = getattr(body.delegations, office)
        holders = sorted([*before.keys, Holder(id=name, key=signer_of(key_of).key)], key=lambda h: h.id)  # type: ignore[arg-type]
        return replace(body, delegations=replace(body.delegations, **{office: replace(before, keys=tuple(holders))}))

    return World(edits={"root": root})


@pytest.mark.parametrize("office", ["clients", "whitelist"])
@pytest.mark.parametrize(
    ("name", "key_of"),
    [("person:m.chan", "person:m.chan"), ("person:m.chan", "person:other"), ("person:other", "person:m.chan")],
    ids=["id_and_key", "id", "key"],
)
def test_who_lists_destinations_or_names_clients_does_not_approve(office: str, name: str, key_of: str) -> None:
    refused(eth_trip(office_with(office, name, key_of)).to(Stage.APPROVE), "APPROVE", Code.SEPARATION)
    others = ("person:a.wong", "person:r.singh")
    assert Reached.APPROVE is prove(eth_trip(office_with(office, name, key_of), approvers=others).to(Stage.APPROVE))


def budget(asset: str, units: int) -> Edit:
    return lambda body: replace(body, budget=(Budget(asset=asset, units=Units(units)),))  # type: ignore[arg-type]


CLEARS: list[tuple[str, Callable[..., Trip], Edit, Code | None]] = [
    ("to the last wei", eth_trip, budget(ETH_ASSET, ETH_MOVED), None),
    ("a wei too little", eth_trip, budget(ETH_ASSET, ETH_MOVED - 1), Code.CLEAR_BUDGET),
    ("to the last litoshi", ltc_trip, budget(LTC_ASSET, LTC_MOVED), None),
    ("a litoshi too little", ltc_trip, budget(LTC_ASSET, LTC_MOVED - 1), Code.CLEAR_BUDGET),
    ("of another asset", eth_trip, budget(LTC_ASSET, 500 * 10**18), Code.CLEAR_BUDGET),
    ("of nothing", eth_trip, lambda body: replace(body, budget=()), Code.CLEAR_BUDGET),
    ("for one", eth_trip, lambda body: replace(body, max_count=1), None),
    ("for none", eth_trip, lambda body: replace(body, max_count=0), Code.CLEAR_BUDGET),
    ("for longer than dates go", eth_trip, lambda body: replace(body, life_s=2**53 - 1), None),
]


@pytest.mark.parametrize(
    ("make", "edit", "code"), [r[1:] for r in CLEARS], ids=[r[0].replace(" ", "_") for r in CLEARS]
)
def test_a_clear_covers_what_leaves(make: Callable[..., Trip], edit: Edit, code: Code | None) -> None:
    trip = make(World(), edits={"clear": edit}).to(Stage.SIGN)
    if code is None:
        assert Reached.SIGN is prove(trip)
    else:
        refused(trip, "SIGN", code)


@pytest.mark.parametrize(("waits", "code"), [(0, None), (1, Code.CLEAR_EXPIRED)])
def test_a_clear_ends_to_the_second(waits: int, code: Code | None) -> None:
    trip = crooked(World()).to(Stage.CLEAR)
    (clear,) = trip.of(ClearToSign)
    trip.world.now = clear.issued_at + timedelta(seconds=clear.body.life_s + waits)
    trip.to(Stage.SIGN)
    if code is None:
        assert Reached.SIGN is prove(trip)
    else:
        refused(trip, "SIGN", code)
