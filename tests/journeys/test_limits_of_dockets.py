"""Prices, hours, floors and required roles in whole dockets, as both readings judge them; each with an honest twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from policies import OFFICE, OFFICER_FIRM, WITH_OFFICER
from strongroom.checker.reading.verify import prove_docket as prove_again
from strongroom.core.bodies import Quorum
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Located, Stage, encode_docket, parse_docket
from strongroom.core.errors import StrongroomError
from strongroom.core.policy import Hours, Policy, Prices
from strongroom.core.records import HexBytes, Units
from strongroom.core.roster import Floors, Root, Roster
from strongroom.core.statements import Envelope
from world import ETH_ASSET, Edit, Trip, World, eth_trip

ONE = Quorum(role="approver", people=1, groups=1)
VALUE = Units(3_906_250)
"""1.25 ETH at 31,250 dollars, in cents."""


def judge(trip: Trip, docket: Docket | None = None, now: datetime | None = None) -> tuple[frozenset[Code], ...]:
    """What core and checker refuse; empty where they prove it."""
    raw, moment = encode_docket(docket or trip.docket()), now or trip.world.now

    def ask(prove: Callable[[], object]) -> frozenset[Code]:
        try:
            prove()
        except StrongroomError as error:
            return error.codes
        return frozenset()

    return (
        ask(lambda: prove_docket(parse_docket(raw), trip.world.roots, now=moment)),
        ask(lambda: prove_again(raw, trip.world.root_file, now=moment)),
    )


def both(*codes: Code) -> tuple[frozenset[Code], ...]:
    """Both readings say exactly this."""
    return (frozenset(codes),) * 2


PASSES = both()
NO_VALUE = both(Code.POLICY_NOT_EVALUABLE)
STALE = both(Code.POLICY_NOT_EVALUABLE, Code.PRICE_STALE)


def policy(parameters: Mapping[str, Any] | None = None, **rule: Any) -> dict[str, Edit]:
    """A world whose policy has other parameters, and whose rules all have other fields."""

    def edit(body: Policy) -> Policy:
        rules = tuple(replace(each, **rule) for each in body.rules)
        return replace(body, rules=rules, parameters=replace(body.parameters, **(parameters or {})))

    return {"policy": edit}


def without_ether(prices: Prices) -> Prices:
    """A snapshot without the asset that is paid."""
    return replace(prices, prices=tuple(p for p in prices.prices if p.asset != ETH_ASSET))


HOUR = policy({"price_max_age_s": 3600})


def aged(seconds: int) -> dict[str, Edit]:
    """Prices that are good for an hour, from so long before the last checkpoint of a proposed docket."""
    proposed = eth_trip(World()).to(Stage.PROPOSE).world.now
    return HOUR | {"prices": lambda body: replace(body, as_of=proposed - timedelta(seconds=seconds))}


def test_prices_are_fresh_when_they_are_judged() -> None:
    assert judge(eth_trip(World(edits=aged(3600))).to(Stage.PROPOSE)) == PASSES
    assert judge(eth_trip(World(edits=aged(3601))).to(Stage.PROPOSE)) == STALE
    assert judge(eth_trip(World(edits=aged(0))).to(Stage.PROPOSE)) == PASSES
    assert judge(eth_trip(World(edits=aged(-1))).to(Stage.PROPOSE)) == STALE


def test_one_person_alone_names_no_prices() -> None:
    def signed_by(*people: str) -> Trip:
        world = World()
        world.tick()
        world.prices = [world.sign(world.prices_body(), people[0], people)]
        world.record(world.prices[0])
        return eth_trip(world).to(Stage.PROPOSE)

    assert judge(signed_by("person:f.one")) == both(Code.THRESHOLD_NOT_MET)
    assert judge(signed_by("person:p.one", "person:p.two")) == both(Code.SIGNER_UNKNOWN)
    assert judge(signed_by("person:f.one", "person:f.two")) == PASSES


def test_no_root_lets_one_person_name_prices() -> None:
    def threshold(count: int) -> Trip:
        def edit(root: Root) -> Root:
            prices = replace(root.delegations.prices, threshold=count)
            return replace(root, delegations=replace(root.delegations, prices=prices))

        return eth_trip(World(edits={"root": edit})).to(Stage.PROPOSE)

    assert judge(threshold(1)) == both(Code.THRESHOLD_NOT_MET)
    assert judge(threshold(2)) == PASSES


def test_what_has_no_price_is_not_worth_nothing() -> None:
    unpriced: dict[str, Edit] = {"prices": without_ether}
    assert judge(eth_trip(World(edits=unpriced)).to(Stage.PROPOSE)) == NO_VALUE
    assert judge(eth_trip(World(edits=unpriced | policy(max_hkd_cents=None))).to(Stage.PROPOSE)) == PASSES
    trip = eth_trip(World()).to(Stage.PROPOSE)
    assert judge(trip, replace(trip.docket(), prices=())) == NO_VALUE
    assert judge(trip) == PASSES


def test_two_snapshots_in_one_docket_are_refused() -> None:
    trip = eth_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    with pytest.raises(StrongroomError) as caught:
        replace(docket, prices=docket.prices * 2)
    assert Code.FIELD_INVALID is caught.value.code
    raw = encode_docket(docket)
    start = raw.index(b'"prices":[') + len(b'"prices":[')
    end = raw.index(b'],"registers"')
    twice = raw[:end] + b"," + raw[start:end] + raw[end:]
    with pytest.raises(StrongroomError) as caught:
        prove_again(twice, trip.world.root_file, now=trip.world.now)
    assert Code.FIELD_INVALID is caught.value.code


def test_a_payment_is_worth_at_most_what_the_rule_says() -> None:
    assert judge(eth_trip(World(edits=policy(max_hkd_cents=VALUE))).to(Stage.PROPOSE)) == PASSES
    less = policy(max_hkd_cents=Units(VALUE - 1))
    assert judge(eth_trip(World(edits=less)).to(Stage.PROPOSE)) == both(Code.LIMIT_HKD)


def test_what_was_signed_is_valued_at_its_signature_for_ever() -> None:
    trip = eth_trip(World(edits=HOUR | {"prices": lambda body: replace(body, as_of=body.as_of + timedelta(days=1))}))
    trip.to(Stage.SIGN)
    honest = trip.docket()
    trip.world.change_prices(lambda body: replace(body, as_of=trip.world.now))
    trip.to(Stage.SETTLE)
    years = trip.world.now + timedelta(days=3650)
    assert trip.docket().prices[0].envelope == honest.prices[0].envelope
    assert judge(trip, now=years) == PASSES
    # A coordinator who attaches the later snapshot, in which the payment is worth less, is refused.
    trip.world.prices = trip.world.prices[1:]
    later = trip.docket()
    assert judge(trip, later, years) == NO_VALUE
    forced = replace(later, prices=(_locate(trip.world, trip.world.prices[0], later),))
    assert judge(trip, forced, years) == STALE


def _locate(world: World, envelope: Envelope, docket: Docket) -> Located:
    """An envelope at its true place, under the first of a docket's checkpoints that covers it."""
    index = world.log.index_of(envelope.id)
    sizes = [int(step.note.split("\n")[1]) for step in docket.checkpoints]
    position = next(i for i, size in enumerate(sizes) if index < size)
    proof = tuple(HexBytes(each) for each in world.log.inclusion(index, sizes[position]))
    return Located(checkpoint=position, envelope=envelope, index=index, proof=proof)


