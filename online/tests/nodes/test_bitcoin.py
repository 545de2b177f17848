"""The Bitcoin-family client on a real litecoind: deposits, unspent outputs, sending twice, and a node that lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from nodes import LitecoinChain, Said, litecoin_chain, start_liar, start_litecoind
from strongroom.chains.bitcoin.addresses import parse_address, render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import p2wsh_script
from strongroom.chains.bitcoin.transactions import (
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    encode_transaction,
    txid_hex,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.nodes.blocks import TransactionKind

__all__ = ["litecoin_chain"]

pytestmark = pytest.mark.xdist_group("litecoind")  # One worker, so that one node serves all.

COIN = 10**8
FEE = 10_000
HASH = "ab" * 32


def vault(number: int) -> tuple[bytes, bytes]:
    """A P2WSH output that the test can spend without keys: its script is a number. Returns it and its output script."""
    witness_script = bytes([1, 0x20 + number, 0x69, 0x51])  # push a number above 16, OP_VERIFY, OP_1
    return witness_script, p2wsh_script(witness_script)


def spend(outpoint: OutPoint, value_sat: int, witness_script: bytes, *outputs: TxOut) -> bytes:
    """A transaction that spends one such output."""
    paid = sum(each.value_sat for each in outputs)
    assert paid + FEE == value_sat
    return encode_transaction(
        Transaction(
            version=2,
            inputs=(TxIn(outpoint=outpoint, script_sig=b"", sequence=0xFFFFFFFD),),
            outputs=outputs,
            witnesses=((witness_script,),),
            lock_time=0,
        )
    )


def fund(chain: LitecoinChain, script: bytes, value_sat: int) -> OutPoint:
    """Pay a script, mine it, and return where the payment stands."""
    txid = chain.fund(render_address(script, LITECOIN_REGTEST), value_sat)
    [block_hash] = chain.mine(1)
    seen = next(each for each in chain.node().fetch_block(block_hash).transactions if each.txid == txid)
    index = next(i for i, out in enumerate(seen.transaction.outputs) if out.script == script)
    return OutPoint(txid=bytes.fromhex(txid)[::-1], index=index)


def refuse(code: Code, question: Callable[[], object]) -> None:
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes


@pytest.fixture
def node(litecoin_chain: LitecoinChain) -> BitcoinNode:
    return litecoin_chain.node()


def test_the_network_is_named_by_its_first_block(node: BitcoinNode) -> None:
    assert LITECOIN_REGTEST.genesis_hash == node.fetch_genesis_hash()


def test_a_deposit_is_seen_with_all_its_facts(litecoin_chain: LitecoinChain, node: BitcoinNode) -> None:
    _, script = vault(1)
    height = node.fetch_block_count()
    value_sat = 3 * COIN + 12_345_679
    txid = litecoin_chain.fund(render_address(script, LITECOIN_REGTEST), value_sat)
    waiting = node.fetch_transaction(txid)
    assert waiting is not None
    assert (None, 0) == (waiting.block_hash, waiting.confirmations)
    [block_hash] = litecoin_chain.mine(1)
    assert block_hash == node.fetch_block_hash(height + 1)
    block = node.fetch_block(block_hash)
    assert (height + 1, block_hash, 1) == (block.height, block.hash, block.confirmations)
    assert block.parent_hash == node.fetch_block_hash(height)
    assert [TransactionKind.COINBASE, TransactionKind.PLAIN] == [each.kind for each in block.transactions]
    seen = block.transactions[1]
    assert txid == seen.txid
    assert [value_sat] == [out.value_sat for out in seen.transaction.outputs if out.script == script]
    mined = node.fetch_transaction(txid)
    assert mined is not None
    assert (block_hash, 1, seen.transaction) == (mined.block_hash, mined.confirmations, mined.transaction)
    litecoin_chain.mine(2)
    assert 3 == node.fetch_block(block_hash).confirmations


def test_unspent_outputs_are_found_with_their_sum(litecoin_chain: LitecoinChain, node: BitcoinNode) -> None:
    (_, one), (_, two), (_, none) = vault(2), vault(3), vault(4)
    first, second = fund(litecoin_chain, one, COIN), fund(litecoin_chain, two, 2 * COIN + 1)
    found = node.fetch_unspents([one, two, none])
    assert 3 * COIN + 1 == found.total_sat
    assert {first: one, second: two} == {each.outpoint: each.output.script for each in found.unspents}
    assert (node.fetch_block_count(), node.fetch_block_hash(found.height)) == (found.height, found.block_hash)
    assert 0 == node.fetch_unspents([none]).total_sat
    assert TxOut(value_sat=COIN, script=one) == node.fetch_output(first)


def test_a_transaction_is_tested_sent_mined_and_gone_from_the_unspent(
    litecoin_chain: LitecoinChain, node: BitcoinNode
) -> None:
    witness_script, script = vault(5)
    outpoint = fund(litecoin_chain, script, COIN)
    client = parse_address(litecoin_chain.new_address(), LITECOIN_REGTEST)
    raw = spend(outpoint, COIN, witness_script, TxOut(value_sat=COIN - FEE, script=client))
    assert node.fetch_acceptance(raw).is_allowed
    txid = node.send_raw(raw)
    assert node.fetch_output(outpoint) is None
    [block_hash] = litecoin_chain.mine(1)
    assert [txid] == [each.txid for each in node.fetch_block(block_hash).transactions[1:]]
    assert 0 == node.fetch_unspents([script]).total_sat
    assert TxOut(value_sat=COIN - FEE, script=client) == node.fetch_output(
        OutPoint(txid=bytes.fromhex(txid)[::-1], index=0)
    )


def test_sending_the_same_bytes_again_is_no_error(litecoin_chain: LitecoinChain, node: BitcoinNode) -> None:
    witness_script, script = vault(6)
    outpoint = fund(litecoin_chain, script, COIN)
    raw = spend(outpoint, COIN, witness_script, TxOut(value_sat=COIN - FEE, script=script))
    txid = node.send_raw(raw)
    assert txid == node.send_raw(raw)
    litecoin_chain.mine(1)
    assert txid == node.send_raw(raw)
    # Also when its output is spent already, and the node would say that inputs are missing.
    again = spend(
        OutPoint(txid=bytes.fromhex(txid)[::-1], index=0),
        COIN - FEE,
        witness_script,
        TxOut(value_sat=COIN - 2 * FEE, script=script),
    )
    node.send_raw(again)
    litecoin_chain.mine(1)
    assert txid == node.send_raw(raw)


def test_what_the_network_refuses_is_refused_with_its_words(litecoin_chain: LitecoinChain, node: BitcoinNode) -> None:
    witness_script, script = vault(7)
    outpoint = fund(litecoin_chain, script, COIN)
    honest = spend(outpoint, COIN, witness_script, TxOut(value_sat=COIN - FEE, script=script))
    forged = spend(outpoint, COIN, vault(8)[0], TxOut(value_sat=COIN - FEE, script=script))
    verdict = node.fetch_acceptance(forged)
    assert not verdict.is_allowed
    assert "Witness program hash mismatch" in verdict.reason
    refuse(Code.NODE_REFUSED, lambda: node.send_raw(forged))
    refuse(Code.TX_TRUNCATED, lambda: node.send_raw(b"\x02"))
    assert (True, "") == (node.fetch_acceptance(honest).is_allowed, node.fetch_acceptance(honest).reason)
    node.send_raw(honest)
    other = spend(outpoint, COIN, witness_script, TxOut(value_sat=COIN - FEE, script=vault(8)[1]))
    refuse(Code.NODE_REFUSED, lambda: node.send_raw(other))
    litecoin_chain.mine(1)


def test_what_does_not_exist_is_said_to_be_missing(node: BitcoinNode) -> None:
    height = node.fetch_block_count()
    refuse(Code.NODE_UNAVAILABLE, lambda: node.fetch_block_hash(height + 1))
    refuse(Code.NODE_REFUSED, lambda: node.fetch_block(HASH))
    assert node.fetch_transaction(HASH) is None
    assert node.fetch_output(OutPoint(txid=bytes(32), index=0)) is None
    assert height == node.fetch_block(node.fetch_block_hash(height)).height


def test_a_fee_rate_is_the_nodes_or_none(node: BitcoinNode) -> None:
    # A fresh regtest has seen too few payments to estimate anything, and nothing is made up.
    assert node.fetch_fee_estimate(6) is None
    assert 1000 == node.fetch_minimum_fee_rate()


def test_wrong_credentials_are_refused(litecoin_chain: LitecoinChain, node: BitcoinNode) -> None:
    with BitcoinNode(litecoin_chain.url, litecoin_chain.user, "wrong") as stranger:
        refuse(Code.NODE_UNAVAILABLE, stranger.fetch_block_count)
    assert node.fetch_block_count() > 0


def test_a_block_that_left_the_chain_has_no_confirmations() -> None:
    with start_litecoind() as chain:
        node = chain.node()
        [gone] = chain.mine(1)
        height = node.fetch_block(gone).height
        chain.forget(gone)
        [now] = chain.mine(1)
        assert 0 == node.fetch_block(gone).confirmations
        assert (now, 1) == (node.fetch_block_hash(height), node.fetch_block(now).confirmations)


def test_a_chain_with_mimblewimble_is_followed() -> None:
    with start_litecoind(mweb=()) as chain:
        node = chain.node()
        chain.mine(431 - node.fetch_block_count())
        pegged_in = chain.fund(chain.new_address("mweb"), 5 * COIN)
        first, second = chain.mine(2)
        kinds = [TransactionKind.COINBASE, TransactionKind.PLAIN, TransactionKind.HOGEX]
        block = node.fetch_block(first)
        assert (432, kinds) == (block.height, [each.kind for each in block.transactions])
        assert pegged_in == block.transactions[1].txid
        assert kinds[::2] == [each.kind for each in node.fetch_block(second).transactions]


# A node that lies


Lie = Callable[[dict[str, Any]], dict[str, Any] | Said]


def instead(result: object) -> Lie:
    """Another result altogether."""
    return lambda truth: {**truth, "result": result}


def flipped(truth: dict[str, Any]) -> dict[str, Any]:
    """The truth with the last bit of a block's hex changed."""
    raw: str = truth["result"]
    return {**truth, "result": raw[:-1] + format(int(raw[-1], 16) ^ 1, "x")}


