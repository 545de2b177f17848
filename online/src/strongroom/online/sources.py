"""From node clients to what builder, follower and watcher ask for.

What is only a proposal (fees, a next nonce, a previous transaction) comes from the first node that answers: the devices
judge it by themselves. What is believed (heights, holdings, how a transaction ended) comes from all of them, or not at
all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from strongroom.chains.bitcoin.addresses import parse_address
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.transactions import Transaction
from strongroom.chains.ethereum.transactions import MAX_TOKEN_GAS, MIN_TOKEN_GAS
from strongroom.core.bodies import Outcome
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, refused
from strongroom.core.ids import AssetId, ChainId
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.nodes.executed import BlockHash
from strongroom.online.transfers.withdrawal.platform import EthereumTerms
from strongroom.online.watch.agree import ChainFollower, check_same_answer
from strongroom.online.watch.bitcoin_view import BitcoinReader
from strongroom.online.watch.chain_view import Ending, Watched
from strongroom.online.watch.ethereum_view import EthereumReader

BASE_FEE_HEADROOM = 2
"""The base fee may double in six full blocks; a transfer signed in a vault waits longer than one from a phone."""
TOKEN_GAS_HEADROOM_PERCENT = 150
"""A recipient without any of the token costs 20,000 gas more, and may have spent the last of it by then."""
FEE_RATE_HEADROOM = 2
"""Twice the node's relay minimum, so that one doubling of it does not strand a signed transaction."""
Node = EthereumNode | BitcoinNode
N = TypeVar("N", EthereumNode, BitcoinNode)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EthereumNodeSource:
    """Builder's and watcher's questions to the nodes of an Ethereum chain."""

    chain: ChainId
    nodes: tuple[EthereumNode, ...]

    @property
    def follower(self) -> ChainFollower:
        """The same nodes, read block by block."""
        return ChainFollower(self.chain, tuple(EthereumReader(self.chain, node) for node in self.nodes))

    def fetch_terms(self, address: str) -> EthereumTerms:
        """Next nonce and fees for an address."""
        return _ask_first(self.nodes, lambda node: _fetch_terms(node, address))

    def fetch_balance(self, address: str) -> int:
        """Wei of an address after the newest block that all nodes have."""
        where = BlockHash(self.follower.fetch_hash(self.fetch_tip()))
        return _ask_first(self.nodes, lambda node: sum(node.fetch_balances([address], where)))

    def fetch_token_balance(self, address: str, contract: str) -> int:
        """Units of a token of an address after the newest block that all nodes have."""
        where = BlockHash(self.follower.fetch_hash(self.fetch_tip()))
        return _ask_first(self.nodes, lambda node: sum(node.fetch_token_balances(contract, [address], where)))

    def fetch_token_gas(self, address: str, contract: str, data: bytes) -> int:
        """What the node estimates and some more, inside what devices sign. Raises NODE_REFUSED, CANNOT_FUND."""
        return choose_token_gas(_ask_first(self.nodes, lambda node: node.fetch_gas(address, contract, data)))

    def fetch_tip(self) -> int:
        """Height of the newest block that all nodes have."""
        return self.follower.fetch_tip()

    def fetch_ending(self, txid: str, height: int, watched: Watched) -> Ending | None:
        """How a transaction of ours ended in the block at a height, by what it did to our balances."""
        view = self.follower.fetch_view(height, watched)
        outcomes = [outflow.outcome for outflow in view.outflows if outflow.txid == txid]
        return Ending(block_hash=view.hash, outcome=outcomes[0]) if outcomes else None

    def fetch_codes(self, addresses: Sequence[str], height: int) -> tuple[bytes, ...]:
        """The code at each address after the block at a height, as every node says. Raises NODES_DISAGREE."""
        where = BlockHash(self.follower.fetch_hash(height))
        said = {node.name: node.fetch_codes(addresses, where) for node in self.nodes}
        return check_same_answer(f"{self.chain} code at block {height}", said)

    def fetch_held(self, watched: Watched, height: int) -> Mapping[AssetId, int]:
        """Units of the coin and of every token on these addresses after a block."""
        block = self.follower.fetch_hash(height)
        names = [a.address for a in watched.addresses]
        said = {node.name: _fetch_held(node, self.chain, names, watched, block) for node in self.nodes}
        return check_same_answer(f"{self.chain} block {height}", said)


