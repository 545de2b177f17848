"""The digest to sign: BIP-143's examples, and what it covers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from coincurve import PublicKey
from embit.script import Script
from embit.transaction import Transaction as EmbitTransaction
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.bitcoin.sighash import signature_hash
from strongroom.chains.bitcoin.signing import encode_der_signature, normalize_s, parse_der_signature
from strongroom.chains.bitcoin.transactions import MAX_MONEY, Transaction, encode_transaction, parse_legacy
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from ..strategies import bitcoin_transactions
from .examples import PREVIOUS, load_vectors

CASES = load_vectors("bip143.json")["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_bip143_examples(case: dict[str, Any]) -> None:
    tx, code = parse_legacy(bytes.fromhex(case["unsigned"])), bytes.fromhex(case["script_code"])
    digest = signature_hash(tx, case["index"], code, case["value_sat"])
    assert case["sighash"] == digest.hex()
    # libsecp256k1 verifies low S only, and one example of 2016 has a high one.
    low = encode_der_signature(*normalize_s(*parse_der_signature(bytes.fromhex(case["signature"]))))
    assert PublicKey(bytes.fromhex(case["public_key"])).verify(low, digest, hasher=None)


@given(tx=bitcoin_transactions(), code=st.binary(max_size=300), value_sat=st.integers(0, MAX_MONEY), data=st.data())
def test_a_second_implementation_agrees(tx: Transaction, code: bytes, value_sat: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(tx.inputs) - 1))
    theirs = EmbitTransaction.parse(encode_transaction(tx)).sighash_segwit(index, Script(code), value_sat)
    assert theirs == signature_hash(tx, index, code, value_sat)


def test_everything_that_matters_changes_the_digest() -> None:
    tx, i, output = PREVIOUS, PREVIOUS.inputs[0], PREVIOUS.outputs[0]
    second = replace(i, outpoint=replace(i.outpoint, index=4))
    variants = [
        (tx, 0, b"\x51", 1000),
        (tx, 0, b"\x52", 1000),
        (tx, 0, b"\x51", 1001),
        (replace(tx, version=2), 0, b"\x51", 1000),
        (replace(tx, lock_time=8), 0, b"\x51", 1000),
        (replace(tx, inputs=(replace(i, sequence=1),)), 0, b"\x51", 1000),
        (replace(tx, inputs=(second,)), 0, b"\x51", 1000),
        (replace(tx, inputs=(i, second)), 0, b"\x51", 1000),
        (replace(tx, inputs=(i, second)), 1, b"\x51", 1000),
        (replace(tx, outputs=(replace(output, value_sat=7_001), *tx.outputs[1:])), 0, b"\x51", 1000),
        (replace(tx, outputs=(replace(output, script=b"\x51"), *tx.outputs[1:])), 0, b"\x51", 1000),
        (replace(tx, outputs=tx.outputs[1:]), 0, b"\x51", 1000),
    ]
    assert len(variants) == len({signature_hash(*variant) for variant in variants})


@pytest.mark.parametrize(("index", "value_sat"), [(1, 0), (-1, 0), (0, -1), (0, MAX_MONEY + 1)])
def test_an_index_or_value_out_of_range_is_refused(index: int, value_sat: int) -> None:
    assert 32 == len(signature_hash(PREVIOUS, 0, b"", MAX_MONEY))
    with pytest.raises(StrongroomError) as caught:
        signature_hash(PREVIOUS, index, b"", value_sat)
    assert Code.TX_FIELD_INVALID in caught.value.codes
