"""The Ethereum client on a real anvil: deposits, fees, sending twice, reorganisations, and a node that lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account

from nodes import AnvilChain, ethereum_chain, start_anvil, start_liar
from strongroom.chains.ethereum.addresses import parse_address, render_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.transactions import parse_signed
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.online.nodes.ethereum import EthereumNode, transaction_id
from strongroom.online.nodes.executed import ReceiptStatus

__all__ = ["ethereum_chain"]

pytestmark = pytest.mark.xdist_group("anvil")  # One worker, so that one node serves all.

ETHER = 10**18
KEY = "0x" + "11" * 32
"""The key of a test account; nothing but test coins ever belongs to it."""
SENDER: str = Account.from_key(KEY).address
STRANGER = "0x00000000000000000000000000000000000000AA"
# PUSH1 0, PUSH1 0, REVERT: init code that always fails.
FAILING = bytes.fromhex("60006000fd")


def signed(node: EthereumNode, nonce: int, *, value_wei: int = 1, data: bytes = b"", create: bool = False) -> bytes:
    fees = node.fetch_fees()
    fields: dict[str, Any] = {
        "type": 2,
        "chainId": node.fetch_chain_id(),
        "nonce": nonce,
        "gas": 100_000 if data else 21_000,
        "maxFeePerGas": fees.base_fee_wei * 2 + fees.priority_fee_wei,
        "maxPriorityFeePerGas": fees.priority_fee_wei,
        "value": value_wei,
        "data": data,
    }
    raw: bytes = Account.sign_transaction(fields if create else {**fields, "to": STRANGER}, KEY).raw_transaction
    return bytes(raw)


def refuse(code: Code, question: Callable[[], object]) -> None:
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes


@pytest.fixture
def node(ethereum_chain: AnvilChain) -> EthereumNode:
    return ethereum_chain.node()


def test_the_chain_is_named(node: EthereumNode) -> None:
    assert 31337 == node.fetch_chain_id()


def test_a_deposit_is_seen_with_all_its_facts(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    before = node.fetch_block_number()
    txid = ethereum_chain.fund(SENDER, 3 * ETHER)
    assert node.fetch_receipt(txid) is None
    assert node.is_known(txid)
    ethereum_chain.mine(1)
    assert before + 1 == node.fetch_block_number()
    block = node.fetch_block(before + 1)
    assert node.fetch_block_hash(before) == block.parent_hash
    assert node.fetch_block_hash(before + 1) == block.hash
    [seen] = block.transactions
    assert (txid, SENDER, 3 * ETHER) == (seen.hash, seen.to, seen.value_wei)
    assert (2, b"", ReceiptStatus.SUCCESS) == (seen.type, seen.data, seen.status)
    assert ethereum_chain.accounts()[0] == seen.sender.lower()
    assert node.fetch_receipt(txid) is not None
    moved = node.fetch_balance(SENDER, before + 1) - node.fetch_balance(SENDER, before)
    assert 3 * ETHER == moved
    assert node.fetch_balance(SENDER, before + 1) == node.fetch_balance(SENDER, block.hash)


def test_a_signed_transaction_is_sent_and_pays_value_and_fee(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    ethereum_chain.fund(SENDER, ETHER)
    ethereum_chain.mine(1)
    start = node.fetch_block_number()
    nonce, balance = node.fetch_nonce(SENDER, start), node.fetch_balance(SENDER, start)
    raw = signed(node, nonce, value_wei=1000)
    txid = node.send_raw(raw)
    assert transaction_id(raw) == txid
    assert nonce + 1 == node.fetch_pending_nonce(SENDER)
    ethereum_chain.mine(1)
    block = node.fetch_block(start + 1)
    [seen] = block.transactions
    assert (txid, SENDER, STRANGER, nonce) == (seen.hash, seen.sender, seen.to, seen.nonce)
    assert 21_000 * (block.base_fee_wei + node_priority(raw, block.base_fee_wei)) == seen.fee_wei
    assert balance - 1000 - seen.fee_wei == node.fetch_balance(SENDER, start + 1)
    assert nonce + 1 == node.fetch_nonce(SENDER, start + 1)


def node_priority(raw: bytes, base_fee_wei: int) -> int:
    """What the sender paid above the base fee: never more than the two limits that they signed (EIP-1559)."""
    transfer = parse_signed(raw).transfer
    return min(transfer.max_priority_fee_per_gas_wei, transfer.max_fee_per_gas_wei - base_fee_wei)


def test_sending_the_same_bytes_again_is_no_error(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    ethereum_chain.fund(SENDER, ETHER)
    ethereum_chain.mine(1)
    raw = signed(node, node.fetch_nonce(SENDER, node.fetch_block_number()))
    assert node.send_raw(raw) == node.send_raw(raw)
    ethereum_chain.mine(1)
    assert transaction_id(raw) == node.send_raw(raw)


def test_another_transaction_with_a_used_nonce_is_refused(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    ethereum_chain.fund(SENDER, ETHER)
    ethereum_chain.mine(1)
    nonce = node.fetch_nonce(SENDER, node.fetch_block_number())
    node.send_raw(signed(node, nonce, value_wei=1))
    ethereum_chain.mine(1)
    refuse(Code.NODE_REFUSED, lambda: node.send_raw(signed(node, nonce, value_wei=2)))
    refuse(Code.NODE_REFUSED, lambda: node.send_raw(b"\x02\xc0"))
    node.send_raw(signed(node, nonce + 1, value_wei=2))
    ethereum_chain.mine(1)


def test_a_transaction_that_failed_says_so(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    ethereum_chain.fund(SENDER, ETHER)
    ethereum_chain.mine(1)
    height = node.fetch_block_number()
    raw = signed(node, node.fetch_nonce(SENDER, height), value_wei=5, data=FAILING, create=True)
    balance = node.fetch_balance(SENDER, height)
    txid = node.send_raw(raw)
    ethereum_chain.mine(1)
    [seen] = node.fetch_block(height + 1).transactions
    assert (txid, None, ReceiptStatus.FAILED, FAILING) == (seen.hash, seen.to, seen.status, seen.data)
    assert balance - seen.fee_wei == node.fetch_balance(SENDER, height + 1)


def test_code_tells_a_contract_from_a_key(ethereum_chain: AnvilChain, node: EthereumNode) -> None:
    ethereum_chain.fund(SENDER, ETHER)
    ethereum_chain.mine(1)
    height = node.fetch_block_number()
    nonce = node.fetch_nonce(SENDER, height)
    # Init code that leaves the single byte 0x00 (STOP) as the contract's code: PUSH1 1, PUSH1 0, RETURN.
    node.send_raw(signed(node, nonce, value_wei=0, data=bytes.fromhex("60016000f3"), create=True))
    ethereum_chain.mine(1)
    contract = created_by(SENDER, nonce)
    assert b"\x00" == node.fetch_code(contract, height + 1)
    assert b"" == node.fetch_code(contract, height)
    assert b"" == node.fetch_code(SENDER, height + 1)


def created_by(sender: str, nonce: int) -> str:
    """The address of a created contract: the end of Keccak-256 over rlp([sender, nonce])."""
    # RLP by hand, for a nonce up to 127: a list of 22 bytes, a text of 20 bytes, one byte; zero is an empty text, 0x80.
    assert nonce < 128
    encoded = b"\xd6\x94" + parse_address(sender) + bytes([nonce or 0x80])
    return render_address(keccak256(encoded)[-20:])


def test_a_block_that_does_not_exist_yet_is_unavailable(node: EthereumNode) -> None:
    height = node.fetch_block_number()
    refuse(Code.NODE_UNAVAILABLE, lambda: node.fetch_block(height + 1))
    refuse(Code.NODE_UNAVAILABLE, lambda: node.fetch_block_hash(height + 1))
    assert height == node.fetch_block(height).number


def test_a_reorganisation_shows_by_the_hashes() -> None:
    with start_anvil() as chain:
        node = chain.node()
        chain.mine(2)
        chain.fund(STRANGER, 7)
        chain.mine(1)
        gone = node.fetch_block(3)
        chain.reorganise(1)
        now = node.fetch_block(3)
        assert gone.parent_hash == now.parent_hash
        assert now.hash != gone.hash
        assert () == now.transactions
        assert 0 == node.fetch_balance(STRANGER, 3)


def test_two_nodes_with_one_history_have_the_same_blocks() -> None:
    genesis_time_s = 1_700_000_000
    with start_anvil(genesis_time_s=genesis_time_s) as one, start_anvil(genesis_time_s=genesis_time_s) as two:
        first, second = one.node(), two.node()
        assert first.name != second.name
        assert second.fetch_block_hash(0) == first.fetch_block_hash(0)
        for chain in (one, two):
            chain.fund(STRANGER, 7)
            chain.mine(1, time_s=genesis_time_s + 12)
        assert second.fetch_block(1) == first.fetch_block(1)
        assert genesis_time_s + 12 == first.fetch_block(1).timestamp_s


# A node that lies


def told(**changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The truth with some fields of the result changed; `None` takes a field away."""

    def lie(truth: dict[str, Any]) -> dict[str, Any]:
        result = {**truth["result"], **changes}
        return {**truth, "result": {key: value for key, value in result.items() if value is not None}}

    return lie


