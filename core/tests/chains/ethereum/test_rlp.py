"""RLP: the official vectors, a second implementation, and every second spelling refused."""

from __future__ import annotations

from typing import Any

import pytest
import rlp as second_implementation  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from strongroom.chains.ethereum.rlp import MAX_RLP_BYTES, RlpItem, encode_integer, encode_rlp, parse_integer, parse_rlp
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError

from .examples import load_vectors

VALID = load_vectors("rlp.json")["valid"]
INVALID = load_vectors("rlp.json")["invalid"]
items = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6).map(tuple), max_leaves=20)


def _item(value: Any) -> RlpItem:
    return bytes.fromhex(value) if isinstance(value, str) else tuple(_item(inner) for inner in value)


@pytest.mark.parametrize("case", VALID, ids=lambda case: case["name"])
def test_official_values(case: dict[str, Any]) -> None:
    item, encoded = _item(case["in"]), bytes.fromhex(case["out"])
    assert encoded == encode_rlp(item)
    assert item == parse_rlp(encoded)
    if case["number"]:
        number = int.from_bytes(bytes.fromhex(case["in"]), "big")
        assert case["in"] == encode_integer(number).hex()
        assert number == parse_integer(item, 2**264, "number")


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case["name"])
def test_official_encodings_that_must_be_refused(case: dict[str, str]) -> None:
    with pytest.raises(StrongroomError) as caught:
        parse_rlp(bytes.fromhex(case["out"]))
    assert Code(case["refused_with"]) in caught.value.codes


@given(item=items)
def test_every_item_round_trips_and_a_second_implementation_agrees(item: RlpItem) -> None:
    encoded = encode_rlp(item)
    assert encoded == second_implementation.encode(item)
    assert item == parse_rlp(encoded)


@given(raw=st.binary(max_size=80))
def test_what_parses_encodes_to_the_same_bytes(raw: bytes) -> None:
    try:
        item = parse_rlp(raw)
    except StrongroomError:
        # The other implementation refuses it as well: we are not stricter than the format.
        with pytest.raises(second_implementation.DecodingError):
            second_implementation.decode(raw, strict=True)
        return
    assert raw == encode_rlp(item)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", Code.TX_TRUNCATED),
        ("83646f", Code.TX_TRUNCATED),
        ("b8", Code.TX_TRUNCATED),
        ("b838", Code.TX_TRUNCATED),
        ("c3646f", Code.TX_TRUNCATED),
        ("c283646f67", Code.TX_TRUNCATED),
        ("83646f6700", Code.TX_TRAILING_BYTES),
        ("c000", Code.TX_TRAILING_BYTES),
        ("8100", Code.TX_NOT_CANONICAL),
        ("c2817f", Code.TX_NOT_CANONICAL),
        ("b803646f67", Code.TX_NOT_CANONICAL),
        ("f800", Code.TX_NOT_CANONICAL),
        ("c1" * 17 + "c0", Code.TX_TRUNCATED),
    ],
)
def test_each_fault_has_its_code(raw: str, code: Code) -> None:
    assert b"dog" == parse_rlp(bytes.fromhex("83646f67"))
    with pytest.raises(StrongroomError) as caught:
        parse_rlp(bytes.fromhex(raw))
    assert {code} == caught.value.codes


def _nested(depth: int) -> bytes:
    raw = b"\xc0"
    for _ in range(depth):
        raw = bytes([0xC0 + len(raw)]) + raw
    return raw


def test_lists_nest_only_so_deep() -> None:
    assert parse_rlp(_nested(16))
    with pytest.raises(StrongroomError) as caught:
        parse_rlp(_nested(17))
    assert Code.TOO_LARGE in caught.value.codes


def test_no_transaction_is_larger_than_nodes_relay() -> None:
    fits = encode_rlp(bytes(MAX_RLP_BYTES - 4))
    assert MAX_RLP_BYTES == len(fits)
    assert parse_rlp(fits)
    with pytest.raises(StrongroomError) as caught:
        parse_rlp(encode_rlp(bytes(MAX_RLP_BYTES - 3)))
    assert Code.TOO_LARGE in caught.value.codes


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (b"\x00", Code.TX_NOT_CANONICAL),
        (b"\x00\x01", Code.TX_NOT_CANONICAL),
        ((), Code.TX_FIELD_INVALID),
        (b"\x0b", Code.TX_FIELD_INVALID),
    ],
)
def test_numbers_have_one_spelling_and_a_bound(item: RlpItem, code: Code) -> None:
    assert 0 == parse_integer(b"", 10, "number")
    assert 10 == parse_integer(b"\x0a", 10, "number")
    with pytest.raises(StrongroomError) as caught:
        parse_integer(item, 10, "number")
    assert {code} == caught.value.codes
