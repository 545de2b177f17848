"""The second reading of PSBTs: agreement with the first reading on every field, and refusals by name."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.chains.bitcoin.keymaps import encode_maps, parse_maps
from strongroom.chains.bitcoin.psbt import Payment, Psbt, build_psbt, encode_psbt, parse_psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, multisig_script, p2wsh_script
from strongroom.chains.bitcoin.transactions import (
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    encode_output,
    encode_stripped,
    encode_transaction,
    parse_legacy,
    txid,
)
from strongroom.checker.reading.bitcoin import BitcoinReading, read_psbt
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples_bitcoin import (
    COIN,
    OURS,
    PAYMENTS,
    PREVIOUS,
    SPENDS,
    STRANGER,
    first_reading,
    honest_psbt,
    load_vectors,
    previous_with,
    public_key,
    spendings,
)

HONEST = honest_psbt()
RAW = encode_psbt(HONEST)
REAL = load_vectors("psbt_litecoin_2of3.json")
BIP174 = load_vectors("bip174.json")
REFUSED = "refused"


def _outcome(call: Callable[[bytes], BitcoinReading], raw: bytes) -> BitcoinReading | str:
    """What a reading made of the bytes; for a refusal, that it refused: the readings may name another reason first."""
    try:
        return call(raw)
    except StrongroomError:
        return REFUSED


def _first(raw: bytes) -> BitcoinReading:
    return first_reading(parse_psbt(raw))


# --- Both readings ------------------------------------------------------------------------------------------------


def test_the_honest_example() -> None:
    assert first_reading(HONEST) == read_psbt(RAW)


def test_a_real_one_that_litecoind_accepted() -> None:
    raw = bytes.fromhex(REAL["psbt"])
    reading = read_psbt(raw)
    assert REAL["unsigned"] == reading.unsigned_bytes.hex()
    assert (REAL["fee_sat"], REAL["txid"]) == (reading.fee_sat, reading.txid_hex)
    assert REAL["signature_hashes"] == [digest.hex() for digest in reading.sighashes]
    assert first_reading(parse_psbt(raw)) == reading


@given(spending=spendings())
def test_both_readings_agree_on_every_field(spending: tuple[Psbt, Any]) -> None:
    raw = encode_psbt(spending[0])
    assert first_reading(spending[0]) == read_psbt(raw)


@pytest.mark.parametrize("start", range(0, len(RAW), 50))
def test_where_both_accept_a_changed_byte_they_agree(start: int) -> None:
    honest = read_psbt(RAW)
    for place in range(start, min(start + 50, len(RAW))):
        for value in {RAW[place] ^ 1, RAW[place] ^ 0x80, (RAW[place] + 1) % 256, 0, 0xFF} - {RAW[place]}:
            changed = RAW[:place] + bytes([value]) + RAW[place + 1 :]
            second = _outcome(read_psbt, changed)
            assert _outcome(_first, changed) == second
            assert honest != second


@settings(max_examples=300)
@given(data=st.data())
def test_cut_joined_and_doubled_bytes_are_read_alike(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(RAW)))
    end = data.draw(st.integers(start, len(RAW)))
    middle = data.draw(st.one_of(st.binary(max_size=40), st.just(RAW[start:end] * 2)))
    changed = RAW[:start] + middle + RAW[end:]
    assert _outcome(_first, changed) == _outcome(read_psbt, changed)


@given(raw=st.binary(max_size=200))
def test_noise_is_refused(raw: bytes) -> None:
    for changed in (raw, b"psbt\xff" + raw):
        assert _outcome(read_psbt, changed) == REFUSED


# --- BIP-174's own vectors ----------------------------------------------------------------------------------------

BIP174_CASES = [case for kind in ("invalid", "valid", "fails_signer_checks", "workflow") for case in BIP174[kind]]


@pytest.mark.parametrize("case", BIP174_CASES, ids=lambda case: case["case"][:60])
def test_bip174_psbts_are_refused(case: dict[str, Any]) -> None:
    """Invalid ones because they are; valid ones because our grammar is narrower."""
    with pytest.raises(StrongroomError) as caught:
        read_psbt(base64.b64decode(case["psbt"]))
    # A transaction without inputs is not canonical to the first reading, since it reads as a witness marker; here it is
    # a transaction that lacks a field.
    also = {Code.PSBT_INVALID.value, Code.TX_FIELD_INVALID.value}
    assert {*also, *case["refused_with"]} & {code.value for code in caught.value.codes}


# --- Fields of the maps -------------------------------------------------------------------------------------------

GLOBAL, INPUT, OUTPUT = 0, 1, 3
XPUB = base64.b64decode(BIP174["valid"][-3]["psbt"])


def _with_entries(place: int, changes: dict[bytes, bytes | None]) -> bytes:
    """The honest PSBT with some entries of one map replaced, added or (None) taken out; keys ascending."""
    maps = [dict(entries) for entries in parse_maps(RAW)]
    for key, value in changes.items():
        if value is None:
            del maps[place][key]
        else:
            maps[place][key] = value
    maps[place] = dict(sorted(maps[place].items()))
    return encode_maps(maps)


DER = bytes.fromhex("300602010a02010b01")
OTHER_OUTPUT = encode_output(TxOut(value_sat=6 * COIN, script=p2wsh_script(OURS)))
FIELDS: list[tuple[str, int, dict[bytes, bytes | None], Code]] = [
    ("a proprietary global field", GLOBAL, {b"\xfc\x01a\x00": b"\x01"}, Code.PSBT_FIELD_UNKNOWN),
    ("an unknown global field", GLOBAL, {b"\x77": b"\x01"}, Code.PSBT_FIELD_UNKNOWN),
    ("version 2", GLOBAL, {b"\xfb": b"\x02\x00\x00\x00"}, Code.PSBT_VERSION_REFUSED),
    ("version 0 written down", GLOBAL, {b"\xfb": b"\x00\x00\x00\x00"}, Code.PSBT_INVALID),
    ("no unsigned transaction", GLOBAL, {b"\x00": None}, Code.PSBT_INVALID),
    ("a partial signature", INPUT, {b"\x02" + public_key(1): DER}, Code.PSBT_ALREADY_SIGNED),
    ("a final script_sig", INPUT, {b"\x07": b"\x51"}, Code.PSBT_ALREADY_SIGNED),
    ("a final witness", INPUT, {b"\x08": b"\x01\x01\x01"}, Code.PSBT_ALREADY_SIGNED),
    ("a taproot signature", INPUT, {b"\x13": bytes(64)}, Code.PSBT_ALREADY_SIGNED),
    ("a redeem script", INPUT, {b"\x04": b"\x51"}, Code.PSBT_FIELD_UNKNOWN),
    ("an empty redeem script", INPUT, {b"\x04": b""}, Code.PSBT_FIELD_UNKNOWN),
    ("a key path", INPUT, {b"\x06" + public_key(1): bytes(8)}, Code.PSBT_FIELD_UNKNOWN),
    ("an unknown input field", INPUT, {b"\x77": b"\x01"}, Code.PSBT_FIELD_UNKNOWN),
    ("a proprietary input field", INPUT, {b"\xfc\x01a\x00": b"\x01"}, Code.PSBT_FIELD_UNKNOWN),
    ("no previous transaction", INPUT, {b"\x00": None}, Code.PSBT_PREVIOUS_MISSING),
    ("no repeated output", INPUT, {b"\x01": None}, Code.PSBT_INVALID),
    ("no witness script", INPUT, {b"\x05": None}, Code.PSBT_INVALID),
    ("no hash type", INPUT, {b"\x03": None}, Code.SIGHASH_REFUSED),
    ("hash type NONE", INPUT, {b"\x03": b"\x02\x00\x00\x00"}, Code.SIGHASH_REFUSED),
    ("hash type ALL and anyone can pay", INPUT, {b"\x03": b"\x81\x00\x00\x00"}, Code.SIGHASH_REFUSED),
    ("hash type of taproot", INPUT, {b"\x03": b"\x00\x00\x00\x00"}, Code.SIGHASH_REFUSED),
    ("another repeated output", INPUT, {b"\x01": OTHER_OUTPUT}, Code.PSBT_PREVIOUS_MISMATCH),
    ("another witness script", INPUT, {b"\x05": multisig_script(1, [public_key(7)])}, Code.PSBT_INVALID),
    (
        "another previous transaction",
        INPUT,
        {b"\x00": encode_stripped(previous_with(*PREVIOUS.outputs, lock_time=8))},
        Code.PSBT_PREVIOUS_MISMATCH,
    ),
    (
        "a previous transaction with witnesses",
        INPUT,
        {b"\x00": encode_transaction(replace(PREVIOUS, witnesses=((b"\x01",),)))},
        Code.TX_NOT_CANONICAL,
    ),
    ("a redeem script of an output", OUTPUT, {b"\x00": b"\x51"}, Code.PSBT_FIELD_UNKNOWN),
    ("an unknown output field", OUTPUT, {b"\x77": b"\x01"}, Code.PSBT_FIELD_UNKNOWN),
    ("a witness script of a stranger", OUTPUT, {b"\x01": OURS}, Code.PSBT_INVALID),
]


@pytest.mark.parametrize(("place", "changes", "code"), [case[1:] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_other_fields_are_refused_by_both(place: int, changes: dict[bytes, bytes | None], code: Code) -> None:
    assert RAW == _with_entries(place, {})
    assert first_reading(HONEST) == read_psbt(RAW)
    changed = _with_entries(place, changes)
    with pytest.raises(StrongroomError) as caught:
        read_psbt(changed)
    assert code in caught.value.codes
    assert _outcome(_first, changed) == REFUSED


def test_a_global_extended_key_is_refused() -> None:
    for key in [key for key in parse_maps(XPUB)[0] if key[0] == 1]:
        with pytest.raises(StrongroomError) as caught:
            read_psbt(_with_entries(GLOBAL, {key: parse_maps(XPUB)[0][key]}))
        assert Code.PSBT_FIELD_UNKNOWN in caught.value.codes


def test_fields_in_another_order_are_another_spelling() -> None:
    maps = [dict(entries) for entries in parse_maps(RAW)]
    maps[INPUT] = dict(reversed(maps[INPUT].items()))
    with pytest.raises(StrongroomError) as caught:
        read_psbt(encode_maps(maps))
    assert {Code.PSBT_INVALID} == caught.value.codes


@pytest.mark.parametrize("raw", [b"", RAW[:-1], RAW + b"\x00", RAW[5:], b"PSBT" + RAW[4:]])
def test_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(StrongroomError) as caught:
        read_psbt(raw)
    assert {Code.PSBT_INVALID} == caught.value.codes


def test_nothing_is_read_that_is_larger_than_a_docket() -> None:
    with pytest.raises(StrongroomError) as caught:
        read_psbt(b"psbt\xff" + bytes(16_000_000))
    assert {Code.TOO_LARGE} == caught.value.codes


# --- The transaction inside ---------------------------------------------------------------------------------------


def _with_unsigned(**changes: Any) -> bytes:
    """The honest PSBT around another unsigned transaction, with an empty map for each of its outputs."""
    tx = replace(HONEST.unsigned, **changes)
    maps = parse_maps(RAW)
    sources = [maps[1 + number % 2] for number in range(len(tx.inputs))]
    return encode_maps([{b"\x00": encode_stripped(tx)}, *sources, *({} for _ in tx.outputs)])


def _input(number: int = 0, **changes: Any) -> tuple[TxIn, ...]:
    inputs = list(HONEST.unsigned.inputs)
    inputs[number] = replace(inputs[number], **changes)
    return tuple(inputs)


def _pay(script: bytes, value_sat: int = COIN) -> tuple[TxOut, ...]:
    return (TxOut(value_sat=value_sat, script=script),)


KEY = public_key(9)
WHOLE = HONEST.unsigned
TRANSACTIONS: list[tuple[str, dict[str, Any], Code]] = [
    ("version 1", {"version": 1}, Code.TX_VERSION_REFUSED),
    ("version 3", {"version": 3}, Code.TX_VERSION_REFUSED),
    ("a lock time", {"lock_time": 500_000}, Code.TX_LOCKTIME_REFUSED),
    ("a final sequence", {"inputs": _input(sequence=0xFFFFFFFF)}, Code.TX_SEQUENCE_REFUSED),
    ("a relative lock", {"inputs": _input(sequence=10)}, Code.TX_SEQUENCE_REFUSED),
    ("a coin twice", {"inputs": (WHOLE.inputs[0], WHOLE.inputs[0])}, Code.TX_DUPLICATE_INPUT),
    ("a script_sig", {"inputs": _input(script_sig=b"\x51")}, Code.PSBT_ALREADY_SIGNED),
    (
        "an output that is not there",
        {"inputs": _input(outpoint=OutPoint(txid=txid(PREVIOUS), index=7))},
        Code.PSBT_PREVIOUS_MISMATCH,
    ),
    (
        "another transaction",
        {"inputs": _input(outpoint=OutPoint(txid=b"\x01" * 32, index=1))},
        Code.PSBT_PREVIOUS_MISMATCH,
    ),
    ("dust", {"outputs": _pay(STRANGER, 293)}, Code.TX_FIELD_INVALID),
    ("more than is spent", {"outputs": _pay(STRANGER, 8 * COIN)}, Code.TX_FIELD_INVALID),
    ("more than there is", {"outputs": _pay(STRANGER, 84_000_000 * COIN) * 2}, Code.TX_FIELD_INVALID),
    ("OP_RETURN", {"outputs": _pay(b"\x6a\x04hello"[:6])}, Code.SCRIPT_OP_RETURN),
    ("a bare multisig", {"outputs": _pay(OURS)}, Code.SCRIPT_BARE_MULTISIG),
    ("pay to public key", {"outputs": _pay(b"\x21" + KEY + b"\xac")}, Code.SCRIPT_P2PK),
    ("HogEx", {"outputs": _pay(b"\x58\x20" + bytes(32))}, Code.SCRIPT_MWEB),
    ("a peg-in", {"outputs": _pay(b"\x59\x20" + bytes(32))}, Code.SCRIPT_MWEB),
    ("witness version 2", {"outputs": _pay(b"\x52\x20" + bytes(32))}, Code.SCRIPT_UNKNOWN),
    ("an empty script", {"outputs": _pay(b"")}, Code.SCRIPT_UNKNOWN),
]


@pytest.mark.parametrize(
    ("changes", "code"), [case[1:] for case in TRANSACTIONS], ids=[case[0] for case in TRANSACTIONS]
)
def test_other_transactions_are_refused_by_both_alike(changes: dict[str, Any], code: Code) -> None:
    assert HONEST.unsigned_bytes == read_psbt(_with_unsigned()).unsigned_bytes
    for read in (read_psbt, parse_psbt):
        with pytest.raises(StrongroomError) as caught:
            read(_with_unsigned(**changes))
        assert code in caught.value.codes


def test_a_coin_that_is_not_an_m_of_n_is_refused_by_both() -> None:
    """The readings look in another order: one names the output that is repeated wrongly, one the script."""
    raw = _with_unsigned(inputs=_input(outpoint=OutPoint(txid=txid(PREVIOUS), index=0)))
    for read in (read_psbt, parse_psbt):
        with pytest.raises(StrongroomError) as caught:
            read(raw)
        assert caught.value.codes <= {Code.PSBT_PREVIOUS_MISMATCH, Code.PSBT_INVALID}


def test_every_reason_of_a_step_is_reported() -> None:
    with pytest.raises(StrongroomError) as caught:
        read_psbt(_with_unsigned(version=1, lock_time=5, outputs=_pay(b"\x6a")))
    assert {Code.TX_VERSION_REFUSED, Code.TX_LOCKTIME_REFUSED, Code.SCRIPT_OP_RETURN} <= caught.value.codes


def test_the_unsigned_transaction_must_be_stripped() -> None:
    signed = encode_transaction(replace(WHOLE, witnesses=((b"\x01",), ())))
    with pytest.raises(StrongroomError) as caught:
        read_psbt(_with_entries(GLOBAL, {b"\x00": signed}))
    assert {Code.PSBT_INVALID, Code.PSBT_ALREADY_SIGNED} & caught.value.codes


def test_dust_limits_are_those_of_both_readings() -> None:
    """The least that one reading lets through is the least of the other: numbers here, a formula there."""
    for kind in ScriptKind:
        length = 32 if kind in {ScriptKind.P2WSH, ScriptKind.P2TR} else 20
        script = build_script(kind, bytes(length))
        least = next(
            value
            for value in range(250, 600)
            if _outcome(read_psbt, _with_unsigned(outputs=_pay(script, value))) != REFUSED
        )
        for value in (least - 1, least):
            raw = _with_unsigned(outputs=_pay(script, value))
            assert _outcome(_first, raw) == _outcome(read_psbt, raw)


@pytest.mark.parametrize(
    "witness_script",
    [
        b"\x51",
        b"\x21" + KEY + b"\xac",
        OURS.replace(b"\x52\x21", b"\x53\x21", 1)[:-2] + b"\x53\xaf",
        b"\x52" + b"".join(sorted((b"\x21" + public_key(n) for n in (1, 2, 3)), reverse=True)) + b"\x53\xae",
        b"\x52" + (b"\x21" + KEY) * 2 + b"\x52\xae",
        b"\x53" + b"".join(sorted(b"\x21" + public_key(n) for n in (1, 2))) + b"\x52\xae",
        b"\x52" + b"".join(sorted(b"\x21" + public_key(n) for n in (1, 2))) + b"\x53\xae",
        b"\x51\x41" + bytes.fromhex("04") + bytes(64) + b"\x51\xae",
    ],
)
def test_coins_are_m_of_n_of_ascending_keys_only(witness_script: bytes) -> None:
    previous = previous_with(TxOut(value_sat=5 * COIN, script=p2wsh_script(witness_script)))
    spending = replace(WHOLE.inputs[0], outpoint=OutPoint(txid=txid(previous), index=0))
    tx = Transaction(version=2, inputs=(spending,), outputs=_pay(STRANGER), witnesses=(), lock_time=0)
    source = {
        b"\x00": encode_stripped(previous),
        b"\x01": encode_output(previous.outputs[0]),
        b"\x03": b"\x01\x00\x00\x00",
        b"\x05": witness_script,
    }
    raw = encode_maps([{b"\x00": encode_stripped(tx)}, source, {}])
    for read in (read_psbt, parse_psbt):
        with pytest.raises(StrongroomError) as caught:
            read(raw)
        assert Code.SCRIPT_UNKNOWN in caught.value.codes
    change = Payment(value_sat=COIN, script=p2wsh_script(witness_script))
    unmarked = encode_psbt(build_psbt(spends=SPENDS, payments=[change]))
    assert read_psbt(unmarked).outputs[0].script == p2wsh_script(witness_script)
    marked = parse_maps(unmarked)
    with pytest.raises(StrongroomError) as caught:
        read_psbt(encode_maps([*marked[:-1], {b"\x01": witness_script}]))
    assert Code.SCRIPT_UNKNOWN in caught.value.codes


def test_more_coins_than_can_exist_are_refused() -> None:
    def coins(value_sat: int) -> bytes:
        previous = previous_with(*(TxOut(value_sat=value_sat, script=p2wsh_script(OURS)),) * 2)
        spends = [replace(spend, previous=previous, index=number) for number, spend in enumerate(SPENDS)]
        return encode_psbt(build_psbt(spends=spends, payments=PAYMENTS))

    assert 84_000_000 * COIN == sum(spent.value_sat for spent in read_psbt(coins(42_000_000 * COIN)).inputs)
    with pytest.raises(StrongroomError) as caught:
        read_psbt(coins(42_000_000 * COIN + 1))
    assert {Code.TX_FIELD_INVALID} == caught.value.codes


def test_a_transaction_that_no_node_relays_is_refused() -> None:
    fits = encode_psbt(build_psbt(spends=SPENDS, payments=[replace(PAYMENTS[0], value_sat=1_000)] * 3_100))
    assert read_psbt(fits).vsize == parse_psbt(fits).vsize < 100_000
    tx = parse_legacy(parse_maps(fits)[0][b"\x00"])
    maps = parse_maps(RAW)
    larger = replace(tx, outputs=tx.outputs + tx.outputs[:200])
    raw = encode_maps([{b"\x00": encode_stripped(larger)}, *maps[1:3], *({} for _ in larger.outputs)])
    for read in (read_psbt, parse_psbt):
        with pytest.raises(StrongroomError) as caught:
            read(raw)
        assert {Code.TOO_LARGE} == caught.value.codes
