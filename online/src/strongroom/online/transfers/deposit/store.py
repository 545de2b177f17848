"""Deposits in the database: what the follower saw, and what is credited."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, WalletId
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.transfers.deposit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A payment to an address of ours, as the follower saw it."""

    chain: ChainId
    txid: str
    output: int
    address: EntryId
    wallet: WalletId
    account: AccountId
    asset: AssetId
    units: int
    height: int
    block_hash: str


def load_tip(connection: Connection, chain: ChainId) -> int | None:
    """Height of the newest block that was taken in; None before the first."""
    height = load_first(connection, _QUERIES["load_tip"], lambda height: int(height), {"chain": chain})
    return None if height is None or height < 0 else height


def load_confirmed(connection: Connection, chain: ChainId, height: int) -> tuple[Deposit, ...]:
    """Deposits at or below a height that are not credited yet."""
    return load_all(connection, _QUERIES["load_confirmed"], _deposit, {"chain": chain, "height": height})


def is_creditable(connection: Connection, deposit: Deposit) -> bool:
    """Whether a deposit still waits for its credit; it is locked until the transaction ends."""
    fields = {"chain": deposit.chain, "txid": deposit.txid, "output": deposit.output, "hash": deposit.block_hash}
    return load_first(connection, _QUERIES["lock_confirmed"], lambda state: str(state), fields) == "SEEN"


def save_credited(connection: Connection, deposit: Deposit, statement: Digest) -> None:
    """Mark a deposit as credited by its statement."""
    fields = {"statement": statement, "chain": deposit.chain, "txid": deposit.txid, "output": deposit.output}
    execute(connection, _QUERIES["save_credited"], fields)


def _deposit(
    chain: str,
    txid: str,
    output: int,
    address: str,
    wallet: str,
    account: str,
    asset: str,
    units: str,
    height: int,
    block_hash: str,
) -> Deposit:
    return Deposit(
        chain=ChainId(chain),
        txid=txid,
        output=output,
        address=EntryId(address),
        wallet=WalletId(wallet),
        account=AccountId(account),
        asset=AssetId(asset),
        units=int(units),
        height=height,
        block_hash=block_hash,
    )
