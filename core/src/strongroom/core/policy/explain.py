"""The evaluation told: each rule and why it matched or not, each limit and what is left of it, who is still missing.

It is made of the same measures and refusals as the evaluation, so that no explanation differs from the verdict.
Source: spec/policy.md, Explain; I.5, III.13.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.bodies import Quorum
from strongroom.core.errors import Refusal
from strongroom.core.ids import EntryId, PartyId
from strongroom.core.policy.evaluate import find_refusals, find_rule_refusals, is_inside, is_match, render_hours
from strongroom.core.policy.limits import Measure, measure_transaction, measure_window, refuse_unknown_window
from strongroom.core.policy.model import Effect, Policy, Rule
from strongroom.core.policy.request import Request, UsageTable
from strongroom.core.roster import Party, Roster, count_quorum


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One selector of a rule beside the request. wanted: any when the rule names none."""

    name: str
    wanted: str
    got: str
    is_matched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTold:
    """One limit. window_s: 0 for one transaction. used, takes, left: None when that is not known."""

    window_s: int
    measured: str
    bound: int
    used: int | None
    takes: int | None
    left: int | None
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTold:
    """One rule. limits, quorums: what it asks when it matches. is_open: whether anybody may sign now by its hours."""

    id: EntryId
    effect: Effect
    is_matched: bool
    selectors: tuple[Selector, ...]
    limits: tuple[LimitTold, ...]
    hours: str
    is_open: bool
    quorums: tuple[Quorum, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All rules about one instruction, and everything that speaks against it; nothing does when it is allowed."""

    rules: tuple[RuleTold, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumTold:
    """One quorum: who approved and counts, how many people and groups are missing, and who of the roster could."""

    quorum: Quorum
    approved: tuple[PartyId, ...]
    people_missing: int
    groups_missing: int
    could: tuple[PartyId, ...]


def explain(policy: Policy, request: Request, usage: UsageTable, now: datetime) -> Explanation:
    """Tell what every rule says to a request. now: for the hours, which are about signing and refuse nothing here."""
    rules = tuple(_tell_rule(policy, rule, request, usage, now) for rule in policy.rules)
    found = [refusal for rule in rules for refusal in rule.refusals]
    if not any(rule.is_matched for rule in rules):
        found = find_refusals(policy, request)
    return Explanation(rules=rules, refusals=tuple(dict.fromkeys(found)))


def explain_quorums(
    quorums: Iterable[Quorum], approved: Sequence[Party], roster: Roster, barred: Collection[PartyId], now: datetime
) -> tuple[QuorumTold, ...]:
    """Tell who is missing. barred: who may not approve this, such as the office of the whitelist."""
    return tuple(_tell_quorum(quorum, approved, roster, barred, now) for quorum in quorums)


def _tell_rule(policy: Policy, rule: Rule, request: Request, usage: UsageTable, now: datetime) -> RuleTold:
    is_matched = is_match(rule, request)
    limits = tuple(_tell_limits(rule, request, usage)) if is_matched and rule.effect is Effect.LIMIT else ()
    refusals = find_rule_refusals(policy, rule, request) if is_matched else []
    windows = [refusal for limit in limits if limit.window_s for refusal in limit.refusals]
    unknown = [
        refuse_unknown_window(rule, window)
        for window in rule.windows
        if is_matched and rule.effect is Effect.LIMIT and (rule.id, window.seconds) not in usage
    ]
    return RuleTold(
        id=rule.id,
        effect=rule.effect,
        is_matched=is_matched,
        selectors=_tell_selectors(rule, request),
        limits=limits,
        hours=render_hours(rule.hours, policy.parameters.utc_offset_min),
        is_open=is_inside(rule.hours, now, policy.parameters.utc_offset_min),
        quorums=rule.quorums if is_matched and rule.effect is Effect.LIMIT else (),
        refusals=tuple(dict.fromkeys([*refusals, *windows, *unknown])),
    )


def _tell_selectors(rule: Rule, request: Request) -> tuple[Selector, ...]:
    named: tuple[tuple[str, Sequence[str], str], ...] = (
        ("asset", rule.assets, request.asset),
        ("client", rule.clients, request.client),
        ("wallet", rule.wallets, request.wallet),
    )
    listed = [
        Selector(name=name, wanted=", ".join(wanted) or "any", got=got, is_matched=not wanted or got in wanted)
        for name, wanted, got in named
    ]
    above = Selector(
        name="amount",
        wanted=f"above {rule.above}",
        got=str(request.amount),
        is_matched=request.amount > rule.above,
    )
    return (*listed, above)


def _tell_limits(rule: Rule, request: Request, usage: UsageTable) -> Iterable[LimitTold]:
    for measure in measure_transaction(rule, request):
        yield _tell(measure, 0)
    for window in rule.windows:
        used = usage.get((rule.id, window.seconds))
        for measure in measure_window(rule, window, request, used) if used else ():
            yield _tell(measure, window.seconds)


def _tell(measure: Measure, window_s: int) -> LimitTold:
    return LimitTold(
        window_s=window_s,
        measured=measure.measured.value,
        bound=measure.bound,
        used=measure.used,
        takes=measure.takes,
        left=measure.left,
        refusals=measure.refusals,
    )


def _tell_quorum(
    quorum: Quorum, approved: Sequence[Party], roster: Roster, barred: Collection[PartyId], now: datetime
) -> QuorumTold:
    able = [p for p in approved if quorum.role in p.roles]
    people, groups = count_quorum(quorum, approved)
    people_missing, groups_missing = max(0, quorum.people - people), max(0, quorum.groups - groups)
    counted = {p.staff for p in able}
    could = [
        p.id
        for p in roster.with_role("approver")
        if quorum.role in p.roles and p.is_valid_at(now) and p.staff not in counted and p.id not in barred
    ]
    return QuorumTold(
        quorum=quorum,
        approved=tuple(p.id for p in able),
        people_missing=people_missing,
        groups_missing=groups_missing,
        could=tuple(could) if people_missing or groups_missing else (),
    )
