"""What the policy judges, and what it is told of the past. Source: spec/policy.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.errors import Refusal
from strongroom.core.ids import AssetId, PartyId, WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One instruction and the fee of its transaction, in smallest units.

    fee: of the whole transaction, in the chain's native asset. fee_share: the part that counts in windows. at: when it
    is signed; None: hours are not judged. hkd_cents: its value; None: there is no fresh price, and `unpriced` says why.
    """

    asset: AssetId
    client: PartyId
    wallet: WalletId
    amount: int
    fee: int
    fee_share: int
    at: datetime | None
    hkd_cents: int | None
    unpriced: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one rule has let through in one window, before this request.

    amount: of the request's asset. fees: in the native asset of its chain. count, hkd_cents: of everything; None: the
    value of a part of it is not known.
    """

    amount: int
    count: int
    fees: int
    hkd_cents: int | None


UsageTable = Mapping[tuple[str, int], Usage]
"""(rule id, window seconds) to what was used."""
