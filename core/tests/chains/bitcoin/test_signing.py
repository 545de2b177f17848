"""Signatures as bytes: strict DER, low S, and witnesses that Bitcoin Core's own script engine accepts."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pbk
import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pbk.script import PrecomputedTransactionData

from strongroom.chains.bitcoin.psbt import Psbt, Spend, build_psbt
from strongroom.chains.bitcoin.scripts import multisig_script, p2wsh_script, parse_multisig_script
from strongroom.chains.bitcoin.signing import (
    CURVE_ORDER,
    HALF_ORDER,
    build_witness,
    check_low_s,
    encode_der_signature,
    normalize_s,
    parse_der_signature,
)
from strongroom.chains.bitcoin.sizes import witness_bytes
from strongroom.chains.bitcoin.transactions import TxOut, encode_transaction
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples import PAYMENT, PREVIOUS, WITNESS_SCRIPT, load_vectors

scalars = st.integers(1, CURVE_ORDER - 1) | st.integers(1, 2**64) | st.integers(0, 31).map(lambda n: 1 << 8 * n)
GOOD = encode_der_signature(0x80, 0x7F)
PRIVATE_KEYS = {
    key.public_key.format(): key
    for key in (PrivateKey(hashlib.sha256(b"test_signing %d" % number).digest()) for number in range(3))
}


@given(r=scalars, s=scalars)
def test_der_round_trips(r: int, s: int) -> None:
    der = encode_der_signature(r, s)
    assert (r, s) == parse_der_signature(der)
    assert 72 >= len(der)


@given(r=scalars, s=scalars)
def test_normalized_s_is_the_low_one(r: int, s: int) -> None:
    low = normalize_s(r, s)
    assert low == normalize_s(r, CURVE_ORDER - s)
    assert r == low[0]
    assert low[1] in (s, CURVE_ORDER - s)
    check_low_s(low[1])


@given(seed=st.binary(min_size=32, max_size=32), digest=st.binary(min_size=32, max_size=32))
def test_a_second_implementation_writes_the_same_der(seed: bytes, digest: bytes) -> None:
    secret = hashlib.sha256(seed).digest()
    der = PrivateKey(secret).sign(digest, hasher=None)
    assert der == encode_der_signature(*normalize_s(*parse_der_signature(der)))


@pytest.mark.parametrize("case", load_vectors("bip143.json")["cases"], ids=lambda case: case["name"])
def test_bip143_signatures_are_strict_der(case: dict[str, str]) -> None:
    der = bytes.fromhex(case["signature"])
    assert der == encode_der_signature(*parse_der_signature(der))


@pytest.mark.parametrize(
    "der",
    [
        b"",
        GOOD + b"\x01",
        GOOD[:-1],
        b"\x31" + GOOD[1:],
        b"\x30\x08" + GOOD[2:],
        b"\x30\x81\x07" + GOOD[2:],
        bytes.fromhex("3006020100020101"),
        bytes.fromhex("3006020101020100"),
        bytes.fromhex("3006020180020101"),
        bytes.fromhex("3006020101020180"),
        bytes.fromhex("300702020001020101"),
        bytes.fromhex("300702010102020001"),
        bytes.fromhex("30050200020101"),
        bytes.fromhex("3006030101020101"),
        bytes.fromhex("3006020101030101"),
        bytes.fromhex("3006020501020101"),
        bytes.fromhex("3009020101020101020101"),
        bytes.fromhex("3026022100") + CURVE_ORDER.to_bytes(32, "big") + bytes.fromhex("020101"),
        bytes.fromhex("3026020101022100") + CURVE_ORDER.to_bytes(32, "big"),
        bytes(73),
    ],
    ids=lambda der: der.hex()[:20],
)
def test_every_second_spelling_of_a_signature_is_refused(der: bytes) -> None:
    assert (0x80, 0x7F) == parse_der_signature(GOOD)
    with pytest.raises(StrongroomError) as caught:
        parse_der_signature(der)
    assert Code.SIGNATURE_INVALID in caught.value.codes


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (CURVE_ORDER, 1), (1, CURVE_ORDER), (-1, 1)])
def test_numbers_that_are_no_scalars_are_refused(r: int, s: int) -> None:
    assert encode_der_signature(1, 1)
    for call in (encode_der_signature, normalize_s):
        with pytest.raises(StrongroomError) as caught:
            call(r, s)
        assert Code.SIGNATURE_INVALID in caught.value.codes


def test_a_high_s_is_refused() -> None:
    check_low_s(HALF_ORDER)
    with pytest.raises(StrongroomError) as caught:
        check_low_s(HALF_ORDER + 1)
    assert Code.SIGNATURE_HIGH_S in caught.value.codes


def test_a_witness_takes_exactly_threshold_signatures() -> None:
    assert (b"", GOOD + b"\x01", GOOD + b"\x01", WITNESS_SCRIPT) == build_witness([GOOD, GOOD], WITNESS_SCRIPT)
    for signatures in ([], [GOOD], [GOOD, GOOD, GOOD]):
        with pytest.raises(StrongroomError) as caught:
            build_witness(signatures, WITNESS_SCRIPT)
        assert Code.SIGNATURES_MISSING in caught.value.codes


@pytest.mark.parametrize(
    ("code", "signature"),
    [
        (Code.SIGNATURE_INVALID, GOOD + b"\x01"),
        (Code.SIGNATURE_INVALID, b""),
        (Code.SIGNATURE_HIGH_S, encode_der_signature(1, HALF_ORDER + 1)),
    ],
)
def test_a_witness_takes_only_strict_low_signatures(code: Code, signature: bytes) -> None:
    assert build_witness([GOOD, GOOD], WITNESS_SCRIPT)
    with pytest.raises(StrongroomError) as caught:
        build_witness([GOOD, signature], WITNESS_SCRIPT)
    assert code in caught.value.codes


def test_a_witness_is_only_made_for_our_scripts() -> None:
    with pytest.raises(StrongroomError) as caught:
        build_witness([GOOD, GOOD], WITNESS_SCRIPT + b"\x00")
    assert Code.SCRIPT_UNKNOWN in caught.value.codes


@pytest.fixture(scope="module")
def signable() -> Psbt:
    """The honest example over keys that we can sign with."""
    witness_script = multisig_script(2, list(PRIVATE_KEYS))
    coin = TxOut(value_sat=400_000_000, script=p2wsh_script(witness_script))
    previous = replace(PREVIOUS, outputs=(*PREVIOUS.outputs, coin))
    return build_psbt(spends=[Spend(previous=previous, index=3, witness_script=witness_script)], payments=[PAYMENT])


def _sign(psbt: Psbt, positions: tuple[int, ...]) -> list[bytes]:
    keys = parse_multisig_script(psbt.inputs[0].witness_script).public_keys
    return [PRIVATE_KEYS[keys[n]].sign(psbt.signature_hash(0), hasher=None) for n in positions]


def _consensus_accepts(psbt: Psbt, witness: tuple[bytes, ...]) -> bool:
    """Ask Bitcoin Core's script engine."""
    tx = pbk.Transaction(encode_transaction(replace(psbt.unsigned, witnesses=(witness,))))
    spent = psbt.spent_output(0)
    script = pbk.ScriptPubkey(spent.script)
    data = PrecomputedTransactionData(tx, [pbk.TransactionOutput(script, spent.value_sat)])
    return bool(script.verify(spent.value_sat, tx, data, 0, pbk.ScriptVerificationFlags.ALL))


@pytest.mark.parametrize("positions", [(0, 1), (0, 2), (1, 2)])
def test_bitcoin_core_accepts_our_witness(signable: Psbt, positions: tuple[int, ...]) -> None:
    witness = build_witness(_sign(signable, positions), signable.inputs[0].witness_script)
    assert _consensus_accepts(signable, witness)
    size = 1 + sum(1 + len(item) for item in witness)
    assert 0 <= witness_bytes(signable.inputs[0].witness_script) - size <= 6


def test_bitcoin_core_refuses_signatures_in_another_order(signable: Psbt) -> None:
    witness = build_witness(_sign(signable, (1, 0)), signable.inputs[0].witness_script)
    assert not _consensus_accepts(signable, witness)
