"""Addresses: the BIPs' and Bitcoin Core's vectors, what litecoind says, and one spelling for each script."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from strongroom.chains.bitcoin.addresses import parse_address, render_address
from strongroom.chains.bitcoin.base58 import encode_base58check, parse_base58check
from strongroom.chains.bitcoin.bech32 import Checksum, encode_bech32, encode_segwit, parse_bech32, parse_segwit
from strongroom.chains.bitcoin.networks import BITCOIN, BITCOIN_REGTEST, LITECOIN, LITECOIN_REGTEST, NETWORKS, Network
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from ..strategies import bitcoin_output_scripts
from .examples import SHARED, load_vectors

BIP = load_vectors("bip173_bip350.json")
LITECOIN_VECTORS = load_vectors("litecoin_addresses.json")
BY_NAME = {"litecoin": LITECOIN, "litecoin_regtest": LITECOIN_REGTEST}
TEXTS = [(text, Checksum.BECH32) for text in BIP["bech32_valid"]]
TEXTS += [(text, Checksum.BECH32M) for text in BIP["bech32m_valid"]]
LOWER_TEXTS = [(text, kind) for text, kind in TEXTS if text == text.lower()]
UPPER_TEXTS = [text for text, _ in TEXTS if text != text.lower()]
HONEST = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


@pytest.mark.parametrize(("text", "kind"), LOWER_TEXTS)
def test_valid_bech32_texts_round_trip(text: str, kind: Checksum) -> None:
    hrp, values, found = parse_bech32(text, "address")
    assert kind is found
    assert text == encode_bech32(hrp, values, found)


@pytest.mark.parametrize("text", UPPER_TEXTS)
def test_upper_case_is_a_second_spelling(text: str) -> None:
    parse_bech32(text.lower(), "address")
    with pytest.raises(StrongroomError) as caught:
        parse_bech32(text, "address")
    assert Code.ADDRESS_INVALID in caught.value.codes


def test_a_prefix_in_upper_case_is_refused_even_with_its_checksum() -> None:
    assert parse_bech32(encode_bech32("bc", bytes(33), Checksum.BECH32), "address")
    with pytest.raises(StrongroomError) as caught:
        parse_bech32(encode_bech32("Bc", bytes(33), Checksum.BECH32), "address")
    assert Code.ADDRESS_INVALID in caught.value.codes


@pytest.mark.parametrize("case", BIP["bech32_invalid"] + BIP["bech32m_invalid"], ids=lambda case: case["reason"])
def test_invalid_bech32_texts_are_refused(case: dict[str, str]) -> None:
    with pytest.raises(StrongroomError) as caught:
        parse_bech32(case["text"], "address")
    assert Code.ADDRESS_INVALID in caught.value.codes


@pytest.mark.parametrize("case", BIP["addresses_valid"], ids=lambda case: case["address"])
def test_valid_segwit_addresses_give_their_script(case: dict[str, str]) -> None:
    """Every version of the BIP in lower case; below, our grammar accepts only those that mean something today."""
    text = case["address"].lower()
    hrp = text.split("1", 1)[0]
    version, program = parse_segwit(text, hrp, "address")
    opcode = 0x50 + version if version else 0
    assert case["script"] == (bytes([opcode, len(program)]) + program).hex()
    assert text == encode_segwit(hrp, version, program)


@pytest.mark.parametrize(
    "case", BIP["addresses_invalid"] + BIP["addresses_invalid_bip173"], ids=lambda case: case["reason"]
)
def test_invalid_segwit_addresses_are_refused(case: dict[str, str]) -> None:
    for text in (case["address"], case["address"].lower()):
        if text != case["address"] and case["reason"] == "Mixed case":
            continue
        for hrp in ("bc", "tb"):
            with pytest.raises(StrongroomError) as caught:
                parse_segwit(text, hrp, "address")
            assert Code.ADDRESS_INVALID in caught.value.codes


@pytest.mark.parametrize(
    ("address", "script"),
    [
        (HONEST, "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"),
    ],
)
def test_bitcoin_addresses_round_trip(address: str, script: str) -> None:
    assert script == parse_address(address, BITCOIN).hex()
    assert address == render_address(bytes.fromhex(script), BITCOIN)


@pytest.mark.parametrize("name", BY_NAME)
def test_litecoin_addresses_are_those_of_the_node(name: str) -> None:
    for case in LITECOIN_VECTORS[name]:
        assert case["script"] == parse_address(case["address"], BY_NAME[name]).hex()
        assert case["address"] == render_address(bytes.fromhex(case["script"]), BY_NAME[name])


@pytest.mark.parametrize("case", LITECOIN_VECTORS["refused"], ids=lambda case: f"{case['chain']} {case['reason']}")
def test_spellings_that_the_node_accepts_and_we_refuse(case: dict[str, str]) -> None:
    with pytest.raises(StrongroomError) as caught:
        parse_address(case["address"], BY_NAME[case["chain"]])
    assert Code(case["code"]) in caught.value.codes


def test_litecoins_older_p2sh_prefix_is_answered_with_the_right_spelling() -> None:
    older = next(case["address"] for case in LITECOIN_VECTORS["refused"] if case["reason"] == "older P2SH prefix")
    right = next(case["address"] for case in LITECOIN_VECTORS["litecoin"] if case["script"].startswith("a914"))
    assert parse_address(right, LITECOIN) == parse_address(older, BITCOIN)
    with pytest.raises(StrongroomError) as caught:
        parse_address(older, LITECOIN)
    assert right in caught.value.refusals[0].expected


def test_an_mweb_address_is_refused_by_name() -> None:
    mweb = next(case["address"] for case in LITECOIN_VECTORS["refused"] if case["code"] == "SCRIPT_MWEB")
    with pytest.raises(StrongroomError) as caught:
        parse_address(mweb, LITECOIN_REGTEST)
    assert Code.SCRIPT_MWEB in caught.value.codes


@pytest.mark.parametrize(
    "text",
    [
        "",
        " " + HONEST,
        HONEST + "\n",
        HONEST.upper(),
        HONEST.replace("bc1", "Bc1"),
        HONEST[:-1],
        HONEST + "q",
        "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
        "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ",
        "11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divfé",
        "0014751e76e8199196d454941c45d1b3a323f1433bd6",
        "9" * 65,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert parse_address(HONEST, BITCOIN)
    with pytest.raises(StrongroomError) as caught:
        parse_address(text, BITCOIN)
    assert Code.ADDRESS_INVALID in caught.value.codes


def test_a_base58_payload_of_another_length_is_refused() -> None:
    assert parse_address(encode_base58check(b"\x00" + bytes(20)), BITCOIN)
    for length in (0, 19, 21):
        with pytest.raises(StrongroomError) as caught:
            parse_address(encode_base58check(b"\x00" + bytes(length)), BITCOIN)
        assert Code.ADDRESS_INVALID in caught.value.codes


@given(script=bitcoin_output_scripts())
def test_every_script_has_one_address_on_each_network(script: bytes) -> None:
    for network in NETWORKS.values():
        assert script == parse_address(render_address(script, network), network)


@given(script=bitcoin_output_scripts())
def test_addresses_of_one_main_network_are_refused_by_the_other(script: bytes) -> None:
    for ours, theirs in ((BITCOIN, LITECOIN), (LITECOIN, BITCOIN)):
        with pytest.raises(StrongroomError) as caught:
            parse_address(render_address(script, ours), theirs)
        assert Code.ADDRESS_INVALID in caught.value.codes


def test_bip67_addresses() -> None:
    for case in load_vectors("bip67.json")["cases"]:
        assert case["p2sh_address"] == render_address(parse_address(case["p2sh_address"], BITCOIN), BITCOIN)


def _core_base58(name: str) -> list[list[object]]:
    path = SHARED / "vectors" / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    cases: list[list[object]] = json.loads(path.read_text())
    return cases


def test_bitcoin_core_base58_addresses() -> None:
    """Test-net addresses of Bitcoin Core have the version bytes of our Bitcoin regtest."""
    versions = {("pubkey", False): 0, ("script", False): 5, ("pubkey", True): 0x6F, ("script", True): 0xC4}
    for text, payload, about in _core_base58("core_base58_keys_valid.json"):
        assert isinstance(text, str)
        assert isinstance(about, dict)
        if about["isPrivkey"]:
            _check_refused_everywhere(text)
            continue
        network: Network = BITCOIN_REGTEST if about["isTestnet"] else BITCOIN
        version = versions[about["addrType"], about["isTestnet"]]
        assert bytes([version]).hex() + str(payload) == parse_base58check(text, "address").hex()
        assert text == render_address(parse_address(text, network), network)


def test_bitcoin_core_invalid_base58() -> None:
    for (text,) in _core_base58("core_base58_keys_invalid.json"):
        assert isinstance(text, str)
        _check_refused_everywhere(text)


def _check_refused_everywhere(text: str) -> None:
    for network in NETWORKS.values():
        with pytest.raises(StrongroomError) as caught:
            parse_address(text, network)
        assert Code.ADDRESS_INVALID in caught.value.codes
