"""An explanation as people read it, line by line, and as machines do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strongroom.core.canonical import Json
from strongroom.core.errors import Refusal
from strongroom.core.money import render_units
from strongroom.core.policy.explain import LimitTold, QuorumTold, RuleTold
from strongroom.core.records import NONE, encode_time
from strongroom.core.registers import AssetEntry
from strongroom.core.words import render_amount
from strongroom.online.transfers.withdrawal.explain import OrderTold, Told

_HKD_DECIMALS = 2


def render_told(told: Told, assets: Mapping[str, AssetEntry]) -> tuple[str, ...]:
    """The table that `strongroom explain` prints."""
    lines = [f"SUBJECT   {told.subject}, {told.state}", f"POLICY    version {told.policy}, at {encode_time(told.at)}"]
    for order in told.orders:
        lines += ["", *_order_lines(order, assets)]
    lines += ["", "QUORUMS"]
    for quorum in told.quorums:
        lines += _quorum_lines(quorum)
    return tuple(lines)


def build_json(told: Told) -> dict[str, Json]:
    """The same for machines; amounts are decimal strings, what is not known is `none`."""
    return {
        "at": encode_time(told.at),
        "instructions": [_order_json(order) for order in told.orders],
        "policy": told.policy,
        "quorums": [_quorum_json(quorum) for quorum in told.quorums],
        "state": told.state,
        "subject": told.subject,
    }


def _order_lines(order: OrderTold, assets: Mapping[str, AssetEntry]) -> Iterator[str]:
    request = order.request
    yield f"ORDER     {order.instruction}, {order.state}"
    yield f"          {render_amount(request.amount, request.asset, assets)} of {request.client} from {request.wallet}"
    yield f"          worth {_hkd(request.hkd_cents)}, prices {order.prices}"
    if order.why:
        yield f"          {order.why}"
    for rule in order.explanation.rules:
        yield from _rule_lines(rule, order, assets)
    verdict = "nothing speaks against it" if not order.explanation.refusals else "REFUSED"
    yield f"VERDICT   {verdict}"
    for refusal in order.explanation.refusals:
        yield f"          {_refusal(refusal)}"


def _rule_lines(rule: RuleTold, order: OrderTold, assets: Mapping[str, AssetEntry]) -> Iterator[str]:
    if not rule.is_matched:
        wrong = [f"{s.name} {s.got} is not {s.wanted}" for s in rule.selectors if not s.is_matched]
        yield f"RULE      {rule.id} does not match: {'; '.join(wrong)}"
        return
    yield f"RULE      {rule.id} matches, {rule.effect.value}"
    for limit in rule.limits:
        yield f"  {_limit(limit, order, assets)}"
    yield f"  hours: {rule.hours}, {'open' if rule.is_open else 'closed'} now"


def _limit(limit: LimitTold, order: OrderTold, assets: Mapping[str, AssetEntry]) -> str:
    span = f"in {limit.window_s} s" if limit.window_s else "in one transaction"

    def told(value: int | None) -> str:
        if value is None:
            return "not known"
        match limit.measured:
            case "amount":
                return render_units(value, assets[order.request.asset].decimals)
            case "fee":
                native = assets.get(order.native)
                return render_units(value, native.decimals) if native else str(value)
            case "hkd_cents":
                return _hkd(value)
            case _:
                return str(value)

    name = limit.measured.removesuffix("_cents")
    mark = "".join(f"  {refusal.code.value}" for refusal in limit.refusals)
    return (
        f"{name:<7}{span:<20} at most {told(limit.bound)}, used {told(limit.used)}, this {told(limit.takes)},"
        f" left {told(limit.left)}{mark}"
    )


def _quorum_lines(told: QuorumTold) -> Iterator[str]:
    quorum = told.quorum
    wanted = f"{quorum.people} of role {quorum.role} from {quorum.groups} groups"
    if not told.people_missing and not told.groups_missing:
        yield f"  met      {wanted}: {', '.join(told.approved)}"
        return
    yield f"  missing  {wanted}: {told.people_missing} more people, {told.groups_missing} more groups"
    yield f"           approved: {', '.join(told.approved) or 'nobody'}; could: {', '.join(told.could) or 'nobody'}"


def _refusal(refusal: Refusal) -> str:
    return f"{refusal.code.value}: {refusal.sentence}"


def _hkd(cents: int | None) -> str:
    return "an unknown value" if cents is None else f"HKD {render_units(cents, _HKD_DECIMALS)}"


def _order_json(order: OrderTold) -> dict[str, Json]:
    request = order.request
    return {
        "amount": str(request.amount),
        "asset": request.asset,
        "client": request.client,
        "fee": str(request.fee),
        "hkd_cents": _units(request.hkd_cents),
        "instruction": order.instruction,
        "prices": order.prices,
        "refusals": [_refusal_json(r) for r in order.explanation.refusals],
        "rules": [_rule_json(rule) for rule in order.explanation.rules],
        "state": order.state,
        "wallet": request.wallet,
        "why": order.why,
    }


def _rule_json(rule: RuleTold) -> dict[str, Json]:
    return {
        "effect": rule.effect.value,
        "hours": rule.hours,
        "is_matched": rule.is_matched,
        "is_open": rule.is_open,
        "limits": [_limit_json(limit) for limit in rule.limits],
        "rule": rule.id,
        "selectors": [
            {"got": s.got, "is_matched": s.is_matched, "name": s.name, "wanted": s.wanted} for s in rule.selectors
        ],
    }


def _limit_json(limit: LimitTold) -> dict[str, Json]:
    return {
        "bound": str(limit.bound),
        "left": _units(limit.left),
        "measured": limit.measured,
        "refusals": [_refusal_json(r) for r in limit.refusals],
        "takes": _units(limit.takes),
        "used": _units(limit.used),
        "window_s": limit.window_s,
    }


def _quorum_json(told: QuorumTold) -> dict[str, Json]:
    return {
        "approved": [*told.approved],
        "could": [*told.could],
        "groups": told.quorum.groups,
        "groups_missing": told.groups_missing,
        "people": told.quorum.people,
        "people_missing": told.people_missing,
        "role": told.quorum.role,
    }


def _refusal_json(refusal: Refusal) -> dict[str, Json]:
    return {**refusal.as_json()}


def _units(value: int | None) -> str:
    return NONE if value is None else str(value)
