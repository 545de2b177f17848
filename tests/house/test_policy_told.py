"""No part of a policy is in force without a sentence: each field of it, changed alone, changes what people read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId, PartyId, WalletId
from strongroom.core.policy.model import Effect, Hours, Parameters, Policy, Rule, Window
from strongroom.core.policy_pages import build_pages_of, build_policy_pages
from strongroom.core.records import Units
from strongroom.core.roster import Floors
from strongroom.core.trust import Trust, apply_update, enroll
from strongroom.core.words import group
from world import ETH_ASSET, LTC_ASSET, World

HOURS = Hours(days=(1, 2), from_min=540, to_min=1080)
WINDOW = Window(
    max_amount=Units(3 * 10**18), max_count=7, max_fee=Units(10**15), max_hkd_cents=Units(12_345), seconds=86400
)
RULE = Rule(
    above=Units(10**17),
    assets=(ETH_ASSET,),
    clients=(PartyId("client:harbour"),),
    effect=Effect.LIMIT,
    hours=(HOURS,),
    id=EntryId("rule:told"),
    max_amount=Units(2 * 10**18),
    max_fee=Units(10**16),
    max_hkd_cents=Units(500_000_000),
    quorums=(Quorum(role="approver", people=3, groups=2),),
    wallets=(WalletId("wallet:eth-cold-1"),),
    windows=(WINDOW,),
)
OTHER: dict[type, dict[str, Any]] = {
    Parameters: {field.name: 60 for field in fields(Parameters)},
    Rule: {
        "above": 0,
        "assets": (LTC_ASSET,),
        "clients": (),
        "effect": Effect.BLOCK,
        "hours": (),
        "id": "rule:other",
        "max_amount": 5,
        "max_fee": 5,
        "max_hkd_cents": None,
        "quorums": (),
        "wallets": (),
        "windows": (),
    },
    Window: {"max_amount": 5, "max_count": 5, "max_fee": None, "max_hkd_cents": None, "seconds": 3600},
    Hours: {"days": (1, 3), "from_min": 541, "to_min": 1081},
    Quorum: {"role": "officer", "people": 4, "groups": 1},
    Floors: {"people": 7, "groups": 1},
    Policy: {"previous": "sha256:" + "7" * 64, "rules": (), "version": 9},
}
"""Another value for each field; a field that a policy gets and that is not here fails the first test."""


@pytest.fixture(scope="module")
def trust() -> Trust:
    world = World()
    return apply_update(enroll(tuple(world.roots), world.fingerprint), world.update_body(), world.now)


def told(trust: Trust, policy: Policy, floors: Floors | None = None) -> str:
    """Everything that is on the pages."""
    assert trust.policy is not None
    said = replace(trust.policy.statement, body=policy)
    pages = build_pages_of(said, floors or trust.root.floors, trust.entries.assets)
    return "\n".join(f"{row.label}: {line.text}" for page in pages for row in page.rows for line in row.lines)


def policy_with(trust: Trust, rule: Rule) -> Policy:
    return replace(trust.policy_in_force, rules=(rule,))


def changed(trust: Trust) -> Iterator[tuple[str, str]]:
    """What each change is called, and what is read after it."""
    base = policy_with(trust, RULE)
    for name, value in OTHER[Parameters].items():
        parameters = replace(base.parameters, **{name: value})
        yield f"parameters.{name}", told(trust, replace(base, parameters=parameters))
    for name, value in OTHER[Policy].items():
        yield name, told(trust, replace(base, **{name: value}))
    for name, value in OTHER[Rule].items():
        yield f"rule.{name}", told(trust, policy_with(trust, replace(RULE, **{name: value})))
    for part, owner in ((WINDOW, "windows"), (HOURS, "hours"), (RULE.quorums[0], "quorums")):
        for name, value in OTHER[type(part)].items():
            other: dict[str, Any] = {owner: (replace(part, **{name: value}),)}
            yield f"{owner}.{name}", told(trust, policy_with(trust, replace(RULE, **other)))
    for name, value in OTHER[Floors].items():
        yield f"floors.{name}", told(trust, base, replace(trust.root.floors, **{name: value}))


@pytest.mark.parametrize("kind", OTHER)
def test_every_field_is_tried(kind: type) -> None:
    beside = {"parameters"} if kind is Policy else set()
    assert {field.name for field in fields(kind)} == OTHER[kind].keys() | beside


def test_whatever_changes_in_a_policy_changes_what_people_read(trust: Trust) -> None:
    base = told(trust, policy_with(trust, RULE))
    unread = [name for name, text in changed(trust) if text == base]
    assert [] == unread


def test_the_sentences_of_a_policy(trust: Trust) -> None:
    assert trust.policy is not None
    text = told(trust, policy_with(trust, RULE))
    for sentence in (
        f"POLICY: version 1, {group(trust.policy.id)}",
        "RULES: What no rule below matches is refused. Where several match, each of them must hold.",
        "EACH: at most 2.000000000000000000 ETH (2000000000000000000 units)",
        "EACH: fee at most 0.010000000000000000 ETH (10000000000000000 units)",
        "EACH: value at most HKD 5000000.00",
        "TOGETHER: in any 1 d: at most 7",
        "HOURS: signed on Tuesdays from 09:00 to 18:00",
        "APPROVED: by at least 3 people of 2 groups with the role approver",
        "APPROVAL: An approval holds for 1 d at most.",
        "CLOCK: Hours are those of the clock UTC+08:00.",
    ):
        assert sentence in text, text


def test_a_rule_that_blocks_says_so(trust: Trust) -> None:
    text = told(trust, policy_with(trust, replace(RULE, effect=Effect.BLOCK)))
    assert "RULE: BLOCKS everything that it matches." in text


def test_what_a_device_shows_is_its_own_policy_with_its_digest(trust: Trust) -> None:
    first, *rules = build_policy_pages(trust)
    assert group(trust.build_heads().policy.digest) in first.rows[0].lines[0].text
    assert [rule.id for rule in trust.policy_in_force.rules] == [page.rows[0].lines[0].text for page in rules]


def test_before_an_import_there_is_no_policy_to_show() -> None:
    world = World()
    with pytest.raises(RefusedError) as caught:
        build_policy_pages(enroll(tuple(world.roots), world.fingerprint))
    assert {Code.STAGE_MISSING} == caught.value.codes
