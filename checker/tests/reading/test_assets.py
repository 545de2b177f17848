"""Entries of the asset register: both readings take the same ones and refuse the same ones."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.registers import Asset, AssetKind, parse_entry
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.records import encode_record, parse_record
from strongroom.core.registers import AssetEntry
from world import ETH, ETH_ASSET, USD_ASSET, USD_CONTRACT, World

OTHER = "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"
CODE_HASH = "keccak256:" + "ab" * 32
TOKEN: dict[str, Any] = {
    "chain": ETH,
    "code_hash": CODE_HASH,
    "contract": USD_CONTRACT,
    "decimals": 6,
    "id": USD_ASSET,
    "kind": "erc20",
    "symbol": "USDX",
}
COIN: dict[str, Any] = {
    "chain": ETH,
    "code_hash": "none",
    "contract": "none",
    "decimals": 18,
    "id": ETH_ASSET,
    "kind": "native",
    "symbol": "ETH",
}


def read(entry: dict[str, Any]) -> Asset:
    found = parse_entry("assets", Node(entry, "entry"))
    assert isinstance(found, Asset)
    return found


def test_both_readings_take_a_token_and_a_coin() -> None:
    for entry in (TOKEN, COIN):
        assert entry == encode_record(parse_record(AssetEntry, entry, "entry"))
    token, coin = read(TOKEN), read(COIN)
    assert (AssetKind.ERC20, USD_CONTRACT, "ab" * 32) == (token.kind, token.contract, token.code_hash)
    assert (AssetKind.NATIVE, None, None) == (coin.kind, coin.contract, coin.code_hash)


def test_the_firms_own_entries_are_read_alike() -> None:
    for entry in World().registers["assets"].entries:
        record: Any = encode_record(entry)
        assert (entry.id, entry.decimals, entry.symbol) == (read(record).id, read(record).decimals, read(record).symbol)


REFUSED: list[tuple[str, dict[str, Any], Code]] = [
    ("a token without a contract", {**TOKEN, "contract": "none"}, Code.ADDRESS_INVALID),
    ("a token without a hash of its code", {**TOKEN, "code_hash": "none"}, Code.FIELD_INVALID),
    ("a hash of another kind", {**TOKEN, "code_hash": "sha256:" + "ab" * 32}, Code.FIELD_INVALID),
    ("a hash in capitals", {**TOKEN, "code_hash": "keccak256:" + "AB" * 32}, Code.FIELD_INVALID),
    ("a short hash", {**TOKEN, "code_hash": CODE_HASH[:-2]}, Code.FIELD_INVALID),
    ("another contract under the name", {**TOKEN, "contract": OTHER}, Code.FIELD_INVALID),
    ("a contract without its checksum", {**TOKEN, "contract": USD_CONTRACT.lower()}, Code.ADDRESS_INVALID),
    (
        "a name without its checksum",
        {**TOKEN, "contract": USD_CONTRACT.lower(), "id": USD_ASSET.lower()},
        Code.ADDRESS_INVALID,
    ),
    ("a name on another chain", {**TOKEN, "chain": "eip155:1"}, Code.FIELD_INVALID),
    ("a token on a chain without contracts", {**TOKEN, "chain": "bip122:" + "0" * 32}, Code.TX_WRONG_CHAIN),
    ("a coin with a contract", {**COIN, "contract": USD_CONTRACT}, Code.FIELD_INVALID),
    ("a coin with code", {**COIN, "code_hash": CODE_HASH}, Code.FIELD_INVALID),
    ("a coin of another chain", {**COIN, "chain": "eip155:1"}, Code.FIELD_INVALID),
    ("a token that calls itself a coin", {**TOKEN, "kind": "native"}, Code.FIELD_INVALID),
    ("a coin that calls itself a token", {**COIN, "kind": "erc20"}, Code.ADDRESS_INVALID),
    ("a kind that nobody knows", {**TOKEN, "kind": "erc721"}, Code.FIELD_INVALID),
    ("more decimals than there is use for", {**TOKEN, "decimals": 37}, Code.FIELD_INVALID),
    ("the format of before", {k: v for k, v in COIN.items() if k not in {"contract", "code_hash"}}, Code.FIELD_MISSING),
]


@pytest.mark.parametrize(("entry", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_both_readings_refuse(entry: dict[str, Any], code: Code) -> None:
    for call in (lambda: read(entry), lambda: parse_record(AssetEntry, entry, "entry")):
        with pytest.raises(StrongroomError) as caught:
            call()
        assert {code} == set(caught.value.codes)
    assert read({**TOKEN, "decimals": 36}).decimals == parse_record(AssetEntry, {**TOKEN, "decimals": 36}, "e").decimals
