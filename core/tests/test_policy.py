"""Policy: default deny, the strictest of all matching rules, and what cannot be evaluated blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import (
    DAY,
    MONDAY,
    OFFICE,
    OFFICER,
    REQUEST,
    REQUESTS,
    RULE,
    RULES,
    THREE,
    TWO,
    USED,
    WEEKEND,
    give_roles,
    policy_of,
    rules,
)
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError
from strongroom.core.ids import PartyId, WalletId
from strongroom.core.policy import (
    Effect,
    Hours,
    Policy,
    Request,
    Rule,
    Usage,
    Window,
    check_transaction_limits,
    evaluate,
    evaluate_void,
    required_quorums,
)
from strongroom.core.policy.evaluate import is_inside, is_match
from strongroom.core.policy.explain import explain, explain_quorums
from strongroom.core.policy.usage import Use, count_uses, merge_use
from strongroom.core.records import Units
from world import ETH_ASSET, LTC_ASSET, START, World

from .refusals import refuse

WEEK = 7 * DAY
UNUSED = Usage(amount=0, count=0, fees=0, hkd_cents=0)


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


def bound(**fields: Any) -> Rule:
    """The rule with other fields."""
    return replace(RULE, **fields)


def window(**fields: Any) -> Rule:
    """The rule with another window."""
    return replace(RULE, windows=(replace(RULE.windows[0], **fields),))


BLOCK = replace(RULE, effect=Effect.BLOCK)
EXACT = replace(RULE, assets=(ETH_ASSET,), clients=(REQUEST.client,), wallets=(REQUEST.wallet,))
FULL = Usage(amount=200, count=2, fees=20, hkd_cents=4000)
ALL_LIMITS = {
    Code.LIMIT_TRANSACTION, Code.FEE_CEILING, Code.LIMIT_WINDOW, Code.LIMIT_COUNT, Code.LIMIT_FEES, Code.LIMIT_HKD,
}  # fmt: skip
EVERYTHING = {"amount": 301, "fee": 11, "fee_share": 31, "hkd_cents": 9001, "at": MONDAY}
OTHER = replace(RULE, assets=(LTC_ASSET,))
NO_PRICE: dict[str, Any] = {"hkd_cents": None}
UNVALUED = {DAY: replace(FULL, hkd_cents=None)}
BLIND = {Code.POLICY_NOT_EVALUABLE}
TABLE: tuple[tuple[str, tuple[Rule, ...], dict[str, Any], dict[int, Usage], set[Code]], ...] = (
    ("at every bound", (RULE,), {}, {DAY: FULL}, set()),
    ("no rules at all", (), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for another asset", (OTHER,), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for another client", (bound(clients=(PartyId("client:peak"),)),), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for another wallet", (bound(wallets=(WalletId("wallet:x"),)),), {}, {}, {Code.POLICY_NO_RULE}),
    ("a rule for exactly this", (EXACT,), {}, {}, set()),
    ("an amount at `above`", (bound(above=Units(100)),), {}, {}, {Code.POLICY_NO_RULE}),
    ("an amount just over `above`", (bound(above=Units(99)),), {}, {}, set()),
    ("one too much", (RULE,), {"amount": 101}, {}, {Code.LIMIT_TRANSACTION}),
    ("one too much of a fee", (RULE,), {"fee": 11}, {}, {Code.FEE_CEILING}),
    ("one cent too much", (RULE,), {"hkd_cents": 5001}, {}, {Code.LIMIT_HKD}),
    ("no price", (RULE,), NO_PRICE, {}, BLIND),
    ("no price where no rule needs one", (replace(bound(max_hkd_cents=None), windows=()),), NO_PRICE, {}, set()),
    ("no price where a window needs one", (bound(max_hkd_cents=None),), NO_PRICE, {}, BLIND),
    ("one too much in the window", (RULE,), {}, {DAY: replace(FULL, amount=201)}, {Code.LIMIT_WINDOW}),
    ("one too many in the window", (RULE,), {}, {DAY: replace(FULL, count=3)}, {Code.LIMIT_COUNT}),
    ("one too much in fees", (RULE,), {}, {DAY: replace(FULL, fees=21)}, {Code.LIMIT_FEES}),
    ("one cent too much in the window", (RULE,), {}, {DAY: replace(FULL, hkd_cents=4001)}, {Code.LIMIT_HKD}),
    ("a use without a price in the window", (RULE,), {}, UNVALUED, BLIND),
    ("a use without a price that nobody asks for", (window(max_hkd_cents=None),), {}, UNVALUED, set()),
    ("a window without a limit on fees", (window(max_fee=None),), {}, {DAY: replace(FULL, fees=10**9)}, set()),
    ("the fee is another instruction's", (RULE,), {"fee_share": 0}, {DAY: replace(FULL, fees=30)}, set()),
    ("all at once", (RULE,), EVERYTHING, {DAY: replace(UNUSED, count=3)}, ALL_LIMITS),
    ("all at once, blocked and at night", (bound(hours=(WEEKEND,)), BLOCK), EVERYTHING, {DAY: replace(UNUSED, count=3)},
     ALL_LIMITS | {Code.OUTSIDE_HOURS, Code.POLICY_BLOCKED}),
    ("inside the hours", (bound(hours=(OFFICE,)),), {}, {}, set()),
    ("inside one of two", (bound(hours=(WEEKEND, OFFICE)),), {}, {}, set()),
    ("outside the hours", (bound(hours=(WEEKEND,)),), {}, {}, {Code.OUTSIDE_HOURS}),
    ("not signed yet", (bound(hours=(WEEKEND,)),), {"at": None}, {}, set()),
    ("a blocking rule", (BLOCK,), {}, {}, {Code.POLICY_BLOCKED}),
    ("a blocking rule beside a generous one", (RULE, BLOCK), {}, {}, {Code.POLICY_BLOCKED}),
    ("a blocking rule for another asset", (RULE, replace(BLOCK, assets=(LTC_ASSET,))), {}, {}, set()),
    ("a blocking rule for large amounts", (RULE, replace(BLOCK, above=Units(50))), {"amount": 50}, {}, set()),
    ("the stricter of two", (RULE, bound(max_amount=Units(99))), {}, {}, {Code.LIMIT_TRANSACTION}),
    ("the stricter fee of two", (RULE, bound(max_fee=Units(9))), {}, {}, {Code.FEE_CEILING}),
    ("the stricter value of two", (RULE, bound(max_hkd_cents=Units(4999))), {}, {}, {Code.LIMIT_HKD}),
)  # fmt: skip
ONLY_WINDOWS = {Code.LIMIT_WINDOW, Code.LIMIT_COUNT, Code.LIMIT_FEES}


@pytest.mark.parametrize(
    ("rules", "fields", "used", "codes"), [r[1:] for r in TABLE], ids=[r[0].replace(" ", "_") for r in TABLE]
)
def test_the_table(rules: tuple[Rule, ...], fields: dict[str, Any], used: dict[int, Usage], codes: set[Code]) -> None:
    policy = policy_of(*rules)
    usage = unused(policy) | {(rule.id, seconds): u for rule in policy.rules for seconds, u in used.items()}
    request = replace(REQUEST, **fields)
    assert codes == outcome(policy, request, usage)
    without = policy_of(*(replace(rule, windows=()) for rule in rules))
    assert codes - ONLY_WINDOWS >= outcome(without, request, {})
    if outcome(without, request, {}):
        refuse(next(iter(outcome(without, request, {}))), lambda: check_transaction_limits(policy, request))
    else:
        check_transaction_limits(policy, request)


def test_a_stale_price_is_said_beside_what_it_stops() -> None:
    stale = Refusal(code=Code.PRICE_STALE, field="prices.as_of", expected="fresh", got="old")
    unpriced = replace(REQUEST, hkd_cents=None, unpriced=(stale,))
    assert {Code.POLICY_NOT_EVALUABLE, Code.PRICE_STALE} == outcome(policy_of(RULE), unpriced, unused(policy_of(RULE)))
    native = policy_of(replace(RULE, max_hkd_cents=None, windows=()))
    assert not outcome(native, unpriced, {})


def test_what_is_left_is_told() -> None:
    used = Usage(amount=150, count=1, fees=7, hkd_cents=70)
    found = evaluate(policy_of(RULE), REQUEST, {("rule:000", DAY): used})
    assert (("rule:000",), (TWO,)) == (found.rules, found.quorums)
    assert [(DAY, 150, 50, 1, 7, 70)] == [
        (use.window_s, use.used, use.left, use.count, use.fees, use.hkd_cents) for use in found.limits
    ]


def test_every_quorum_of_every_matching_rule_is_required() -> None:
    both = policy_of(RULE, bound(quorums=(THREE, OFFICER)), bound(quorums=(THREE,)))
    assert (TWO, THREE, OFFICER) == required_quorums(both, REQUEST)
    assert (TWO,) == required_quorums(policy_of(RULE, bound(quorums=(THREE,), above=Units(100))), REQUEST)
    assert (TWO,) == required_quorums(policy_of(RULE, replace(BLOCK, quorums=(THREE,))), REQUEST)


HOURS: tuple[tuple[str, Hours, int, timedelta, bool], ...] = (
    ("the first minute", OFFICE, 480, timedelta(), True),
    ("the minute before", OFFICE, 480, timedelta(seconds=-1), False),
    ("the last second", OFFICE, 480, timedelta(hours=9, seconds=-1), True),
    ("the first minute after", OFFICE, 480, timedelta(hours=9), False),
    ("the same hour on Saturday", OFFICE, 480, timedelta(days=5), False),
    ("the last second of Sunday there", WEEKEND, 480, timedelta(days=6, hours=15, seconds=-1), True),
    ("Monday there, Sunday in UTC", WEEKEND, 480, timedelta(days=6, hours=15), False),
    ("Sunday in UTC", WEEKEND, 0, timedelta(days=6, hours=15), True),
    ("a whole day", Hours(days=(1,), from_min=0, to_min=1440), 840, timedelta(), True),
)


@pytest.mark.parametrize(("hours", "offset", "later", "inside"), [r[1:] for r in HOURS], ids=[r[0] for r in HOURS])
def test_hours_are_those_of_the_policys_clock(hours: Hours, offset: int, later: timedelta, *, inside: bool) -> None:
    assert inside is is_inside((hours,), MONDAY + later, offset)
    assert is_inside((), MONDAY + later, offset)


def test_the_last_hour_of_all_time_is_an_hour_too() -> None:
    assert is_inside((WEEKEND,), datetime.max.replace(tzinfo=MONDAY.tzinfo), 480)


@pytest.mark.parametrize(
    "fields",
    [*({"days": days} for days in ((), (2, 1), (1, 1), (0,), (8,))), {"to_min": 1441}, {"to_min": 540}],
    ids=str,
)
def test_hours_that_are_none_are_refused(fields: dict[str, Any]) -> None:
    assert 541 == replace(OFFICE, to_min=541).to_min
    refuse(Code.FIELD_INVALID, lambda: replace(OFFICE, **fields))


def test_windows_are_sorted_and_stand_once() -> None:
    day, week = RULE.windows[0], replace(RULE.windows[0], seconds=WEEK)
    assert (day, week) == replace(RULE, windows=(day, week)).windows
    refuse(Code.FIELD_INVALID, lambda: replace(RULE, windows=(week, day)))
    refuse(Code.FIELD_INVALID, lambda: replace(RULE, windows=(day, day)))


def test_quorums_are_sorted_and_stand_once() -> None:
    assert 3 == len(bound(quorums=(TWO, THREE, OFFICER)).quorums)
    refuse(Code.FIELD_INVALID, lambda: bound(quorums=(THREE, TWO)))
    refuse(Code.FIELD_INVALID, lambda: bound(quorums=(TWO, TWO)))


def test_rules_are_sorted_and_stand_once() -> None:
    policy = policy_of(RULE, RULE)
    refuse(Code.FIELD_INVALID, lambda: replace(policy, rules=policy.rules[::-1]))
    refuse(Code.FIELD_INVALID, lambda: replace(policy, rules=policy.rules[:1] * 2))


def test_no_clock_is_further_east_than_fourteen_hours() -> None:
    parameters = policy_of(RULE).parameters
    assert 840 == replace(parameters, utc_offset_min=840).utc_offset_min
    refuse(Code.FIELD_INVALID, lambda: replace(parameters, utc_offset_min=841))


# Properties


def used_alike(policy: Policy, used: Usage) -> dict[tuple[str, int], Usage]:
    """Every window was used alike."""
    return dict.fromkeys(unused(policy), used)


@given(RULES, REQUESTS, USED)
def test_the_strictest_of_all_matching_rules_decides(found: list[Rule], request: Request, used: Usage) -> None:
    """A request is refused with exactly what each rule that speaks about it says alone; one at least has to speak."""
    policy = policy_of(*found)
    speaking = [rule for rule in policy.rules if is_match(rule, request)]
    alone = [outcome(replace(policy, rules=(rule,)), request, used_alike(policy, used)) for rule in speaking]
    together = outcome(policy, request, used_alike(policy, used))
    assert together == (frozenset().union(*alone) if speaking else {Code.POLICY_NO_RULE})


@given(RULES, REQUESTS, USED, st.randoms(use_true_random=False))
def test_the_order_of_rules_has_no_meaning(found: list[Rule], request: Request, used: Usage, random: Any) -> None:
    mixed = found.copy()
    random.shuffle(mixed)
    one, two = policy_of(*found), policy_of(*mixed)
    assert outcome(one, request, used_alike(one, used)) == outcome(two, request, used_alike(two, used))
    assert required_quorums(one, request) == required_quorums(two, request)


@given(RULES, rules(), REQUESTS, USED)
def test_one_more_rule_never_loosens(found: list[Rule], more: Rule, request: Request, used: Usage) -> None:
    one, two = policy_of(*found), policy_of(*found, more)
    before, after = (outcome(p, request, used_alike(p, used)) for p in (one, two))
    assert before <= after or before == {Code.POLICY_NO_RULE}
    assert set(required_quorums(one, request)) <= set(required_quorums(two, request))


@given(RULES, REQUESTS, USED, st.integers(0, 3), st.sampled_from(["max_amount", "max_fee", "max_hkd_cents"]))
def test_a_lower_limit_never_allows_more(
    found: list[Rule], request: Request, used: Usage, less: int, name: str
) -> None:
    def lowered(limited: Rule | Window) -> dict[str, Any]:
        value = getattr(limited, name)
        return {name: Units(max(0, (8 if value is None else value) - less))}

    policy = policy_of(*found)
    tighter = policy_of(*(replace(rule, **lowered(rule)) for rule in found))
    narrower = policy_of(
        *(replace(rule, windows=tuple(replace(w, **lowered(w)) for w in rule.windows)) for rule in found)
    )
    before = outcome(policy, request, used_alike(policy, used))
    assert before <= outcome(tighter, request, used_alike(policy, used))
    assert before <= outcome(narrower, request, used_alike(policy, used))


@given(RULES, REQUESTS, USED)
def test_a_blocking_rule_always_wins(found: list[Rule], request: Request, used: Usage) -> None:
    policy = policy_of(*found, replace(BLOCK, above=Units(0)))
    blocked = Code.POLICY_BLOCKED in outcome(policy, request, used_alike(policy, used))
    assert blocked == (request.amount > 0)


@given(RULES, REQUESTS, USED, st.integers(0, 3), st.integers(0, 3))
def test_more_is_never_easier(found: list[Rule], request: Request, used: Usage, amount: int, fee: int) -> None:
    policy = policy_of(*found)
    before = outcome(policy, request, used_alike(policy, used))
    larger = replace(request, amount=request.amount + amount, fee=request.fee + fee)
    further = replace(used, amount=used.amount + amount, fees=used.fees + fee)
    if before and before != {Code.POLICY_NO_RULE}:
        assert outcome(policy, larger, used_alike(policy, used))
        assert outcome(policy, request, used_alike(policy, further))


@given(RULES, REQUESTS, USED)
def test_a_window_that_nobody_knows_blocks(found: list[Rule], request: Request, used: Usage) -> None:
    """Whoever can hide the history would otherwise lift the limit."""
    policy = policy_of(*found)
    priced, known = replace(request, hkd_cents=0), replace(used, hkd_cents=0)
    whole = used_alike(policy, known)
    for missing in whole:
        fewer = {key: value for key, value in whole.items() if key != missing}
        rule = next(r for r in policy.rules if r.id == missing[0])
        speaks = is_match(rule, request) and rule.effect is Effect.LIMIT
        assert speaks == (Code.POLICY_NOT_EVALUABLE in outcome(policy, priced, fewer))


@given(found=RULES, request=REQUESTS, used=USED, known=st.booleans())
def test_what_is_explained_is_what_is_decided(*, found: list[Rule], request: Request, used: Usage, known: bool) -> None:
    """Every refusal of the evaluation is explained and no other; each limit says by how much it holds or does not."""
    policy = policy_of(*found)
    usage = used_alike(policy, used) if known else {}
    told = explain(policy, request, usage, MONDAY)
    assert {r.code for r in told.refusals} == outcome(policy, request, usage)
    for rule in told.rules:
        assert rule.is_matched == all(s.is_matched for s in rule.selectors)
        for limit in rule.limits:
            assert bool(limit.refusals) == (limit.left is None or limit.left < 0)


def test_an_explained_quorum_names_who_could_fill_it() -> None:
    roster = give_roles("person:a.wong", "approver", "officer")(World().roster_body())
    chan = roster.find(PartyId("person:m.chan"), "x")
    two, officer = explain_quorums((TWO, OFFICER), [chan], roster, frozenset({PartyId("person:r.singh")}), START)
    assert (("person:m.chan",), 1, 1, ("person:a.wong",)) == (
        two.approved, two.people_missing, two.groups_missing, two.could,
    )  # fmt: skip
    assert ((), 1, ("person:a.wong",)) == (officer.approved, officer.people_missing, officer.could)
    singh = roster.find(PartyId("person:r.singh"), "x")
    (met,) = explain_quorums((TWO,), [chan, singh], roster, frozenset(), START)
    assert (0, 0, ()) == (met.people_missing, met.groups_missing, met.could)


def test_a_raise_of_the_fee_counts_from_its_own_moment() -> None:
    """Attack: bumps after the first attempts have left every window, whose fees no window held."""
    first = Use(rule=RULE.id, instruction=sha256(b"i"), asset=REQUEST.asset, amount=5, fee=1, hkd_cents=1, at=MONDAY)
    dearer = replace(first, fee=9, at=MONDAY + timedelta(days=3))
    merged = merge_use(first, dearer)
    window = replace(RULE.windows[0], seconds=86_400)
    assert (9, 1) == _fees(merged, window, dearer.at)
    assert (0, 0) == _fees(merge_use(first, replace(first, at=dearer.at)), window, dearer.at)


def _fees(use: Use, window: Window, now: datetime) -> tuple[int, int]:
    used = count_uses([use], window, use.asset, now)
    return used.fees, used.count


def test_a_void_counts_its_fee_and_no_payment() -> None:
    void = Use(rule=RULE.id, instruction=sha256(b"i"), asset=REQUEST.asset, amount=0, fee=7, hkd_cents=0, at=MONDAY)
    assert (7, 0) == _fees(void, RULE.windows[0], MONDAY)
    assert (7, 1) == _fees(replace(void, amount=1), RULE.windows[0], MONDAY)


def test_windows_bound_the_fees_of_voids_and_nothing_else_of_them() -> None:
    """Attack: many voids, each with a fee that one transaction may pay, burn the wallet together."""
    policy, block = policy_of(RULE), replace(RULE, effect=Effect.BLOCK)
    key = (policy.rules[0].id, RULE.windows[0].seconds)
    request = replace(REQUEST, amount=10**9, fee=10, fee_share=10)
    most, over = (Usage(amount=10**9, count=10**9, fees=fees, hkd_cents=None) for fees in (20, 21))
    assert (policy.rules[0].id,) == evaluate_void(policy, request, {key: most})
    assert evaluate_void(policy_of(RULE, block), request, {key: most})
    for asked, usage, code in (
        (request, {key: over}, Code.LIMIT_FEES),
        (request, {}, Code.POLICY_NOT_EVALUABLE),
        (replace(request, fee=11), {key: most}, Code.FEE_CEILING),
    ):
        with pytest.raises(RefusedError) as caught:
            evaluate_void(policy, asked, usage)
        assert {code} == caught.value.codes
    with pytest.raises(RefusedError) as alone:
        evaluate_void(policy_of(block), request, {})
    assert {Code.POLICY_NO_RULE} == alone.value.codes
