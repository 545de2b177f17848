"""What a block did to a token at our addresses: its logs, believed only where the balances moved as they say. Pure.

A log is what a contract says of itself, and a balance is too; a registered contract is known by its code's hash, so
where the two differ it is not the token that was registered, or our reading is wrong. Nothing is credited then, and
what left is explained by nothing.
Source: ERC-20, event `Transfer(address,address,uint256)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.chains.ethereum.tokens import parse_token_transfer
from strongroom.core.bodies import Outcome
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import ChainId
from strongroom.core.registers import AddressEntry
from strongroom.online.nodes.executed import EthereumTransaction, Log, ReceiptStatus
from strongroom.online.watch.chain_view import Dispute, Inflow, Outflow, Token

TRANSFER: Final = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
"""Keccak-256 over `Transfer(address,address,uint256)`: the first topic of the event."""
_PADDING: Final = bytes(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a token did at our addresses in one block."""

    inflows: tuple[Inflow, ...]
    outflows: tuple[Outflow, ...]
    disputes: tuple[Dispute, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One transfer that a log tells."""

    transaction: EthereumTransaction
    index: int
    source: bytes
    target: bytes
    units: int


def read_token(
    chain: ChainId,
    block_hash: str,
    token: Token,
    transactions: Sequence[EthereumTransaction],
    changes: Mapping[bytes, tuple[AddressEntry, int]],
) -> Moved:
    """What moved. changes: by our address, its entry and how much its balance changed over the block."""
    lines = _read_lines(token, transactions)
    inflows: list[Inflow] = []
    outflows: list[Outflow] = []
    disputes: list[Dispute] = []
    for raw, (entry, moved) in changes.items():
        came = [line for line in lines if line.target == raw and line.source != raw]
        left = [line for line in lines if line.source == raw and line.target != raw]
        logged = sum(line.units for line in came) - sum(line.units for line in left)
        if logged == moved:
            inflows += [_inflow(line, entry, token) for line in came]
            amounts = {line.transaction.hash: line.transaction for line in left}
            outflows += [
                _outflow(chain, entry, token, sent, sum(x.units for x in left if x.transaction.hash == txid))
                for txid, sent in amounts.items()
            ]
            continue
        disputes.append(Dispute(address=entry, asset=token.asset, logged=logged, moved=moved))
        if moved >= 0 and came:
            place = (came[0].transaction.hash, came[0].index) if len(came) == 1 else (block_hash, came[0].index)
            inflows.append(_disputed(place, entry, token, moved))
        elif moved > 0:
            inflows.append(_disputed((block_hash, 0), entry, token, moved))
        elif moved < 0:
            sent_by = {line.transaction.hash: line.transaction for line in left}
            # In one transaction alone, and with nothing that came: then that one moved it, whatever its log says.
            alone = next(iter(sent_by.values())) if len(sent_by) == 1 and not came else None
            outflows.append(_outflow(chain, entry, token, alone, -moved, block_hash))
    return Moved(inflows=tuple(inflows), outflows=tuple(outflows), disputes=tuple(disputes))


def outcome_of(transaction: EthereumTransaction, sender: AddressEntry, moved: Sequence[Outflow]) -> Outcome:
    """Whether a transaction of ours did what it was for. A call that moved none of its token has failed too.

    moved: what left us of tokens in the whole block.
    """
    if transaction.status is ReceiptStatus.FAILED:
        return Outcome.FAILED
    if not transaction.data:
        return Outcome.SUCCESS
    is_moved = any(o.txid == transaction.hash and o.address == sender and o.units for o in moved)
    return Outcome.SUCCESS if is_moved else Outcome.FAILED


def _read_lines(token: Token, transactions: Sequence[EthereumTransaction]) -> list[_Line]:
    return [
        _Line(
            transaction=transaction,
            index=log.index,
            source=log.topics[1][len(_PADDING) :],
            target=log.topics[2][len(_PADDING) :],
            units=units,
        )
        for transaction in transactions
        for log in transaction.logs
        if log.contract == token.contract and (units := _units_of(log))
    ]


def _units_of(log: Log) -> int:
    """The units of a transfer's log; 0 for what is none. Anybody can log a transfer of nothing in our name."""
    if len(log.topics) != 3 or log.topics[0] != TRANSFER or len(log.data) != 32:
        return 0
    if any(not topic.startswith(_PADDING) for topic in log.topics[1:]):
        return 0
    return int.from_bytes(log.data, "big")


def _inflow(line: _Line, entry: AddressEntry, token: Token) -> Inflow:
    return Inflow(txid=line.transaction.hash, output=line.index, address=entry, asset=token.asset, units=line.units)


def _disputed(place: tuple[str, int], entry: AddressEntry, token: Token, units: int) -> Inflow:
    return Inflow(txid=place[0], output=place[1], address=entry, asset=token.asset, units=units, is_disputed=True)


def _outflow(
    chain: ChainId,
    entry: AddressEntry,
    token: Token,
    transaction: EthereumTransaction | None,
    units: int,
    block_hash: str = "",
) -> Outflow:
    """transaction: None when it is not known which one moved it; the block stands for it then."""
    is_ours = transaction is not None and transaction.sender == entry.address
    return Outflow(
        txid=transaction.hash if transaction else block_hash,
        address=entry,
        asset=token.asset,
        units=units,
        fee=0,
        commitments=(f"nonce:{chain}:{entry.address}:{transaction.nonce}",) if is_ours and transaction else (),
        unsigned=transaction.unsigned if is_ours and transaction else b"",
        is_whole=transaction is not None and _instructed(transaction, token) == units,
    )


def _instructed(transaction: EthereumTransaction, token: Token) -> int | None:
    """What our own call says; None for any other call."""
    if transaction.to != token.contract:
        return None
    try:
        return parse_token_transfer(transaction.data).units
    except (MalformedError, RefusedError):
        # A stranger's call, or one that is not ours to sign: then nothing explains it.
        return None
