"""From node clients to what builder and watcher ask for: the one place where a node's answer decides about fees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.chains.bitcoin.addresses import parse_address
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.transactions import Transaction
from strongroom.chains.ethereum.transactions import MAX_TOKEN_GAS, MIN_TOKEN_GAS
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused
from strongroom.core.ids import ChainId
from strongroom.core.registers import AddressEntry
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.nodes.executed import ReceiptStatus
from strongroom.online.transfers.withdrawal.platform import EthereumTerms

BASE_FEE_HEADROOM = 2
"""The base fee may double in six full blocks; a transfer signed in a vault waits longer than one from a phone."""
TOKEN_GAS_HEADROOM_PERCENT = 150
"""A recipient without any of the token costs 20,000 gas more, and may have spent the last of it by then."""
FEE_RATE_HEADROOM = 2
"""Twice the node's relay minimum, so that one doubling of it does not strand a signed transaction."""


@dataclass(frozen=True, slots=True)
class EthereumNodeSource:
    """Builder's and watcher's questions to an Ethereum node."""

    node: EthereumNode

    def fetch_terms(self, address: str) -> EthereumTerms:
        """Next nonce and fees for an address."""
        fees = self.node.fetch_fees()
        return EthereumTerms(
            nonce=self.node.fetch_pending_nonce(address),
            max_fee_per_gas_wei=BASE_FEE_HEADROOM * fees.base_fee_wei + fees.priority_fee_wei,
            max_priority_fee_per_gas_wei=fees.priority_fee_wei,
        )

    def fetch_token_gas(self, address: str, contract: str, data: bytes) -> int:
        """What the node estimates and some more, inside what devices sign. Raises NODE_REFUSED, CANNOT_FUND."""
        return choose_token_gas(self.node.fetch_gas(address, contract, data))

    def fetch_tip(self) -> int:
        """Height of the newest block."""
        return self.node.fetch_block_number()

    def fetch_block_of(self, txid: str) -> str | None:
        """Hash of the block in which a transaction succeeded; None while there is none, or when it failed."""
        receipt = self.node.fetch_receipt(txid)
        return receipt.block_hash if receipt and receipt.status is ReceiptStatus.SUCCESS else None

    def fetch_held(self, addresses: tuple[AddressEntry, ...], height: int) -> int:
        """Wei on these addresses after a block."""
        return sum(self.node.fetch_balance(a.address, height) for a in addresses)


@dataclass(frozen=True, slots=True)
class BitcoinNodeSource:
    """Builder's and watcher's questions to a node of the Bitcoin family."""

    chain: ChainId
    node: BitcoinNode

    def fetch_previous(self, txid: str) -> Transaction:
        """A whole transaction by its id. Raises NODE_UNAVAILABLE when the node does not have it."""
        found = self.node.fetch_transaction(txid)
        if found is None:
            raise _unavailable(self.node, f"transaction {txid}", "none")
        return found.transaction

    def fetch_fee_rate(self) -> int:
        """Fee rate to pay, in smallest units per 1,000 virtual bytes."""
        return FEE_RATE_HEADROOM * self.node.fetch_minimum_fee_rate()

    def fetch_tip(self) -> int:
        """Height of the newest block."""
        return self.node.fetch_block_count()

    def fetch_block_of(self, txid: str) -> str | None:
        """Hash of the block that has a transaction; None while there is none."""
        found = self.node.fetch_transaction(txid)
        return found.block_hash if found else None

    def fetch_held(self, addresses: tuple[AddressEntry, ...], height: int) -> int:
        """Units on these addresses, from the node's own set of unspent outputs, which is always at the tip."""
        network = network_of(self.chain)
        found = self.node.fetch_unspents([parse_address(a.address, network) for a in addresses])
        if found.height != height:
            raise _unavailable(self.node, f"the set at {height}", f"at {found.height}")
        return found.total_sat


def choose_token_gas(estimate: int) -> int:
    """The gas limit for an estimate. Raises CANNOT_FUND for a contract that takes more than devices sign."""
    if estimate > MAX_TOKEN_GAS:
        raise refused(Code.CANNOT_FUND, "gas_limit", f"at most {MAX_TOKEN_GAS} for a token", str(estimate))
    return min(max(estimate * TOKEN_GAS_HEADROOM_PERCENT // 100, MIN_TOKEN_GAS), MAX_TOKEN_GAS)


Source = EthereumNodeSource | BitcoinNodeSource


def build_sources(nodes: Mapping[ChainId, EthereumNode | BitcoinNode]) -> dict[ChainId, Source]:
    """A source for each chain's node."""
    return {
        chain: EthereumNodeSource(node) if isinstance(node, EthereumNode) else BitcoinNodeSource(chain, node)
        for chain, node in nodes.items()
    }


def _unavailable(node: BitcoinNode, expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field=node.name, expected=expected, got=got))
