"""Generated policies and requests over small numbers, so that every bound is met often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from strongroom.core.bodies import Quorum, sorted_quorums
from strongroom.core.ids import EntryId, PartyId, WalletId
from strongroom.core.policy import Effect, Hours, Policy, Request, Rule, Usage, Window
from strongroom.core.records import Units
from strongroom.core.roster import Roster
from world import ETH_ASSET, LTC_ASSET, Edit, World

DAY = 86_400
TWO = Quorum(role="approver", people=2, groups=2)
THREE = Quorum(role="approver", people=3, groups=2)
OFFICER = Quorum(role="officer", people=1, groups=1)
MONDAY = datetime(2027, 3, 15, 1, 0, 0, tzinfo=UTC)
"""Nine in the morning in Hong Kong."""
OFFICE = Hours(days=(1, 2, 3, 4, 5), from_min=540, to_min=1080)
WEEKEND = Hours(days=(6, 7), from_min=0, to_min=1440)
RULE = Rule(
    above=Units(0),
    assets=(),
    clients=(),
    effect=Effect.LIMIT,
    hours=(),
    id=EntryId("rule:a"),
    max_amount=Units(100),
    max_fee=Units(10),
    max_hkd_cents=Units(5000),
    quorums=(TWO,),
    wallets=(),
    windows=(Window(max_amount=Units(300), max_count=3, max_fee=Units(30), max_hkd_cents=Units(9000), seconds=DAY),),
)
REQUEST = Request(
    asset=ETH_ASSET,
    client=PartyId("client:harbour"),
    wallet=WalletId("wallet:eth-cold-1"),
    amount=100,
    fee=10,
    fee_share=10,
    at=MONDAY,
    hkd_cents=5000,
)
_BODY = World().policy_body()
AMOUNTS = st.integers(0, 8)
MAYBE = st.none() | AMOUNTS.map(Units)
MOMENTS = st.integers(0, 14 * 24).map(lambda half_hours: MONDAY + timedelta(minutes=30 * half_hours))


def policy_of(*rules: Rule) -> Policy:
    """A policy of these rules, named in their order."""
    named = tuple(replace(rule, id=EntryId(f"rule:{i:03d}")) for i, rule in enumerate(rules))
    return replace(_BODY, rules=named)


@st.composite
def windows(draw: st.DrawFn, seconds: int = DAY) -> Window:
    """A window over small numbers."""
    return Window(
        max_amount=Units(draw(AMOUNTS)),
        max_count=draw(st.integers(0, 3)),
        max_fee=draw(MAYBE),
        max_hkd_cents=draw(MAYBE),
        seconds=seconds,
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule over small numbers."""
    return replace(
        RULE,
        above=Units(draw(AMOUNTS)),
        assets=draw(st.sampled_from([(), (ETH_ASSET,), (LTC_ASSET,)])),
        clients=draw(st.sampled_from([(), (PartyId("client:harbour"),), (PartyId("client:peak"),)])),
        effect=draw(st.sampled_from([Effect.LIMIT, Effect.LIMIT, Effect.LIMIT, Effect.BLOCK])),
        hours=draw(st.sampled_from([(), (OFFICE,), (WEEKEND,), (OFFICE, WEEKEND)])),
        max_amount=Units(draw(AMOUNTS)),
        max_fee=Units(draw(AMOUNTS)),
        max_hkd_cents=draw(MAYBE),
        quorums=sorted_quorums(draw(st.sets(st.sampled_from([TWO, THREE, OFFICER])))),
        windows=(draw(windows()),) if draw(st.booleans()) else (),
    )


RULES = st.lists(rules(), max_size=4)
REQUESTS = st.builds(
    Request,
    asset=st.sampled_from([ETH_ASSET, LTC_ASSET]),
    client=st.sampled_from([PartyId("client:harbour"), PartyId("client:peak")]),
    wallet=st.just(REQUEST.wallet),
    amount=AMOUNTS,
    fee=AMOUNTS,
    fee_share=AMOUNTS,
    at=st.none() | MOMENTS,
    hkd_cents=st.none() | AMOUNTS,
    unpriced=st.just(()),
)
USED = st.builds(Usage, amount=AMOUNTS, count=st.integers(0, 3), fees=AMOUNTS, hkd_cents=st.none() | AMOUNTS)


# --- a firm in which an officer must be among the approvers ---------------------------------------------------------


def give_roles(person: str, *roles: str) -> Edit:
    """An edit of the roster: one person's roles."""

    def edit(roster: Roster) -> Roster:
        return replace(roster, parties=tuple(replace(p, roles=roles) if p.id == person else p for p in roster.parties))

    return edit


def ask_officer(policy: Policy) -> Policy:
    """An edit of the policy: each rule wants two approvers, and an officer among those who approve."""
    return replace(policy, rules=tuple(replace(rule, quorums=(TWO, OFFICER)) for rule in policy.rules))


OFFICER_FIRM: Mapping[str, Edit] = {"policy": ask_officer, "roster": give_roles("person:a.wong", "approver", "officer")}
WITH_OFFICER = ("person:m.chan", "person:a.wong")