def told(**changes: object) -> Lie:
    """The truth with some fields of the result changed; `None` takes a field away."""

    def lie(truth: dict[str, Any]) -> dict[str, Any]:
        result = {**truth["result"], **changes}
        return {**truth, "result": {key: value for key, value in result.items() if value is not None}}

    return lie


def spelled(text: str) -> Lie:
    """An answer with a number in exactly these characters."""
    return lambda _truth: Said(status=200, body=text.encode())


BLOCK_LIES: list[tuple[str, str, Lie, Code]] = [
    ("another block", "getblock", instead("00" * 200), Code.DIGEST_MISMATCH),
    ("a changed transaction", "getblock", flipped, Code.DIGEST_MISMATCH),
    ("half a block", "getblock", lambda truth: {**truth, "result": truth["result"][:-2]}, Code.TX_TRUNCATED),
    ("a block and more", "getblock", lambda truth: {**truth, "result": truth["result"] + "00"}, Code.TX_TRAILING_BYTES),
    ("odd hex", "getblock", lambda truth: {**truth, "result": truth["result"] + "0"}, Code.FIELD_INVALID),
    ("a negative height", "getblockheader", told(height=-1), Code.FIELD_INVALID),
    ("no height", "getblockheader", told(height=None), Code.FIELD_INVALID),
    ("a text for confirmations", "getblockheader", told(confirmations="1"), Code.FIELD_INVALID),
    ("fewer than no confirmations", "getblockheader", told(confirmations=-2), Code.FIELD_INVALID),
]


