"""Facts and words show everything: every byte of a PSBT, changed, is refused or changes both."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.bitcoin.describe import describe, render_grouped, render_plain
from strongroom.chains.bitcoin.networks import BITCOIN, LITECOIN_REGTEST, NETWORKS
from strongroom.chains.bitcoin.psbt import Psbt, Spend, build_psbt, encode_psbt, parse_psbt
from strongroom.chains.bitcoin.scripts import p2wsh_script
from strongroom.chains.bitcoin.transactions import Transaction, TxOut, parse_transaction
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from ..strategies import bitcoin_psbts
from .examples import PAYMENT, PREVIOUS, WITNESS_SCRIPT, altered, honest_psbt, load_vectors

REAL = load_vectors("psbt_litecoin_2of3.json")
RAW = bytes.fromhex(REAL["psbt"])
FLIPS = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF)


def test_the_facts_are_those_that_the_node_gave() -> None:
    facts = describe(parse_psbt(RAW), LITECOIN_REGTEST)
    assert REAL["chain"] == facts.chain
    assert REAL["txid"] == facts.txid_hex
    assert REAL["fee_sat"] == facts.fee_sat == facts.input_total_sat - facts.output_total_sat
    assert "sha256:" + hashlib.sha256(bytes.fromhex(REAL["unsigned"])).hexdigest() == facts.unsigned_digest
    assert REAL["inputs"] == [
        {"txid": i.txid_hex, "output_index": i.output_index, "value_sat": i.value_sat, "address": i.address}
        for i in facts.inputs
    ]
    assert REAL["outputs"] == [
        {
            "value_sat": o.value_sat,
            "kind": o.kind.value,
            "address": o.address,
            "script": o.script_hex,
            "change": o.witness is not None,
        }
        for o in facts.outputs
    ]
    assert (2, 0, {0xFFFFFFFD}) == (facts.version, facts.lock_time, {i.sequence for i in facts.inputs})


def test_the_size_is_never_less_than_that_of_the_signed_transaction() -> None:
    facts = describe(parse_psbt(RAW), LITECOIN_REGTEST)
    signed = parse_transaction(bytes.fromhex(REAL["signed"]))
    assert facts.txid_hex == parse_psbt(RAW).txid_hex
    total, stripped = len(bytes.fromhex(REAL["signed"])), len(bytes.fromhex(REAL["unsigned"]))
    vsize = (3 * stripped + total + 3) // 4
    assert len(facts.inputs) == len(signed.witnesses)
    assert vsize <= facts.vsize <= vsize + len(facts.inputs)
    assert 60_000 * 1000 // facts.vsize == facts.fee_rate_millisat_per_vb


@pytest.mark.parametrize("flip", FLIPS, ids=hex)
def test_every_byte_changed_is_refused_or_shown(flip: int) -> None:
    honest_facts = describe(parse_psbt(RAW), LITECOIN_REGTEST)
    honest_words = render_plain(honest_facts)
    shown = 0
    for position in range(len(RAW)):
        changed = RAW[:position] + bytes([RAW[position] ^ flip]) + RAW[position + 1 :]
        try:
            facts = describe(parse_psbt(changed), LITECOIN_REGTEST)
        except StrongroomError:
            continue
        assert honest_facts != facts, position
        assert honest_words != render_plain(facts), position
        shown += 1
    # Payments without a spending script: 8 bytes of value (some flips exceed the coins), 20 or 32 bytes of script.
    assert 100 < shown < 200


@given(psbt=bitcoin_psbts(), flip=st.integers(1, 255), data=st.data())
def test_a_changed_byte_of_any_psbt_is_refused_or_shown(psbt: Psbt, flip: int, data: st.DataObject) -> None:
    raw = encode_psbt(psbt)
    position = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:position] + bytes([raw[position] ^ flip]) + raw[position + 1 :]
    try:
        facts = describe(parse_psbt(changed), LITECOIN_REGTEST)
    except StrongroomError:
        return
    assert describe(psbt, LITECOIN_REGTEST) != facts
    assert render_plain(describe(psbt, LITECOIN_REGTEST)) != render_plain(facts)


@given(psbt=bitcoin_psbts())
def test_the_words_drop_no_fact(psbt: Psbt) -> None:
    facts = describe(psbt, LITECOIN_REGTEST)
    words = "\n".join(render_plain(facts))
    for spent in facts.inputs:
        for part in (spent.txid_hex, spent.script_hex, render_grouped(spent.address), str(spent.value_sat)):
            assert part in words
        assert spent.witness is None or spent.witness.script_hex in words
        assert spent.witness is None or all(render_grouped(key) in words for key in spent.witness.public_keys)
    for paid in facts.outputs:
        for part in (paid.script_hex, render_grouped(paid.address), str(paid.value_sat), paid.kind.value):
            assert part in words
        assert paid.witness is None or paid.witness.script_hex in words
    for part in (facts.chain, facts.asset, str(facts.fee_sat), str(facts.vsize), facts.txid_hex, facts.unsigned_digest):
        assert part in words


def test_the_network_changes_facts_and_words() -> None:
    psbt = honest_psbt()
    assert len(NETWORKS) == len({render_plain(describe(psbt, network)) for network in NETWORKS.values()})


def test_a_claim_of_change_is_worded_as_a_claim() -> None:
    payment, change = describe(honest_psbt(), LITECOIN_REGTEST).outputs
    assert payment.witness is None
    assert change.witness is not None
    assert (2, 3) == (change.witness.threshold, len(change.witness.public_keys))
    words = "\n".join(render_plain(describe(honest_psbt(), LITECOIN_REGTEST)))
    assert 1 == words.count("only the key register can confirm it")
    assert 1 == words.count("not claimed as change")


def test_an_amount_reads_in_coins_and_in_units() -> None:
    words = render_plain(describe(honest_psbt(), LITECOIN_REGTEST))
    assert "Output 1 of 2: 3.00000000 LTC (300000000 smallest units)" in words
    assert "Network fee: 0.00010000 LTC (10000 smallest units)." in words


def test_groups_of_four_lose_no_character() -> None:
    assert "ltc1 qabc de" == render_grouped("ltc1qabcde")
    assert "" == render_grouped("")


def test_more_coins_than_the_network_can_have_are_refused() -> None:
    """Litecoin has four times as many: the parser, which knows no network, lets them pass."""
    coin = TxOut(value_sat=BITCOIN.max_money_sat + 1, script=p2wsh_script(WITNESS_SCRIPT))
    spend = Spend(previous=altered(PREVIOUS, outputs=(coin,)), index=0, witness_script=WITNESS_SCRIPT)
    psbt = build_psbt(spends=[spend], payments=[PAYMENT])
    assert describe(psbt, LITECOIN_REGTEST)
    assert describe(build_psbt(spends=[replace(spend, previous=_less(spend))], payments=[PAYMENT]), BITCOIN)
    with pytest.raises(StrongroomError) as caught:
        describe(psbt, BITCOIN)
    assert Code.TX_FIELD_INVALID in caught.value.codes


def _less(spend: Spend) -> Transaction:
    output = spend.previous.outputs[0]
    return altered(spend.previous, outputs=(replace(output, value_sat=output.value_sat - 1),))
