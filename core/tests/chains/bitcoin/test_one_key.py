"""Coins of one key (P2WPKH): their script, digest, witness and size, alone and beside coins of several keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from coincurve import PrivateKey, PublicKey
from embit.ec import PublicKey as EmbitKey
from embit.psbt import PSBT
from embit.script import p2wpkh
from embit.transaction import SIGHASH

from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.describe import describe, render_plain
from strongroom.chains.bitcoin.keymaps import encode_maps, parse_maps
from strongroom.chains.bitcoin.networks import BITCOIN, LITECOIN_REGTEST
from strongroom.chains.bitcoin.psbt import Payment, Psbt, Spend, build_psbt, encode_psbt, parse_psbt
from strongroom.chains.bitcoin.scripts import (
    ScriptKind,
    build_script,
    is_p2wpkh,
    multisig_script,
    own_script,
    p2wpkh_script,
    p2wsh_script,
)
from strongroom.chains.bitcoin.sighash import script_code_of, signature_hash
from strongroom.chains.bitcoin.signing import (
    build_key_witness,
    build_witness,
    encode_der_signature,
    parse_der_signature,
)
from strongroom.chains.bitcoin.transactions import (
    Transaction,
    TxOut,
    encode_transaction,
    parse_legacy,
    parse_transaction,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples import CHANGE, KEYS, PAYMENT, PREVIOUS, WITNESS_SCRIPT, load_vectors

SECRET = PrivateKey(hashlib.sha256(b"strongroom test key 1").digest())
KEY = SECRET.public_key.format()
COIN = replace(PREVIOUS, lock_time=11, outputs=(TxOut(value_sat=400_000_000, script=p2wpkh_script(KEY)),))
ONE = Spend(previous=COIN, index=0, witness_script=None)
SEVERAL = Spend(previous=PREVIOUS, index=1, witness_script=WITNESS_SCRIPT)


def one_key_psbt() -> Psbt:
    """One coin of 4 of one key; 3 go to a stranger and 0.9999 back to the same key."""
    back = Payment(value_sat=99_990_000, script=p2wpkh_script(KEY))
    return build_psbt(spends=[ONE], payments=[PAYMENT, back])


def mixed_psbt() -> Psbt:
    """A coin of one key and one of two of three."""
    return build_psbt(spends=[ONE, SEVERAL], payments=[PAYMENT, CHANGE])


def refuse(code: Code, raw: bytes) -> None:
    with pytest.raises(StrongroomError) as caught:
        parse_psbt(raw)
    assert {code} == set(caught.value.codes)


def test_the_script_of_the_published_key() -> None:
    """Source: BIP-173, "Examples": the key of BIP-143's generator point."""
    public_key = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    script = p2wpkh_script(public_key)
    assert "0014751e76e8199196d454941c45d1b3a323f1433bd6" == script.hex()
    assert "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" == render_address(script, BITCOIN)
    assert is_p2wpkh(script)
    assert (script, None) == own_script(1, [public_key])


WHOLE_KEY = SECRET.public_key.format(compressed=False)


@pytest.mark.parametrize("key", [b"", KEY[:32], KEY + b"\x00", b"\x04" + KEY[1:], WHOLE_KEY])
def test_a_key_that_segwit_does_not_take_has_no_script(key: bytes) -> None:
    assert p2wpkh_script(KEY) == bytes(p2wpkh(EmbitKey.parse(KEY)).data)
    with pytest.raises(StrongroomError) as caught:
        p2wpkh_script(key)
    assert {Code.SCRIPT_UNKNOWN} == set(caught.value.codes)


def test_two_keys_and_more_are_a_script() -> None:
    script, witness_script = own_script(2, KEYS)
    assert (p2wsh_script(multisig_script(2, KEYS)), multisig_script(2, KEYS)) == (script, witness_script)
    assert not is_p2wpkh(script)


def test_the_published_digest_of_a_coin_of_one_key() -> None:
    """Source: BIP-143, "Native P2WPKH"."""
    case = next(c for c in load_vectors("bip143.json")["cases"] if c["name"].startswith("Native P2WPKH"))
    script = p2wpkh_script(bytes.fromhex(case["public_key"]))
    assert bytes.fromhex(case["script_code"]) == script_code_of(script, None)
    unsigned = parse_legacy(bytes.fromhex(case["unsigned"]))
    digest = signature_hash(unsigned, case["index"], script_code_of(script, None), case["value_sat"])
    assert case["sighash"] == digest.hex()
    signed = parse_transaction(bytes.fromhex(case["signed"]))
    witness = build_key_witness(bytes.fromhex(case["signature"]), bytes.fromhex(case["public_key"]))
    assert witness == signed.witnesses[case["index"]]


