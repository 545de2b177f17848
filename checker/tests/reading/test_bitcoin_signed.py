"""Signed transactions: combined from partial signatures, compared with the unsigned one, verified key by key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.bitcoin.psbt import Psbt, encode_psbt
from strongroom.chains.bitcoin.signing import build_key_witness, build_witness
from strongroom.chains.bitcoin.transactions import encode_transaction, parse_transaction, txid_hex
from strongroom.checker.reading.bitcoin import read_psbt
from strongroom.checker.reading.bitcoin_scripts import multisig_of
from strongroom.checker.reading.bitcoin_signed import (
    SignedBitcoinReading,
    check_signature,
    combine_signatures,
    read_bitcoin_signed,
    read_der,
    verify_signatures,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples_bitcoin import ORDER, OURS, Wallet, honest_psbt, load_vectors, public_key, sign, spendings

READING = read_psbt(encode_psbt(honest_psbt()))
PARTIALS = {0: sign(READING, 0, 1, 2), 1: sign(READING, 1, 2, 3)}
SIGNED = combine_signatures(READING, PARTIALS)
REAL = load_vectors("psbt_litecoin_2of3.json")
REFUSED = "refused"


def _with_witness(index: int, change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> bytes:
    """The signed transaction with the witness of one input changed."""
    tx = parse_transaction(SIGNED)
    stacks = list(tx.witnesses)
    stacks[index] = change(stacks[index])
    return encode_transaction(replace(tx, witnesses=tuple(stacks)))


# --- Honest -------------------------------------------------------------------------------------------------------


def test_a_real_one_that_litecoind_accepted() -> None:
    reading, signed = read_psbt(bytes.fromhex(REAL["psbt"])), bytes.fromhex(REAL["signed"])
    found = verify_signatures(reading, signed)
    assert signed == combine_signatures(
        reading, {n: {s.public_key: s.der for s in spent} for n, spent in enumerate(found)}
    )
    assert REAL["txid"] == read_bitcoin_signed(signed).txid_hex


def test_the_signers_are_named_and_so_are_their_r() -> None:
    found = verify_signatures(READING, SIGNED)
    wanted = [{public_key(1), public_key(2)}, {public_key(2), public_key(3)}]
    assert wanted == [{signature.public_key for signature in spent} for spent in found]
    for index, spent in enumerate(found):
        for signature in spent:
            assert PARTIALS[index][signature.public_key] == signature.der
            assert decode_dss_signature(signature.der)[0] == signature.r
            assert signature == check_signature(READING, index, signature.public_key, signature.der)


@given(spending=spendings(), data=st.data())
def test_both_readings_put_the_same_transaction_together(
    spending: tuple[Psbt, tuple[Wallet, ...]], data: st.DataObject
) -> None:
    psbt, owners = spending
    reading = read_psbt(encode_psbt(psbt))
    partials, stacks = {}, []
    for index, owner in enumerate(owners):
        signers = data.draw(st.permutations(owner.numbers))[: owner.threshold]
        partials[index] = sign(reading, index, *signers)
        in_order = [partials[index][key] for key in sorted(partials[index])]
        key = public_key(owner.numbers[0])
        script = owner.witness_script
        stacks.append(build_witness(in_order, script) if script else build_key_witness(in_order[0], key))
    signed = encode_transaction(replace(psbt.unsigned, witnesses=tuple(stacks)))
    assert signed == combine_signatures(reading, partials)
    found = verify_signatures(reading, signed)
    assert [set(partials[index]) for index in partials] == [{s.public_key for s in spent} for spent in found]
    assert reading.unsigned_bytes == read_bitcoin_signed(signed).unsigned_bytes
    assert -(-_weight(signed, reading.unsigned_bytes) // 4) <= reading.vsize


def _weight(signed: bytes, unsigned: bytes) -> int:
    return 3 * len(unsigned) + len(signed)


def test_of_more_signatures_than_wanted_the_first_in_key_order_are_taken() -> None:
    everyone = {index: sign(READING, index, 1, 2, 3) for index in (0, 1)}
    found = verify_signatures(READING, combine_signatures(READING, everyone))
    wanted = sorted(public_key(number) for number in (1, 2, 3))[:2]
    assert [wanted, wanted] == [[signature.public_key for signature in spent] for spent in found]


@pytest.mark.parametrize("start", range(0, len(SIGNED), 40))
def test_no_byte_of_a_signed_transaction_can_change(start: int) -> None:
    """What still reads must read alike to the first reading, and verify no longer."""
    assert verify_signatures(READING, SIGNED)
    for place in range(start, min(start + 40, len(SIGNED))):
        for value in {SIGNED[place] ^ 1, SIGNED[place] ^ 0x80, 0, 0xFF} - {SIGNED[place]}:
            changed = SIGNED[:place] + bytes([value]) + SIGNED[place + 1 :]
            reading = _outcome(changed)
            if isinstance(reading, SignedBitcoinReading):
                first = parse_transaction(changed)
                assert txid_hex(first) == reading.txid_hex
                assert first.witnesses == tuple(
                    (b"", *(der + b"\x01" for der in spent.signatures), spent.witness_script)
                    for spent in reading.inputs
                )
            with pytest.raises(StrongroomError):
                verify_signatures(READING, changed)


def _outcome(raw: bytes) -> SignedBitcoinReading | str:
    try:
        return read_bitcoin_signed(raw)
    except StrongroomError:
        return REFUSED


# --- Partial signatures -------------------------------------------------------------------------------------------

DER = PARTIALS[0][public_key(1)]
R, S = decode_dss_signature(DER)


@pytest.mark.parametrize(
    ("index", "key", "der", "code"),
    [
        (0, public_key(7), DER, Code.SIGNER_KEY_MISMATCH),
        (0, public_key(2), DER, Code.SIGNATURE_INVALID),
        (1, public_key(1), DER, Code.SIGNATURE_INVALID),
        (0, public_key(1), encode_dss_signature(R, ORDER - S), Code.SIGNATURE_HIGH_S),
        (0, public_key(1), encode_dss_signature(R, S ^ 1), Code.SIGNATURE_INVALID),
        (0, public_key(1), DER + b"\x01", Code.SIGNATURE_INVALID),
        (0, public_key(1), b"", Code.SIGNATURE_INVALID),
        (2, public_key(1), DER, Code.TX_FIELD_INVALID),
        (-1, public_key(1), DER, Code.TX_FIELD_INVALID),
    ],
)
def test_bad_partial_signatures_are_refused(index: int, key: bytes, der: bytes, code: Code) -> None:
    assert DER == check_signature(READING, 0, public_key(1), DER).der
    with pytest.raises(StrongroomError) as caught:
        check_signature(READING, index, key, der)
    assert {code} == caught.value.codes
    with pytest.raises(StrongroomError) as caught:
        combine_signatures(READING, {**PARTIALS, index: {**PARTIALS.get(index, {}), key: der}})
    assert {code} == caught.value.codes


@pytest.mark.parametrize(
    "partials", [{}, {0: PARTIALS[0]}, {0: PARTIALS[0], 1: {}}, {0: PARTIALS[0], 1: sign(READING, 1, 3)}]
)
def test_too_few_signatures_are_refused(partials: dict[int, dict[bytes, bytes]]) -> None:
    assert combine_signatures(READING, PARTIALS)
    with pytest.raises(StrongroomError) as caught:
        combine_signatures(READING, partials)
    assert {Code.SIGNATURES_MISSING} == caught.value.codes


def test_a_key_that_is_no_point_never_signed() -> None:
    """Scripts look at lengths only, so such a key can stand in one; nothing verifies for it, and nothing breaks."""
    nobody = b"\x03" + b"\xff" * 32
    script = OURS.replace(max(public_key(n) for n in (1, 2, 3)), nobody)
    spent = replace(READING.inputs[0], witness_script=script)
    reading = replace(READING, inputs=(spent, READING.inputs[1]))
    with pytest.raises(StrongroomError) as caught:
        check_signature(reading, 0, nobody, DER)
    assert {Code.SIGNATURE_INVALID} == caught.value.codes


@pytest.mark.parametrize(
    "der",
    [
        "",
        "30",
        "3006020101020101" + "00",
        "3007020101020101" + "00",
        "30070202000102" + "0101",
        "3006020181020101",
        "3006020100020101",
        "3006020101020100",
        "308106020101020101",
        "3106020101020101",
        encode_dss_signature(ORDER, 1).hex(),
        encode_dss_signature(1, ORDER).hex(),
    ],
)
def test_der_has_one_spelling(der: str) -> None:
    assert (1, 1) == read_der(bytes.fromhex("3006020101020101"))
    assert (1, ORDER // 2) == read_der(encode_dss_signature(1, ORDER // 2))
    with pytest.raises(StrongroomError) as caught:
        read_der(bytes.fromhex(der))
    assert {Code.SIGNATURE_INVALID} == caught.value.codes


def test_a_high_s_is_refused() -> None:
    with pytest.raises(StrongroomError) as caught:
        read_der(encode_dss_signature(1, ORDER // 2 + 1))
    assert {Code.SIGNATURE_HIGH_S} == caught.value.codes


# --- The whole transaction ----------------------------------------------------------------------------------------

HIGH = encode_dss_signature(R, ORDER - S) + b"\x01"
OTHER_SCRIPT = multisig_of(2, [public_key(number) for number in (1, 2, 4)])
WITNESSES: list[tuple[str, Callable[[tuple[bytes, ...]], tuple[bytes, ...]], Code]] = [
    ("no witness", lambda _: (), Code.SIGNATURES_MISSING),
    ("a first item that is not empty", lambda w: (b"\x01", *w[1:]), Code.SIGNATURES_MISSING),
    ("no first item", lambda w: w[1:], Code.SIGNATURES_MISSING),
    ("one signature", lambda w: (w[0], w[1], w[3]), Code.SIGNATURES_MISSING),
    ("three signatures", lambda w: (w[0], w[1], w[1], w[2], w[3]), Code.SIGNATURES_MISSING),
    ("no script", lambda w: w[:-1], Code.SCRIPT_UNKNOWN),
    ("hash type NONE", lambda w: (w[0], w[1][:-1] + b"\x02", *w[2:]), Code.SIGHASH_REFUSED),
    ("an empty signature", lambda w: (w[0], b"", *w[2:]), Code.SIGHASH_REFUSED),
    ("broken DER", lambda w: (w[0], b"\x30\x01\x01\x01", *w[2:]), Code.SIGNATURE_INVALID),
    ("a high s", lambda w: tuple(HIGH if item == DER + b"\x01" else item for item in w), Code.SIGNATURE_HIGH_S),
    ("signatures in the other order", lambda w: (w[0], w[2], w[1], w[3]), Code.SIGNATURE_INVALID),
    ("one signature twice", lambda w: (w[0], w[1], w[1], w[3]), Code.SIGNATURE_INVALID),
    ("the signature of another input", lambda w: (w[0], w[1], _other_input()[2], w[3]), Code.SIGNATURE_INVALID),
    ("another script", lambda w: (*w[:-1], OTHER_SCRIPT), Code.SIGNED_MISMATCH),
]


def _other_input() -> tuple[bytes, ...]:
    return parse_transaction(SIGNED).witnesses[1]


@pytest.mark.parametrize(("change", "code"), [case[1:] for case in WITNESSES], ids=[case[0] for case in WITNESSES])
def test_other_witnesses_are_refused(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]], code: Code) -> None:
    assert SIGNED == _with_witness(0, lambda witness: witness)
    assert verify_signatures(READING, SIGNED)
    with pytest.raises(StrongroomError) as caught:
        verify_signatures(READING, _with_witness(0, change))
    assert {code} == caught.value.codes


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": lambda tx: (replace(tx.outputs[0], value_sat=tx.outputs[0].value_sat + 1), tx.outputs[1])},
        {"outputs": lambda tx: tx.outputs[::-1]},
        {"outputs": lambda tx: tx.outputs[:1]},
        {"inputs": lambda tx: tx.inputs[::-1]},
    ],
)
def test_another_transaction_than_the_approved_one_is_refused(changes: dict[str, Any]) -> None:
    tx = parse_transaction(SIGNED)
    changed = replace(tx, **{name: change(tx) for name, change in changes.items()})
    with pytest.raises(StrongroomError) as caught:
        verify_signatures(READING, encode_transaction(changed))
    assert {Code.SIGNED_MISMATCH} == caught.value.codes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 1}, Code.TX_VERSION_REFUSED),
        ({"lock_time": 1}, Code.TX_LOCKTIME_REFUSED),
    ],
)
def test_the_shape_is_checked_again(changes: dict[str, Any], code: Code) -> None:
    with pytest.raises(StrongroomError) as caught:
        read_bitcoin_signed(encode_transaction(replace(parse_transaction(SIGNED), **changes)))
    assert {code} == caught.value.codes


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.TX_NOT_CANONICAL),
        (SIGNED[:-1], Code.TX_NOT_CANONICAL),
        (SIGNED + b"\x00", Code.TX_NOT_CANONICAL),
        (SIGNED[:4] + b"\x00\x08" + SIGNED[6:], Code.TX_NOT_CANONICAL),
        (READING.unsigned_bytes, Code.SIGNATURES_MISSING),
        (bytes(4_000_001), Code.TOO_LARGE),
    ],
)
def test_other_bytes_are_refused(raw: bytes, code: Code) -> None:
    assert READING.unsigned_bytes == read_bitcoin_signed(SIGNED).unsigned_bytes
    with pytest.raises(StrongroomError) as caught:
        read_bitcoin_signed(raw)
    assert {code} == caught.value.codes
