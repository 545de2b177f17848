"""The strict PSBT: what is accepted, what cannot be made, BIP-174's own vectors, and a second implementation."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from embit.psbt import PSBT
from hypothesis import given

from strongroom.chains.bitcoin.keymaps import encode_maps, parse_maps
from strongroom.chains.bitcoin.psbt import (
    Payment,
    Psbt,
    PsbtInput,
    PsbtOutput,
    Spend,
    build_psbt,
    encode_psbt,
    parse_psbt,
)
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, multisig_script, p2wsh_script
from strongroom.chains.bitcoin.sighash import signature_hash
from strongroom.chains.bitcoin.transactions import (
    OutPoint,
    TxIn,
    TxOut,
    encode_stripped,
    encode_transaction,
    txid,
    txid_hex,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from ..strategies import bitcoin_psbts
from .examples import (
    CHANGE,
    CHANGE_WITNESS_SCRIPT,
    KEYS,
    PAYMENT,
    PREVIOUS,
    SHARED,
    SPEND,
    STRANGER,
    WITNESS_SCRIPT,
    altered,
    honest_psbt,
    load_vectors,
)

HONEST = honest_psbt()
RAW = encode_psbt(HONEST)
UNSIGNED = HONEST.unsigned
BIP174 = load_vectors("bip174.json")
REAL = load_vectors("psbt_litecoin_2of3.json")


# --- What is accepted ---------------------------------------------------------------------------------------------


def test_the_honest_example() -> None:
    assert HONEST == parse_psbt(RAW)
    assert 500_000_000 == HONEST.input_value_sat(0)
    assert 10_000 == HONEST.fee_sat
    assert encode_stripped(UNSIGNED) == HONEST.unsigned_bytes
    assert txid_hex(UNSIGNED) == HONEST.txid_hex
    assert signature_hash(UNSIGNED, 0, WITNESS_SCRIPT, 500_000_000) == HONEST.signature_hash(0)


def test_a_real_one_that_litecoind_accepted() -> None:
    raw = bytes.fromhex(REAL["psbt"])
    psbt = parse_psbt(raw)
    assert raw == encode_psbt(psbt)
    assert REAL["unsigned"] == psbt.unsigned_bytes.hex()
    assert REAL["txid"] == psbt.txid_hex
    assert REAL["fee_sat"] == psbt.fee_sat
    assert REAL["signature_hashes"] == [psbt.signature_hash(n).hex() for n in range(len(psbt.inputs))]


@given(psbt=bitcoin_psbts())
def test_psbts_round_trip(psbt: Psbt) -> None:
    assert psbt == parse_psbt(encode_psbt(psbt))
    assert psbt.fee_sat >= 0


@given(psbt=bitcoin_psbts())
def test_a_second_implementation_reads_the_same(psbt: Psbt) -> None:
    raw = encode_psbt(psbt)
    theirs = PSBT.parse(raw)
    assert psbt.unsigned_bytes == theirs.tx.serialize()
    assert psbt.fee_sat == theirs.fee()
    for number, (ours, scope) in enumerate(zip(psbt.inputs, theirs.inputs, strict=True)):
        assert encode_transaction(ours.previous) == scope.non_witness_utxo.serialize()
        assert psbt.input_value_sat(number) == scope.witness_utxo.value
        assert ours.witness_script == (scope.witness_script.data if scope.witness_script else None)
        assert 1 == scope.sighash_type
    for paid, out in zip(psbt.outputs, theirs.outputs, strict=True):
        assert (paid.witness_script or b"") == (out.witness_script.data if out.witness_script else b"")


def test_the_builder_drops_the_witnesses_of_previous_transactions() -> None:
    with_witness = replace(SPEND, previous=altered(PREVIOUS, witnesses=((b"\x01",),)))
    assert HONEST == build_psbt(spends=[with_witness], payments=[PAYMENT, CHANGE])


# --- What cannot be made --------------------------------------------------------------------------------------------


def _pay(**changes: Any) -> Psbt:
    return build_psbt(spends=[SPEND], payments=[replace(PAYMENT, **changes)])


def _spend(**changes: Any) -> Psbt:
    return build_psbt(spends=[replace(SPEND, **changes)], payments=[PAYMENT])


SINGLE = multisig_script(1, [KEYS[0]])
WITH_WITNESS = altered(UNSIGNED, witnesses=((b"\x01",),))
CANNOT_BE_MADE: list[tuple[str, Code, Callable[[], Psbt]]] = [
    ("no coin", Code.TX_FIELD_INVALID, lambda: build_psbt(spends=[], payments=[PAYMENT])),
    ("no payment", Code.TX_FIELD_INVALID, lambda: build_psbt(spends=[SPEND], payments=[])),
    ("dust", Code.TX_FIELD_INVALID, lambda: _pay(value_sat=293)),
    ("more paid than spent", Code.TX_FIELD_INVALID, lambda: build_psbt(spends=[SPEND], payments=[PAYMENT, PAYMENT])),
    ("a coin twice", Code.TX_DUPLICATE_INPUT, lambda: build_psbt(spends=[SPEND, SPEND], payments=[PAYMENT])),
    ("no such output", Code.PSBT_PREVIOUS_MISMATCH, lambda: _spend(index=7)),
    ("a coin of another kind", Code.PSBT_INVALID, lambda: _spend(index=0)),
    ("a coin of another script", Code.PSBT_INVALID, lambda: _spend(witness_script=SINGLE)),
    ("change to another script", Code.PSBT_INVALID, lambda: _pay(witness_script=SINGLE)),
    ("too few output facts", Code.PSBT_INVALID, lambda: replace(HONEST, outputs=HONEST.outputs[:1])),
    ("no input facts", Code.PSBT_INVALID, lambda: replace(HONEST, inputs=())),
    ("witnesses kept", Code.PSBT_INVALID, lambda: replace(HONEST, inputs=(_with_witness(HONEST.inputs[0]),))),
    ("already signed", Code.PSBT_ALREADY_SIGNED, lambda: replace(HONEST, unsigned=WITH_WITNESS)),
    ("OP_RETURN", Code.SCRIPT_OP_RETURN, lambda: _pay(script=b"\x6a")),
]


@pytest.mark.parametrize(
    ("code", "make"), [case[1:] for case in CANNOT_BE_MADE], ids=[case[0] for case in CANNOT_BE_MADE]
)
def test_a_psbt_that_parse_would_refuse_cannot_be_made(code: Code, make: Callable[[], Psbt]) -> None:
    assert _pay(value_sat=294)
    assert _spend(index=1)
    with pytest.raises(StrongroomError) as caught:
        make()
    assert code in caught.value.codes


def _with_witness(spent: PsbtInput) -> PsbtInput:
    return replace(spent, previous=altered(spent.previous, witnesses=((b"\x01",),)))


@pytest.mark.parametrize("witness_script", [b"\x51", b"\x21" + KEYS[0] + b"\xac"])
def test_coins_and_change_are_m_of_n_only(witness_script: bytes) -> None:
    """A script that commits to itself is not enough: anybody could spend OP_TRUE, one person a lone key."""
    coin = TxOut(value_sat=500_000_000, script=p2wsh_script(witness_script))
    previous = altered(PREVIOUS, outputs=(coin,))
    spend = Spend(previous=previous, index=0, witness_script=witness_script)
    change = Payment(value_sat=1_000_000, script=p2wsh_script(witness_script), witness_script=witness_script)
    for spends, payments in (([spend], [PAYMENT]), ([SPEND], [PAYMENT, change])):
        with pytest.raises(StrongroomError) as caught:
            build_psbt(spends=spends, payments=payments)
        assert Code.SCRIPT_UNKNOWN in caught.value.codes


def test_a_transaction_that_no_node_relays_is_refused() -> None:
    script = build_script(ScriptKind.P2TR, bytes(range(32)))
    coin = altered(PREVIOUS, outputs=(TxOut(value_sat=10_000_000_000, script=p2wsh_script(WITNESS_SCRIPT)),))
    spend = Spend(previous=coin, index=0, witness_script=WITNESS_SCRIPT)
    small = Payment(value_sat=1_000, script=script)
    assert build_psbt(spends=[spend], payments=[small] * 2_300).vsize < 100_000
    with pytest.raises(StrongroomError) as caught:
        build_psbt(spends=[spend], payments=[small] * 2_400)
    assert Code.TOO_LARGE in caught.value.codes


# --- BIP-174's own vectors ------------------------------------------------------------------------------------------

BIP174_CASES = [case for kind in ("invalid", "valid", "fails_signer_checks", "workflow") for case in BIP174[kind]]


@pytest.mark.parametrize("case", BIP174_CASES, ids=lambda case: case["case"][:60])
def test_bip174_psbts_are_refused_by_name(case: dict[str, Any]) -> None:
    """Invalid ones because they are; valid ones because our grammar is narrower. Each says every reason."""
    with pytest.raises(StrongroomError) as caught:
        parse_psbt(base64.b64decode(case["psbt"]))
    assert set(case["refused_with"]) == {code.value for code in caught.value.codes}


@pytest.mark.parametrize("case", BIP174["valid"] + BIP174["workflow"], ids=lambda case: case["case"][:60])
def test_the_container_reads_every_valid_bip174_psbt(case: dict[str, str]) -> None:
    raw = base64.b64decode(case["psbt"])
    assert raw == encode_maps(parse_maps(raw))


def test_the_container_asks_for_its_magic() -> None:
    assert parse_maps(RAW)
    with pytest.raises(StrongroomError) as caught:
        parse_maps(b"PSBT\xff" + RAW[5:])
    assert Code.PSBT_INVALID in caught.value.codes


def test_every_published_psbt_of_hwi_is_refused() -> None:
    """None of them is of our one shape; version 2 is refused for its version whenever it gets that far."""
    path = SHARED / "vectors" / "bip174_psbt.json"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    cases = json.loads(path.read_text())
    for text in cases["invalid"] + cases["valid"]:
        with pytest.raises(StrongroomError):
            parse_psbt(base64.b64decode(text))
    for text, _ in cases["locktimes"]:
        with pytest.raises(StrongroomError) as caught:
            parse_psbt(base64.b64decode(text))
        assert Code.PSBT_VERSION_REFUSED in caught.value.codes


def test_digest_of_the_unsigned_bytes_ignores_the_metadata() -> None:
    """What is approved is the transaction: the same with and without a claim of change."""
    unclaimed = build_psbt(spends=[SPEND], payments=[PAYMENT, replace(CHANGE, witness_script=None)])
    assert hashlib.sha256(HONEST.unsigned_bytes).digest() == hashlib.sha256(unclaimed.unsigned_bytes).digest()
    assert encode_psbt(unclaimed) != RAW


def test_values_are_plain() -> None:
    assert (PsbtOutput(witness_script=None), PsbtOutput(witness_script=CHANGE_WITNESS_SCRIPT)) == HONEST.outputs
    assert (
        TxIn(outpoint=OutPoint(txid=txid(PREVIOUS), index=1), script_sig=b"", sequence=0xFFFFFFFD) == UNSIGNED.inputs[0]
    )
    assert TxOut(value_sat=300_000_000, script=STRANGER) == UNSIGNED.outputs[0]
