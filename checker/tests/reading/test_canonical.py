"""Canonical JSON: one spelling is read, every other is refused at the byte where it differs."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.checker.reading.canonical import (
    MAX_DEPTH,
    Json,
    encode_canonical,
    parse_canonical,
    parse_canonical_with_notes,
)
from strongroom.core import canonical as core
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError

HONEST: list[tuple[bytes, Json]] = [
    (b"{}", {}),
    (b"[]", []),
    (b'{"a":1,"b":["x",0,9007199254740991]}', {"a": 1, "b": ["x", 0, 9007199254740991]}),
    (b'"\\"\\\\ /"', '"\\ /'),
    ('"\u00e9\u20ac\U0001f600"'.encode(), "\u00e9\u20ac\U0001f600"),
    # RFC 8785 sorts by UTF-16 code units: U+1F600 (D83D DE00) stands before U+FB33.
    ('{"\u20ac":1,"\U0001f600":2,"\ufb33":3}'.encode(), {"\u20ac": 1, "\U0001f600": 2, "\ufb33": 3}),
    (b"[true,false]", [True, False]),
]

REFUSED: list[tuple[str, bytes, Code]] = [
    ("nothing at all", b"", Code.JSON_SYNTAX),
    ("null", b"null", Code.JSON_SYNTAX),
    ("a fraction", b"1.5", Code.JSON_SYNTAX),
    ("an exponent", b"1e3", Code.JSON_SYNTAX),
    ("a sign", b"-1", Code.JSON_SYNTAX),
    ("a plus", b"+7", Code.JSON_SYNTAX),
    ("a leading zero", b"007", Code.JSON_SYNTAX),
    ("one above 2^53-1", b"9007199254740992", Code.JSON_SYNTAX),
    ("not a number", b"NaN", Code.JSON_SYNTAX),
    ("bytes after the end", b"{}x", Code.JSON_SYNTAX),
    ("an open string", b'"abc', Code.JSON_SYNTAX),
    ("a raw line feed in a string", b'"a\nb"', Code.JSON_SYNTAX),
    ("a strange escape", b'"\\x41"', Code.JSON_SYNTAX),
    ("half an escape", b'"\\u00"', Code.JSON_SYNTAX),
    ("a missing comma", b"[1 2]", Code.JSON_SYNTAX),
    ("a comma too many", b"[1,]", Code.JSON_SYNTAX),
    ("a missing colon", b'{"a" 1}', Code.JSON_SYNTAX),
    ("no UTF-8", b'"\xff"', Code.JSON_SYNTAX),
    ("a byte order mark", b"\xef\xbb\xbf{}", Code.JSON_SYNTAX),
    ("too deep", b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), Code.JSON_SYNTAX),
    ("a name twice", b'{"a":1,"a":1}', Code.JSON_DUPLICATE_KEY),
    ("a name twice, spelled apart", b'{"a":1,"\\u0061":1}', Code.JSON_DUPLICATE_KEY),
    ("white space", b'{"a": 1}', Code.JSON_NOT_CANONICAL),
    ("a line feed at the end", b"{}\n", Code.JSON_NOT_CANONICAL),
    ("names out of order", b'{"b":1,"a":2}', Code.JSON_NOT_CANONICAL),
    ("an escape that is not needed", b'"\\u0041"', Code.JSON_NOT_CANONICAL),
    ("an escaped slash", b'"\\/"', Code.JSON_NOT_CANONICAL),
    ("an escaped control character", b'"\\u0007"', Code.FIELD_INVALID),
    ("a line feed", b'"\\n"', Code.FIELD_INVALID),
    ("delete", b'"\x7f"', Code.FIELD_INVALID),
    ("a zero-width space", '"\u200b"'.encode(), Code.FIELD_INVALID),
    ("right to left", '"\u202e"'.encode(), Code.FIELD_INVALID),
    ("an isolate", '"\u2066"'.encode(), Code.FIELD_INVALID),
    ("a zero-width no-break space", '"\ufeff"'.encode(), Code.FIELD_INVALID),
    ("half a character", b'"\\ud83d"', Code.FIELD_INVALID),
    ("an unseen character in a name", '{"\u200b":1}'.encode(), Code.FIELD_INVALID),
]


@pytest.mark.parametrize(("raw", "value"), HONEST)
def test_canonical_bytes_are_read_and_written_back(raw: bytes, value: Json) -> None:
    assert value == parse_canonical(raw, limit=1000, path="it")
    assert raw == encode_canonical(value)


@pytest.mark.parametrize(("raw", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_other_bytes_are_refused(raw: bytes, code: Code) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_canonical(raw, limit=1000, path="it")
    assert {code} == caught.value.codes


@pytest.mark.parametrize("raw", [r[1] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_the_first_reading_refuses_them_too(raw: bytes) -> None:
    if raw.startswith(b"[["):
        raw = b"[" + raw + b"]"  # The first reading counts levels below the document, so it takes one more.
    with pytest.raises(MalformedError):
        core.parse_canonical(raw, limit=1000)


def test_a_document_above_its_size_is_refused() -> None:
    assert [] == parse_canonical(b"[]", limit=2, path="it")
    with pytest.raises(MalformedError) as caught:
        parse_canonical(b"[1]", limit=2, path="it")
    assert {Code.TOO_LARGE} == caught.value.codes


@pytest.mark.parametrize(
    ("raw", "place", "offset"),
    [
        (b'{"a":{"b":[1, 2]}}', "a.b", 13),
        (b'{"b":1,"a":2}', "document", 2),
        (b'{"x":["y","\\u0041"]}', "x[1]", 11),
        (b"{} ", "document", 2),
    ],
)
def test_the_first_byte_that_differs_is_named_with_its_place(raw: bytes, place: str, offset: int) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_canonical(raw, limit=1000, path="")
    refusal = caught.value.refusals[0]
    assert (Code.JSON_NOT_CANONICAL, place) == (refusal.code, refusal.field)
    assert refusal.expected.endswith(f"at offset {offset}")


def test_only_a_note_of_a_docket_holds_line_feeds() -> None:
    assert {"note": "a\nb"} == parse_canonical_with_notes(b'{"note":"a\\nb"}', limit=1000, path="it")
    with pytest.raises(MalformedError) as other_name:
        parse_canonical_with_notes(b'{"text":"a\\nb"}', limit=1000, path="it")
    with pytest.raises(MalformedError) as other_document:
        parse_canonical(b'{"note":"a\\nb"}', limit=1000, path="it")
    with pytest.raises(MalformedError) as other_control:
        parse_canonical_with_notes(b'{"note":"a\\tb"}', limit=1000, path="it")
    for caught in (other_name, other_document, other_control):
        assert {Code.FIELD_INVALID} == caught.value.codes


_SEEN = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zl", "Zp")))
_TEXTS = _SEEN.map(lambda text: normalize("NFC", text))
_JSON = st.recursive(
    st.integers(0, 2**53 - 1) | _TEXTS | st.booleans(),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner),
    max_leaves=20,
)


@given(_JSON)
def test_both_readings_write_the_same_bytes_and_read_them_back(value: Json) -> None:
    raw = encode_canonical(value)
    assert core.encode_canonical(value) == raw
    assert value == parse_canonical(raw, limit=10**6, path="it")


@given(_JSON, st.integers(0), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_says_something_else(value: Json, place: int, mask: int) -> None:
    raw = bytearray(encode_canonical(value))
    raw[place % len(raw)] ^= mask
    try:
        other = parse_canonical(bytes(raw), limit=10**6, path="it")
    except MalformedError:
        return
    assert value != other
    assert bytes(raw) == encode_canonical(other)
