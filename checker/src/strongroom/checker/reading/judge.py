"""What a policy lets through, without windows: default deny, the strictest of all matching rules; spec/policy.md.

Windows need a durable memory of signing, which only platform and terminal have; a reader that pretended to count them
would lie. What it cannot know, a limit in HKD without a fresh price, blocks here as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from strongroom.checker.reading.bodies import Quorum
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.policy import Effect, Hours, Policy, Rule
from strongroom.checker.reading.prices import Worth
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.ids import AssetId, PartyId, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One instruction as policy sees it; fee: the most that the whole transaction can pay, in the native asset.

    signed: when terminals signed it; empty before, and then its hours are nobody's to judge here.
    """

    asset: AssetId
    client: PartyId
    wallet: WalletId
    amount: int
    fee: int
    signed: tuple[datetime, ...]
    worth: Worth


def matching_rules(policy: Policy, request: Request) -> tuple[Rule, ...]:
    """Every rule that speaks about the request."""
    return tuple(
        rule
        for rule in policy.rules
        if (not rule.assets or request.asset in rule.assets)
        and (not rule.clients or request.client in rule.clients)
        and (not rule.wallets or request.wallet in rule.wallets)
        and request.amount > rule.above
    )


def check_request(policy: Policy, request: Request, path: str) -> None:
    """Raise everything that the rules refuse, each rule asked whatever the others said.

    POLICY_NO_RULE, POLICY_BLOCKED, LIMIT_TRANSACTION, FEE_CEILING, LIMIT_HKD, OUTSIDE_HOURS, POLICY_NOT_EVALUABLE and
    PRICE_STALE.
    """
    rules = matching_rules(policy, request)
    found = [each for rule in rules for each in _refuse(policy, rule, request, f"{path}.{rule.id}")]
    if not rules:
        asked = f"{request.amount} of {request.asset} by {request.client} from {request.wallet}"
        found = [Refusal(code=Code.POLICY_NO_RULE, field=path, expected="a rule that lets it through", got=asked)]
    if found:
        raise RefusedError(*(each for i, each in enumerate(found) if each not in found[:i]))


def check_void_fee(policy: Policy, request: Request, path: str) -> None:
    """Raise FEE_CEILING when a void would burn more than any rule about its transfer lets a transaction pay.

    Nothing else is asked of a void. Where no rule bounds it, POLICY_NO_RULE: the client's own ceiling is no bound.
    """
    rules = [rule for rule in matching_rules(policy, request) if rule.effect is Effect.LIMIT]
    if not rules:
        raise refused(Code.POLICY_NO_RULE, path, "a rule that bounds the fee of a void", request.wallet)
    most = min(rules, key=lambda rule: rule.max_fee)
    if request.fee > most.max_fee:
        raise RefusedError(_over(Code.FEE_CEILING, f"{path}.{most.id}.max_fee", most.max_fee, request.fee))


def required_quorums(policy: Policy, requests: Iterable[Request]) -> frozenset[Quorum]:
    """The quorums of all matching rules; a blocking rule has no say in them."""
    return frozenset(
        quorum
        for request in requests
        for rule in matching_rules(policy, request)
        if rule.effect is Effect.LIMIT
        for quorum in rule.quorums
    )


def is_open(hours: Hours, moment: datetime, utc_offset_min: int) -> bool:
    """Whether a moment is inside these hours, on the policy's clock."""
    passed = moment.hour * 60 + moment.minute + utc_offset_min
    # A record may claim the last hour of the year 9999, so that no date is made from it.
    days_ahead, minute = passed // 1440, passed % 1440
    weekday = (moment.isoweekday() - 1 + days_ahead) % 7 + 1
    return weekday in hours.days and hours.from_min <= minute < hours.to_min


def _refuse(policy: Policy, rule: Rule, request: Request, name: str) -> Iterator[Refusal]:
    if rule.effect is Effect.BLOCK:
        yield Refusal(code=Code.POLICY_BLOCKED, field=name, expected="no blocking rule", got=rule.id)
        return
    if request.amount > rule.max_amount:
        yield _over(Code.LIMIT_TRANSACTION, f"{name}.max_amount", rule.max_amount, request.amount)
    if request.fee > rule.max_fee:
        yield _over(Code.FEE_CEILING, f"{name}.max_fee", rule.max_fee, request.fee)
    if rule.max_hkd_cents is not None:
        yield from _refuse_value(rule.max_hkd_cents, request.worth, f"{name}.max_hkd_cents")
    for moment in request.signed:
        if rule.hours and not any(is_open(each, moment, policy.utc_offset_min) for each in rule.hours):
            expected = f"an hour of {rule.id}, {policy.utc_offset_min} minutes east of UTC"
            yield Refusal(code=Code.OUTSIDE_HOURS, field=f"{name}.hours", expected=expected, got=render_time(moment))


def _refuse_value(most: int, worth: Worth, name: str) -> Iterator[Refusal]:
    if worth.cents is None:
        yield Refusal(code=Code.POLICY_NOT_EVALUABLE, field=name, expected="a fresh price", got="none")
        yield from worth.why
    elif worth.cents > most:
        yield _over(Code.LIMIT_HKD, name, most, worth.cents)


def _over(code: Code, path: str, most: int, got: int) -> Refusal:
    return Refusal(code=code, field=path, expected=f"at most {most}", got=str(got))
