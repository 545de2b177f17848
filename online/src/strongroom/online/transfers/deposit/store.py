"""Deposits in the database: what the follower saw, and what is credited."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, WalletId
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries
from strongroom.online.ledger.rules import TransferId

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


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneDeposit:
    """A credited deposit that left the chain. credit: the statement that credited it."""

    chain: ChainId
    txid: str
    output: int
    wallet: WalletId
    account: AccountId
    asset: AssetId
    units: int
    block_hash: str
    credit: Digest
    reorganisation: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What a client owes after a credit was taken back that was spent. reversal: the statement that took it back."""

    reversal: Digest
    chain: ChainId
    account: AccountId
    asset: AssetId
    units: int
    is_recovered: bool


def load_tip(connection: Connection, chain: ChainId) -> int | None:
    """Height of the newest block that was taken in; None before the first."""
    height = load_first(connection, _QUERIES["load_tip"], lambda height: int(height), {"chain": chain})
    return None if height is None or height < 0 else height


def load_confirmed(connection: Connection, chain: ChainId, height: int) -> tuple[Deposit, ...]:
    """Deposits at or below a height that are not credited yet."""
    return load_all(connection, _QUERIES["load_confirmed"], _deposit, {"chain": chain, "height": height})


def is_creditable(connection: Connection, deposit: Deposit) -> bool:
    """Whether a deposit still waits for its credit; it is locked until the transaction ends."""
    return load_first(connection, _QUERIES["lock_confirmed"], lambda state: str(state), _place(deposit)) == "SEEN"


def save_credited(connection: Connection, deposit: Deposit, statement: Digest) -> None:
    """Mark a deposit as credited by its statement."""
    execute(connection, _QUERIES["save_credited"], {"statement": statement, **_place(deposit)})


def is_matched(connection: Connection, chain: ChainId) -> bool:
    """Whether ledger and chain matched at the newest block."""
    status = load_first(connection, _QUERIES["load_last_status"], lambda status: str(status), {"chain": chain})
    return status == "MATCHED"


def count_taken_back(connection: Connection, transfer: TransferId) -> int:
    """How often the credit that this transfer names was taken back: a block may leave the chain and come back."""
    return load_first(connection, _QUERIES["load_taken_back"], lambda n: int(n), {"transfer": transfer}) or 0


def load_gone(connection: Connection) -> tuple[GoneDeposit, ...]:
    """Credits whose deposit left the chain."""
    return load_all(connection, _QUERIES["load_gone"], _gone)


def is_still_gone(connection: Connection, gone: GoneDeposit) -> bool:
    """Whether a credit waits to be taken back still; it is locked until the transaction ends."""
    return load_first(connection, _QUERIES["lock_gone"], lambda gone: bool(gone), _place(gone)) is True


def save_reversed(connection: Connection, gone: GoneDeposit) -> None:
    """The credit is taken back."""
    execute(connection, _QUERIES["save_reversed"], _place(gone))


def add_shortfall(connection: Connection, reversal: Digest, gone: GoneDeposit, units: int) -> None:
    """What the client spent of a deposit that left the chain."""
    fields = {
        "reversal": reversal,
        "chain": gone.chain,
        "account": gone.account,
        "asset": gone.asset,
        "units": units,
    }
    execute(connection, _QUERIES["add_shortfall"], fields)


def load_shortfalls(connection: Connection) -> tuple[Shortfall, ...]:
    """What clients owe."""
    return load_all(connection, _QUERIES["load_shortfalls"], _shortfall)


def lock_shortfall(connection: Connection, reversal: Digest) -> Shortfall:
    """One debt, locked until the transaction ends."""
    (found,) = load_all(connection, _QUERIES["lock_shortfall"], _shortfall, {"reversal": reversal})
    return found


def save_recovered(connection: Connection, reversal: Digest) -> None:
    """A debt is paid."""
    execute(connection, _QUERIES["save_recovered"], {"reversal": reversal})


def is_held(connection: Connection, instruction: Digest) -> bool:
    """Whether the account of an instruction owes what a reorganisation took, or is about to."""
    held = load_first(connection, _QUERIES["is_held"], lambda held: bool(held), {"instruction": instruction})
    return held is True


def _place(deposit: Deposit | GoneDeposit) -> dict[str, str | int]:
    """What a deposit is known by: the same payment may be in another block later."""
    return {
        "chain": deposit.chain,
        "txid": deposit.txid,
        "output": deposit.output,
        "hash": deposit.block_hash,
        "asset": deposit.asset,
    }


def _gone(
    chain: str,
    txid: str,
    output: int,
    wallet: str,
    account: str,
    asset: str,
    units: str,
    block_hash: str,
    credit: str,
    reorganisation: str,
) -> GoneDeposit:
    return GoneDeposit(
        chain=ChainId(chain),
        txid=txid,
        output=output,
        wallet=WalletId(wallet),
        account=AccountId(account),
        asset=AssetId(asset),
        units=int(units),
        block_hash=block_hash,
        credit=Digest(credit),
        reorganisation=Digest(reorganisation),
    )


def _shortfall(*, recovered: bool, **texts: str) -> Shortfall:
    return Shortfall(
        reversal=Digest(texts["reversal"]),
        chain=ChainId(texts["chain"]),
        account=AccountId(texts["account"]),
        asset=AssetId(texts["asset"]),
        units=int(texts["units"]),
        is_recovered=recovered,
    )


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
