"""Transactions: official vectors, a real block, a second implementation, and every way to be not quite canonical."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import BytesIO

import pytest
from embit.transaction import Transaction as EmbitTransaction
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.bitcoin.reader import encode_compact_size
from strongroom.chains.bitcoin.transactions import (
    MAX_MONEY,
    MAX_TRANSACTION_BYTES,
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    encode_stripped,
    encode_transaction,
    parse_legacy,
    parse_transaction,
    strip_witnesses,
    txid,
    txid_hex,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from ..strategies import bitcoin_transactions
from .examples import PREVIOUS, SHARED, altered, load_vectors

LEGACY = encode_transaction(PREVIOUS)
SEGWIT = encode_transaction(altered(PREVIOUS, witnesses=((b"\x01\x02", b""),)))
GENESIS = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d"
    "65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f7220"
    "62616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f"
    "4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
)


def test_the_first_transaction() -> None:
    tx = parse_transaction(GENESIS)
    assert "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b" == txid_hex(tx)
    assert 50 * 100_000_000 == tx.outputs[0].value_sat
    assert tx == parse_legacy(GENESIS)


@pytest.mark.parametrize("case", load_vectors("bip143.json")["cases"], ids=lambda case: case["name"])
def test_bip143_transactions_round_trip(case: dict[str, str]) -> None:
    unsigned, signed = (
        parse_transaction(bytes.fromhex(case["unsigned"])),
        parse_transaction(bytes.fromhex(case["signed"])),
    )
    assert case["unsigned"] == encode_transaction(unsigned).hex()
    assert case["signed"] == encode_transaction(signed).hex()
    assert unsigned.outputs == signed.outputs
    assert [i.outpoint for i in unsigned.inputs] == [i.outpoint for i in signed.inputs]


@given(tx=bitcoin_transactions())
def test_transactions_round_trip(tx: Transaction) -> None:
    assert tx == parse_transaction(encode_transaction(tx))
    stripped = strip_witnesses(tx)
    assert stripped == parse_legacy(encode_stripped(tx))
    assert txid(tx) == txid(stripped)


@given(tx=bitcoin_transactions())
def test_a_second_implementation_agrees(tx: Transaction) -> None:
    raw = encode_transaction(tx)
    theirs = EmbitTransaction.parse(raw)
    assert raw == theirs.serialize()
    assert txid_hex(tx) == theirs.txid().hex()
    assert (tx.version, tx.lock_time) == (theirs.version, theirs.locktime)
    assert [(o.value_sat, o.script) for o in tx.outputs] == [(o.value, o.script_pubkey.data) for o in theirs.vout]
    ours = [(i.outpoint.txid_hex, i.outpoint.index, i.script_sig, i.sequence) for i in tx.inputs]
    assert ours == [(i.txid.hex(), i.vout, i.script_sig.data, i.sequence) for i in theirs.vin]


@given(tx=bitcoin_transactions(), cut=st.integers(1, 50), extra=st.binary(min_size=1, max_size=4))
def test_no_byte_may_be_missing_or_too_many(tx: Transaction, cut: int, extra: bytes) -> None:
    raw = encode_transaction(tx)
    for changed in (raw[:-cut], raw + extra):
        with pytest.raises(StrongroomError):
            parse_transaction(changed)


@pytest.mark.parametrize("raw", [LEGACY, SEGWIT], ids=["legacy", "segwit"])
def test_every_changed_byte_is_refused_or_read_differently(raw: bytes) -> None:
    honest = parse_transaction(raw)
    for position in range(len(raw)):
        for flip in (0x01, 0x80, 0xFF):
            changed = raw[:position] + bytes([raw[position] ^ flip]) + raw[position + 1 :]
            try:
                read = parse_transaction(changed)
            except StrongroomError:
                continue
            assert honest != read


def _with_count(spelling: bytes) -> bytes:
    """The legacy example with its input count (one) spelled otherwise."""
    return LEGACY[:4] + spelling + LEGACY[5:]


@pytest.mark.parametrize(
    ("code", "raw"),
    [
        (Code.TX_TRUNCATED, b""),
        (Code.TX_TRUNCATED, LEGACY[:3]),
        (Code.TX_TRUNCATED, LEGACY[:4]),
        (Code.TX_TRUNCATED, LEGACY[:-1]),
        (Code.TX_TRUNCATED, SEGWIT[:-1]),
        (Code.TX_TRUNCATED, _with_count(b"\xfd")),
        (Code.TX_TRUNCATED, _with_count(b"\xfe\xff\xff\xff\xff")),
        (Code.TX_TRUNCATED, _with_count(b"\xff" + b"\xff" * 8)),
        (Code.TX_TRAILING_BYTES, LEGACY + b"\x00"),
        (Code.TX_TRAILING_BYTES, SEGWIT + b"\x00"),
        (Code.TX_NOT_CANONICAL, _with_count(b"\xfd\x01\x00")),
        (Code.TX_NOT_CANONICAL, _with_count(b"\xfe\x01\x00\x00\x00")),
        (Code.TX_NOT_CANONICAL, _with_count(b"\xff\x01\x00\x00\x00\x00\x00\x00\x00")),
        (Code.TX_NOT_CANONICAL, LEGACY[:4] + b"\x00\x01" + LEGACY[4:-4] + b"\x00" + LEGACY[-4:]),
        (Code.TX_TYPE_REFUSED, SEGWIT[:5] + b"\x02" + SEGWIT[6:]),
        (Code.SCRIPT_MWEB, SEGWIT[:5] + b"\x08" + SEGWIT[6:]),
        (Code.SCRIPT_MWEB, SEGWIT[:5] + b"\x09" + SEGWIT[6:]),
        (Code.TX_FIELD_INVALID, LEGACY[:4] + b"\x00\x00" + LEGACY[-4:]),
        (Code.TX_FIELD_INVALID, LEGACY[: 4 + 1 + 32 + 4 + 2 + 4] + b"\x00" + LEGACY[-4:]),
        (Code.TOO_LARGE, bytes(MAX_TRANSACTION_BYTES + 1)),
    ],
)
def test_what_is_not_canonical_is_refused_by_name(code: Code, raw: bytes) -> None:
    assert PREVIOUS == parse_transaction(LEGACY)
    assert PREVIOUS == strip_witnesses(parse_transaction(SEGWIT))
    with pytest.raises(StrongroomError) as caught:
        parse_transaction(raw)
    assert {code} == caught.value.codes


def test_a_count_that_the_rest_cannot_hold_is_refused_before_anything_is_read_for_it() -> None:
    with pytest.raises(StrongroomError) as caught:
        parse_transaction(_with_count(b"\xfe\xff\xff\xff\xff"))
    assert Code.TX_TRUNCATED in caught.value.codes
    assert "4294967295 items of 41 bytes or more" == caught.value.refusals[0].expected


def test_the_stripped_reader_refuses_the_witness_serialization() -> None:
    assert PREVIOUS == parse_legacy(LEGACY)
    with pytest.raises(StrongroomError) as caught:
        parse_legacy(SEGWIT)
    assert Code.TX_NOT_CANONICAL in caught.value.codes


def test_a_value_above_all_money_is_refused() -> None:
    at_most = altered(PREVIOUS, outputs=(TxOut(value_sat=MAX_MONEY, script=b""),))
    raw = encode_transaction(at_most)
    assert at_most == parse_transaction(raw)
    more = (MAX_MONEY + 1).to_bytes(8, "little")
    with pytest.raises(StrongroomError) as caught:
        parse_transaction(raw.replace(MAX_MONEY.to_bytes(8, "little"), more))
    assert Code.TX_FIELD_INVALID in caught.value.codes


OUTPOINT = PREVIOUS.inputs[0].outpoint


@pytest.mark.parametrize(
    "make",
    [
        lambda: OutPoint(txid=bytes(31), index=0),
        lambda: OutPoint(txid=bytes(32), index=2**32),
        lambda: TxIn(outpoint=OUTPOINT, script_sig=b"", sequence=-1),
        lambda: TxOut(value_sat=-1, script=b""),
        lambda: altered(PREVIOUS, version=2**32),
        lambda: altered(PREVIOUS, lock_time=-1),
        lambda: altered(PREVIOUS, inputs=()),
        lambda: altered(PREVIOUS, outputs=()),
    ],
)
def test_what_cannot_be_encoded_cannot_be_made(make: Callable[[], object]) -> None:
    assert altered(PREVIOUS, version=2**32 - 1)
    with pytest.raises(StrongroomError) as caught:
        make()
    assert Code.TX_FIELD_INVALID in caught.value.codes


@pytest.mark.parametrize("witnesses", [((),), ((b"\x01",), (b"\x01",))])
def test_witnesses_are_none_or_one_for_each_input(witnesses: tuple[tuple[bytes, ...], ...]) -> None:
    assert altered(PREVIOUS, witnesses=((b"\x01",),))
    with pytest.raises(StrongroomError) as caught:
        altered(PREVIOUS, witnesses=witnesses)
    assert Code.TX_NOT_CANONICAL in caught.value.codes


@pytest.mark.parametrize("value", [0, 0xFC, 0xFD, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x100000000, 2**64 - 1])
def test_compact_sizes_have_their_shortest_length(value: int) -> None:
    length = 1 if value < 0xFD else 3 if value <= 0xFFFF else 5 if value <= 0xFFFFFFFF else 9
    assert length == len(encode_compact_size(value))


def test_bitcoin_core_valid_transactions() -> None:
    path = SHARED / "vectors" / "core_tx_valid.json"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    cases = [case for case in json.loads(path.read_text()) if len(case) > 1]
    assert 100 < len(cases)
    for case in cases:
        raw = bytes.fromhex(case[1])
        assert raw == encode_transaction(parse_transaction(raw))


def test_a_real_block_round_trips() -> None:
    """Every transaction of a main-net block, cut out by a second implementation, and the block's Merkle root."""
    path = SHARED / "mainnet_block_1381836.raw"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    stream = BytesIO(path.read_bytes())
    header, marker = stream.read(80), stream.read(1)
    assert b"\xfd" == marker
    count = int.from_bytes(stream.read(2), "little")
    assert 2500 == count
    hashes: list[bytes] = []
    for _ in range(count):
        start = stream.tell()
        EmbitTransaction.read_from(stream)
        raw = stream.getvalue()[start : stream.tell()]
        tx = parse_transaction(raw)
        assert raw == encode_transaction(tx)
        hashes.append(txid(tx))
    assert b"" == stream.read()
    assert header[36:68] == _merkle_root(hashes)


def _merkle_root(hashes: list[bytes]) -> bytes:
    """Bitcoin's tree, which pairs an odd last hash with itself."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2] + hashes[-1:] * (len(hashes) % 2), strict=True)
        hashes = [hashlib.sha256(hashlib.sha256(left + right).digest()).digest() for left, right in pairs]
    return hashes[0]
