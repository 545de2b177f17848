"""What a policy says to the payments of a docket, judged at the right moment with the right prices.

Before a signature the reader's clock decides about prices, and nobody but the terminal judges hours; afterwards the
signature records do, so that every later reader comes to the terminal's answer. Source: spec/policy.md, Hours, Prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from strongroom.core.bodies import SignatureRecord
from strongroom.core.checks.foundation import Foundation
from strongroom.core.checks.journey import Journey
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, run_checks
from strongroom.core.policy import Policy, Prices, Request, check_transaction_limits, check_void_fee
from strongroom.core.policy.prices import value_in_hkd_cents
from strongroom.core.records import encode_time
from strongroom.core.registers import AssetEntry


def check_policy(
    policy: Policy, requests: Sequence[Request], journey: Journey, foundation: Foundation, now: datetime | None
) -> None:
    """Judge requests by a policy, without windows. now: the reader's; None: the docket's last checkpoint's.

    Raises RefusedError with everything that any rule says against any request.
    """
    signed = signed_moments(journey)
    valued = value_requests(policy, requests, foundation, price_moment(journey, foundation, now))
    judged = [replace(each, at=moment) for each in valued for moment in signed or (None,)]
    run_checks([partial(check_transaction_limits, policy, request) for request in judged])


def check_void(policy: Policy, requests: Sequence[Request]) -> None:
    """Judge the fee of a void by a policy, without windows. requests: its transfer's, with the void's fee.

    None for a sweep, whose void is the officers' word. Raises FEE_CEILING and POLICY_NO_RULE.
    """
    run_checks([partial(check_void_fee, policy, request) for request in requests])


def signed_moments(journey: Journey) -> tuple[datetime, ...]:
    """When terminals signed, by their records."""
    return tuple(p.statement.issued_at for p in journey.all(SignatureRecord))


def price_moment(journey: Journey, foundation: Foundation, now: datetime | None) -> datetime:
    """When the payments are valued: at the first signature; before it at the reader's time."""
    last = foundation.last_time
    return min(signed_moments(journey), default=last if now is None else max(now, last))


def value_requests(
    policy: Policy, requests: Sequence[Request], foundation: Foundation, moment: datetime
) -> tuple[Request, ...]:
    """The requests with their value by the docket's prices, where those are fresh for this policy."""
    prices = foundation.prices.body if foundation.prices else None
    return tuple(
        value_request(policy, request, prices, foundation.entries.assets.get(request.asset), moment)
        for request in requests
    )


def value_request(
    policy: Policy, request: Request, prices: Prices | None, asset: AssetEntry | None, moment: datetime
) -> Request:
    """A request with its value at a moment; without one where price or asset is unknown, and with the reason."""
    price = prices.find(request.asset) if prices else None
    if prices is None or price is None or asset is None:
        return replace(request, hkd_cents=None, unpriced=())
    most = policy.parameters.price_max_age_s
    if not prices.is_fresh(moment, most):
        expected = f"at most {most} s before {encode_time(moment)}"
        stale = Refusal(code=Code.PRICE_STALE, field="prices.as_of", expected=expected, got=encode_time(prices.as_of))
        return replace(request, hkd_cents=None, unpriced=(stale,))
    return replace(request, hkd_cents=value_in_hkd_cents(request.amount, asset.decimals, price), unpriced=())
