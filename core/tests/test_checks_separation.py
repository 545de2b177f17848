"""Who initiates or whitelists does not approve; change is not burnt; clears cover what leaves; witnesses are valid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.core.bodies import Budget, ClearToSign
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import StrongroomError
from strongroom.core.records import Units
from strongroom.core.registers import KeyState
from strongroom.core.roster import Delegation, Holder, Root
from world import START, World, eth_trip, ltc_trip, signer_of


def refused_codes(trip: Any, world: World) -> frozenset[Code]:
    """The codes with which a trip's docket is refused; none when it is proved."""
    try:
        prove_docket(trip.docket(), world.roots, now=world.now)
    except StrongroomError as error:
        return error.codes
    return frozenset()


def shared_key() -> World:
    """A firm in which M. Chan's key is also a key of client Harbour."""
    key = signer_of("person:m.chan").key

    def clients(entries: Any) -> Any:
        return tuple(replace(e, keys=(*e.keys, key)) if e.id == "client:harbour" else e for e in entries)

    return World(edits={"clients": clients})


def test_nobody_approves_what_they_instructed() -> None:
    world = shared_key()
    trip = eth_trip(world)
    honestly = world.sign

    def sign(body: Any, issuer: str, signers: Any) -> Any:
        return honestly(body, issuer, ("person:m.chan",) if issuer == "client:harbour" else signers)

    world.sign = sign  # type: ignore[method-assign]
    assert {Code.SELF_APPROVAL} <= refused_codes(trip.to(Stage.VERIFY), world)
    honest = World()
    assert frozenset() == refused_codes(eth_trip(honest).to(Stage.VERIFY), honest)


def office_of(person: str) -> World:
    """A firm whose whitelist office has this person in it."""

    def root(body: Root) -> Root:
        keys = sorted(
            [*body.delegations.whitelist.keys, Holder(id=person, key=signer_of(person).key)], key=lambda h: h.id
        )
        office = Delegation(keys=tuple(keys), threshold=2)
        return replace(body, delegations=replace(body.delegations, whitelist=office))

    return World(edits={"root": root})


@pytest.mark.parametrize(("person", "expected"), [("person:m.chan", {Code.SEPARATION}), ("person:a.wong", set())])
def test_the_whitelist_office_does_not_approve(person: str, expected: set[Code]) -> None:
    world = office_of(person)
    assert expected == set(refused_codes(eth_trip(world).to(Stage.VERIFY), world))


@pytest.mark.parametrize("state", [KeyState.SUSPENDED, KeyState.DESTROYED, KeyState.ACTIVE])
def test_change_goes_to_keys_that_can_spend_it(state: KeyState) -> None:
    def keys(entries: Any) -> Any:
        return tuple(replace(e, state=state) if "ltc-change" in e.id else e for e in entries)

    world = World(edits={"keys": keys})
    expected = set() if state is KeyState.ACTIVE else {Code.CHANGE_NOT_OURS}
    assert expected == set(refused_codes(ltc_trip(world).to(Stage.PROPOSE), world))


def smaller(units: int) -> Any:
    """An edit of the clear's budget."""

    def edit(body: ClearToSign) -> ClearToSign:
        return replace(body, budget=tuple(Budget(asset=b.asset, units=Units(units)) for b in body.budget))

    return edit


MOVED = 125 * 10**16 + 21_000 * 90 * 10**9
"""The payment of `eth_trip` and the most that its fee can be, in wei."""


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (smaller(MOVED), set()),
        (smaller(MOVED - 1), {Code.CLEAR_BUDGET}),
        (lambda body: replace(body, budget=()), {Code.CLEAR_BUDGET}),
        (lambda body: replace(body, max_count=0), {Code.CLEAR_BUDGET}),
        (lambda body: replace(body, life_s=900), set()),
        (lambda body: replace(body, life_s=1), {Code.CLEAR_EXPIRED}),
    ],
)
def test_a_clear_covers_what_leaves_and_ends(edit: Any, expected: set[Code]) -> None:
    world = World()
    assert expected == set(refused_codes(eth_trip(world, {"clear": edit}).to(Stage.SIGN), world))


@pytest.mark.parametrize(("days", "expected"), [(-1, {Code.SIGNER_NOT_VALID}), (30, set())])
def test_an_expired_witness_vouches_for_nothing(days: int, expected: set[Code]) -> None:
    def roster(body: Any) -> Any:
        until = START + timedelta(days=days)
        start = START - timedelta(days=90)
        parties = tuple(
            replace(p, valid_from=start, valid_until=until) if p.id == "service:watcher" else p for p in body.parties
        )
        return replace(body, parties=parties)

    world = World(edits={"roster": roster})
    assert expected == set(refused_codes(eth_trip(world).to(Stage.PROPOSE), world))
