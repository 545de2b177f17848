"""Every way in which a PSBT is not our one form, each refused by its name, beside the honest one that passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from strongroom.chains.bitcoin.keymaps import MAGIC, MAX_PSBT_BYTES, KeyMap, encode_maps, parse_maps
from strongroom.chains.bitcoin.psbt import encode_psbt, parse_psbt
from strongroom.chains.bitcoin.rules import check_unsigned
from strongroom.chains.bitcoin.transactions import (
    MAX_MONEY,
    OutPoint,
    Transaction,
    encode_stripped,
    encode_transaction,
    txid,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples import CHANGE_WITNESS_SCRIPT, KEYS, PREVIOUS, WITNESS_SCRIPT, altered, honest_psbt

HONEST = honest_psbt()
RAW = encode_psbt(HONEST)
MAPS = parse_maps(RAW)
GLOBAL, INPUT, STRANGERS_OUTPUT, CHANGE_OUTPUT = MAPS
UNSIGNED = HONEST.unsigned


def _maps(number: int, changes: Mapping[bytes, bytes], drop: tuple[bytes, ...] = ()) -> bytes:
    """The honest example with one map changed; keys stay in ascending order."""
    entries = {key: value for key, value in {**MAPS[number], **changes}.items() if key not in drop}
    changed: KeyMap = dict(sorted(entries.items()))
    return encode_maps([*MAPS[:number], changed, *MAPS[number + 1 :]])


def _with_unsigned(tx: Transaction) -> bytes:
    """The honest example around another unsigned transaction."""
    return _maps(0, {b"\x00": encode_stripped(tx)})


def _with_input(**changes: Any) -> bytes:
    return _with_unsigned(altered(UNSIGNED, inputs=(replace(UNSIGNED.inputs[0], **changes),)))


def _with_output(**changes: Any) -> bytes:
    return _with_unsigned(altered(UNSIGNED, outputs=(replace(UNSIGNED.outputs[0], **changes), UNSIGNED.outputs[1])))


OTHER_PREVIOUS = altered(PREVIOUS, lock_time=10)
LYING_PREVIOUS = altered(PREVIOUS, outputs=(PREVIOUS.outputs[0], replace(PREVIOUS.outputs[1], value_sat=600_000_000)))
WITNESS_UTXO = INPUT[b"\x01"]

REFUSED: list[tuple[str, Code, Callable[[], bytes]]] = [
    ("magic of something else", Code.PSBT_INVALID, lambda: b"psbu\xff" + RAW[5:]),
    ("empty", Code.PSBT_INVALID, lambda: b""),
    ("only the magic", Code.PSBT_INVALID, lambda: MAGIC),
    ("a trailing byte", Code.PSBT_INVALID, lambda: RAW + b"\x00"),
    ("trailing bytes", Code.PSBT_INVALID, lambda: RAW + b"\x01\x02\x03"),
    ("the last byte missing", Code.PSBT_INVALID, lambda: RAW[:-1]),
    ("an output map missing", Code.PSBT_INVALID, lambda: encode_maps(MAPS[:-1])),
    ("an output map too many", Code.PSBT_INVALID, lambda: encode_maps([*MAPS, {}])),
    ("a key twice", Code.PSBT_INVALID, lambda: RAW[:-1] + b"\x01\x01\x00\x00"),
    (
        "keys in another order",
        Code.PSBT_INVALID,
        lambda: encode_maps([GLOBAL, dict(reversed(list(INPUT.items()))), *MAPS[2:]]),
    ),
    ("a longer length", Code.PSBT_INVALID, lambda: MAGIC + b"\xfd\x01\x00" + RAW[6:]),
    ("no unsigned transaction", Code.PSBT_INVALID, lambda: _maps(0, {}, (b"\x00",))),
    ("too large", Code.TOO_LARGE, lambda: RAW + bytes(MAX_PSBT_BYTES)),
    ("version 2", Code.PSBT_VERSION_REFUSED, lambda: _maps(0, {b"\xfb": b"\x02\x00\x00\x00"})),
    ("version 0, said", Code.PSBT_VERSION_REFUSED, lambda: _maps(0, {b"\xfb": bytes(4)})),
    (
        "version 2, whole",
        Code.PSBT_VERSION_REFUSED,
        lambda: encode_maps([{b"\x02": b"\x02\x00\x00\x00", b"\xfb": b"\x02\x00\x00\x00"}]),
    ),
    ("global xpub", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(0, {b"\x01" + bytes(78): bytes(4)})),
    ("global proprietary", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(0, {b"\xfc\x01x": b"x"})),
    ("unsigned transaction with key data", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(0, {b"\x00\x01": b"x"})),
    ("redeem script", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(1, {b"\x04": b"\x51"})),
    ("derivation path", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(1, {b"\x06" + KEYS[0]: bytes(4)})),
    ("input proprietary", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(1, {b"\xfc\x01x": b"x"})),
    ("unknown input field", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(1, {b"\xf0": b""})),
    ("witness script with key data", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(1, {b"\x05\x00": b""})),
    ("output redeem script", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(2, {b"\x00": b"\x51"})),
    ("output derivation path", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(3, {b"\x02" + KEYS[0]: bytes(4)})),
    ("output proprietary", Code.PSBT_FIELD_UNKNOWN, lambda: _maps(3, {b"\xfc\x01x": b"x"})),
    ("partial signature", Code.PSBT_ALREADY_SIGNED, lambda: _maps(1, {b"\x02" + KEYS[0]: b"\x30"})),
    ("final script_sig", Code.PSBT_ALREADY_SIGNED, lambda: _maps(1, {b"\x07": b""})),
    ("final witness", Code.PSBT_ALREADY_SIGNED, lambda: _maps(1, {b"\x08": b"\x00"})),
    ("taproot key signature", Code.PSBT_ALREADY_SIGNED, lambda: _maps(1, {b"\x13": bytes(64)})),
    ("taproot script signature", Code.PSBT_ALREADY_SIGNED, lambda: _maps(1, {b"\x14" + bytes(64): bytes(64)})),
    ("MuSig2 partial signature", Code.PSBT_ALREADY_SIGNED, lambda: _maps(1, {b"\x1c" + bytes(66): bytes(32)})),
    ("script_sig in the unsigned transaction", Code.PSBT_ALREADY_SIGNED, lambda: _with_input(script_sig=b"\x00")),
    ("no previous transaction", Code.PSBT_PREVIOUS_MISSING, lambda: _maps(1, {}, (b"\x00",))),
    ("no witness utxo", Code.PSBT_INVALID, lambda: _maps(1, {}, (b"\x01",))),
    ("no witness script", Code.PSBT_INVALID, lambda: _maps(1, {}, (b"\x05",))),
    (
        "another previous transaction",
        Code.PSBT_PREVIOUS_MISMATCH,
        lambda: _maps(1, {b"\x00": encode_stripped(OTHER_PREVIOUS)}),
    ),
    (
        "a previous transaction that lies about the amount",
        Code.PSBT_PREVIOUS_MISMATCH,
        lambda: _maps(1, {b"\x00": encode_stripped(LYING_PREVIOUS)}),
    ),
    (
        "an outpoint of another transaction",
        Code.PSBT_PREVIOUS_MISMATCH,
        lambda: _with_input(outpoint=OutPoint(txid=bytes(32), index=1)),
    ),
    (
        "an output number that does not exist",
        Code.PSBT_PREVIOUS_MISMATCH,
        lambda: _with_input(outpoint=OutPoint(txid=txid(PREVIOUS), index=3)),
    ),
    (
        "another output of ours",
        Code.PSBT_PREVIOUS_MISMATCH,
        lambda: _with_input(outpoint=OutPoint(txid=txid(PREVIOUS), index=2)),
    ),
    (
        "a witness utxo with another amount",
        Code.PSBT_PREVIOUS_MISMATCH,
        lambda: _maps(1, {b"\x01": b"\x01" + WITNESS_UTXO[1:]}),
    ),
    (
        "a witness utxo with more bytes",
        Code.PSBT_PREVIOUS_MISMATCH,
        lambda: _maps(1, {b"\x01": WITNESS_UTXO + b"\x00"}),
    ),
    (
        "a coin that is not P2WSH",
        Code.PSBT_INVALID,
        lambda: _with_input(outpoint=OutPoint(txid=txid(PREVIOUS), index=0)),
    ),
    ("another witness script", Code.PSBT_INVALID, lambda: _maps(1, {b"\x05": CHANGE_WITNESS_SCRIPT})),
    (
        "a previous transaction with witnesses",
        Code.TX_NOT_CANONICAL,
        lambda: _maps(1, {b"\x00": encode_transaction(altered(PREVIOUS, witnesses=((b"\x01",),)))}),
    ),
    (
        "a previous transaction with a trailing byte",
        Code.TX_TRAILING_BYTES,
        lambda: _maps(1, {b"\x00": encode_stripped(PREVIOUS) + b"\x00"}),
    ),
    (
        "a previous transaction cut short",
        Code.TX_TRUNCATED,
        lambda: _maps(1, {b"\x00": encode_stripped(PREVIOUS)[:-1]}),
    ),
    ("a witness script for a stranger's output", Code.PSBT_INVALID, lambda: _maps(2, {b"\x01": WITNESS_SCRIPT})),
    ("another witness script for change", Code.PSBT_INVALID, lambda: _maps(3, {b"\x01": WITNESS_SCRIPT})),
    ("no hash type", Code.SIGHASH_REFUSED, lambda: _maps(1, {}, (b"\x03",))),
    *(
        (
            f"hash type {value:#x}",
            Code.SIGHASH_REFUSED,
            lambda value=value: _maps(1, {b"\x03": value.to_bytes(4, "little")}),
        )
        for value in (0x00, 0x02, 0x03, 0x81, 0x82, 0x83, 0x101)
    ),
    ("hash type in one byte", Code.SIGHASH_REFUSED, lambda: _maps(1, {b"\x03": b"\x01"})),
    ("version 1", Code.TX_VERSION_REFUSED, lambda: _with_unsigned(altered(UNSIGNED, version=1))),
    ("version 3", Code.TX_VERSION_REFUSED, lambda: _with_unsigned(altered(UNSIGNED, version=3))),
    ("lock time", Code.TX_LOCKTIME_REFUSED, lambda: _with_unsigned(altered(UNSIGNED, lock_time=1))),
    ("final sequence", Code.TX_SEQUENCE_REFUSED, lambda: _with_input(sequence=0xFFFFFFFF)),
    ("relative lock", Code.TX_SEQUENCE_REFUSED, lambda: _with_input(sequence=144)),
    (
        "the same coin twice",
        Code.TX_DUPLICATE_INPUT,
        lambda: encode_maps(
            [{b"\x00": encode_stripped(altered(UNSIGNED, inputs=UNSIGNED.inputs * 2))}, INPUT, *MAPS[1:]]
        ),
    ),
    (
        "the null outpoint",
        Code.TX_FIELD_INVALID,
        lambda: _with_input(outpoint=OutPoint(txid=bytes(32), index=0xFFFFFFFF)),
    ),
    ("more paid than spent", Code.TX_FIELD_INVALID, lambda: _with_output(value_sat=500_000_000)),
    (
        "a value above all money",
        Code.TX_FIELD_INVALID,
        lambda: _with_output(value_sat=MAX_MONEY).replace(MAX_MONEY.to_bytes(8, "little"), b"\xff" * 8),
    ),
    ("values together above all money", Code.TX_FIELD_INVALID, lambda: _with_output(value_sat=MAX_MONEY)),
    ("dust", Code.TX_FIELD_INVALID, lambda: _with_output(value_sat=293)),
    (
        "the unsigned transaction with witnesses",
        Code.TX_NOT_CANONICAL,
        lambda: _maps(0, {b"\x00": encode_transaction(altered(UNSIGNED, witnesses=((b"\x01",),)))}),
    ),
    (
        "the unsigned transaction with a trailing byte",
        Code.TX_TRAILING_BYTES,
        lambda: _maps(0, {b"\x00": encode_stripped(UNSIGNED) + b"\x00"}),
    ),
    (
        "the unsigned transaction cut short",
        Code.TX_TRUNCATED,
        lambda: _maps(0, {b"\x00": encode_stripped(UNSIGNED)[:-1]}),
    ),
    ("OP_RETURN", Code.SCRIPT_OP_RETURN, lambda: _with_output(script=b"\x6a\x01\x00")),
    ("bare multisig", Code.SCRIPT_BARE_MULTISIG, lambda: _with_output(script=WITNESS_SCRIPT)),
    ("pay to key", Code.SCRIPT_P2PK, lambda: _with_output(script=b"\x21" + KEYS[0] + b"\xac")),
    ("MWEB peg-in", Code.SCRIPT_MWEB, lambda: _with_output(script=b"\x59\x20" + bytes(32))),
    ("an unknown script", Code.SCRIPT_UNKNOWN, lambda: _with_output(script=b"\x52\x20" + bytes(32))),
]


@pytest.mark.parametrize(("code", "make"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_everything_else_is_refused_by_name(code: Code, make: Callable[[], bytes]) -> None:
    assert HONEST == parse_psbt(RAW)
    with pytest.raises(StrongroomError) as caught:
        parse_psbt(make())
    assert code in caught.value.codes


def test_the_tables_helpers_change_nothing_by_themselves() -> None:
    assert RAW == _maps(1, {}) == _with_unsigned(UNSIGNED) == _with_input() == _with_output()


def test_every_refusal_is_reported_not_the_first() -> None:
    fields = {**INPUT, b"\x02" + KEYS[0]: b"\x30", b"\xf0": b"", b"\x03": b"\x02\x00\x00\x00"}
    unsigned = altered(UNSIGNED, version=1, lock_time=5)
    with pytest.raises(StrongroomError) as caught:
        parse_psbt(encode_maps([{b"\x00": encode_stripped(unsigned)}, fields, {b"\xfc": b""}, CHANGE_OUTPUT]))
    assert {
        Code.PSBT_ALREADY_SIGNED,
        Code.PSBT_FIELD_UNKNOWN,
        Code.SIGHASH_REFUSED,
        Code.TX_VERSION_REFUSED,
        Code.TX_LOCKTIME_REFUSED,
    } == caught.value.codes


def test_values_are_bounded_together_whatever_the_coins_are_said_to_hold() -> None:
    """The sum is bounded by itself: coins with impossible values must not make room for it."""
    first, second = UNSIGNED.outputs
    all_money = replace(first, value_sat=MAX_MONEY - second.value_sat)
    check_unsigned(altered(UNSIGNED, outputs=(all_money, second)))
    one_more = replace(first, value_sat=all_money.value_sat + 1)
    with pytest.raises(StrongroomError) as caught:
        check_unsigned(altered(UNSIGNED, outputs=(one_more, second)))
    assert {Code.TX_FIELD_INVALID} == caught.value.codes
