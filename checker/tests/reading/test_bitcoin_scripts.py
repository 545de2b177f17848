"""The second reading of scripts, addresses and chain ids: published ones, agreement with the first, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.bitcoin.addresses import parse_address, render_address
from strongroom.chains.bitcoin.networks import BITCOIN, LITECOIN, LITECOIN_REGTEST, NETWORKS
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, classify_script, multisig_script, p2wsh_script
from strongroom.chains.ethereum.addresses import chain_id_of, native_asset
from strongroom.checker.reading.bitcoin_scripts import (
    address_to_script,
    check_script,
    dust_of,
    multisig_of,
    p2wsh_of,
    read_multisig,
    script_to_address,
)
from strongroom.checker.reading.networks import (
    bitcoin_network_of,
    ethereum_number_of,
    is_ethereum,
    native_asset_of,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import ChainId

from .examples_bitcoin import OURS, load_vectors, public_key

LITECOIN_VECTORS = load_vectors("litecoin_addresses.json")
BIP = load_vectors("bip173_bip350.json")
CHAINS = {"litecoin": LITECOIN.chain, "litecoin_regtest": LITECOIN_REGTEST.chain}
HONEST = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


@st.composite
def scripts(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(tuple(ScriptKind)))
    length = 32 if kind in {ScriptKind.P2WSH, ScriptKind.P2TR} else 20
    return build_script(kind, draw(st.binary(min_size=length, max_size=length)))


# --- Addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHAINS)
def test_litecoin_addresses_are_those_of_the_node(name: str) -> None:
    for case in LITECOIN_VECTORS[name]:
        assert case["script"] == address_to_script(case["address"], CHAINS[name]).hex()
        assert case["address"] == script_to_address(bytes.fromhex(case["script"]), CHAINS[name])


@pytest.mark.parametrize("case", LITECOIN_VECTORS["refused"], ids=lambda case: f"{case['chain']} {case['reason']}")
def test_spellings_that_the_node_accepts_and_we_refuse(case: dict[str, str]) -> None:
    with pytest.raises(StrongroomError) as caught:
        address_to_script(case["address"], CHAINS[case["chain"]])
    assert {Code(case["code"])} == caught.value.codes


@given(script=scripts())
def test_both_readings_spell_every_script_alike(script: bytes) -> None:
    for network in NETWORKS.values():
        address = render_address(script, network)
        assert address == script_to_address(script, network.chain)
        assert script == address_to_script(address, network.chain)


@pytest.mark.parametrize("case", BIP["addresses_valid"], ids=lambda case: case["address"])
def test_both_readings_judge_published_addresses_alike(case: dict[str, str]) -> None:
    for text in (case["address"], case["address"].lower()):
        assert _first(text) == _second(text)


@pytest.mark.parametrize("case", BIP["addresses_invalid"] + BIP["addresses_invalid_bip173"], ids=lambda c: c["reason"])
def test_invalid_addresses_are_refused(case: dict[str, str]) -> None:
    assert _second(case["address"]) == Code.ADDRESS_INVALID


def _first(text: str) -> bytes | Code:
    try:
        return parse_address(text, BITCOIN)
    except StrongroomError as error:
        return error.code


def _second(text: str) -> bytes | Code:
    try:
        return address_to_script(text, BITCOIN.chain)
    except StrongroomError as error:
        return error.code


@pytest.mark.parametrize(
    "text",
    [
        "",
        " " + HONEST,
        HONEST + "\n",
        HONEST.upper(),
        HONEST[:-1],
        HONEST + "q",
        "bc1",
        "bc1gmk9yu",
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
        "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ",
        "11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divfé",
        "1",
        "11111",
        "9" * 91,
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ],
)
def test_anything_else_is_refused_by_both(text: str) -> None:
    assert _first(HONEST) == _second(HONEST) == bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")
    assert _first(text) == _second(text) == Code.ADDRESS_INVALID


@given(text=st.text(max_size=100))
def test_no_text_breaks_the_reading(text: str) -> None:
    for prefix in ("", "bc1", "1"):
        assert _first(prefix + text) == _second(prefix + text)


@pytest.mark.parametrize("text", ["ltcmweb1qq", "tmweb1qq", "LTCMWEB1QQ"])
def test_mweb_addresses_are_refused_by_name(text: str) -> None:
    with pytest.raises(StrongroomError) as caught:
        address_to_script(text, LITECOIN.chain)
    assert {Code.SCRIPT_MWEB} == caught.value.codes


# --- Scripts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (b"\x6a", Code.SCRIPT_OP_RETURN),
        (b"\x6a\x04data", Code.SCRIPT_OP_RETURN),
        (b"\x21" + public_key(1) + b"\xac", Code.SCRIPT_P2PK),
        (b"\x41\x04" + bytes(64) + b"\xac", Code.SCRIPT_P2PK),
        (OURS, Code.SCRIPT_BARE_MULTISIG),
        (b"\x51\x52\xae", Code.SCRIPT_BARE_MULTISIG),
        (b"\x58\x20" + bytes(32), Code.SCRIPT_MWEB),
        (b"\x59\x20" + bytes(32), Code.SCRIPT_MWEB),
        (b"\x52\x20" + bytes(32), Code.SCRIPT_UNKNOWN),
        (b"\x51\x14" + bytes(20), Code.SCRIPT_UNKNOWN),
        (b"\x00\x10" + bytes(16), Code.SCRIPT_UNKNOWN),
        (b"\x51", Code.SCRIPT_UNKNOWN),
        (b"", Code.SCRIPT_UNKNOWN),
    ],
)
def test_scripts_outside_the_grammar_are_refused_by_both_alike(script: bytes, code: Code) -> None:
    check_script(bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6"))
    calls: tuple[Any, ...] = (check_script, classify_script, dust_of)
    for call in (*calls, lambda raw: script_to_address(raw, BITCOIN.chain)):
        with pytest.raises(StrongroomError) as caught:
            call(script)
        assert {code} == caught.value.codes


@given(script=st.one_of(scripts(), st.binary(max_size=80)))
def test_both_readings_name_every_script_alike(script: bytes) -> None:
    first = _name(classify_script, script)
    second = _name(check_script, script)
    assert (first is None) == (second is None)
    assert first == second


def _name(call: Any, script: bytes) -> Code | None:
    try:
        call(script)
    except StrongroomError as error:
        return error.code
    return None


@given(numbers=st.lists(st.integers(1, 12), min_size=1, max_size=12, unique=True), data=st.data())
def test_both_readings_make_the_same_multisig(numbers: list[int], data: st.DataObject) -> None:
    keys, threshold = [public_key(number) for number in numbers], data.draw(st.integers(1, len(numbers)))
    witness_script = multisig_of(threshold, keys)
    assert multisig_script(threshold, keys) == witness_script
    assert p2wsh_script(witness_script) == p2wsh_of(witness_script)
    assert (threshold, tuple(sorted(keys))) == (
        read_multisig(witness_script).threshold,
        read_multisig(witness_script).public_keys,
    )


@pytest.mark.parametrize("case", load_vectors("bip67.json")["cases"], ids=lambda case: case["p2sh_address"])
def test_keys_are_sorted_as_bip67_says(case: dict[str, Any]) -> None:
    assert case["script"] == multisig_of(2, [bytes.fromhex(key) for key in case["list"]]).hex()


@pytest.mark.parametrize(
    ("threshold", "keys"),
    [
        (0, [public_key(1)]),
        (2, [public_key(1)]),
        (1, []),
        (2, [public_key(1)] * 2),
        (1, [b"\x04" + bytes(64)]),
        (1, [b"\x05" + bytes(32)]),
        (1, [public_key(1)[:-1]]),
        (1, [b"\x02" + bytes([number]) * 32 for number in range(16)]),
    ],
)
def test_other_keys_make_no_multisig(threshold: int, keys: list[bytes]) -> None:
    assert multisig_of(1, [b"\x02" + bytes([number]) * 32 for number in range(15)])
    with pytest.raises(StrongroomError) as caught:
        multisig_of(threshold, keys)
    assert {Code.SCRIPT_UNKNOWN} == caught.value.codes


# --- Chains -------------------------------------------------------------------------------------------------------


def test_both_readings_know_the_same_chains() -> None:
    for network in NETWORKS.values():
        assert network.asset == native_asset_of(network.chain)
        assert (network.name, network.hrp) == (
            bitcoin_network_of(network.chain).name,
            bitcoin_network_of(network.chain).hrp,
        )
        assert not is_ethereum(network.chain)
    for number in (1, 31337, 2**63 - 37):
        chain = ChainId(f"eip155:{number}")
        assert is_ethereum(chain)
        assert number == ethereum_number_of(chain) == chain_id_of(chain)
        assert native_asset(chain) == native_asset_of(chain)


@pytest.mark.parametrize("text", ["bip122:" + "0" * 32, "eip155:1", "000000000019d6689c085ae165831e93", ""])
def test_other_chains_are_not_of_the_bitcoin_family(text: str) -> None:
    for call in (bitcoin_network_of, lambda chain: address_to_script(HONEST, chain)):
        with pytest.raises(StrongroomError) as caught:
            call(ChainId(text))
        assert {Code.TX_WRONG_CHAIN} == caught.value.codes


@pytest.mark.parametrize(
    "text",
    [
        "eip155:0",
        "eip155:01",
        "eip155:+1",
        "eip155:\u0661",
        f"eip155:{2**63 - 36}",
        "eip155:" + "9" * 5000,
        BITCOIN.chain,
    ],
)
def test_other_chains_are_not_of_the_ethereum_family(text: str) -> None:
    with pytest.raises(StrongroomError) as caught:
        ethereum_number_of(ChainId(text))
    assert {Code.TX_WRONG_CHAIN} == caught.value.codes


@pytest.mark.parametrize("text", ["eip155:0", "bip122:" + "0" * 32, "solana:101"])
def test_other_chains_have_no_asset(text: str) -> None:
    assert native_asset_of(BITCOIN.chain)
    with pytest.raises(StrongroomError) as caught:
        native_asset_of(ChainId(text))
    assert {Code.TX_WRONG_CHAIN} == caught.value.codes