@pytest.mark.parametrize(("why", "method", "lie", "code"), BLOCK_LIES, ids=[each[0] for each in BLOCK_LIES])
def test_a_block_that_cannot_be_true_is_refused(
    litecoin_chain: LitecoinChain, why: str, method: str, lie: Lie, code: Code
) -> None:
    del why
    [block_hash] = litecoin_chain.mine(1)
    user, password = litecoin_chain.user, litecoin_chain.password
    with start_liar(litecoin_chain.url, {method: lie}) as liar, BitcoinNode(liar.url, user, password) as told_node:
        refuse(code, lambda: told_node.fetch_block(block_hash))
    with start_liar(litecoin_chain.url, {}) as honest, BitcoinNode(honest.url, user, password) as told_node:
        assert block_hash == told_node.fetch_block(block_hash).hash


OTHER_LIES: list[tuple[str, str, Lie, Code, Callable[[BitcoinNode, bytes, str], object]]] = [
    ("another txid", "sendrawtransaction", instead(HASH), Code.FIELD_INVALID, lambda n, raw, _txid: n.send_raw(raw)),
    (
        "another transaction",
        "getrawtransaction",
        told(
            hex=encode_transaction(
                Transaction(
                    version=1,
                    inputs=(TxIn(outpoint=OutPoint(txid=bytes(32), index=0), script_sig=b"", sequence=0),),
                    outputs=(TxOut(value_sat=1, script=b""),),
                    witnesses=(),
                    lock_time=0,
                )
            ).hex()
        ),
        Code.DIGEST_MISMATCH,
        lambda n, _raw, txid: n.fetch_transaction(txid),
    ),
    (
        "two verdicts",
        "testmempoolaccept",
        instead([{"allowed": True}, {"allowed": True}]),
        Code.FIELD_INVALID,
        lambda n, raw, _txid: n.fetch_acceptance(raw),
    ),
    (
        "a sum that is not the sum",
        "scantxoutset",
        told(total_amount=1),
        Code.FIELD_INVALID,
        lambda n, _raw, _txid: n.fetch_unspents([vault(9)[1]]),
    ),
    (
        "an aborted scan",
        "scantxoutset",
        told(success=False),
        Code.NODE_UNAVAILABLE,
        lambda n, _raw, _txid: n.fetch_unspents([vault(9)[1]]),
    ),
    (
        "a running scan",
        "scantxoutset",
        lambda truth: {"id": truth["id"], "result": None, "error": {"code": -8, "message": "Scan already in progress"}},
        Code.NODE_UNAVAILABLE,
        lambda n, _raw, _txid: n.fetch_unspents([vault(9)[1]]),
    ),
    (
        "a ninth decimal",
        "getmempoolinfo",
        spelled('{"id":1,"error":null,"result":{"mempoolminfee":0.000000001,"minrelaytxfee":0.00001000}}'),
        Code.FIELD_INVALID,
        lambda n, _raw, _txid: n.fetch_minimum_fee_rate(),
    ),
    (
        "a fee rate that is no number",
        "estimatesmartfee",
        instead({"feerate": "0.1"}),
        Code.FIELD_INVALID,
        lambda n, _raw, _txid: n.fetch_fee_estimate(6),
    ),
]


