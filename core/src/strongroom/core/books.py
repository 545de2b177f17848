"""What is said of the books: a deposit credited, a run of ledger against chain, and what a reorganisation undoes.

Source: spec/statement.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorganisation:
    """Blocks that were taken in left the chain. fork: the last block that stayed; old: the tip that is gone."""

    chain: ChainId
    fork_hash: str
    fork_height: int
    old_hash: str
    old_height: int

    @property
    def depth(self) -> int:
        """How many blocks are gone."""
        return self.old_height - self.fork_height


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositReversal:
    """A credited deposit is in no block any more: its credit is taken back."""

    credit: Digest
    reorganisation: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementReversal:
    """A settled transaction is in no block any more: its payments are reserved again and its fee is taken back."""

    reorganisation: Digest
    settlement: Digest