@dataclass(frozen=True, slots=True)
class BitcoinNodeSource:
    """Builder's and watcher's questions to the nodes of a chain of the Bitcoin family."""

    chain: ChainId
    nodes: tuple[BitcoinNode, ...]

    @property
    def follower(self) -> ChainFollower:
        """The same nodes, read block by block."""
        return ChainFollower(self.chain, tuple(BitcoinReader(self.chain, node) for node in self.nodes))

    def fetch_previous(self, txid: str) -> Transaction:
        """A whole transaction by its id. Raises NODE_UNAVAILABLE when no node has it."""
        return _ask_first(self.nodes, lambda node: _fetch_previous(node, txid))

    def fetch_fee_rate(self) -> int:
        """Fee rate to pay, in smallest units per 1,000 virtual bytes."""
        return FEE_RATE_HEADROOM * _ask_first(self.nodes, lambda node: node.fetch_minimum_fee_rate())

    def fetch_tip(self) -> int:
        """Height of the newest block that all nodes have."""
        return self.follower.fetch_tip()

    def fetch_ending(self, txid: str, height: int, watched: Watched) -> Ending | None:  # noqa: ARG002 -- as of Ethereum
        """The block that has a transaction; what is in a block of this family has succeeded."""
        found = {node.name: node.fetch_transaction(txid) for node in self.nodes}
        block = check_same_answer(txid, {name: each.block_hash if each else None for name, each in found.items()})
        return Ending(block_hash=block, outcome=Outcome.SUCCESS) if block else None

    def fetch_codes(self, addresses: Sequence[str], height: int) -> tuple[bytes, ...]:  # noqa: ARG002 -- as of Ethereum
        """No address of this family has code."""
        return tuple(b"" for _ in addresses)

    def fetch_held(self, watched: Watched, height: int) -> Mapping[AssetId, int]:
        """Units on these addresses, from the nodes' own sets of unspent outputs, which are always at the tip."""
        network = network_of(self.chain)
        scripts = [parse_address(a.address, network) for a in watched.addresses]
        said: dict[str, int] = {}
        for node in self.nodes:
            found = node.fetch_unspents(scripts)
            if found.height != height:
                raise _unavailable(node, f"the set at {height}", f"at {found.height}")
            said[node.name] = found.total_sat
        return {native_asset_of(self.chain): check_same_answer(f"{self.chain} block {height}", said)}


def choose_token_gas(estimate: int) -> int:
    """The gas limit for an estimate. Raises CANNOT_FUND for a contract that takes more than devices sign."""
    if estimate > MAX_TOKEN_GAS:
        raise refused(Code.CANNOT_FUND, "gas_limit", f"at most {MAX_TOKEN_GAS} for a token", str(estimate))
    return min(max(estimate * TOKEN_GAS_HEADROOM_PERCENT // 100, MIN_TOKEN_GAS), MAX_TOKEN_GAS)


Source = EthereumNodeSource | BitcoinNodeSource


def build_sources(nodes: Mapping[ChainId, tuple[Node, ...]]) -> dict[ChainId, Source]:
    """A source for each chain's nodes."""
    return {chain: _build_source(chain, each) for chain, each in nodes.items()}


def build_followers(nodes: Mapping[ChainId, tuple[Node, ...]]) -> dict[ChainId, ChainFollower]:
    """A follower for each chain's nodes."""
    return {chain: source.follower for chain, source in build_sources(nodes).items()}


def _build_source(chain: ChainId, nodes: tuple[Node, ...]) -> Source:
    ethereum = tuple(node for node in nodes if isinstance(node, EthereumNode))
    if ethereum:
        return EthereumNodeSource(chain, ethereum)
    return BitcoinNodeSource(chain, tuple(node for node in nodes if isinstance(node, BitcoinNode)))


def _ask_first(nodes: tuple[N, ...], ask: Callable[[N], T]) -> T:
    """The answer of the first node that gives one. Raises NODE_UNAVAILABLE when none does."""
    away: list[Refusal] = []
    for node in nodes:
        try:
            return ask(node)
        except UnavailableError as error:
            away += error.refusals
    raise UnavailableError(*away)


def _fetch_terms(node: EthereumNode, address: str) -> EthereumTerms:
    fees = node.fetch_fees()
    return EthereumTerms(
        nonce=node.fetch_pending_nonce(address),
        max_fee_per_gas_wei=BASE_FEE_HEADROOM * fees.base_fee_wei + fees.priority_fee_wei,
        max_priority_fee_per_gas_wei=fees.priority_fee_wei,
    )


def _fetch_previous(node: BitcoinNode, txid: str) -> Transaction:
    found = node.fetch_transaction(txid)
    if found is None:
        raise _unavailable(node, f"transaction {txid}", "none")
    return found.transaction


def _fetch_held(
    node: EthereumNode, chain: ChainId, names: list[str], watched: Watched, block: str
) -> Mapping[AssetId, int]:
    where = BlockHash(block)
    held = {native_asset_of(chain): sum(node.fetch_balances(names, where))}
    for token in watched.tokens:
        held[token.asset] = sum(node.fetch_token_balances(token.contract, names, where))
    return held


def _unavailable(node: BitcoinNode, expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field=node.name, expected=expected, got=got))