@pytest.mark.parametrize(("why", "method", "lie", "code", "ask"), OTHER_LIES, ids=[each[0] for each in OTHER_LIES])
def test_an_answer_that_cannot_be_true_is_refused(
    litecoin_chain: LitecoinChain,
    node: BitcoinNode,
    why: str,
    method: str,
    lie: Lie,
    code: Code,
    ask: Callable[[BitcoinNode, bytes, str], object],
) -> None:
    del why
    witness_script, script = vault(9)
    outpoint = fund(litecoin_chain, script, COIN)
    raw = spend(outpoint, COIN, witness_script, TxOut(value_sat=COIN - FEE, script=script))
    user, password = litecoin_chain.user, litecoin_chain.password
    with start_liar(litecoin_chain.url, {method: lie}) as liar, BitcoinNode(liar.url, user, password) as told_node:
        refuse(code, lambda: ask(told_node, raw, outpoint.txid_hex))
    ask(node, raw, outpoint.txid_hex)
    litecoin_chain.mine(1)


def test_an_estimate_is_exact_where_the_node_has_one(litecoin_chain: LitecoinChain) -> None:
    said = json.dumps({"id": 1, "error": None, "result": {"blocks": 6}}).replace(
        '"blocks"', '"feerate": 0.00012345, "blocks"'
    )
    user, password = litecoin_chain.user, litecoin_chain.password
    with (
        start_liar(litecoin_chain.url, {"estimatesmartfee": spelled(said)}) as liar,
        BitcoinNode(liar.url, user, password) as told_node,
    ):
        assert 12_345 == told_node.fetch_fee_estimate(6)


def test_the_id_of_a_sent_transaction_is_our_own(litecoin_chain: LitecoinChain, node: BitcoinNode) -> None:
    witness_script, script = vault(10)
    outpoint = fund(litecoin_chain, script, COIN)
    raw = spend(outpoint, COIN, witness_script, TxOut(value_sat=COIN - FEE, script=script))
    found = node.fetch_transaction(outpoint.txid_hex)
    assert found is not None
    assert (outpoint.txid_hex, found.raw) == (txid_hex(found.transaction), encode_transaction(found.transaction))
    node.send_raw(raw)
    litecoin_chain.mine(1)
