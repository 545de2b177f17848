"""Values of a node's answer: each has one spelling, and an amount is exact or refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.online.nodes import replies
from strongroom.online.nodes.rpc import Json

Parser = Callable[[Json, str], object]

ACCEPTED: list[tuple[Parser, Json, object]] = [
    (replies.parse_quantity, "0x0", 0),
    (replies.parse_quantity, "0xde0b6b3a7640000", 10**18),
    (replies.parse_quantity, "0x" + "f" * 64, 2**256 - 1),
    (replies.parse_data, "0x", b""),
    (replies.parse_data, "0x00ff", b"\x00\xff"),
    (replies.parse_hash, "0x" + "a" * 64, "0x" + "a" * 64),
    (replies.parse_address_bytes, "0x" + "aB" * 20, b"\xab" * 20),
    (replies.parse_plain_hash, "a" * 64, "a" * 64),
    (replies.parse_plain_bytes, "00ff", b"\x00\xff"),
    (replies.parse_integer, 0, 0),
    (replies.parse_text, "", ""),
    (replies.parse_list, [1], [1]),
    (replies.parse_coins, Decimal("1.23456789"), 123456789),
    (replies.parse_coins, Decimal("1E-8"), 1),
    (replies.parse_coins, Decimal("84000000.00000000"), 8_400_000_000_000_000),
    (replies.parse_coins, 50, 5_000_000_000),
]

REFUSED: list[tuple[Parser, Json]] = [
    (replies.parse_quantity, 1),
    (replies.parse_quantity, None),
    (replies.parse_quantity, ""),
    (replies.parse_quantity, "0x"),
    (replies.parse_quantity, "0x01"),
    (replies.parse_quantity, "0xA"),
    (replies.parse_quantity, "a"),
    (replies.parse_quantity, "0x-1"),
    (replies.parse_quantity, "0x1_0"),
    (replies.parse_quantity, "0x1\n"),
    (replies.parse_quantity, "0x1" + "0" * 64),
    (replies.parse_data, "0x0"),
    (replies.parse_data, "00"),
    (replies.parse_data, "0xFF"),
    (replies.parse_data, None),
    (replies.parse_hash, "a" * 64),
    (replies.parse_hash, "0x" + "a" * 63),
    (replies.parse_hash, "0x" + "A" * 64),
    (replies.parse_address_bytes, "0x" + "a" * 39),
    (replies.parse_address_bytes, "a" * 40),
    (replies.parse_address_bytes, 5),
    (replies.parse_plain_hash, "0x" + "a" * 64),
    (replies.parse_plain_hash, "A" * 64),
    (replies.parse_plain_bytes, "0"),
    (replies.parse_plain_bytes, "0g"),
    (replies.parse_integer, -1),
    (replies.parse_integer, True),
    (replies.parse_integer, "1"),
    (replies.parse_integer, Decimal(1)),
    (replies.parse_text, 1),
    (replies.parse_list, {}),
    (replies.parse_coins, Decimal("0.000000001")),
    (replies.parse_coins, Decimal("1.234567891")),
    (replies.parse_coins, Decimal("-0.00000001")),
    (replies.parse_coins, Decimal("1e30")),
    (replies.parse_coins, "1.0"),
    (replies.parse_coins, True),
    (replies.parse_coins, None),
]


@pytest.mark.parametrize(("parse", "value", "expected"), ACCEPTED)
def test_one_spelling_is_read(parse: Parser, value: Json, expected: object) -> None:
    assert expected == parse(value, "field")


@pytest.mark.parametrize(("parse", "value"), REFUSED)
def test_every_other_spelling_is_refused(parse: Parser, value: Json) -> None:
    with pytest.raises(StrongroomError) as caught:
        parse(value, "field")
    assert Code.FIELD_INVALID in caught.value.codes


@given(st.integers(min_value=0, max_value=84_000_000 * 10**8))
def test_every_amount_survives_the_nodes_spelling(units: int) -> None:
    spelled = Decimal(f"{units // 10**8}.{units % 10**8:08d}")
    assert units == replies.parse_coins(spelled, "field")


def test_an_object_is_read_field_by_field() -> None:
    reply = replies.Reply({"a": {"n": 1}, "list": [{"n": 2}], "yes": True, "null": None}, "node")
    assert 1 == reply.child("a").integer("n")
    assert [2] == [each.integer("n") for each in reply.children("list")]
    assert reply.flag("yes")
    assert (True, False, False) == (reply.has("a"), reply.has("null"), reply.has("other"))


def test_a_missing_or_wrong_field_is_named() -> None:
    reply = replies.Reply({"a": {"n": 1}, "list": [{"n": 2}, 3]}, "node")
    questions: list[tuple[Callable[[], object], str]] = [
        (lambda: reply.integer("b"), "node.b"),
        (lambda: reply.child("a").text("n"), "node.a.n"),
        (lambda: reply.flag("a"), "node.a"),
        (lambda: reply.children("list"), "node.list[1]"),
        (lambda: replies.Reply([], "node"), "node"),
    ]
    for question, field in questions:
        with pytest.raises(StrongroomError) as caught:
            question()
        assert Code.FIELD_INVALID in caught.value.codes
        assert field == caught.value.refusals[0].field


def test_a_long_value_is_cut_in_the_refusal() -> None:
    with pytest.raises(StrongroomError) as caught:
        replies.parse_quantity("x" * 100_000, "field")
    assert Code.FIELD_INVALID in caught.value.codes
    assert len(str(caught.value)) < 500
