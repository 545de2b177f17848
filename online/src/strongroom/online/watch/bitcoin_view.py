"""One node of the Bitcoin family, read block by block from its bytes.

A block's bytes must hash to its id and to its Merkle root (`nodes/blocks.py`), so a node that adds or hides a payment
is refused by name; which chain the block is in is for several nodes to agree on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.chains.bitcoin.addresses import parse_address
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.transactions import Transaction
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.ids import AssetId, ChainId
from strongroom.core.registers import AddressEntry
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.watch.chain_view import BlockView, Inflow, Outflow, OwnCoin, Watched


@dataclass(frozen=True, slots=True)
class BitcoinReader:
    """Reads one chain of the Bitcoin family from one node."""

    chain: ChainId
    node: BitcoinNode

    @property
    def name(self) -> str:
        """What alerts call the node."""
        return self.node.name

    def fetch_tip(self) -> int:
        """Height of the newest block."""
        return self.node.fetch_block_count()

    def fetch_hashes(self, heights: Sequence[int]) -> tuple[str, ...]:
        """Hashes of the blocks at these heights."""
        return self.node.fetch_hashes(heights)

    def fetch_view(self, height: int, watched: Watched) -> BlockView:
        """Outputs to our scripts and inputs that spend our coins, also coins that this same block made."""
        block = self.node.fetch_block(self.node.fetch_block_hash(height))
        network = network_of(self.chain)
        scripts = {parse_address(a.address, network): a for a in watched.addresses}
        by_id = {str(a.id): a for a in watched.addresses}
        asset, known = native_asset_of(self.chain), dict(watched.coins)
        inflows: list[Inflow] = []
        outflows: list[Outflow] = []
        for item in block.transactions:
            spent = [known[key] for key in _outpoints(item.transaction) if key in known]
            paid = _paid_to_us(item.txid, item.transaction, scripts, asset)
            for inflow in paid:
                key = (inflow.txid, inflow.output)
                known[key] = OwnCoin(txid=key[0], output=key[1], address=inflow.address.id, units=inflow.units)
            inflows += paid
            outflows += self._left_us(item.txid, item.transaction, spent, by_id)
        return BlockView(
            chain=self.chain,
            height=height,
            hash=block.hash,
            parent=block.parent_hash,
            inflows=tuple(inflows),
            outflows=tuple(outflows),
            held=None,
        )

    def _left_us(
        self, txid: str, transaction: Transaction, spent: list[OwnCoin], by_id: Mapping[str, AddressEntry]
    ) -> list[Outflow]:
        """One outflow for each address whose coins it spends."""
        # With a stranger's input beside ours the fee cannot be known; nothing of ours ever looks so.
        is_ours = len(spent) == len(transaction.inputs)
        fee = sum(c.units for c in spent) - sum(o.value_sat for o in transaction.outputs) if is_ours else 0
        mine = {address: [c for c in spent if c.address == address] for address in sorted({c.address for c in spent})}
        return [
            Outflow(
                txid=txid,
                address=by_id[address],
                asset=native_asset_of(self.chain),
                units=sum(c.units for c in coins),
                fee=fee,
                commitments=tuple(f"outpoint:{self.chain}:{c.txid}:{c.output}" for c in coins),
            )
            for address, coins in mine.items()
        ]


def _outpoints(transaction: Transaction) -> list[tuple[str, int]]:
    return [(i.outpoint.txid_hex, i.outpoint.index) for i in transaction.inputs]


def _paid_to_us(
    txid: str, transaction: Transaction, scripts: Mapping[bytes, AddressEntry], asset: AssetId
) -> list[Inflow]:
    return [
        Inflow(txid=txid, output=number, address=entry, asset=asset, units=output.value_sat)
        for number, output in enumerate(transaction.outputs)
        if (entry := scripts.get(output.script)) is not None and output.value_sat
    ]
