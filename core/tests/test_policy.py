"""Policy: default deny, the strictest of all matching rules, and what cannot be evaluated blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId, PartyId, WalletId
from strongroom.core.policy import (
    Effect,
    Policy,
    Request,
    Rule,
    Usage,
    Window,
    check_transaction_limits,
    evaluate,
    required_quorums,
)
from strongroom.core.records import Units
from world import ETH_ASSET, LTC_ASSET, World

from .refusals import refuse

TWO = Quorum(role="approver", people=2, groups=2)
THREE = Quorum(role="approver", people=3, groups=2)
DAY, WEEK = 86_400, 604_800
RULE = Rule(
    above=Units(0),
    assets=(),
    clients=(),
    effect=Effect.LIMIT,
    id=EntryId("rule:a"),
    max_amount=Units(100),
    max_fee=Units(10),
    quorum=TWO,
    wallets=(),
    windows=(Window(max_amount=Units(300), max_count=3, seconds=DAY),),
)
REQUEST = Request(
    asset=ETH_ASSET, client=PartyId("client:harbour"), wallet=WalletId("wallet:eth-cold-1"), amount=100, fee=10
)
UNUSED = Usage(amount=0, count=0)


def policy_of(*rules: Rule) -> Policy:
    """A policy of these rules, named in their order."""
    named = tuple(replace(rule, id=EntryId(f"rule:{i:03d}")) for i, rule in enumerate(rules))
    return replace(World().policy_body(), rules=named)


def unused(policy: Policy) -> dict[tuple[str, int], Usage]:
    """Nothing was used of any window."""
    return {(rule.id, window.seconds): UNUSED for rule in policy.rules for window in rule.windows}


def outcome(policy: Policy, request: Request, usage: Mapping[tuple[str, int], Usage]) -> frozenset[Code]:
    """The codes of the refusal; empty when it is allowed."""
    try:
        evaluate(policy, request, usage)
    except RefusedError as error:
        return error.codes
    return frozenset()


BLOCK = replace(RULE, effect=Effect.BLOCK)
EXACT = replace(RULE, assets=(ETH_ASSET,), clients=(REQUEST.client,), wallets=(REQUEST.wallet,))
ALL_LIMITS = {Code.LIMIT_TRANSACTION, Code.FEE_CEILING, Code.LIMIT_WINDOW, Code.LIMIT_COUNT}
OTHER = replace(RULE, assets=(LTC_ASSET,))
TABLE: tuple[tuple[str, tuple[Rule, ...], dict[str, Any], dict[int, Usage], set[Code]], ...] = (
    ("at every bound", (RULE,), {}, {DAY: Usage(amount=200, count=2)}, set()),
    ("no rules at all", (), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for another asset", (OTHER,), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for another client", (replace(RULE, clients=(PartyId("client:peak"),)),), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for another wallet", (replace(RULE, wallets=(WalletId("wallet:x"),)),), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for exactly this", (EXACT,), {}, {}, set()),
    ("an amount at `above`", (replace(RULE, above=Units(100)),), {}, {}, {Code.POLICY_NO_RULE}),
    ("an amount just over `above`", (replace(RULE, above=Units(99)),), {}, {}, set()),
    ("one too much", (RULE,), {"amount": 101}, {}, {Code.LIMIT_TRANSACTION}),
    ("one too much of a fee", (RULE,), {"fee": 11}, {}, {Code.FEE_CEILING}),
    ("one too much in the window", (RULE,), {}, {DAY: Usage(amount=201, count=2)}, {Code.LIMIT_WINDOW}),
    ("one too many in the window", (RULE,), {}, {DAY: Usage(amount=200, count=3)}, {Code.LIMIT_COUNT}),
    ("all at once", (RULE,), {"amount": 301, "fee": 11}, {DAY: Usage(amount=0, count=3)}, ALL_LIMITS),
    ("a blocking rule", (BLOCK,), {}, {}, {Code.POLICY_BLOCKED}),
    ("a blocking rule beside a generous one", (RULE, BLOCK), {}, {}, {Code.POLICY_BLOCKED}),
    ("a blocking rule for another asset", (RULE, replace(BLOCK, assets=(LTC_ASSET,))), {}, {}, set()),
    ("a blocking rule for large amounts", (RULE, replace(BLOCK, above=Units(50))), {"amount": 50}, {}, set()),
    ("the stricter of two", (RULE, replace(RULE, max_amount=Units(99))), {}, {}, {Code.LIMIT_TRANSACTION}),
    ("the stricter fee of two", (RULE, replace(RULE, max_fee=Units(9))), {}, {}, {Code.FEE_CEILING}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "fields", "used", "codes"), [r[1:] for r in TABLE], ids=[r[0].replace(" ", "_") for r in TABLE]
)
def test_the_table(rules: tuple[Rule, ...], fields: dict[str, Any], used: dict[int, Usage], codes: set[Code]) -> None:
    policy = policy_of(*rules)
    usage = unused(policy) | {(rule.id, seconds): u for rule in policy.rules for seconds, u in used.items()}
    request = replace(REQUEST, **fields)
    assert codes == outcome(policy, request, usage)
    if codes & {Code.LIMIT_TRANSACTION, Code.FEE_CEILING, Code.POLICY_NO_RULE, Code.POLICY_BLOCKED}:
        refuse(
            next(iter(codes - {Code.LIMIT_WINDOW, Code.LIMIT_COUNT})), lambda: check_transaction_limits(policy, request)
        )
    else:
        check_transaction_limits(policy, request)


def test_what_is_left_is_told() -> None:
    found = evaluate(policy_of(RULE), REQUEST, {("rule:000", DAY): Usage(amount=150, count=1)})
    assert (("rule:000",), (TWO,)) == (found.rules, found.quorums)
    assert [(DAY, 150, 50)] == [(limit.window_s, limit.used, limit.left) for limit in found.limits]


def test_every_quorum_of_every_matching_rule_is_required() -> None:
    both = policy_of(RULE, replace(RULE, quorum=THREE), replace(RULE, quorum=THREE))
    assert (TWO, THREE) == required_quorums(both, REQUEST)
    assert (TWO,) == required_quorums(policy_of(RULE, replace(RULE, quorum=THREE, above=Units(100))), REQUEST)


def test_windows_are_sorted_and_stand_once() -> None:
    day, week = RULE.windows[0], replace(RULE.windows[0], seconds=WEEK)
    assert replace(RULE, windows=(day, week))
    refuse(Code.FIELD_INVALID, lambda: replace(RULE, windows=(week, day)))
    refuse(Code.FIELD_INVALID, lambda: replace(RULE, windows=(day, day)))


def test_rules_are_sorted_and_stand_once() -> None:
    policy = policy_of(RULE, RULE)
    refuse(Code.FIELD_INVALID, lambda: replace(policy, rules=policy.rules[::-1]))
    refuse(Code.FIELD_INVALID, lambda: replace(policy, rules=policy.rules[:1] * 2))


# Properties


AMOUNTS = st.integers(0, 8)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule over small numbers, so that bounds are met often."""
    window = Window(max_amount=Units(draw(AMOUNTS)), max_count=draw(st.integers(0, 3)), seconds=DAY)
    return replace(
        RULE,
        above=Units(draw(AMOUNTS)),
        assets=draw(st.sampled_from([(), (ETH_ASSET,), (LTC_ASSET,)])),
        clients=draw(st.sampled_from([(), (PartyId("client:harbour"),), (PartyId("client:peak"),)])),
        effect=draw(st.sampled_from([Effect.LIMIT, Effect.LIMIT, Effect.LIMIT, Effect.BLOCK])),
        max_amount=Units(draw(AMOUNTS)),
        max_fee=Units(draw(AMOUNTS)),
        quorum=draw(st.sampled_from([TWO, THREE])),
        windows=draw(st.sampled_from([(), (window,)])),
    )


