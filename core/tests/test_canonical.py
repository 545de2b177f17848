"""Canonical JSON: RFC 8785's own test data, and everything that our reader refuses on top of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_STATEMENT_BYTES,
    encode_canonical,
    encode_with_notes,
    parse_canonical,
    parse_with_notes,
    sha256,
)
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError

from .refusals import refuse
from .strategies import json_values

VECTORS = Path(__file__).parents[2] / "vectors"
RFC = json.loads((VECTORS / "rfc8785/testdata.json").read_text("utf-8"))["cases"]
OURS = json.loads((VECTORS / "statement/canonical.json").read_text("utf-8"))


@pytest.mark.parametrize("case", RFC, ids=[c["name"] for c in RFC])
def test_the_test_data_of_rfc_8785(case: dict[str, str]) -> None:
    """The encoding is the RFC's; what we refuse of it holds a null, a fraction or a hidden character."""
    output = case["output"].encode()
    assert output == rfc8785.dumps(json.loads(case["input"]))
    if case["refused_with"] == "none":
        assert output == encode_canonical(parse_canonical(output))
        refuse(Code.JSON_NOT_CANONICAL, lambda: parse_canonical(case["input"].encode()))
    else:
        refuse(Code(case["refused_with"]), lambda: parse_canonical(output))
        refuse(Code(case["refused_with"]), lambda: encode_canonical(json.loads(case["input"])))


@pytest.mark.parametrize("case", OURS["canonical"], ids=[c["name"] for c in OURS["canonical"]])
def test_one_spelling_is_read(case: dict[str, str]) -> None:
    raw = bytes.fromhex(case["hex"])
    assert raw == encode_canonical(parse_canonical(raw))
    assert case["sha256"] == sha256(raw)


@pytest.mark.parametrize("case", OURS["refused"], ids=[c["name"] for c in OURS["refused"]])
def test_every_other_spelling_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_canonical(bytes.fromhex(case["hex"]))
    assert {Code(case["code"])} == caught.value.codes
    assert case["field"] in {"", caught.value.refusals[0].field}


@given(json_values())
def test_what_is_written_is_read_again(value: Any) -> None:
    raw = encode_canonical(value)
    assert value == parse_canonical(raw)
    assert raw == rfc8785.dumps(value)


@given(json_values(), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_changed_byte_is_read_as_the_same_value(value: Any, at: int, mask: int) -> None:
    raw = bytearray(encode_canonical(value))
    raw[at % len(raw)] ^= mask
    try:
        other = parse_canonical(bytes(raw))
    except MalformedError:
        return
    assert raw == encode_canonical(other)
    assert encode_canonical(value) != raw


def test_nesting_ends_somewhere() -> None:
    fits = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert fits == encode_canonical(parse_canonical(fits))
    for levels in (MAX_DEPTH + 2, 1_000, 100_000):
        deeper = b"[" * levels + b"]" * levels
        refuse(Code.JSON_SYNTAX, lambda deeper=deeper: parse_canonical(deeper))
    too_deep: Any = []
    for _ in range(MAX_DEPTH + 1):
        too_deep = [too_deep]
    refuse(Code.JSON_SYNTAX, lambda: encode_canonical(too_deep))


def test_a_document_ends_somewhere() -> None:
    fits = b'"' + b"a" * (MAX_STATEMENT_BYTES - 2) + b'"'
    assert fits == encode_canonical(parse_canonical(fits))
    refuse(Code.TOO_LARGE, lambda: parse_canonical(fits[:-1] + b'a"'))
    refuse(Code.TOO_LARGE, lambda: parse_canonical(b'"ab"', limit=3))
    refuse(Code.JSON_SYNTAX, lambda: parse_canonical(b"9" * 1_000_000))


def test_numbers_are_plain_integers() -> None:
    assert str(MAX_INTEGER).encode() == encode_canonical(parse_canonical(str(MAX_INTEGER).encode()))
    for wrong in (MAX_INTEGER + 1, -1, 1.0, None, b"x", (1,)):
        refuse(Code.JSON_SYNTAX, lambda wrong=wrong: encode_canonical(wrong))


HIDDEN = [*range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2065)]
HIDDEN += [*range(0x2066, 0x2070), 0xFEFF, 0xD800, 0xDFFF]
SHOWN = [0x20, 0x7E, 0xA0, 0x200A, 0x2010, 0x2027, 0x202F, 0x2070, 0x1F602]


def test_no_hidden_character_is_read_or_written() -> None:
    """A zero-width or direction-changing character makes a screen show what was not signed."""
    for code_point in HIDDEN:
        text = f"a{chr(code_point)}b"
        for value in (text, [text], {"k": text}, {text: "v"}):
            refuse(Code.FIELD_INVALID, lambda value=value: encode_canonical(value))
            refuse(Code.FIELD_INVALID, lambda value=value: parse_canonical(json.dumps(value).encode()))
    for code_point in SHOWN:
        assert chr(code_point) == parse_canonical(encode_canonical(chr(code_point)))


def test_text_has_one_normal_form() -> None:
    refuse(Code.FIELD_INVALID, lambda: encode_canonical("A\u030a"))
    assert "\u00c5" == parse_canonical(encode_canonical("\u00c5"))


def test_line_feeds_stand_in_notes_only() -> None:
    document = {"note": "a\nb\n"}
    raw = encode_with_notes(document)
    assert document == parse_with_notes(raw, limit=100)
    refuse(Code.FIELD_INVALID, lambda: parse_canonical(raw))
    refuse(Code.FIELD_INVALID, lambda: encode_canonical(document))
    refuse(Code.FIELD_INVALID, lambda: encode_with_notes({"text": "a\nb"}))
    refuse(Code.FIELD_INVALID, lambda: encode_with_notes({"note": "a\rb"}))
    refuse(Code.FIELD_INVALID, lambda: encode_with_notes({"note": ["a\nb"]}))


def test_the_offset_is_told() -> None:
    with pytest.raises(MalformedError) as caught:
        parse_canonical(b'{"a":1, "b":2}')
    assert "offset 7" == caught.value.refusals[0].field
