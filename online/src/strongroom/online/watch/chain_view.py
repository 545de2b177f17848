"""What one block did to our addresses, whatever the chain: payments in, payments out, and what is held after it.

Two nodes that see the same block give two equal views; `agree.py` compares them. Readers of one node are in
`ethereum_view.py` and `bitcoin_view.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.core.bodies import Outcome
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal
from strongroom.core.ids import AssetId, ChainId, EntryId
from strongroom.core.registers import AddressEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A registered token of a chain. contract: in EIP-55. code_hash: `keccak256:` and 64 digits."""

    asset: AssetId
    contract: str
    code_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCoin:
    """A coin that is known from earlier blocks."""

    txid: str
    output: int
    address: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a follower looks for: our addresses by id, the registered tokens, our unspent coins by outpoint."""

    addresses: tuple[AddressEntry, ...]
    tokens: tuple[Token, ...]
    coins: Mapping[tuple[str, int], OwnCoin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflow:
    """A payment to an address of ours, by executed effect. output: 0 for a chain's own coin, a log's index for a token.

    is_disputed: the token's logs say something else than its balances; units are the balances', and may be 0.
    """

    txid: str
    output: int
    address: AddressEntry
    asset: AssetId
    units: int
    is_disputed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outflow:
    """What left one address of ours of one asset in one transaction, a fee in that asset included.

    fee: the whole transaction's, in the chain's own coin. commitments: what it used up. unsigned: the bytes that were
    signed, on Ethereum. outcome: `failed` when the transaction moved nothing but its fee. is_whole: what left is what
    those bytes say; a token that moves another amount than its call says is not.
    """

    txid: str
    address: AddressEntry
    asset: AssetId
    units: int
    fee: int
    commitments: tuple[str, ...]
    unsigned: bytes = b""
    outcome: Outcome = Outcome.SUCCESS
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A token's logs and balances that do not agree at one address. Both are changes: what came less what left."""

    address: AddressEntry
    asset: AssetId
    logged: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Units of an asset on all our addresses after a block, as the node says."""

    asset: AssetId
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockView:
    """One block. held: of every asset, where nodes can say it at a block; None where coins are counted instead.

    changed: tokens whose contract has another code than the registered one. coded: addresses of ours at which there
    is code, and which. balances: of the chain's coin, at addresses that were paid in it, where nodes can say it.
    """

    chain: ChainId
    height: int
    hash: str
    parent: str
    inflows: tuple[Inflow, ...]
    outflows: tuple[Outflow, ...]
    held: tuple[Held, ...] | None
    disputes: tuple[Dispute, ...] = ()
    changed: tuple[AssetId, ...] = ()
    coded: tuple[tuple[EntryId, bytes], ...] = ()
    balances: tuple[tuple[EntryId, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """In which block a transaction of ours is, and how it ended there."""

    block_hash: str
    outcome: Outcome


class NodeReader(Protocol):
    """Reads blocks of one chain from one node."""

    @property
    def name(self) -> str:
        """What alerts call the node."""

    def fetch_tip(self) -> int:
        """Height of the newest block."""

    def fetch_hashes(self, heights: Sequence[int]) -> tuple[str, ...]:
        """Hashes of the blocks at these heights, now. Raises NODE_UNAVAILABLE when one is not there."""

    def fetch_view(self, height: int, watched: Watched) -> BlockView:
        """What the block at a height did."""


def is_explained(outflow: Outflow, chain: ChainId, unsigned: bytes) -> bool:
    """Is this exactly what these unsigned bytes say? Not merely the same nonce or coin.

    On Ethereum the very bytes that were signed are compared, fee caps included: a stolen key could otherwise burn the
    wallet into a builder's pocket under a docket's own nonce.
    """
    if chain.startswith("eip155:"):
        return outflow.is_whole and outflow.unsigned == unsigned
    if chain.startswith("bip122:"):
        return parse_psbt(unsigned).txid_hex == outflow.txid
    raise InvariantError(Refusal(code=Code.INVARIANT, field="chain", expected="a chain that we follow", got=chain))
