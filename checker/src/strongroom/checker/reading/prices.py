"""A `prices` statement, and what an amount is worth by it; spec/policy.md, "Prices".

What cannot be priced is not worth nothing: it is unknown, with the reason, and a rule that needs it blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil

from strongroom.checker.reading.envelopes import Envelope, Statement, Type
from strongroom.checker.reading.fields import Node, check_sorted, render_time
from strongroom.checker.reading.governed import parse_governed
from strongroom.checker.reading.registers import Asset
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.ids import AssetId

PATH = "prices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """One snapshot. microhkd: asset to millionths of a Hong Kong dollar for one whole unit."""

    as_of: datetime
    microhkd: Mapping[AssetId, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """A value in cents of a Hong Kong dollar. cents: None when it is not known. why: what else to say about that."""

    cents: int | None
    why: tuple[Refusal, ...] = ()


def parse_prices(envelope: Envelope) -> Statement[Prices]:
    """Read a snapshot; nothing is verified."""
    return parse_governed(envelope, Type.PRICES, _parse_prices)


def judge_worth(prices: Prices | None, asset: Asset | None, amount: int, *, moment: datetime, max_age_s: int) -> Worth:
    """What so many smallest units of an asset were worth at a moment, by a snapshot that is fresh then."""
    if prices is None or asset is None or asset.id not in prices.microhkd:
        return Worth(cents=None)
    age = moment - prices.as_of
    if age.days < 0 or age.days * 86_400 + age.seconds > max_age_s:
        expected = f"at most {max_age_s} s before {render_time(moment)}"
        late = Refusal(code=Code.PRICE_STALE, field=f"{PATH}.as_of", expected=expected, got=render_time(prices.as_of))
        return Worth(cents=None, why=(late,))
    whole_units = Fraction(amount, 10**asset.decimals)
    return Worth(cents=ceil(whole_units * prices.microhkd[asset.id] / 10**4))


def _parse_prices(node: Node) -> Prices:
    found = node.members("as_of", "prices")
    items = [item.members("asset", "microhkd") for item in found["prices"].items()]
    names = [item["asset"].asset() for item in items]
    check_sorted(names, found["prices"].path)
    numbers = [item["microhkd"].units() for item in items]
    if 0 in numbers:
        # What is worth nothing would pass every limit.
        raise items[numbers.index(0)]["microhkd"].invalid("above zero")
    return Prices(as_of=found["as_of"].time(), microhkd=dict(zip(names, numbers, strict=True)))
