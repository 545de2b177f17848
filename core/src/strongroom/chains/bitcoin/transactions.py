"""Transactions: strict parsing of the legacy and the witness serialization, and encoding back to the same bytes.

A transaction here is a value that always encodes; what parses encodes to exactly the bytes that were read. Whether we
would sign it is another question, see `rules.py`.
Sources: Bitcoin protocol serialization; BIP-144; vectors in docs/vectors.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from strongroom.chains.bitcoin.reader import Reader, encode_compact_size, encode_variable
from strongroom.core.codes import Code
from strongroom.core.errors import malformed

MAX_MONEY = 84_000_000 * 100_000_000
"""More than all coins of any network of the family; `Network.max_money_sat` is the tighter bound of one network."""
MAX_TRANSACTION_BYTES = 4_000_000
"""No block can hold a larger one (BIP-141 weight limit)."""
_MIN_INPUT_BYTES = 41
_MIN_OUTPUT_BYTES = 9
_WITNESS_FLAG = 0x01
_MWEB_FLAG = 0x08
_TXID_BYTES = 32
_U32 = 0xFFFFFFFF


def _check_range(value: int, maximum: int, field: str) -> None:
    if not 0 <= value <= maximum:
        raise malformed(Code.TX_FIELD_INVALID, field, f"0 to {maximum}", str(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutPoint:
    """One output of an earlier transaction. txid: 32 bytes in the order of the bytes on the wire, not of explorers."""

    txid: bytes
    index: int

    def __post_init__(self) -> None:
        if len(self.txid) != _TXID_BYTES:
            raise malformed(Code.TX_FIELD_INVALID, "txid", f"{_TXID_BYTES} bytes", self.txid.hex())
        _check_range(self.index, _U32, "index")

    @property
    def txid_hex(self) -> str:
        """The id as nodes and explorers print it: hex of the reversed bytes."""
        return self.txid[::-1].hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class TxIn:
    """What an input spends, its script_sig (empty for native segwit) and its sequence number."""

    outpoint: OutPoint
    script_sig: bytes
    sequence: int

    def __post_init__(self) -> None:
        _check_range(self.sequence, _U32, "sequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class TxOut:
    """A value in smallest units and the script that may spend it."""

    value_sat: int
    script: bytes

    def __post_init__(self) -> None:
        _check_range(self.value_sat, MAX_MONEY, "value_sat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A whole transaction.

    witnesses: `()` when the transaction has none; otherwise one stack for each input, at least one of them not empty.
    """

    version: int
    inputs: tuple[TxIn, ...]
    outputs: tuple[TxOut, ...]
    witnesses: tuple[tuple[bytes, ...], ...]
    lock_time: int

    def __post_init__(self) -> None:
        _check_range(self.version, _U32, "version")
        _check_range(self.lock_time, _U32, "lock_time")
        if not self.inputs or not self.outputs:
            got = f"{len(self.inputs)} inputs, {len(self.outputs)} outputs"
            raise malformed(Code.TX_FIELD_INVALID, "inputs and outputs", "at least one of each", got)
        if self.witnesses and (len(self.witnesses) != len(self.inputs) or not any(self.witnesses)):
            # BIP-144: a transaction without witnesses has one serialization, the old one.
            got = f"{len(self.witnesses)} stacks for {len(self.inputs)} inputs"
            raise malformed(Code.TX_NOT_CANONICAL, "witnesses", "none, or one for each input and one not empty", got)


def parse_transaction(raw: bytes, field: str = "transaction") -> Transaction:
    """Read a whole transaction in either serialization; the marker byte says which (BIP-144).

    Raises TX_TRUNCATED, TX_TRAILING_BYTES, TX_NOT_CANONICAL (a longer spelling of a count, superfluous witness data),
    TX_TYPE_REFUSED (an unknown flag), SCRIPT_MWEB (Litecoin's flag 8), TX_FIELD_INVALID, TOO_LARGE.
    """
    reader = _open(raw, field)
    version = reader.integer(4)
    if reader.peek() != 0:
        return _finish(raw, reader, version, field)
    reader.take(1)
    flag = reader.integer(1)
    if flag & _MWEB_FLAG:
        raise malformed(Code.SCRIPT_MWEB, f"{field} flag", f"{_WITNESS_FLAG:#04x}", f"{flag:#04x}")
    if flag == 0:
        raise malformed(Code.TX_FIELD_INVALID, f"{field} inputs", "at least one", "none")
    if flag != _WITNESS_FLAG:
        raise malformed(Code.TX_TYPE_REFUSED, f"{field} flag", f"{_WITNESS_FLAG:#04x}", f"{flag:#04x}")
    return _finish_segwit(raw, reader, version, field)