def first_told(**changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The truth with some fields of the first item of the result changed."""

    def lie(truth: dict[str, Any]) -> dict[str, Any]:
        first, *others = truth["result"]
        return {**truth, "result": [{**first, **changes}, *others]}

    return lie


def instead(result: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Another result altogether."""
    return lambda truth: {**truth, "result": result}


HASH = "0x" + "ab" * 32
BLOCK, RECEIPTS = "eth_getBlockByNumber", "eth_getBlockReceipts"
LIES = [
    ("another height", BLOCK, told(number="0x63"), Code.FIELD_INVALID),
    ("a height with a leading zero", BLOCK, told(number="0x01"), Code.FIELD_INVALID),
    ("no hash", BLOCK, told(hash=None), Code.FIELD_INVALID),
    ("a short hash", BLOCK, told(hash="0xab"), Code.FIELD_INVALID),
    ("no base fee", BLOCK, told(baseFeePerGas=None), Code.FIELD_INVALID),
    ("a timestamp that is a number", BLOCK, told(timestamp=5), Code.FIELD_INVALID),
    ("a transaction left out", BLOCK, told(transactions=[]), Code.NODE_UNAVAILABLE),
    ("a block that is a text", BLOCK, instead("0x"), Code.FIELD_INVALID),
    ("receipts left out", RECEIPTS, instead([]), Code.NODE_UNAVAILABLE),
    ("no receipts", RECEIPTS, instead(None), Code.NODE_UNAVAILABLE),
    ("receipts that are an object", RECEIPTS, instead({}), Code.FIELD_INVALID),
    ("a receipt of another block", RECEIPTS, first_told(blockHash=HASH), Code.FIELD_INVALID),
    ("a receipt of another transaction", RECEIPTS, first_told(transactionHash=HASH), Code.NODE_UNAVAILABLE),
    ("a third status", RECEIPTS, first_told(status="0x2"), Code.FIELD_INVALID),
    ("a status that is true", RECEIPTS, first_told(status=True), Code.FIELD_INVALID),
]


@pytest.mark.parametrize(("why", "method", "lie", "code"), LIES, ids=[each[0] for each in LIES])
def test_a_block_that_cannot_be_true_is_refused(
    ethereum_chain: AnvilChain, why: str, method: str, lie: Callable[[dict[str, Any]], dict[str, Any]], code: Code
) -> None:
    del why
    ethereum_chain.fund(STRANGER, 1)
    ethereum_chain.mine(1)
    height = ethereum_chain.node().fetch_block_number()
    with start_liar(ethereum_chain.url, {method: lie}) as liar, EthereumNode(liar.url) as told_node:
        refuse(code, lambda: told_node.fetch_block(height))
    with start_liar(ethereum_chain.url, {}) as honest, EthereumNode(honest.url) as told_node:
        assert 1 == len(told_node.fetch_block(height).transactions)


def test_a_node_that_names_another_transaction_is_refused(ethereum_chain: AnvilChain) -> None:
    ethereum_chain.fund(SENDER, ETHER)
    ethereum_chain.mine(1)
    node = ethereum_chain.node()
    raw = signed(node, node.fetch_nonce(SENDER, node.fetch_block_number()))
    with (
        start_liar(ethereum_chain.url, {"eth_sendRawTransaction": instead(HASH)}) as liar,
        EthereumNode(liar.url) as told_node,
    ):
        refuse(Code.FIELD_INVALID, lambda: told_node.send_raw(raw))
    assert transaction_id(raw) == node.send_raw(raw)
    ethereum_chain.mine(1)
    with (
        start_liar(ethereum_chain.url, {"eth_getTransactionReceipt": told(transactionHash=HASH)}) as liar,
        EthereumNode(liar.url) as told_node,
    ):
        refuse(Code.FIELD_INVALID, lambda: told_node.fetch_receipt(transaction_id(raw)))
    assert node.fetch_receipt(transaction_id(raw)) is not None


def test_fees_need_a_base_fee_of_the_next_block(ethereum_chain: AnvilChain) -> None:
    with (
        start_liar(ethereum_chain.url, {"eth_feeHistory": told(baseFeePerGas=[])}) as liar,
        EthereumNode(liar.url) as told_node,
    ):
        refuse(Code.FIELD_INVALID, told_node.fetch_fees)
    fees = ethereum_chain.node().fetch_fees()
    assert (True, True) == (fees.base_fee_wei > 0, fees.priority_fee_wei > 0)
