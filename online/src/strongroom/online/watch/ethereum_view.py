"""One Ethereum node, read block by block: transfers in and out, checked against balances before and after.

What appears is not what was executed: a failed transaction moved nothing, a contract may have paid us without a
transaction of its own, and a token's log may tell of what its balances do not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.ids import AssetId, ChainId, EntryId
from strongroom.core.registers import AddressEntry
from strongroom.online.nodes.ethereum import EthereumBlock, EthereumNode
from strongroom.online.nodes.executed import BlockHash, EthereumTransaction, ReceiptStatus
from strongroom.online.nodes.rpc import NodeRefusedError
from strongroom.online.watch.chain_view import BlockView, Held, Inflow, Outflow, Token, Watched
from strongroom.online.watch.token_view import Moved, outcome_of, read_token


@dataclass(frozen=True, slots=True)
class EthereumReader:
    """Reads one Ethereum chain from one node."""

    chain: ChainId
    node: EthereumNode

    @property
    def name(self) -> str:
        """What alerts call the node."""
        return self.node.name

    def fetch_tip(self) -> int:
        """Height of the newest block."""
        return self.node.fetch_block_number()

    def fetch_hashes(self, heights: Sequence[int]) -> tuple[str, ...]:
        """Hashes of the blocks at these heights."""
        return self.node.fetch_hashes(heights)

    def fetch_view(self, height: int, watched: Watched) -> BlockView:
        """Transfers of the coin and of every registered token. What moved otherwise is named by the block itself."""
        block = self.node.fetch_block(height)
        changed = tuple(t.asset for t in watched.tokens if self._is_changed(t, block))
        moved = [self._fetch_moved(token, block, watched.addresses, changed) for token in watched.tokens]
        tokens_out = [outflow for each, _ in moved for outflow in each.outflows]
        native_in, native_out, balances = self._fetch_native(block, watched, tokens_out)
        held = Held(asset=native_asset_of(self.chain), units=sum(balances.values()))
        paid = {inflow.address.id for inflow in native_in}
        outcomes = {o.txid: o.outcome for o in native_out}
        return BlockView(
            chain=self.chain,
            height=height,
            hash=block.hash,
            parent=block.parent_hash,
            inflows=(*native_in, *(inflow for each, _ in moved for inflow in each.inflows)),
            # A token's payment ends as its transaction does.
            outflows=(*native_out, *(replace(o, outcome=outcomes.get(o.txid, o.outcome)) for o in tokens_out)),
            held=(held, *(total for _, total in moved)),
            disputes=tuple(dispute for each, _ in moved for dispute in each.disputes),
            changed=changed,
            coded=self._fetch_coded(block, watched.addresses),
            balances=tuple((entry, units) for entry, units in balances.items() if entry in paid),
        )

    def _fetch_coded(
        self, block: EthereumBlock, addresses: Sequence[AddressEntry]
    ) -> tuple[tuple[EntryId, bytes], ...]:
        """Whatever code stands at addresses of ours after a block: there must be none, for ever (II.8)."""
        codes = self.node.fetch_codes([a.address for a in addresses], block.hash)
        return tuple((a.id, code) for a, code in zip(addresses, codes, strict=True) if code)

    def _fetch_native(
        self, block: EthereumBlock, watched: Watched, tokens_out: Sequence[Outflow]
    ) -> tuple[list[Inflow], list[Outflow], dict[EntryId, int]]:
        asset, addresses = native_asset_of(self.chain), watched.addresses
        contracts = {t.contract for t in watched.tokens}
        ours = {parse_address(a.address): a for a in addresses}
        inflows = [found for t in block.transactions for found in _read_inflow(t, ours, asset)]
        outflows = [
            # What a call did to a contract that is not registered cannot be told: nothing explains it.
            replace(found, is_whole=not t.data or t.to in contracts)
            for t in block.transactions
            for found in self._read_outflow(t, ours, asset, tokens_out)
        ]
        names = [a.address for a in addresses]
        after = self.node.fetch_balances(names, block.hash)
        before = self.node.fetch_balances(names, block.parent_hash) if block.number else tuple(0 for _ in names)
        for place, (entry, new, old) in enumerate(zip(addresses, after, before, strict=True)):
            told = sum(i.units for i in inflows if i.address == entry) - sum(
                o.units for o in outflows if o.address == entry
            )
            rest = new - old - told
            if rest > 0:
                inflows.append(Inflow(txid=block.hash, output=place, address=entry, asset=asset, units=rest))
            if rest < 0:
                unseen = Outflow(txid=block.hash, address=entry, asset=asset, units=-rest, fee=0, commitments=())
                outflows.append(unseen)
        return inflows, outflows, {entry.id: units for entry, units in zip(addresses, after, strict=True)}

    def _read_outflow(
        self,
        transaction: EthereumTransaction,
        ours: Mapping[bytes, AddressEntry],
        asset: AssetId,
        tokens_out: Sequence[Outflow],
    ) -> list[Outflow]:
        sender = ours.get(parse_address(transaction.sender))
        if sender is None:
            return []
        value = transaction.value_wei if transaction.status is ReceiptStatus.SUCCESS else 0
        return [
            Outflow(
                txid=transaction.hash,
                address=sender,
                asset=asset,
                units=value + transaction.fee_wei,
                fee=transaction.fee_wei,
                commitments=(f"nonce:{self.chain}:{sender.address}:{transaction.nonce}",),
                unsigned=transaction.unsigned,
                outcome=outcome_of(transaction, sender, tokens_out),
            )
        ]

    def _is_changed(self, token: Token, block: EthereumBlock) -> bool:
        """Whether the contract has other code than the registered one, or just lost it; at first it has none."""
        code = self.node.fetch_code(token.contract, block.hash)
        if code:
            return f"keccak256:{keccak256(code).hex()}" != token.code_hash
        return bool(block.number and self.node.fetch_code(token.contract, block.parent_hash))

    def _fetch_moved(
        self, token: Token, block: EthereumBlock, addresses: Sequence[AddressEntry], changed: Sequence[AssetId]
    ) -> tuple[Moved, Held]:
        names = [a.address for a in addresses]
        after = self._fetch_token(token, names, block.hash, changed)
        before = (
            self._fetch_token(token, names, block.parent_hash, changed) if block.number else tuple(0 for _ in names)
        )
        changes = {
            parse_address(entry.address): (entry, new - old)
            for entry, new, old in zip(addresses, after, before, strict=True)
        }
        moved = read_token(self.chain, block.hash, token, block.transactions, changes)
        return moved, Held(asset=token.asset, units=sum(after))

    def _fetch_token(
        self, token: Token, names: Sequence[str], block: BlockHash, changed: Sequence[AssetId]
    ) -> tuple[int, ...]:
        try:
            return self.node.fetch_token_balances(token.contract, names, block)
        except NodeRefusedError:
            if token.asset not in changed:
                raise
            # Other code than the registered one need not answer; its clear is withheld in any case.
            return tuple(0 for _ in names)


def _read_inflow(transaction: EthereumTransaction, ours: Mapping[bytes, AddressEntry], asset: AssetId) -> list[Inflow]:
    entry = ours.get(parse_address(transaction.to)) if transaction.to else None
    if entry is None or transaction.status is ReceiptStatus.FAILED or not transaction.value_wei:
        return []
    return [Inflow(txid=transaction.hash, output=0, address=entry, asset=asset, units=transaction.value_wei)]
