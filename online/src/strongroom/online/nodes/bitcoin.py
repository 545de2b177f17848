"""A node of the Bitcoin family: blocks, transactions, unspent outputs, fee rates, and sending.

Blocks and transactions are fetched as bytes and read by `blocks.py` and `strongroom.chains.bitcoin`, so that ids,
values and scripts are ours and not the node's words. Txids and hashes are spelled as nodes print them; values are in
satoshi (litoshi on Litecoin), computed from Decimal where the node prints coins.

The node watches no address for us: no wallet of the node is involved. Whoever follows the chain keeps the unspent
outputs from the blocks; `fetch_unspents` scans the node's whole set of them and serves to compare, not to follow
(milliseconds on a test network, minutes on a main one).
Source: Bitcoin Core RPC, version 0.21, which Litecoin Core 0.21 shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from strongroom.chains.bitcoin.transactions import (
    OutPoint,
    Transaction,
    TxOut,
    parse_transaction,
    txid_hex,
)
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.online.nodes.blocks import BlockTransaction, parse_block
from strongroom.online.nodes.replies import (
    Reply,
    parse_integer,
    parse_list,
    parse_plain_bytes,
    parse_plain_hash,
)
from strongroom.online.nodes.rpc import JsonRpc, NodeRefusedError

_NOT_FOUND: Final = -5
"""RPC_INVALID_ADDRESS_OR_KEY: no such block or transaction."""
_OUT_OF_RANGE: Final = -8
"""RPC_INVALID_PARAMETER: a height above the tip, or a scan that is already running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinBlock:
    """A block of the node's chain, its bytes verified against its hash.

    height, confirmations: the node's words; confirmations is 1 for the tip and 0 for a block that left the chain.
    time_s: POSIX seconds, by the miner.
    """

    height: int
    hash: str
    parent_hash: str
    time_s: int
    confirmations: int
    transactions: tuple[BlockTransaction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTransaction:
    """A transaction that the node knows. block_hash: `None` while it waits; confirmations is then 0."""

    txid: str
    raw: bytes
    transaction: Transaction
    block_hash: str | None
    confirmations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unspent:
    """An output that nobody spent. height: of the block that created it."""

    outpoint: OutPoint
    output: TxOut
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnspentSet:
    """All unspent outputs of some scripts after one block: a consistent picture."""

    height: int
    block_hash: str
    unspents: tuple[Unspent, ...]

    @property
    def total_sat(self) -> int:
        """The sum of the values."""
        return sum(each.output.value_sat for each in self.unspents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What the node's own rules say of a transaction. reason: empty when it would be accepted."""

    is_allowed: bool
    reason: str


class BitcoinNode:
    """One node behind JSON-RPC. All questions raise NODE_UNAVAILABLE, NODE_REFUSED or FIELD_INVALID."""

    __slots__ = ("_rpc",)

    def __init__(self, url: str, user: str, password: str, *, name: str = "") -> None:
        self._rpc = JsonRpc(url, name=name, credentials=(user, password))

    @property
    def name(self) -> str:
        """What statements and alerts call this node."""
        return self._rpc.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    def fetch_genesis_hash(self) -> str:
        """The hash of block 0: it names the network (CAIP-2 `bip122:`), and is compared before anything is believed."""
        return self.fetch_block_hash(0)

    def fetch_block_count(self) -> int:
        """The height of the newest block."""
        return parse_integer(self._rpc.call("getblockcount", []), f"{self.name} getblockcount")

    def fetch_block_hash(self, height: int) -> str:
        """The hash of the block at that height, now. Raises NODE_UNAVAILABLE when there is none yet."""
        try:
            return parse_plain_hash(self._rpc.call("getblockhash", [height]), f"{self.name} getblockhash")
        except NodeRefusedError as error:
            if error.rpc_code == _OUT_OF_RANGE:
                raise self._unavailable("getblockhash", f"block {height}", error.rpc_message) from error
            raise

    def fetch_hashes(self, heights: Sequence[int]) -> tuple[str, ...]:
        """The hashes of the blocks at these heights, in one request. Raises NODE_UNAVAILABLE for a lack."""
        try:
            found = self._rpc.call_batch("getblockhash", [[height] for height in heights])
        except NodeRefusedError as error:
            if error.rpc_code == _OUT_OF_RANGE:
                raise self._unavailable("getblockhash", f"blocks up to {max(heights)}", error.rpc_message) from error
            raise
        return tuple(parse_plain_hash(each, f"{self.name} getblockhash") for each in found)

    def fetch_block(self, block_hash: str) -> BitcoinBlock:
        """The block with that hash, whole. Raises DIGEST_MISMATCH when the bytes are not that block's."""
        header = Reply(self._rpc.call("getblockheader", [block_hash, True]), f"{self.name} getblockheader")
        raw = parse_plain_bytes(self._rpc.call("getblock", [block_hash, 0]), f"{self.name} getblock")
        body = parse_block(raw, block_hash, f"{self.name} block")
        return BitcoinBlock(
            height=header.integer("height"),
            hash=body.hash,
            parent_hash=body.parent_hash,
            time_s=body.time_s,
            # The node says -1 for a block that is no longer in its chain.
            confirmations=0 if header.get("confirmations") == -1 else header.integer("confirmations"),
            transactions=body.transactions,
        )

    def fetch_transaction(self, txid: str) -> FoundTransaction | None:
        """The transaction with that id, waiting or mined; `None` when the node does not know it.

        Mined ones need the node's `-txindex`. Raises DIGEST_MISMATCH when the bytes have another id.
        """
        try:
            reply = Reply(self._rpc.call("getrawtransaction", [txid, True]), f"{self.name} getrawtransaction")
        except NodeRefusedError as error:
            if error.rpc_code == _NOT_FOUND:
                return None
            raise
        raw = reply.plain_bytes("hex")
        transaction = parse_transaction(raw, f"{self.name} transaction")
        if txid_hex(transaction) != txid:
            raise malformed(Code.DIGEST_MISMATCH, f"{self.name} transaction", txid, txid_hex(transaction))
        return FoundTransaction(
            txid=txid,
            raw=raw,
            transaction=transaction,
            block_hash=reply.plain_hash("blockhash") if reply.has("blockhash") else None,
            confirmations=reply.integer("confirmations") if reply.has("confirmations") else 0,
        )

    def fetch_unspents(self, scripts: Sequence[bytes]) -> UnspentSet:
        """All unspent outputs with one of these output scripts, after the newest block.

        Raises NODE_UNAVAILABLE while another scan runs: the node does one at a time.
        """
        descriptors = [f"raw({script.hex()})" for script in scripts]
        try:
            reply = Reply(self._rpc.call("scantxoutset", ["start", descriptors]), f"{self.name} scantxoutset")
        except NodeRefusedError as error:
            if error.rpc_code == _OUT_OF_RANGE:
                raise self._unavailable("scantxoutset", "a free scanner", error.rpc_message) from error
            raise
        if not reply.flag("success"):
            raise self._unavailable("scantxoutset", "a finished scan", "an aborted one")
        found = UnspentSet(
            height=reply.integer("height"),
            block_hash=reply.plain_hash("bestblock"),
            unspents=tuple(_parse_unspent(each) for each in reply.children("unspents")),
        )
        if found.total_sat != reply.coins("total_amount"):
            raise malformed(Code.FIELD_INVALID, reply.name, str(found.total_sat), str(reply.coins("total_amount")))
        return found

    def fetch_output(self, outpoint: OutPoint) -> TxOut | None:
        """The unspent output at that place, waiting transactions counted; `None` when it is spent or never was."""
        reply = self._rpc.call("gettxout", [outpoint.txid_hex, outpoint.index, True])
        if reply is None:
            return None
        output = Reply(reply, f"{self.name} gettxout")
        return TxOut(value_sat=output.coins("value"), script=output.child("scriptPubKey").plain_bytes("hex"))

    def fetch_fee_estimate(self, blocks: int) -> int | None:
        """Satoshi per 1000 virtual bytes to be mined within so many blocks; `None` when the node cannot tell.

        There is no default: who builds a transaction then needs a rate that a human set.
        """
        reply = Reply(self._rpc.call("estimatesmartfee", [blocks]), f"{self.name} estimatesmartfee")
        return reply.coins("feerate") if reply.has("feerate") else None

    def fetch_minimum_fee_rate(self) -> int:
        """Satoshi per 1000 virtual bytes below which the node neither keeps nor relays a transaction."""
        reply = Reply(self._rpc.call("getmempoolinfo", []), f"{self.name} getmempoolinfo")
        return max(reply.coins("mempoolminfee"), reply.coins("minrelaytxfee"))

    def fetch_acceptance(self, raw: bytes) -> Acceptance:
        """Whether the node would take the signed transaction, without sending it (`testmempoolaccept`)."""
        reply = parse_list(self._rpc.call("testmempoolaccept", [[raw.hex()]]), f"{self.name} testmempoolaccept")
        if len(reply) != 1:
            raise malformed(Code.FIELD_INVALID, f"{self.name} testmempoolaccept", "one verdict", str(len(reply)))
        verdict = Reply(reply[0], f"{self.name} testmempoolaccept")
        is_allowed = verdict.flag("allowed")
        return Acceptance(is_allowed=is_allowed, reason="" if is_allowed else verdict.text("reject-reason"))

    def send_raw(self, raw: bytes) -> str:
        """Hand the node a signed transaction and return its id, which is computed here and compared.

        Sending the same transaction again is no error: when the node refuses, it is asked whether it has it already.
        Raises NODE_REFUSED when it has not, and the refusals of `parse_transaction` before anything is sent.
        """
        txid = txid_hex(parse_transaction(raw))
        try:
            said = parse_plain_hash(self._rpc.call("sendrawtransaction", [raw.hex()]), f"{self.name} txid")
        except NodeRefusedError:
            if self.fetch_transaction(txid) is not None:
                return txid
            raise
        if said != txid:
            raise malformed(Code.FIELD_INVALID, f"{self.name} txid", txid, said)
        return txid

    def _unavailable(self, method: str, expected: str, got: str) -> UnavailableError:
        field = f"{self.name} {method}"
        return UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field=field, expected=expected, got=got))


def _parse_unspent(reply: Reply) -> Unspent:
    return Unspent(
        outpoint=OutPoint(txid=bytes.fromhex(reply.plain_hash("txid"))[::-1], index=reply.integer("vout")),
        output=TxOut(value_sat=reply.coins("amount"), script=reply.plain_bytes("scriptPubKey")),
        height=reply.integer("height"),
    )