def parse_legacy(raw: bytes, field: str = "transaction") -> Transaction:
    """Read the stripped serialization only: its double SHA-256 is the txid, so the txid covers every byte read.

    Raises TX_NOT_CANONICAL for the witness serialization, otherwise as `parse_transaction` does.
    """
    reader = _open(raw, field)
    version = reader.integer(4)
    if reader.peek() == 0:
        expected = "the stripped serialization with at least one input"
        raise malformed(Code.TX_NOT_CANONICAL, field, expected, "a witness marker or no input")
    return _finish(raw, reader, version, field)


def _open(raw: bytes, field: str) -> Reader:
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise malformed(Code.TOO_LARGE, field, f"at most {MAX_TRANSACTION_BYTES} bytes", str(len(raw)))
    return Reader(
        raw,
        field,
        truncated=Code.TX_TRUNCATED,
        not_canonical=Code.TX_NOT_CANONICAL,
        trailing=Code.TX_TRAILING_BYTES,
    )


def _finish(raw: bytes, reader: Reader, version: int, field: str) -> Transaction:
    """Read what follows the version in the old serialization."""
    inputs, outputs = _read_inputs(reader), _read_outputs(reader)
    lock_time = reader.integer(4)
    reader.finish()
    tx = Transaction(version=version, inputs=inputs, outputs=outputs, witnesses=(), lock_time=lock_time)
    return _checked(tx, raw, field)


def _finish_segwit(raw: bytes, reader: Reader, version: int, field: str) -> Transaction:
    """Read what follows marker and flag in the witness serialization."""
    inputs, outputs = _read_inputs(reader), _read_outputs(reader)
    witnesses = tuple(tuple(reader.variable() for _ in range(reader.count(1))) for _ in inputs)
    lock_time = reader.integer(4)
    reader.finish()
    tx = Transaction(version=version, inputs=inputs, outputs=outputs, witnesses=witnesses, lock_time=lock_time)
    return _checked(tx, raw, field)


def _checked(tx: Transaction, raw: bytes, field: str) -> Transaction:
    """The last line of defence: whatever we understood must encode to exactly what we were given."""
    if encode_transaction(tx) != raw:
        raise malformed(Code.TX_NOT_CANONICAL, field, encode_transaction(tx).hex(), raw.hex())
    return tx


def _read_inputs(reader: Reader) -> tuple[TxIn, ...]:
    return tuple(
        TxIn(
            outpoint=OutPoint(txid=reader.take(_TXID_BYTES), index=reader.integer(4)),
            script_sig=reader.variable(),
            sequence=reader.integer(4),
        )
        for _ in range(reader.count(_MIN_INPUT_BYTES))
    )


def _read_outputs(reader: Reader) -> tuple[TxOut, ...]:
    return tuple(
        TxOut(value_sat=reader.integer(8), script=reader.variable()) for _ in range(reader.count(_MIN_OUTPUT_BYTES))
    )


def encode_outpoint(outpoint: OutPoint) -> bytes:
    """36 bytes: the id and the output's number."""
    return outpoint.txid + outpoint.index.to_bytes(4, "little")


def encode_output(output: TxOut) -> bytes:
    """The value in 8 bytes and the script behind its length."""
    return output.value_sat.to_bytes(8, "little") + encode_variable(output.script)


def _encode_body(tx: Transaction) -> bytes:
    """Inputs and outputs, which both serializations share."""
    inputs = (
        encode_outpoint(i.outpoint) + encode_variable(i.script_sig) + i.sequence.to_bytes(4, "little")
        for i in tx.inputs
    )
    outputs = (encode_output(output) for output in tx.outputs)
    return _encode_list(tuple(inputs)) + _encode_list(tuple(outputs))


def _encode_list(items: Sequence[bytes]) -> bytes:
    return encode_compact_size(len(items)) + b"".join(items)


def encode_stripped(tx: Transaction) -> bytes:
    """The old serialization, without witnesses: what the txid is the hash of."""
    return tx.version.to_bytes(4, "little") + _encode_body(tx) + tx.lock_time.to_bytes(4, "little")


def encode_transaction(tx: Transaction) -> bytes:
    """The bytes that nodes relay: the witness serialization if there are witnesses, the old one otherwise."""
    if not tx.witnesses:
        return encode_stripped(tx)
    stacks = b"".join(_encode_list([encode_variable(item) for item in stack]) for stack in tx.witnesses)
    head = tx.version.to_bytes(4, "little") + bytes([0, _WITNESS_FLAG])
    return head + _encode_body(tx) + stacks + tx.lock_time.to_bytes(4, "little")


def strip_witnesses(tx: Transaction) -> Transaction:
    """The same transaction without its witnesses; the txid does not change."""
    return replace(tx, witnesses=())


def txid(tx: Transaction) -> bytes:
    """The transaction's id: double SHA-256 of the stripped serialization, in the order of the wire."""
    return hashlib.sha256(hashlib.sha256(encode_stripped(tx)).digest()).digest()


def txid_hex(tx: Transaction) -> str:
    """The transaction's id as nodes and explorers print it."""
    return txid(tx)[::-1].hex()
