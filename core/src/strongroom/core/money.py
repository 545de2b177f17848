"""Amounts: integers in an asset's smallest units, as decimal strings in JSON, never a float.

A `NewType` over `int` would still let satoshi be added to wei, so an amount carries its asset.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, malformed
from strongroom.core.ids import AssetId

_UNITS = re.compile(r"0|[1-9][0-9]{0,77}")
MAX_UNITS = 2**256 - 1
"""No chain of ours can express more (the EVM's word)."""


def parse_units(text: object, field: str) -> int:
    """Read a non-negative integer from its one decimal spelling.

    `int()` would take `+7`, ` 7`, `1_0` and `007`; all of them are refused with FIELD_INVALID.
    """
    if not isinstance(text, str) or not _UNITS.fullmatch(text) or int(text) > MAX_UNITS:
        raise malformed(Code.FIELD_INVALID, field, "a decimal string of smallest units", repr(text))
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A number of an asset's smallest units: satoshi for BTC, litoshi for LTC, wei for ETH."""

    asset: AssetId
    units: int

    def plus(self, other: Amount) -> Amount:
        """The sum. Raises `InvariantError` when the assets differ: our code must never add unlike amounts."""
        if other.asset != self.asset:
            raise InvariantError(Refusal(code=Code.INVARIANT, field="asset", expected=self.asset, got=other.asset))
        return Amount(asset=self.asset, units=self.units + other.units)


def render_units(units: int, decimals: int) -> str:
    """Smallest units as people read them: always all decimals, never rounded, never an exponent.

    `render_units(1250000000, 6)` is `1250.000000`.
    """
    sign, digits = ("-", str(-units)) if units < 0 else ("", str(units))
    if decimals == 0:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
