"""What the platform says of its books: a deposit that it credits, a run of ledger against chain.

Source: spec/statement.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.ids import AccountId, AssetId, ChainId, EntryId, PartyId
from strongroom.core.records import Units


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositCredit:
    """A confirmed deposit that the ledger credits."""

    account: AccountId
    address: EntryId
    amount: Units
    asset: AssetId
    block_hash: str
    chain: ChainId
    client: PartyId
    confirmations: int
    height: int
    output: int
    txid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRow:
    """One asset: what the ledger owes, what the chain holds, what dockets in flight explain."""

    asset: AssetId
    chain_units: Units
    explained_units: Units
    ledger_units: Units


class ReconciliationStatus(StrEnum):
    """Whether the ledger matches the chain."""

    MATCHED = "MATCHED"
    BREAK = "BREAK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """One run of ledger against chain, at one block."""

    block_hash: str
    chain: ChainId
    height: int
    rows: tuple[ReconciliationRow, ...]
    status: ReconciliationStatus
