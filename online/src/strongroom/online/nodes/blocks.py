"""Reading a whole block of the Bitcoin family from its bytes, so that a node can hide or invent nothing in it.

Who asks for a block by its hash gets exactly that block: the header must hash to it, and the header's Merkle root must
be that of the transactions read. What remains to be believed is only which chain the block is in.

Litecoin blocks with MimbleWimble end with a HogEx transaction (flag 8) and an extension block. The HogEx is read
without its flag, as its id is; its outputs can pay us, and its inputs are the extension block's own coins and peg-ins,
never ours. The extension block that follows is not ours to read and is left alone: the HogEx commits to it.
Sources: Bitcoin protocol block serialization, BIP-141, LIP-2 and LIP-3, Litecoin Core 0.21 primitives/transaction.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from strongroom.chains.bitcoin.reader import Reader
from strongroom.chains.bitcoin.transactions import Transaction, parse_legacy, parse_transaction, txid
from strongroom.core.codes import Code
from strongroom.core.errors import malformed

HEADER_BYTES = 80
_INPUT_BYTES = 41
_OUTPUT_BYTES = 9
_WITNESS_FLAG = 1
_MWEB_FLAG = 8


class TransactionKind(StrEnum):
    """Why a transaction is in a block. A coinbase may only be spent after 100 blocks."""

    COINBASE = "coinbase"
    PLAIN = "plain"
    HOGEX = "hogex"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTransaction:
    """One transaction of a block. txid: as nodes print it, computed here from the bytes."""

    txid: str
    kind: TransactionKind
    transaction: Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockBody:
    """A block as its bytes say. Hashes as nodes print them. time_s: POSIX seconds, by the miner."""

    hash: str
    parent_hash: str
    time_s: int
    transactions: tuple[BlockTransaction, ...]


def parse_block(raw: bytes, block_hash: str, field: str = "block") -> BlockBody:
    """Read a block and check that it is the one with that hash.

    Witnesses are read but not proved: txids leave them out, and no payment depends on them here.
    Raises DIGEST_MISMATCH when header or transactions are not those of the hash, TX_TRUNCATED, TX_TRAILING_BYTES and
    the refusals of `parse_transaction`.
    """
    reader = _reader(raw, field)
    header = reader.take(HEADER_BYTES)
    if _double(header)[::-1].hex() != block_hash:
        raise malformed(Code.DIGEST_MISMATCH, f"{field} header", block_hash, _double(header)[::-1].hex())
    transactions = tuple(_read_transaction(raw, reader, f"{field}.transactions[{i}]") for i in range(reader.count(60)))
    if not transactions or transactions[-1].kind is not TransactionKind.HOGEX:
        reader.finish()
    root = _merkle_root([bytes.fromhex(each.txid)[::-1] for each in transactions], field)
    if root != header[36:68]:
        raise malformed(Code.DIGEST_MISMATCH, f"{field} Merkle root", header[36:68].hex(), root.hex())
    return BlockBody(
        hash=block_hash,
        parent_hash=header[4:36][::-1].hex(),
        time_s=int.from_bytes(header[68:72], "little"),
        transactions=transactions,
    )


def _read_transaction(raw: bytes, reader: Reader, field: str) -> BlockTransaction:
    """Find where the next transaction ends and read it with the strict parser of `strongroom.chains`."""
    start = len(raw) - reader.remaining
    version = reader.take(4)
    flag = 0
    if reader.peek() == 0:
        reader.take(1)
        flag = reader.integer(1)
    body_start = len(raw) - reader.remaining
    inputs = reader.count(_INPUT_BYTES)
    for _ in range(inputs):
        reader.take(36)
        reader.variable()
        reader.take(4)
    for _ in range(reader.count(_OUTPUT_BYTES)):
        reader.take(8)
        reader.variable()
    body = raw[body_start : len(raw) - reader.remaining]
    for _ in range(inputs if flag & _WITNESS_FLAG else 0):
        for _ in range(reader.count(1)):
            reader.variable()
    if flag & _MWEB_FLAG and reader.take(1) != b"\x00":
        # In a block only the HogEx has the flag, and with no extension transaction in it.
        raise malformed(Code.SCRIPT_MWEB, field, "a HogEx without an extension transaction", "one with it")
    lock_time = reader.take(4)
    if flag & _MWEB_FLAG:
        return _parsed(parse_legacy(version + body + lock_time, field), TransactionKind.HOGEX)
    transaction = parse_transaction(raw[start : len(raw) - reader.remaining], field)
    return _parsed(transaction, TransactionKind.COINBASE if _is_coinbase(transaction) else TransactionKind.PLAIN)


def _parsed(transaction: Transaction, kind: TransactionKind) -> BlockTransaction:
    return BlockTransaction(txid=txid(transaction)[::-1].hex(), kind=kind, transaction=transaction)


def _is_coinbase(transaction: Transaction) -> bool:
    return len(transaction.inputs) == 1 and not any(transaction.inputs[0].outpoint.txid)


def _merkle_root(hashes: list[bytes], field: str) -> bytes:
    """The root over the txids, with the last one doubled in odd rows.

    Two equal neighbours are refused: because of the doubling, a block with its last transactions repeated has the same
    root (CVE-2012-2459), and a deposit would be counted twice.
    """
    if not hashes:
        raise malformed(Code.FIELD_INVALID, f"{field}.transactions", "at least one", "none")
    while len(hashes) > 1:
        if any(left == right for left, right in zip(hashes[::2], hashes[1::2], strict=False)):
            raise malformed(Code.DIGEST_MISMATCH, f"{field}.transactions", "each transaction once", "one twice")
        if len(hashes) % 2:
            hashes = [*hashes, hashes[-1]]
        hashes = [_double(left + right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _double(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


def _reader(raw: bytes, field: str) -> Reader:
    return Reader(
        raw,
        field,
        truncated=Code.TX_TRUNCATED,
        not_canonical=Code.TX_NOT_CANONICAL,
        trailing=Code.TX_TRAILING_BYTES,
    )
