"""The evaluation: which rules match, what each limit says, which quorums follow. Source: spec/policy.md; III.13, III.2.

1. A rule matches by its selectors. No match: default deny.
2. Every matching rule is asked, whatever the others said, so that a refusal names everything.
3. A limit whose usage or value is not known blocks: it is never taken for zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.core.bodies import LimitUse, Quorum, sorted_quorums
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.ids import EntryId
from strongroom.core.policy.limits import Measured, measure_transaction, measure_window, refuse_unknown_window
from strongroom.core.policy.model import DAY_MIN, Effect, Hours, Policy, Rule, Window
from strongroom.core.policy.request import Request, Usage, UsageTable
from strongroom.core.records import Units, encode_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the policy requires of an allowed request."""

    rules: tuple[EntryId, ...]
    quorums: tuple[Quorum, ...]
    limits: tuple[LimitUse, ...]


def evaluate(policy: Policy, request: Request, usage: UsageTable) -> Evaluation:
    """Judge a request with its windows. Raises RefusedError with everything that speaks against it."""
    found = find_refusals(policy, request)
    limits: list[LimitUse] = []
    matching = limiting_rules(policy, request)
    for rule in matching:
        for window in rule.windows:
            used = usage.get((rule.id, window.seconds))
            found += find_window_refusals(rule, window, request, used)
            if used is not None:
                limits.append(_limit_use(rule, window, request, used))
    if found:
        raise RefusedError(*_distinct(found))
    rules = tuple(r.id for r in matching)
    return Evaluation(rules=rules, quorums=required_quorums(policy, request), limits=tuple(limits))


def check_transaction_limits(policy: Policy, request: Request) -> None:
    """Judge a request without windows, where no memory of signing is kept. Raises RefusedError with all that fails."""
    found = find_refusals(policy, request)
    if found:
        raise RefusedError(*_distinct(found))


def check_void_fee(policy: Policy, request: Request) -> None:
    """Judge what a void burns, and nothing else of it: its fee, by every rule that speaks about its transfer.

    request: the transfer's, with the void's fee. Blocks, amounts and hours are about payments, so that an attack's
    transfer can be voided; but without a bound of the policy the client's ceiling alone would bound the fee, and a
    client's key with the platform could burn the wallet. Raises FEE_CEILING, or POLICY_NO_RULE where nothing bounds it.
    """
    rules = limiting_rules(policy, request)
    if not rules:
        expected = "a rule that bounds the fee of a void"
        raise refused(Code.POLICY_NO_RULE, "policy", expected, f"{request.asset} from {request.wallet}")
    fees = [m for rule in rules for m in measure_transaction(rule, request) if m.measured is Measured.FEE]
    found = [refusal for measure in fees for refusal in measure.refusals]
    if found:
        raise RefusedError(*_distinct(found))


def evaluate_void(policy: Policy, request: Request, usage: UsageTable) -> tuple[EntryId, ...]:
    """Judge a void's fee with the windows that bound fees; the rules that count it. Raises LIMIT_FEES as well."""
    check_void_fee(policy, request)
    found: list[Refusal] = []
    rules = limiting_rules(policy, request)
    for rule in rules:
        for window in (each for each in rule.windows if each.max_fee is not None):
            used = usage.get((rule.id, window.seconds))
            if used is None:
                found.append(refuse_unknown_window(rule, window))
                continue
            measures = [m for m in measure_window(rule, window, request, used) if m.measured is Measured.FEE]
            found += [refusal for measure in measures for refusal in measure.refusals]
    if found:
        raise RefusedError(*_distinct(found))
    return tuple(rule.id for rule in rules)


def required_quorums(policy: Policy, request: Request) -> tuple[Quorum, ...]:
    """The quorums of all matching rules that do not block; each must be met. Sorted, none twice."""
    return sorted_quorums(q for rule in limiting_rules(policy, request) for q in rule.quorums)


def is_match(rule: Rule, request: Request) -> bool:
    """Whether a rule speaks about a request."""
    return (
        (not rule.assets or request.asset in rule.assets)
        and (not rule.clients or request.client in rule.clients)
        and (not rule.wallets or request.wallet in rule.wallets)
        and request.amount > rule.above
    )


def limiting_rules(policy: Policy, request: Request) -> list[Rule]:
    """The matching rules that have limits and quorums."""
    return [r for r in policy.rules if r.effect is Effect.LIMIT and is_match(r, request)]


def find_refusals(policy: Policy, request: Request) -> list[Refusal]:
    """Everything but windows that speaks against a request."""
    matching = [r for r in policy.rules if is_match(r, request)]
    if not matching:
        what = f"{request.amount} of {request.asset} from {request.wallet} by {request.client}"
        return [Refusal(code=Code.POLICY_NO_RULE, field="policy", expected="a rule that allows it", got=what)]
    return [refusal for rule in matching for refusal in find_rule_refusals(policy, rule, request)]


def find_rule_refusals(policy: Policy, rule: Rule, request: Request) -> list[Refusal]:
    """Everything but windows that one matching rule says against a request."""
    if rule.effect is Effect.BLOCK:
        return [Refusal(code=Code.POLICY_BLOCKED, field=rule.id, expected="no blocking rule", got=rule.id)]
    found = [refusal for measure in measure_transaction(rule, request) for refusal in measure.refusals]
    if request.at is not None and not is_inside(rule.hours, request.at, policy.parameters.utc_offset_min):
        found.append(
            Refusal(
                code=Code.OUTSIDE_HOURS,
                field=f"{rule.id}.hours",
                expected=render_hours(rule.hours, policy.parameters.utc_offset_min),
                got=encode_time(request.at),
            )
        )
    return found


def find_window_refusals(rule: Rule, window: Window, request: Request, used: Usage | None) -> list[Refusal]:
    """What one window says against a request. used: None when it is not known, which blocks."""
    if used is None:
        return [refuse_unknown_window(rule, window)]
    return [refusal for m in measure_window(rule, window, request, used) for refusal in m.refusals]


def is_inside(hours: Iterable[Hours], moment: datetime, utc_offset_min: int) -> bool:
    """Whether a moment is inside one of these hours; no hours mean at any time."""
    listed = tuple(hours)
    utc = moment.astimezone(UTC)
    # Minutes of the week are counted, not moments: the last hour of the year 9999 has no moment eight hours later.
    day, minute = divmod(utc.weekday() * DAY_MIN + utc.hour * 60 + utc.minute + utc_offset_min, DAY_MIN)
    weekday = day % 7 + 1
    return not listed or any(weekday in h.days and h.from_min <= minute < h.to_min for h in listed)


def render_hours(hours: Iterable[Hours], utc_offset_min: int) -> str:
    """Hours as people read them."""
    listed = [
        f"days {' '.join(map(str, h.days))} from {_clock(h.from_min)} to before {_clock(h.to_min)}" for h in hours
    ]
    return f"{' or '.join(listed) or 'any time'}, UTC+{_clock(utc_offset_min)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _limit_use(rule: Rule, window: Window, request: Request, used: Usage) -> LimitUse:
    return LimitUse(
        count=used.count,
        fees=Units(used.fees),
        hkd_cents=None if used.hkd_cents is None else Units(used.hkd_cents),
        # Over the limit there is nothing left; the evaluation has refused then.
        left=Units(max(0, window.max_amount - used.amount - request.amount)),
        rule=rule.id,
        used=Units(used.amount),
        window_s=window.seconds,
    )


def _distinct(found: Iterable[Refusal]) -> tuple[Refusal, ...]:
    return tuple(dict.fromkeys(found))
