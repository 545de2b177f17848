"""Whole blocks from their bytes: Bitcoin's first block, and Litecoin blocks with MimbleWimble made by litecoind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.online.nodes.blocks import TransactionKind, parse_block

MWEB = json.loads((Path(__file__).parents[3] / "vectors/nodes/litecoin_mweb_blocks.json").read_text("utf-8"))["blocks"]

GENESIS_HASH = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
# Source: Bitcoin Core, chainparams.cpp, CreateGenesisBlock; the hash proves the bytes.
GENESIS = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3"
    "888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c0101000000010000000000000000000000000000000000000000000000000000"
    "000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e2062"
    "72696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe554827"
    "1967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"
    "ac00000000"
)


def refuse(code: Code, raw: bytes, block_hash: str) -> None:
    with pytest.raises(StrongroomError) as caught:
        parse_block(raw, block_hash)
    assert code in caught.value.codes


def test_the_first_block_of_bitcoin() -> None:
    block = parse_block(GENESIS, GENESIS_HASH)
    assert (GENESIS_HASH, "0" * 64, 1231006505) == (block.hash, block.parent_hash, block.time_s)
    assert ["4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"] == [
        each.txid for each in block.transactions
    ]
    assert block.transactions[0].kind is TransactionKind.COINBASE
    assert [5_000_000_000] == [each.value_sat for each in block.transactions[0].transaction.outputs]


def test_every_flipped_byte_of_a_block_is_refused() -> None:
    parse_block(GENESIS, GENESIS_HASH)
    for place in range(len(GENESIS)):
        changed = GENESIS[:place] + bytes([GENESIS[place] ^ 1]) + GENESIS[place + 1 :]
        with pytest.raises(StrongroomError):
            parse_block(changed, GENESIS_HASH)


def test_another_block_than_asked_for_is_refused() -> None:
    refuse(Code.DIGEST_MISMATCH, GENESIS, "0" * 64)
    refuse(Code.DIGEST_MISMATCH, bytes.fromhex(MWEB[0]["raw"]), MWEB[1]["hash"])
    parse_block(GENESIS, GENESIS_HASH)


def test_a_block_has_no_more_and_no_fewer_bytes() -> None:
    refuse(Code.TX_TRAILING_BYTES, GENESIS + b"\0", GENESIS_HASH)
    refuse(Code.TX_TRUNCATED, GENESIS[:-1], GENESIS_HASH)
    refuse(Code.TX_TRUNCATED, GENESIS[:79], GENESIS_HASH)
    parse_block(GENESIS, GENESIS_HASH)


def test_a_block_without_transactions_is_refused() -> None:
    refuse(Code.FIELD_INVALID, GENESIS[:80] + b"\0", GENESIS_HASH)
    parse_block(GENESIS, GENESIS_HASH)


@pytest.mark.parametrize("vector", MWEB, ids=["block 432", "block 433"])
def test_blocks_with_mimblewimble(vector: dict[str, str]) -> None:
    block = parse_block(bytes.fromhex(vector["raw"]), vector["hash"])
    assert list(vector["txids"]) == [each.txid for each in block.transactions]
    assert vector["parent_hash"] == block.parent_hash
    assert block.transactions[0].kind is TransactionKind.COINBASE
    assert block.transactions[-1].kind is TransactionKind.HOGEX
    assert {each.kind for each in block.transactions[1:-1]} <= {TransactionKind.PLAIN}


def test_a_hogex_with_an_extension_transaction_is_refused() -> None:
    raw = MWEB[1]["raw"]
    # After the last script of the HogEx: the byte of its absent extension transaction, then the lock time.
    end = raw.index("2258" + "20a0b39d61") + 2 * 35
    assert "0000000000" == raw[end : end + 10]
    refuse(Code.SCRIPT_MWEB, bytes.fromhex(raw[:end] + "01" + raw[end + 2 :]), MWEB[1]["hash"])
    parse_block(bytes.fromhex(raw), MWEB[1]["hash"])


def test_a_transaction_told_twice_is_refused() -> None:
    # CVE-2012-2459: with the last transaction doubled an odd row has the same Merkle root.
    raw = bytes.fromhex(MWEB[0]["raw"])
    start = MWEB[0]["raw"].index("02000000" + "000801") // 2
    end = MWEB[0]["raw"].index("0182300277222f") // 2
    hogex = raw[start:end]
    doubled = raw[:80] + b"\x04" + raw[81:end] + hogex + raw[end:]
    refuse(Code.DIGEST_MISMATCH, doubled, MWEB[0]["hash"])
    parse_block(raw, MWEB[0]["hash"])


SHARED_BLOCK = Path(__file__).resolve().parents[4] / "shared" / "data" / "mainnet_block_1381836.raw"


@pytest.mark.skipif(not SHARED_BLOCK.exists(), reason="the shared folder with published data is not on this machine")
def test_a_block_of_the_main_network_with_thousands_of_transactions() -> None:
    raw = SHARED_BLOCK.read_bytes()
    block = parse_block(raw, "000000000000000000000c835b2adcaedc20fdf6ee440009c249452c726dafae")
    transactions = [each.transaction for each in block.transactions]
    assert (2500, 6518, 6015) == (
        len(transactions),
        sum(len(each.inputs) for each in transactions),
        sum(len(each.outputs) for each in transactions),
    )
    # The height is in the coinbase's first push (BIP-34).
    coinbase = block.transactions[0].transaction.inputs[0].script_sig
    assert 702_861 == int.from_bytes(coinbase[1:4], "little")
    assert [TransactionKind.COINBASE] == [
        each.kind for each in block.transactions if each.kind is not TransactionKind.PLAIN
    ]
