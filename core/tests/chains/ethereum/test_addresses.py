"""Addresses: EIP-55's cases, one spelling for each address, keys to addresses, and chain ids."""

from __future__ import annotations

import pytest
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.ethereum.addresses import (
    MAX_CHAIN_ID,
    address_of,
    chain_id_of,
    chain_of,
    native_asset,
    parse_address,
    render_address,
)
from strongroom.chains.ethereum.curve import ORDER
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import ChainId, parse_asset_id, parse_chain_id

from .examples import load_vectors

EIP55 = load_vectors("eip55.json")
OFFICIAL: list[str] = EIP55["all_caps"] + EIP55["all_lower"] + EIP55["normal"]
HONEST = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
KEY = PrivateKey(b"\x01" * 32).public_key


@pytest.mark.parametrize("text", OFFICIAL)
def test_official_addresses_round_trip(text: str) -> None:
    assert text[2:].lower() == parse_address(text).hex()
    assert text == render_address(bytes.fromhex(text[2:]))


@pytest.mark.parametrize("text", EIP55["normal"])
def test_every_other_case_is_refused(text: str) -> None:
    assert parse_address(text)
    others = {text.lower(), "0x" + text[2:].upper(), text.swapcase().replace("X", "x")}
    others |= {text[:i] + text[i].swapcase() + text[i + 1 :] for i in range(2, 42) if text[i].isalpha()}
    for other in others:
        with pytest.raises(StrongroomError) as caught:
            parse_address(other)
        assert {Code.ADDRESS_INVALID} == caught.value.codes


@pytest.mark.parametrize(
    "text",
    [
        "",
        HONEST[2:],
        HONEST[:-1],
        HONEST + "0",
        " " + HONEST,
        HONEST + "\n",
        "0X" + HONEST[2:],
        HONEST[:-1] + "g",
        HONEST[:-1] + "\uff11",
        "0x",
        HONEST[:20] + "_" + HONEST[21:],
        "vitalik.eth",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert parse_address(HONEST)
    with pytest.raises(StrongroomError) as caught:
        parse_address(text)
    assert {Code.ADDRESS_INVALID} == caught.value.codes


@given(raw=st.binary(min_size=20, max_size=20))
def test_every_address_has_one_spelling(raw: bytes) -> None:
    assert to_checksum_address(raw) == render_address(raw)
    assert raw == parse_address(render_address(raw))


@pytest.mark.parametrize("length", [0, 19, 21, 32])
def test_only_twenty_bytes_are_an_address(length: int) -> None:
    assert render_address(bytes(20))
    with pytest.raises(StrongroomError) as caught:
        render_address(bytes(length))
    assert {Code.ADDRESS_INVALID} == caught.value.codes


@given(secret=st.integers(1, ORDER - 1))
def test_addresses_of_keys_are_those_of_another_implementation(secret: int) -> None:
    public = PrivateKey(secret.to_bytes(32, "big")).public_key
    assert public.to_canonical_address() == address_of(b"\x04" + public.to_bytes())
    assert public.to_canonical_address() == address_of(public.to_compressed_bytes())


def test_a_key_whose_address_everybody_knows() -> None:
    """The first account of every development node."""
    public = PrivateKey(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")).public_key
    assert "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" == render_address(address_of(public.to_compressed_bytes()))


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        KEY.to_bytes(),
        b"\x05" + KEY.to_compressed_bytes()[1:],
        b"\x06" + KEY.to_bytes(),
        b"\x04" + KEY.to_bytes()[:-1] + bytes([KEY.to_bytes()[-1] ^ 1]),
        b"\x02" + b"\x00" * 31 + b"\x05",
        b"\x02" + b"\xff" * 32,
        b"\x04" + b"\xff" * 32 + KEY.to_bytes()[32:],
        KEY.to_compressed_bytes()[:-1],
    ],
)
def test_what_is_no_key_has_no_address(public_key: bytes) -> None:
    assert address_of(KEY.to_compressed_bytes())
    with pytest.raises(StrongroomError) as caught:
        address_of(public_key)
    assert {Code.ADDRESS_INVALID} == caught.value.codes


@pytest.mark.parametrize("number", [1, 31337, MAX_CHAIN_ID])
def test_chain_ids_and_names(number: int) -> None:
    chain = chain_of(number)
    assert f"eip155:{number}" == chain == parse_chain_id(chain, "chain")
    assert number == chain_id_of(chain)
    assert f"eip155:{number}/slip44:60" == native_asset(chain) == parse_asset_id(native_asset(chain), "asset")


@pytest.mark.parametrize(
    "text",
    [
        "eip155:0",
        "eip155:01",
        "eip155:+1",
        "eip155: 1",
        "eip155:1_0",
        "eip155:",
        "eip155:\u0661",
        f"eip155:{MAX_CHAIN_ID + 1}",
        "bip122:530827f38f93b43ed12af0b3ad25a288",
        "eip155:1/slip44:60",
    ],
)
def test_other_chains_are_refused(text: str) -> None:
    assert 1 == chain_id_of(ChainId("eip155:1"))
    for call in (chain_id_of, native_asset):
        with pytest.raises(StrongroomError) as caught:
            call(ChainId(text))
        assert {Code.TX_WRONG_CHAIN} == caught.value.codes


@pytest.mark.parametrize("number", [-1, 0, MAX_CHAIN_ID + 1])
def test_ids_out_of_range_are_no_chain(number: int) -> None:
    assert chain_of(1)
    with pytest.raises(StrongroomError) as caught:
        chain_of(number)
    assert {Code.TX_WRONG_CHAIN} == caught.value.codes
