"""What one block did to our addresses, whatever the chain: payments in, payments out, and what is held after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from strongroom.chains.bitcoin.addresses import parse_address as parse_bitcoin_address
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.chains.ethereum.addresses import parse_address, render_address
from strongroom.chains.ethereum.transactions import max_fee_wei, parse_unsigned
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal
from strongroom.core.ids import ChainId
from strongroom.core.registers import AddressEntry
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.nodes.executed import EthereumTransaction, ReceiptStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflow:
    """A payment to an address of ours, by executed effect. output: 0 on Ethereum."""

    txid: str
    output: int
    address: AddressEntry
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outflow:
    """What left one address of ours in one transaction, fee included. commitments: what it used up."""

    txid: str
    address: AddressEntry
    units: int
    fee: int
    commitments: tuple[str, ...]
    to: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCoin:
    """A coin of ours that is known from earlier blocks."""

    txid: str
    output: int
    address: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockView:
    """One block. held: units on all our addresses after it, as the node says, where the node can say it at a height."""

    chain: ChainId
    height: int
    hash: str
    parent: str
    inflows: tuple[Inflow, ...]
    outflows: tuple[Outflow, ...]
    held: int | None


class ChainFollower(Protocol):
    """Reads blocks of one chain."""

    def fetch_tip(self) -> int:
        """Height of the newest block."""

    def fetch_hash(self, height: int) -> str:
        """Hash of the block at a height, now."""

    def fetch_view(
        self, height: int, addresses: Sequence[AddressEntry], coins: Mapping[tuple[str, int], OwnCoin]
    ) -> BlockView:
        """What the block at a height did."""


class EthereumFollower:
    """Follows one Ethereum chain. Only native value is ours; a failed transaction still costs its fee."""

    def __init__(self, chain: ChainId, node: EthereumNode) -> None:
        self.chain = chain
        self.node = node

    def fetch_tip(self) -> int:
        """Height of the newest block."""
        return self.node.fetch_block_number()

    def fetch_hash(self, height: int) -> str:
        """Hash of the block at a height."""
        return self.node.fetch_block_hash(height)

    def fetch_view(
        self,
        height: int,
        addresses: Sequence[AddressEntry],
        coins: Mapping[tuple[str, int], OwnCoin],  # noqa: ARG002 -- asked of every chain; accounts have no coins
    ) -> BlockView:
        """Transfers in and out, checked against the balances before and after: what appears is not what was executed.

        A balance that moved otherwise (a contract paid us, an internal transfer) becomes an inflow or outflow of the
        block itself, named by the block's hash, so that nothing moves unseen.
        """
        block = self.node.fetch_block(height)
        ours = {parse_address(a.address): a for a in addresses}
        inflows: list[Inflow] = []
        outflows: list[Outflow] = []
        for transaction in block.transactions:
            _read_transaction(self.chain, transaction, ours, inflows, outflows)
        held = 0
        for entry in addresses:
            after = self.node.fetch_balance(entry.address, block.hash)
            before = self.node.fetch_balance(entry.address, block.parent_hash) if height else 0
            held += after
            moved = sum(i.units for i in inflows if i.address == entry) - sum(
                o.units for o in outflows if o.address == entry
            )
            rest = after - before - moved
            if rest > 0:
                inflows.append(Inflow(txid=block.hash, output=addresses.index(entry), address=entry, units=rest))
            if rest < 0:
                outflows.append(_unseen_outflow(block.hash, entry, -rest))
        return BlockView(
            chain=self.chain,
            height=height,
            hash=block.hash,
            parent=block.parent_hash,
            inflows=tuple(inflows),
            outflows=tuple(outflows),
            held=held,
        )


def _read_transaction(
    chain: ChainId,
    transaction: EthereumTransaction,
    ours: Mapping[bytes, AddressEntry],
    inflows: list[Inflow],
    outflows: list[Outflow],
) -> None:
    executed = transaction.status is ReceiptStatus.SUCCESS
    value = transaction.value_wei if executed else 0
    sender = ours.get(bytes.fromhex(transaction.sender.removeprefix("0x")))
    to = bytes.fromhex(transaction.to.removeprefix("0x")) if transaction.to else b""
    if sender is not None:
        outflows.append(
            Outflow(
                txid=transaction.hash,
                address=sender,
                units=value + transaction.fee_wei,
                fee=transaction.fee_wei,
                commitments=(f"nonce:{chain}:{sender.address}:{transaction.nonce}",),
                to=render_address(to) if to else "",
                value=value if not transaction.data else -1,
            )
        )
    if to in ours and value:
        inflows.append(Inflow(txid=transaction.hash, output=0, address=ours[to], units=value))


def _unseen_outflow(block_hash: str, entry: AddressEntry, units: int) -> Outflow:
    return Outflow(txid=block_hash, address=entry, units=units, fee=0, commitments=(), to="", value=0)


class BitcoinFollower:
    """Follows one chain of the Bitcoin family by its blocks' bytes."""

    def __init__(self, chain: ChainId, node: BitcoinNode) -> None:
        self.chain = chain
        self.node = node

    def fetch_tip(self) -> int:
        """Height of the newest block."""
        return self.node.fetch_block_count()

    def fetch_hash(self, height: int) -> str:
        """Hash of the block at a height."""
        return self.node.fetch_block_hash(height)

    def fetch_view(
        self, height: int, addresses: Sequence[AddressEntry], coins: Mapping[tuple[str, int], OwnCoin]
    ) -> BlockView:
        """Outputs to our scripts and inputs that spend our coins, also coins that this same block made."""
        block = self.node.fetch_block(self.node.fetch_block_hash(height))
        network = network_of(self.chain)
        scripts = {parse_bitcoin_address(a.address, network): a for a in addresses}
        by_id = {str(a.id): a for a in addresses}
        known = dict(coins)
        inflows: list[Inflow] = []
        outflows: list[Outflow] = []
        for item in block.transactions:
            transaction = item.transaction
            spent = [
                known[key] for i in transaction.inputs if (key := (i.outpoint.txid_hex, i.outpoint.index)) in known
            ]
            own_outputs = 0
            for number, output in enumerate(transaction.outputs):
                entry = scripts.get(output.script)
                if entry is not None and output.value_sat:
                    inflows.append(Inflow(txid=item.txid, output=number, address=entry, units=output.value_sat))
                    known[(item.txid, number)] = OwnCoin(
                        txid=item.txid, output=number, address=entry.id, units=output.value_sat
                    )
                own_outputs += output.value_sat
            fee = sum(c.units for c in spent) - own_outputs if len(spent) == len(transaction.inputs) else 0
            for address in sorted({c.address for c in spent}):
                mine = [c for c in spent if c.address == address]
                outflows.append(
                    Outflow(
                        txid=item.txid,
                        address=by_id[address],
                        units=sum(c.units for c in mine),
                        fee=fee,
                        commitments=tuple(f"outpoint:{self.chain}:{c.txid}:{c.output}" for c in mine),
                        to="",
                        value=0,
                    )
                )
        return BlockView(
            chain=self.chain,
            height=height,
            hash=block.hash,
            parent=block.parent_hash,
            inflows=tuple(inflows),
            outflows=tuple(outflows),
            held=None,
        )


def is_explained(outflow: Outflow, chain: ChainId, unsigned: bytes) -> bool:
    """Is this exactly what a docket's unsigned bytes say? Not merely the same nonce or coin."""
    if chain.startswith("eip155:"):
        transfer = parse_unsigned(unsigned)
        # The fee too: a stolen key could otherwise burn the wallet into a builder's pocket under a docket's own nonce.
        is_paid = (render_address(transfer.to), transfer.value_wei) == (outflow.to, outflow.value)
        return is_paid and outflow.fee <= max_fee_wei(transfer)
    if chain.startswith("bip122:"):
        return parse_psbt(unsigned).txid_hex == outflow.txid
    raise InvariantError(Refusal(code=Code.INVARIANT, field="chain", expected="a chain that we follow", got=chain))
