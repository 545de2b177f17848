"""The body of a `prices` statement, when it is fresh, and what an amount is worth. Source: spec/policy.md, Prices.

Two people sign a snapshot, so that no single feed, key or operator can make a large payment look small.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import AssetId
from strongroom.core.records import Units, check_sorted

MICROHKD_PER_CENT = 10**4


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one whole unit of an asset is worth. microhkd: millionths of a Hong Kong dollar, above zero."""

    asset: AssetId
    microhkd: Units

    def __post_init__(self) -> None:
        # A price of zero would lift every limit in HKD.
        if self.microhkd < 1:
            raise malformed(Code.FIELD_INVALID, f"prices.{self.asset}", "above zero", str(self.microhkd))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Body of a `prices` statement: one snapshot. as_of: the moment at which it was true."""

    as_of: datetime
    prices: tuple[Price, ...]

    def __post_init__(self) -> None:
        check_sorted([p.asset for p in self.prices], "prices")

    def find(self, asset: AssetId) -> Price | None:
        """The price of an asset; None when the snapshot has none."""
        return next((p for p in self.prices if p.asset == asset), None)

    def is_fresh(self, moment: datetime, max_age_s: int) -> bool:
        """Whether the snapshot is not from after `moment` and at most so old."""
        # Seconds are compared, not moments: an age of 2**53 seconds is no date.
        return 0 <= (moment - self.as_of) // timedelta(seconds=1) <= max_age_s


def value_in_hkd_cents(amount: int, decimals: int, price: Price) -> int:
    """The value of so many smallest units, in cents, rounded up: a payment is never worth less than it is."""
    per_unit: int = 10**decimals * MICROHKD_PER_CENT
    return -(-amount * price.microhkd // per_unit)