RULES = st.lists(rules(), max_size=4)
REQUESTS = st.builds(
    Request,
    asset=st.sampled_from([ETH_ASSET, LTC_ASSET]),
    client=st.sampled_from([PartyId("client:harbour"), PartyId("client:peak")]),
    wallet=st.just(REQUEST.wallet),
    amount=AMOUNTS,
    fee=AMOUNTS,
)
USED = st.builds(Usage, amount=AMOUNTS, count=st.integers(0, 3))


def used_alike(policy: Policy, used: Usage) -> dict[tuple[str, int], Usage]:
    """Every window was used alike."""
    return dict.fromkeys(unused(policy), used)


@given(RULES, REQUESTS, USED)
def test_the_strictest_of_all_matching_rules_decides(found: list[Rule], request: Request, used: Usage) -> None:
    """A request passes exactly when each rule that speaks about it lets it pass alone, and at least one does speak."""
    policy = policy_of(*found)
    speaking = [rule for rule in policy.rules if rule.matches(request)]
    alone = [outcome(replace(policy, rules=(rule,)), request, used_alike(policy, used)) for rule in speaking]
    together = outcome(policy, request, used_alike(policy, used))
    assert (not together) == (bool(speaking) and not any(alone))
    if Code.POLICY_BLOCKED not in together and speaking:
        assert together == frozenset().union(*alone)


@given(RULES, REQUESTS, USED, st.randoms(use_true_random=False))
def test_the_order_of_rules_has_no_meaning(found: list[Rule], request: Request, used: Usage, random: Any) -> None:
    mixed = found.copy()
    random.shuffle(mixed)
    one, two = policy_of(*found), policy_of(*mixed)
    assert outcome(one, request, used_alike(one, used)) == outcome(two, request, used_alike(two, used))


@given(RULES, rules(), REQUESTS, USED)
def test_one_more_rule_never_loosens(found: list[Rule], more: Rule, request: Request, used: Usage) -> None:
    before = outcome(policy_of(*found), request, used_alike(policy_of(*found), used))
    after = outcome(policy_of(*found, more), request, used_alike(policy_of(*found, more), used))
    if before != {Code.POLICY_NO_RULE}:
        assert bool(after) >= bool(before)


@given(RULES, REQUESTS, USED, st.integers(0, 3), st.integers(0, 3))
def test_more_is_never_easier(found: list[Rule], request: Request, used: Usage, amount: int, fee: int) -> None:
    policy = policy_of(*found)
    before = outcome(policy, request, used_alike(policy, used))
    larger = replace(request, amount=request.amount + amount, fee=request.fee + fee)
    further = Usage(amount=used.amount + amount, count=used.count)
    if before and before != {Code.POLICY_NO_RULE}:
        assert outcome(policy, larger, used_alike(policy, used))
        assert outcome(policy, request, used_alike(policy, further))


@given(RULES, REQUESTS, USED)
def test_a_window_that_nobody_knows_blocks(found: list[Rule], request: Request, used: Usage) -> None:
    """Whoever can hide the history would otherwise lift the limit."""
    policy = policy_of(*found)
    whole = used_alike(policy, used)
    for missing in whole:
        fewer = {key: value for key, value in whole.items() if key != missing}
        rule = next(r for r in policy.rules if r.id == missing[0])
        speaks = rule.matches(request) and Code.POLICY_BLOCKED not in outcome(policy, request, whole)
        assert speaks == (Code.POLICY_NOT_EVALUABLE in outcome(policy, request, fewer))
