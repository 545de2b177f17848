"""Coins of one key in the second reading: read, put together, verified, and whatever is not quite that refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from strongroom.chains.bitcoin.psbt import Payment, Spend, build_psbt, encode_psbt
from strongroom.chains.bitcoin.scripts import own_script, p2wpkh_script
from strongroom.chains.bitcoin.transactions import TxOut, encode_transaction, parse_transaction
from strongroom.checker.gate.consensus import verify_by_consensus
from strongroom.checker.reading.bitcoin import BitcoinReading, read_psbt
from strongroom.checker.reading.bitcoin_scripts import key_hash_of, own_script_of, p2wpkh_of
from strongroom.checker.reading.bitcoin_signed import (
    check_signature,
    combine_signatures,
    read_bitcoin_signed,
    verify_signatures,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples_bitcoin import COIN, ORDER, OURS, PREVIOUS, STRANGER, first_reading, previous_with, public_key, sign

KEY, OTHER = public_key(7), public_key(8)
SPENT = previous_with(TxOut(value_sat=4 * COIN, script=p2wpkh_script(KEY)), lock_time=11)
ONE = Spend(previous=SPENT, index=0, witness_script=None)
SEVERAL = Spend(previous=PREVIOUS, index=1, witness_script=OURS)
PSBT = build_psbt(spends=[ONE, SEVERAL], payments=[Payment(value_sat=8 * COIN, script=STRANGER)])
READING = read_psbt(encode_psbt(PSBT))
PARTIALS = {0: sign(READING, 0, 7), 1: sign(READING, 1, 1, 2)}
SIGNED = combine_signatures(READING, PARTIALS)
DER = PARTIALS[0][KEY]


def refuse(code: Code, call: Any) -> None:
    with pytest.raises(StrongroomError) as caught:
        call()
    assert {code} == set(caught.value.codes), caught.value


def with_witness(*stack: bytes) -> bytes:
    """The signed transaction with another witness of the coin of one key."""
    tx = parse_transaction(SIGNED)
    return encode_transaction(replace(tx, witnesses=(stack, tx.witnesses[1])))


def test_both_readings_read_both_kinds_in_one_transaction() -> None:
    assert first_reading(PSBT) == READING
    assert [None, OURS] == [spent.witness_script for spent in READING.inputs]


def test_the_address_of_one_key_is_the_same_in_both_readings() -> None:
    assert p2wpkh_script(KEY) == p2wpkh_of(KEY)
    assert own_script(1, [KEY]) == own_script_of(1, [KEY]) == (p2wpkh_of(KEY), None)
    assert own_script(2, [KEY, OTHER]) == own_script_of(2, [KEY, OTHER])
    assert (p2wpkh_of(KEY)[2:], None) == (key_hash_of(p2wpkh_of(KEY)), key_hash_of(own_script_of(2, [KEY, OTHER])[0]))
    refuse(Code.SCRIPT_UNKNOWN, lambda: p2wpkh_of(b"\x04" + KEY[1:]))
    refuse(Code.SCRIPT_UNKNOWN, lambda: p2wpkh_of(KEY[:32]))
    refuse(Code.SCRIPT_UNKNOWN, lambda: own_script_of(2, [KEY]))


def test_what_is_put_together_verifies_here_and_by_consensus() -> None:
    found = verify_signatures(READING, SIGNED)
    assert [[KEY], [public_key(n) for n in sorted((1, 2), key=public_key)]] == [
        [s.public_key for s in by] for by in found
    ]
    assert DER == check_signature(READING, 0, KEY, DER).der
    verify_by_consensus(SIGNED, READING.inputs)
    signed = read_bitcoin_signed(SIGNED)
    assert (KEY, None) == (signed.inputs[0].public_key, signed.inputs[0].witness_script)
    assert (None, OURS) == (signed.inputs[1].public_key, signed.inputs[1].witness_script)
    assert READING.unsigned_bytes == signed.unsigned_bytes


def _stranger_coin() -> BitcoinReading:
    """The same reading, but its first coin is of another key."""
    return replace(READING, inputs=(replace(READING.inputs[0], script=p2wpkh_of(OTHER)), READING.inputs[1]))


def test_only_the_key_of_the_coin_signs_for_it() -> None:
    refuse(Code.SIGNER_KEY_MISMATCH, lambda: check_signature(READING, 0, OTHER, DER))
    refuse(Code.SIGNER_KEY_MISMATCH, lambda: check_signature(READING, 0, b"", DER))
    refuse(Code.SIGNATURE_INVALID, lambda: check_signature(READING, 0, KEY, PARTIALS[1][public_key(1)]))
    refuse(Code.SIGNER_KEY_MISMATCH, lambda: combine_signatures(READING, {**PARTIALS, 0: sign(READING, 0, 8)}))
    refuse(Code.SIGNATURES_MISSING, lambda: combine_signatures(READING, {1: PARTIALS[1]}))
    refuse(Code.SIGNED_MISMATCH, lambda: verify_signatures(_stranger_coin(), SIGNED))
    assert verify_signatures(READING, SIGNED)


def _high(der: bytes) -> bytes:
    r, s = decode_dss_signature(der)
    return encode_dss_signature(r, ORDER - s)


@pytest.mark.parametrize(
    ("stack", "code"),
    [
        ((DER + b"\x01", OTHER), Code.SIGNED_MISMATCH),
        ((DER + b"\x02", KEY), Code.SIGHASH_REFUSED),
        ((DER, KEY), Code.SIGHASH_REFUSED),
        ((DER[:-1] + b"\x01", KEY), Code.SIGNATURE_INVALID),
        ((_high(DER) + b"\x01", KEY), Code.SIGNATURE_HIGH_S),
        ((DER + b"\x01", KEY, b""), Code.SIGNATURES_MISSING),
        ((b"", DER + b"\x01", KEY), Code.SCRIPT_UNKNOWN),
        ((KEY, DER + b"\x01"), Code.SIGNATURES_MISSING),
        ((DER + b"\x01",), Code.SIGNATURES_MISSING),
        ((DER + b"\x01", b"\x04" + KEY[1:]), Code.SIGNED_MISMATCH),
        ((PARTIALS[1][public_key(1)] + b"\x01", KEY), Code.SIGNATURE_INVALID),
        ((b"", PARTIALS[1][public_key(1)] + b"\x01", PARTIALS[1][public_key(2)] + b"\x01", OURS), Code.SIGNED_MISMATCH),
    ],
    ids=[
        "another key",
        "another hash type",
        "no hash type",
        "a byte of the signature gone",
        "high s",
        "something more",
        "an empty item first",
        "in the other order",
        "no key",
        "the key spelled otherwise",
        "a signature of another coin",
        "the witness of another coin",
    ],
)
def test_every_other_witness_is_refused(stack: tuple[bytes, ...], code: Code) -> None:
    honest = (DER + b"\x01", KEY)
    assert SIGNED == with_witness(*honest)
    assert verify_signatures(READING, with_witness(*honest))
    refuse(code, lambda: verify_signatures(READING, with_witness(*stack)))


def test_a_key_cannot_stand_for_a_script() -> None:
    """A coin of several keys is not spent by one of them in the form of a coin of one key."""
    tx = parse_transaction(SIGNED)
    lone = (PARTIALS[1][public_key(1)] + b"\x01", public_key(1))
    refuse(
        Code.SIGNED_MISMATCH,
        lambda: verify_signatures(READING, encode_transaction(replace(tx, witnesses=(tx.witnesses[0], lone)))),
    )