@pytest.mark.parametrize("make", [one_key_psbt, mixed_psbt])
def test_it_goes_there_and_back(make: Callable[[], Psbt]) -> None:
    psbt = make()
    raw = encode_psbt(psbt)
    assert psbt == parse_psbt(raw)
    other = PSBT.parse(raw)
    for number in range(len(psbt.inputs)):
        assert bytes(other.sighash(number, sighash=SIGHASH.ALL)) == psbt.signature_hash(number)
    assert other.fee() == psbt.fee_sat


def test_a_witness_script_has_no_place_beside_one_key() -> None:
    maps = parse_maps(encode_psbt(one_key_psbt()))
    assert parse_psbt(encode_maps(maps))
    refuse(Code.PSBT_INVALID, encode_maps([maps[0], {**maps[1], b"\x05": WITNESS_SCRIPT}, *maps[2:]]))
    refuse(Code.PSBT_INVALID, encode_maps([maps[0], {**maps[1], b"\x05": b""}, *maps[2:]]))


@pytest.mark.parametrize(
    "script",
    [
        p2wsh_script(WITNESS_SCRIPT),
        build_script(ScriptKind.P2PKH, b"\x11" * 20),
        build_script(ScriptKind.P2SH, b"\x11" * 20),
        build_script(ScriptKind.P2TR, b"\x11" * 32),
    ],
    ids=["p2wsh", "p2pkh", "p2sh", "p2tr"],
)
def test_a_coin_without_a_witness_script_is_of_one_key(script: bytes) -> None:
    assert one_key_psbt().inputs[0].witness_script is None
    coin = replace(COIN, outputs=(replace(COIN.outputs[0], script=script),))
    with pytest.raises(StrongroomError) as caught:
        build_psbt(spends=[replace(ONE, previous=coin)], payments=[PAYMENT])
    assert {Code.PSBT_INVALID} == set(caught.value.codes)


def _signature(digest: bytes) -> bytes:
    return encode_der_signature(*parse_der_signature(SECRET.sign(digest, hasher=None)))


def test_the_witness_is_a_signature_and_its_key() -> None:
    psbt = one_key_psbt()
    der = _signature(psbt.signature_hash(0))
    assert (der + b"\x01", KEY) == build_key_witness(der, KEY)
    assert PublicKey(KEY).verify(der, psbt.signature_hash(0), hasher=None)
    for bad, code in ((der[:-1], Code.SIGNATURE_INVALID), (_high(der), Code.SIGNATURE_HIGH_S)):
        with pytest.raises(StrongroomError) as caught:
            build_key_witness(bad, KEY)
        assert {code} == set(caught.value.codes)


def _high(der: bytes) -> bytes:
    r, s = parse_der_signature(der)
    return encode_der_signature(r, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - s)


def test_the_size_is_never_less_than_what_is_signed() -> None:
    for psbt in (one_key_psbt(), mixed_psbt()):
        der = _signature(psbt.signature_hash(0))
        stacks = [build_key_witness(der, KEY), build_witness([der, der], WITNESS_SCRIPT)][: len(psbt.inputs)]
        signed = replace(psbt.unsigned, witnesses=tuple(stacks))
        size = _vsize(signed)
        assert size <= psbt.vsize <= size + len(stacks)


def _vsize(tx: Transaction) -> int:
    whole, stripped = len(encode_transaction(tx)), len(encode_transaction(replace(tx, witnesses=())))
    return (3 * stripped + whole + 3) // 4


def test_the_words_name_the_kind_of_each_coin() -> None:
    lines = render_plain(describe(mixed_psbt(), LITECOIN_REGTEST))
    assert 1 == sum("spending needs one key" in line for line in lines)
    # The second coin, and the change.
    assert 2 == sum("spending needs 2 of 3 keys" in line for line in lines)


RAW = encode_psbt(mixed_psbt())


@pytest.mark.parametrize("part", range(8))
def test_every_byte_flipped_is_refused_or_shown(part: int) -> None:
    facts = describe(mixed_psbt(), LITECOIN_REGTEST)
    for place in range(part, len(RAW), 8):
        for bit in range(8):
            changed = RAW[:place] + bytes([RAW[place] ^ (1 << bit)]) + RAW[place + 1 :]
            try:
                found = describe(parse_psbt(changed), LITECOIN_REGTEST)
            except StrongroomError:
                continue
            blank = {"unsigned_digest": facts.unsigned_digest, "txid_hex": facts.txid_hex}
            assert facts != replace(found, **blank)  # type: ignore[arg-type]
            assert render_plain(facts) != render_plain(replace(found, **blank))  # type: ignore[arg-type]
