"""The closed grammar of scripts: what is in it, what is refused by name, and m-of-n as BIP-67 sorts it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.bitcoin.networks import BITCOIN, LITECOIN
from strongroom.chains.bitcoin.scripts import (
    ScriptKind,
    build_script,
    classify_script,
    dust_limit_sat,
    multisig_script,
    p2wsh_script,
    parse_multisig_script,
    script_payload,
)
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from ..strategies import bitcoin_output_scripts, bitcoin_public_keys, bitcoin_witness_scripts
from .examples import KEYS, WITNESS_SCRIPT, load_vectors

KEY = "02" + "11" * 32
UNCOMPRESSED = "04" + "11" * 64
HASH20, HASH32 = "77" * 20, "77" * 32


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        (ScriptKind.P2PKH, f"76a914{HASH20}88ac"),
        (ScriptKind.P2SH, f"a914{HASH20}87"),
        (ScriptKind.P2WPKH, f"0014{HASH20}"),
        (ScriptKind.P2WSH, f"0020{HASH32}"),
        (ScriptKind.P2TR, f"5120{HASH32}"),
    ],
)
def test_the_five_kinds(kind: ScriptKind, script: str) -> None:
    raw = bytes.fromhex(script)
    assert kind is classify_script(raw)
    assert raw == build_script(kind, script_payload(raw))


@pytest.mark.parametrize(
    ("code", "script"),
    [
        (Code.SCRIPT_OP_RETURN, "6a"),
        (Code.SCRIPT_OP_RETURN, "6a0400112233"),
        (Code.SCRIPT_BARE_MULTISIG, f"5121{KEY}51ae"),
        (Code.SCRIPT_BARE_MULTISIG, f"5141{UNCOMPRESSED}51ae"),
        (Code.SCRIPT_BARE_MULTISIG, "0051ae"),
        (Code.SCRIPT_BARE_MULTISIG, WITNESS_SCRIPT.hex()),
        (Code.SCRIPT_P2PK, f"21{KEY}ac"),
        (Code.SCRIPT_P2PK, f"41{UNCOMPRESSED}ac"),
        (Code.SCRIPT_MWEB, f"5820{HASH32}"),
        (Code.SCRIPT_MWEB, f"5920{HASH32}"),
        (Code.SCRIPT_MWEB, f"5914{HASH20}"),
        (Code.SCRIPT_UNKNOWN, ""),
        (Code.SCRIPT_UNKNOWN, "51"),
        (Code.SCRIPT_UNKNOWN, f"5114{HASH20}"),
        (Code.SCRIPT_UNKNOWN, f"5220{HASH32}"),
        (Code.SCRIPT_UNKNOWN, f"6020{HASH32}"),
        (Code.SCRIPT_UNKNOWN, "51024e73"),
        (Code.SCRIPT_UNKNOWN, f"0016{HASH20}0000"),
        (Code.SCRIPT_UNKNOWN, f"76a914{HASH20}88ac00"),
        (Code.SCRIPT_UNKNOWN, f"76a914{HASH20}88"),
        (Code.SCRIPT_UNKNOWN, f"76a94c14{HASH20}88ac"),
        (Code.SCRIPT_UNKNOWN, f"aa20{HASH32}87"),
        (Code.SCRIPT_UNKNOWN, f"22{KEY}00ac"),
    ],
)
def test_everything_else_is_refused_by_name(code: Code, script: str) -> None:
    assert classify_script(bytes.fromhex(f"0014{HASH20}"))
    with pytest.raises(StrongroomError) as caught:
        classify_script(bytes.fromhex(script))
    assert {code} == caught.value.codes


@given(script=bitcoin_output_scripts(), position=st.integers(0, 100), extra=st.binary(min_size=1, max_size=3))
def test_a_longer_or_shorter_script_is_never_of_the_grammar(script: bytes, position: int, extra: bytes) -> None:
    cut = position % len(script)
    for changed in (script[:cut], script + extra):
        with pytest.raises(StrongroomError):
            classify_script(changed)


@pytest.mark.parametrize("kind", ScriptKind)
def test_a_payload_of_the_wrong_length_is_refused(kind: ScriptKind) -> None:
    right = 32 if kind in (ScriptKind.P2WSH, ScriptKind.P2TR) else 20
    assert build_script(kind, bytes(right))
    for length in (0, right - 1, right + 1, 52 - right):
        with pytest.raises(StrongroomError) as caught:
            build_script(kind, bytes(length))
        assert Code.SCRIPT_UNKNOWN in caught.value.codes


@pytest.mark.parametrize("case", load_vectors("bip67.json")["cases"], ids=lambda case: case["p2sh_address"])
def test_bip67_sorts_the_keys(case: dict[str, Any]) -> None:
    script = multisig_script(2, [bytes.fromhex(key) for key in case["list"]])
    assert case["script"] == script.hex()
    parsed = parse_multisig_script(script)
    assert 2 == parsed.threshold
    assert case["sorted"] == [key.hex() for key in parsed.public_keys]


@given(script=bitcoin_witness_scripts())
def test_multisig_scripts_round_trip(script: bytes) -> None:
    parsed = parse_multisig_script(script)
    assert script == multisig_script(parsed.threshold, tuple(reversed(parsed.public_keys)))


@pytest.mark.parametrize(
    ("threshold", "keys"),
    [
        (0, KEYS),
        (4, KEYS),
        (-1, KEYS),
        (1, ()),
        (1, tuple(b"\x02" + bytes([n]) * 32 for n in range(16))),
        (2, (KEYS[0], KEYS[0])),
        (1, (KEYS[0][:-1],)),
        (1, (KEYS[0] + b"\x00",)),
        (1, (bytes.fromhex(UNCOMPRESSED),)),
        (1, (b"\x05" + KEYS[0][1:],)),
    ],
)
def test_a_bad_multisig_is_refused(threshold: int, keys: tuple[bytes, ...]) -> None:
    assert multisig_script(2, KEYS)
    with pytest.raises(StrongroomError) as caught:
        multisig_script(threshold, keys)
    assert Code.SCRIPT_UNKNOWN in caught.value.codes


@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"\x51",
        b"\x51\xae",
        WITNESS_SCRIPT[:-1],
        WITNESS_SCRIPT + b"\xae",
        WITNESS_SCRIPT[:-1] + b"\xaf",
        b"\x00" + WITNESS_SCRIPT[1:],
        b"\x54" + WITNESS_SCRIPT[1:],
        WITNESS_SCRIPT[:-2] + b"\x52\xae",
        WITNESS_SCRIPT[:1] + WITNESS_SCRIPT[35:69] + WITNESS_SCRIPT[1:35] + WITNESS_SCRIPT[69:],
        b"\x21" + KEYS[0] + b"\xac",
        bytes(600),
    ],
)
def test_only_our_own_form_of_multisig_is_read(script: bytes) -> None:
    assert KEYS[0] in parse_multisig_script(WITNESS_SCRIPT).public_keys
    with pytest.raises(StrongroomError) as caught:
        parse_multisig_script(script)
    assert Code.SCRIPT_UNKNOWN in caught.value.codes


@given(keys=st.lists(bitcoin_public_keys, min_size=2, max_size=5, unique=True), flip=st.integers(1, 255))
def test_every_changed_byte_of_a_witness_script_is_refused_or_read_differently(keys: list[bytes], flip: int) -> None:
    script = multisig_script(2, keys)
    honest = parse_multisig_script(script)
    for position in range(len(script)):
        changed = script[:position] + bytes([script[position] ^ flip]) + script[position + 1 :]
        try:
            read = parse_multisig_script(changed)
        except StrongroomError:
            continue
        assert honest != read


def test_p2wsh_commits_to_its_witness_script() -> None:
    assert b"\x00\x20" + hashlib.sha256(WITNESS_SCRIPT).digest() == p2wsh_script(WITNESS_SCRIPT)


@pytest.mark.parametrize(
    ("script", "bitcoin", "litecoin"),
    [
        (f"76a914{HASH20}88ac", 546, 5460),
        (f"a914{HASH20}87", 540, 5400),
        (f"0014{HASH20}", 294, 2940),
        (f"0020{HASH32}", 330, 3300),
        (f"5120{HASH32}", 330, 3300),
    ],
)
def test_dust_limits_are_those_of_the_nodes(script: str, bitcoin: int, litecoin: int) -> None:
    assert bitcoin == dust_limit_sat(bytes.fromhex(script), BITCOIN.dust_relay_sat_per_kvb)
    assert litecoin == dust_limit_sat(bytes.fromhex(script), LITECOIN.dust_relay_sat_per_kvb)
