"""An Ethereum node: blocks with every transaction and what it did, balances, nonces, fees, and sending.

A block's transactions come with their receipts, because a transaction in a block may have failed and moved nothing.
Addresses are spelled as EIP-55 says, hashes as `0x` and 64 digits, values are in wei.
What one node says stays a claim: headers are not verified here, so credit and release rest on more than one node.
Source: ethereum/execution-apis (eth_ methods), EIP-1898 (a block by its hash), EIP-1559 (fees), EIP-2718 (receipts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.online.nodes.executed import BlockHash, EthereumTransaction, Receipt, parse_mined, parse_receipt
from strongroom.online.nodes.replies import (
    Reply,
    parse_data,
    parse_hash,
    parse_list,
    parse_quantity,
)
from strongroom.online.nodes.rpc import Json, JsonRpc, NodeRefusedError

BALANCE_OF = bytes.fromhex("70a08231")
"""The first four bytes of Keccak-256 over `balanceOf(address)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EthereumBlock:
    """A block with all its transactions, in their order. timestamp_s: POSIX seconds, by the proposer."""

    number: int
    hash: BlockHash
    parent_hash: BlockHash
    timestamp_s: int
    base_fee_wei: int
    transactions: tuple[EthereumTransaction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """base_fee_wei: of the next block, exact. priority_fee_wei: the node's suggestion. Both per gas."""

    base_fee_wei: int
    priority_fee_wei: int


class EthereumNode:
    """One Ethereum node behind JSON-RPC. All questions raise NODE_UNAVAILABLE, NODE_REFUSED or FIELD_INVALID."""

    __slots__ = ("_rpc",)

    def __init__(self, url: str, *, name: str = "") -> None:
        self._rpc = JsonRpc(url, name=name)

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

    def fetch_chain_id(self) -> int:
        """The EIP-155 chain id; compare it before anything else is believed."""
        return self._quantity("eth_chainId", [])

    def fetch_block_number(self) -> int:
        """The height of the newest block."""
        return self._quantity("eth_blockNumber", [])

    def fetch_block_hash(self, number: int) -> BlockHash:
        """The hash of the canonical block at that height, now. Raises NODE_UNAVAILABLE when there is none yet."""
        return BlockHash(self._block("eth_getBlockByNumber", [hex(number), False]).hash("hash"))

    def fetch_block(self, number: int) -> EthereumBlock:
        """The canonical block at that height with all its transactions. Raises NODE_UNAVAILABLE when there is none yet.

        The receipts are asked for by the block's hash; where a reorganisation comes between the two questions the
        answer is NODE_UNAVAILABLE, and asking again is right.
        """
        block = self._block("eth_getBlockByNumber", [hex(number), True])
        if block.quantity("number") != number:
            raise malformed(Code.FIELD_INVALID, f"{block.name}.number", hex(number), block.text("number"))
        block_hash = BlockHash(block.hash("hash"))
        receipts = self._receipts(block_hash)
        transactions = block.children("transactions")
        if [each.hash("hash") for each in transactions] != [each.hash for each in receipts]:
            raise self._unavailable("eth_getBlockReceipts", "a receipt for each transaction", "another list")
        return EthereumBlock(
            number=number,
            hash=block_hash,
            parent_hash=BlockHash(block.hash("parentHash")),
            timestamp_s=block.quantity("timestamp"),
            base_fee_wei=block.quantity("baseFeePerGas"),
            transactions=tuple(parse_mined(t, r) for t, r in zip(transactions, receipts, strict=True)),
        )

    def fetch_hashes(self, numbers: Sequence[int]) -> tuple[BlockHash, ...]:
        """The hashes of the canonical blocks at these heights, in one request. Raises NODE_UNAVAILABLE for a lack."""
        found = self._rpc.call_batch("eth_getBlockByNumber", [[hex(number), False] for number in numbers])
        for number, reply in zip(numbers, found, strict=True):
            if reply is None:
                raise self._unavailable("eth_getBlockByNumber", f"block {number}", "none")
        return tuple(BlockHash(Reply(reply, f"{self.name} block").hash("hash")) for reply in found)

    def fetch_balances(self, addresses: Sequence[str], block: BlockHash) -> tuple[int, ...]:
        """Balances in wei after that block, in the order of the addresses, in one request."""
        where = _block_parameter(block)
        found = self._rpc.call_batch("eth_getBalance", [[address, where] for address in addresses])
        return tuple(parse_quantity(each, f"{self.name} eth_getBalance") for each in found)

    def fetch_token_balances(self, contract: str, addresses: Sequence[str], block: BlockHash) -> tuple[int, ...]:
        """What a token's contract says that these addresses hold after that block, in one request.

        Where there is no contract there is no answer, and nothing is held. Source: ERC-20, `balanceOf(address)`.
        """
        where = _block_parameter(block)
        calls = [
            [{"to": contract, "data": "0x" + (BALANCE_OF + bytes(12) + parse_address(address)).hex()}, where]
            for address in addresses
        ]
        found = [parse_data(each, f"{self.name} balanceOf") for each in self._rpc.call_batch("eth_call", calls)]
        for each in found:
            if len(each) not in {0, 32}:
                raise malformed(Code.FIELD_INVALID, f"{self.name} balanceOf", "one number", f"{len(each)} bytes")
        return tuple(int.from_bytes(each, "big") for each in found)

    def fetch_balance(self, address: str, block: int | BlockHash) -> int:
        """The balance in wei after that block, by height or by hash."""
        return self._quantity("eth_getBalance", [address, _block_parameter(block)])

    def fetch_nonce(self, address: str, block: int | BlockHash) -> int:
        """The number of transactions that the address had sent after that block: its next nonce."""
        return self._quantity("eth_getTransactionCount", [address, _block_parameter(block)])

    def fetch_pending_nonce(self, address: str) -> int:
        """The next nonce when the node's waiting transactions are counted too."""
        return self._quantity("eth_getTransactionCount", [address, "pending"])

    def fetch_code(self, address: str, block: int | BlockHash) -> bytes:
        """The code at the address after that block; empty for what only a key can move."""
        return parse_data(self._rpc.call("eth_getCode", [address, _block_parameter(block)]), f"{self.name} code")

    def fetch_codes(self, addresses: Sequence[str], block: BlockHash) -> tuple[bytes, ...]:
        """The code at each address after that block, in the order of the addresses, in one request."""
        where = _block_parameter(block)
        found = self._rpc.call_batch("eth_getCode", [[address, where] for address in addresses])
        return tuple(parse_data(each, f"{self.name} eth_getCode") for each in found)

    def fetch_fees(self) -> Fees:
        """The next block's base fee and the node's suggested priority fee. Source: EIP-1559, eth_feeHistory."""
        history = Reply(self._rpc.call("eth_feeHistory", ["0x1", "latest", []]), f"{self.name} eth_feeHistory")
        base_fees = parse_list(history.get("baseFeePerGas"), f"{history.name}.baseFeePerGas")
        if not base_fees:
            raise malformed(Code.FIELD_INVALID, f"{history.name}.baseFeePerGas", "a fee for the next block", "none")
        return Fees(
            base_fee_wei=parse_quantity(base_fees[-1], f"{history.name}.baseFeePerGas"),
            priority_fee_wei=self._quantity("eth_maxPriorityFeePerGas", []),
        )

    def fetch_gas(self, sender: str, to: str, data: bytes) -> int:
        """The gas that a call would take in the newest block. Raises NODE_REFUSED for a call that would fail there."""
        return self._quantity("eth_estimateGas", [{"from": sender, "to": to, "data": "0x" + data.hex()}])

    def fetch_receipt(self, txid: str) -> Receipt | None:
        """What the transaction did; `None` while it is in no block of the node's chain."""
        reply = self._rpc.call("eth_getTransactionReceipt", [txid])
        if reply is None:
            return None
        receipt = parse_receipt(Reply(reply, f"{self.name} receipt"))
        if receipt.hash != txid:
            raise malformed(Code.FIELD_INVALID, f"{self.name} receipt", txid, receipt.hash)
        return receipt

    def is_known(self, txid: str) -> bool:
        """Whether the node has the transaction, waiting or mined."""
        return self._rpc.call("eth_getTransactionByHash", [txid]) is not None

    def send_raw(self, raw: bytes) -> str:
        """Hand the node a signed transaction and return its id, which is computed here and compared.

        Sending the same bytes again is no error: when the node refuses ("already known", "nonce too low"), it is asked
        whether it has exactly these bytes, whatever words it used. Raises NODE_REFUSED when it has not.
        """
        txid = transaction_id(raw)
        try:
            said = parse_hash(self._rpc.call("eth_sendRawTransaction", ["0x" + raw.hex()]), f"{self.name} txid")
        except NodeRefusedError:
            if self.is_known(txid):
                return txid
            raise
        if said != txid:
            raise malformed(Code.FIELD_INVALID, f"{self.name} txid", txid, said)
        return txid

    def _quantity(self, method: str, params: list[object]) -> int:
        return parse_quantity(self._rpc.call(method, params), f"{self.name} {method}")

    def _block(self, method: str, params: list[object]) -> Reply:
        reply = self._rpc.call(method, params)
        if reply is None:
            raise self._unavailable(method, f"block {params[0]}", "none")
        return Reply(reply, f"{self.name} block")

    def _receipts(self, block_hash: BlockHash) -> list[Receipt]:
        reply: Json = self._rpc.call("eth_getBlockReceipts", [block_hash])
        if reply is None:
            raise self._unavailable("eth_getBlockReceipts", f"receipts of {block_hash}", "none")
        items = parse_list(reply, f"{self.name} receipts")
        receipts = [parse_receipt(Reply(each, f"{self.name} receipts[{i}]")) for i, each in enumerate(items)]
        for receipt in receipts:
            if receipt.block_hash != block_hash:
                raise malformed(Code.FIELD_INVALID, f"{self.name} receipts", block_hash, receipt.block_hash)
        return receipts

    def _unavailable(self, method: str, expected: str, got: str) -> UnavailableError:
        field = f"{self.name} {method}"
        return UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field=field, expected=expected, got=got))


def transaction_id(raw: bytes) -> str:
    """The id of a signed transaction as it is broadcast: Keccak-256 of its bytes (EIP-2718)."""
    return "0x" + keccak256(raw).hex()


def _block_parameter(block: int | BlockHash) -> object:
    """Height or hash, as EIP-1898 writes them; by hash only while the block is canonical."""
    if isinstance(block, int):
        return hex(block)
    return {"blockHash": block, "requireCanonical": True}
