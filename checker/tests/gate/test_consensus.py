"""The network's own verdict on signed transactions, and what it lets through that our reading does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from strongroom.chains.bitcoin.transactions import encode_transaction, parse_transaction
from strongroom.checker.gate.consensus import verify_by_consensus
from strongroom.checker.reading.bitcoin import BitcoinReading, read_psbt
from strongroom.checker.reading.bitcoin_signed import read_bitcoin_signed
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

VECTORS = Path(__file__).parents[3] / "vectors" / "bitcoin"
REAL: dict[str, Any] = json.loads((VECTORS / "psbt_litecoin_2of3.json").read_text())
READING: BitcoinReading = read_psbt(bytes.fromhex(REAL["psbt"]))
SIGNED = bytes.fromhex(REAL["signed"])
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _with_first_signature(item: bytes) -> bytes:
    tx = parse_transaction(SIGNED)
    first = tx.witnesses[0]
    return encode_transaction(replace(tx, witnesses=((first[0], item, *first[2:]), *tx.witnesses[1:])))


def test_a_transaction_that_a_node_mined_is_accepted() -> None:
    verify_by_consensus(SIGNED, READING.inputs)


def test_other_coins_are_refused() -> None:
    first, second = READING.inputs
    others = [
        (replace(first, value_sat=first.value_sat + 1), second),
        (replace(first, script=READING.outputs[0].script), second),
        (first,),
        (first, second, second),
        (),
    ]
    for previous in others:
        with pytest.raises(StrongroomError) as caught:
            verify_by_consensus(SIGNED, previous)
        assert {Code.CONSENSUS_REFUSED} == caught.value.codes


def test_other_transactions_are_refused() -> None:
    tx = parse_transaction(SIGNED)
    changed = encode_transaction(replace(tx, outputs=tx.outputs[:-1]))
    stripped = encode_transaction(replace(tx, witnesses=()))
    signature = bytearray(tx.witnesses[0][1])
    signature[10] ^= 1
    for raw in (changed, stripped, _with_first_signature(bytes(signature)), SIGNED[:-1], b""):
        with pytest.raises(StrongroomError) as caught:
            verify_by_consensus(raw, READING.inputs)
        assert {Code.CONSENSUS_REFUSED} == caught.value.codes


def test_what_consensus_lets_through_our_reading_refuses() -> None:
    """High s and trailing bytes: why this verdict never stands alone."""
    item = parse_transaction(SIGNED).witnesses[0][1]
    r, s = decode_dss_signature(item[:-1])
    high = _with_first_signature(encode_dss_signature(r, ORDER - s) + b"\x01")
    for raw, code in ((high, Code.SIGNATURE_HIGH_S), (SIGNED + b"\x00", Code.TX_NOT_CANONICAL)):
        verify_by_consensus(raw, READING.inputs)
        with pytest.raises(StrongroomError) as caught:
            read_bitcoin_signed(raw)
        assert {code} == caught.value.codes
