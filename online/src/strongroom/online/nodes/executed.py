"""What one transaction of an Ethereum block did: its fields, the bytes that were signed, its receipt and its logs.

A transaction of type 2 is put together again from the fields that the node shows and must hash to its id, so that a
node cannot show another recipient, value or call under the same id. Logs and status are claims of the node: whoever
credits or settles compares them with balances, and one node with another.
Sources: EIP-1559, EIP-2718, ethereum/execution-apis (receipts, logs).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from strongroom.chains.ethereum.addresses import render_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.rlp import RlpItem, encode_integer, encode_rlp
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.online.nodes.replies import Reply, parse_hash, parse_list

BlockHash = NewType("BlockHash", str)
"""`0x` and 64 digits. A question by hash cannot be answered from another block after a reorganisation (EIP-1898)."""
DYNAMIC_FEE = 2
"""The EIP-2718 type of everything that we sign."""


class ReceiptStatus(StrEnum):
    """Whether a mined transaction did what it says. A failed one moved no value, but paid its fee."""

    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """An event of a contract. index: its place in the block. topics: 32 bytes each."""

    contract: str
    index: int
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a mined transaction did. fee_wei: what the sender paid, gas used times the effective price."""

    hash: str
    block_hash: BlockHash
    block_number: int
    status: ReceiptStatus
    fee_wei: int
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EthereumTransaction:
    """A mined transaction. to: `None` when it created a contract. type: the EIP-2718 type, 0 for legacy.

    value_wei moved only when `status` says so; `fee_wei` left the sender in any case. data: the call data.
    unsigned: the bytes that were signed, proved by the id; empty for every other type than ours.
    """

    hash: str
    sender: str
    to: str | None
    value_wei: int
    nonce: int
    type: int
    data: bytes
    unsigned: bytes
    status: ReceiptStatus
    fee_wei: int
    logs: tuple[Log, ...]


def parse_mined(reply: Reply, receipt: Receipt) -> EthereumTransaction:
    """Read a transaction of a block beside its receipt. Raises DIGEST_MISMATCH when its fields have another id."""
    kind = reply.quantity("type")
    return EthereumTransaction(
        hash=receipt.hash,
        sender=render_address(reply.address("from")),
        to=render_address(reply.address("to")) if reply.has("to") else None,
        value_wei=reply.quantity("value"),
        nonce=reply.quantity("nonce"),
        type=kind,
        data=reply.data("input"),
        unsigned=_prove_unsigned(reply, receipt.hash) if kind == DYNAMIC_FEE else b"",
        status=receipt.status,
        fee_wei=receipt.fee_wei,
        logs=receipt.logs,
    )


def parse_receipt(reply: Reply) -> Receipt:
    """Read a receipt with its logs, which must be of its own block and transaction."""
    status = reply.quantity("status")
    if status > 1:
        raise malformed(Code.FIELD_INVALID, f"{reply.name}.status", "0x0 or 0x1", hex(status))
    txid, block_hash = reply.hash("transactionHash"), BlockHash(reply.hash("blockHash"))
    return Receipt(
        hash=txid,
        block_hash=block_hash,
        block_number=reply.quantity("blockNumber"),
        status=ReceiptStatus.SUCCESS if status == 1 else ReceiptStatus.FAILED,
        fee_wei=reply.quantity("gasUsed") * reply.quantity("effectiveGasPrice"),
        logs=tuple(_parse_log(each, txid, block_hash) for each in reply.children("logs")),
    )


def _parse_log(reply: Reply, txid: str, block_hash: BlockHash) -> Log:
    place = (reply.hash("transactionHash"), reply.hash("blockHash"))
    if place != (txid, block_hash):
        raise malformed(Code.FIELD_INVALID, reply.name, f"a log of {txid}", " in ".join(place))
    topics = parse_list(reply.get("topics"), f"{reply.name}.topics")
    return Log(
        contract=render_address(reply.address("address")),
        index=reply.quantity("logIndex"),
        topics=tuple(bytes.fromhex(parse_hash(each, f"{reply.name}.topics")[2:]) for each in topics),
        data=reply.data("data"),
    )


def _prove_unsigned(reply: Reply, txid: str) -> bytes:
    """The nine fields of EIP-1559 as they were signed."""
    access: tuple[RlpItem, ...] = tuple(_access(each) for each in reply.children("accessList"))
    fields: tuple[RlpItem, ...] = (
        encode_integer(reply.quantity("chainId")),
        encode_integer(reply.quantity("nonce")),
        encode_integer(reply.quantity("maxPriorityFeePerGas")),
        encode_integer(reply.quantity("maxFeePerGas")),
        encode_integer(reply.quantity("gas")),
        reply.address("to") if reply.has("to") else b"",
        encode_integer(reply.quantity("value")),
        reply.data("input"),
        access,
    )
    parity = reply.quantity("yParity" if reply.has("yParity") else "v")
    signature = (encode_integer(parity), encode_integer(reply.quantity("r")), encode_integer(reply.quantity("s")))
    kind = bytes([DYNAMIC_FEE])
    found = "0x" + keccak256(kind + encode_rlp((*fields, *signature))).hex()
    if found != txid:
        raise malformed(Code.DIGEST_MISMATCH, reply.name, txid, found)
    return kind + encode_rlp(fields)


def _access(reply: Reply) -> RlpItem:
    keys = parse_list(reply.get("storageKeys"), f"{reply.name}.storageKeys")
    return (
        reply.address("address"),
        tuple(bytes.fromhex(parse_hash(each, f"{reply.name}.storageKeys")[2:]) for each in keys),
    )