def test_a_signature_stands_inside_the_hours() -> None:
    """The firm's day is a Sunday, ten in the morning in Hong Kong."""
    sunday = Hours(days=(7,), from_min=600, to_min=660)
    assert judge(eth_trip(World(edits=policy(hours=(sunday,)))).to(Stage.SETTLE)) == PASSES
    assert judge(eth_trip(World(edits=policy(hours=(OFFICE, sunday)))).to(Stage.SIGN)) == PASSES
    closed = policy(hours=(OFFICE,))
    assert judge(eth_trip(World(edits=closed)).to(Stage.VERIFY)) == PASSES
    assert judge(eth_trip(World(edits=closed)).to(Stage.SIGN)) == both(Code.OUTSIDE_HOURS)
    utc = policy({"utc_offset_min": 0}, hours=(sunday,))
    assert judge(eth_trip(World(edits=utc)).to(Stage.SIGN)) == both(Code.OUTSIDE_HOURS)


def test_the_floors_hold_when_every_rule_is_lowered_to_one_person() -> None:
    lowered = policy(quorums=(ONE,))
    decided: dict[str, Edit] = {"decide": lambda body: replace(body, quorums=(ONE,))}

    def trip(edits: Mapping[str, Edit], *approvers: str) -> Trip:
        return eth_trip(World(edits=edits), edits=decided, approvers=approvers).to(Stage.VERIFY)

    assert judge(trip(lowered, "person:m.chan")) == both(Code.QUORUM_NOT_MET)
    assert judge(trip(lowered, "person:m.chan", "person:r.singh")) == PASSES
    low: dict[str, Edit] = {"root": lambda body: replace(body, floors=Floors(groups=1, people=1))}
    assert judge(trip(lowered | low, "person:m.chan")) == PASSES
    nobody = policy(quorums=())
    assert judge(trip(nobody, "person:m.chan")) == both(Code.QUORUM_NOT_MET)
    assert judge(trip(nobody, "person:m.chan", "person:r.singh")) == PASSES


def test_floors_count_groups_as_well() -> None:
    def same_group(roster: Roster) -> Roster:
        parties = tuple(replace(p, group="operations") if "approver" in p.roles else p for p in roster.parties)
        return replace(roster, parties=parties)

    lowered = policy(quorums=(ONE,))
    decided: dict[str, Edit] = {"decide": lambda body: replace(body, quorums=(ONE,))}
    one_group = eth_trip(World(edits=lowered | {"roster": same_group}), edits=decided).to(Stage.VERIFY)
    assert judge(one_group) == both(Code.QUORUM_NOT_MET)
    assert judge(eth_trip(World(edits=lowered), edits=decided).to(Stage.VERIFY)) == PASSES


def test_a_rule_may_require_an_officer_among_the_approvers() -> None:
    def trip(*approvers: str) -> Trip:
        return eth_trip(World(edits=OFFICER_FIRM), approvers=approvers).to(Stage.VERIFY)

    assert judge(trip("person:m.chan", "person:r.singh")) == both(Code.QUORUM_NOT_MET)
    assert judge(trip(*WITH_OFFICER)) == PASSES
    assert judge(trip("person:a.wong")) == both(Code.QUORUM_NOT_MET)
