"""The short way through a document accepts nothing that the long one refuses, and gives the same value and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    _encode_strictly,
    _parse_plain,
    _parse_strictly,
    encode_canonical,
    encode_with_notes,
    parse_canonical,
    parse_with_notes,
)
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError
from strongroom.core.statements import Envelope, Signature
from world import World

NOTES = frozenset({"note"})
TRICKY = st.sampled_from(
    [
        "note",
        'no"te',
        "a,",
        '\\"note":"',
        '{"note":"',
        "null",
        "true",
        "\\n",
        "\n",
        "\\\\n",
        "\u2014",
        "e\u0301",
        "é",
        "1e5",
        "-",
        "",
    ]
)
TEXT = TRICKY | st.text(max_size=6) | st.builds("".join, st.lists(TRICKY, max_size=3))
NUMBERS = st.integers(min_value=-2, max_value=2**60) | st.sampled_from([MAX_INTEGER, MAX_INTEGER + 1, 10**15, 10**16])
ODD = st.none() | st.floats(allow_nan=False) | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(ODD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def strictly(raw: bytes, fields: frozenset[str]) -> Any:
    try:
        return ("value", _parse_strictly(raw, fields))
    except MalformedError as error:
        return ("refused", error.code)


@given(VALUES, st.sampled_from([frozenset(), NOTES]))
def test_what_the_short_way_takes_the_long_way_takes_too(value: Any, fields: frozenset[str]) -> None:
    for raw in (_dump(value), _dump(value).replace(b" ", b""), _dump([value, value])):
        short = _parse_plain(raw, fields)
        if short is not None:
            assert ("value", short) == strictly(raw, fields)
            assert repr(short) == repr(_parse_strictly(raw, fields))


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


WRITERS = {frozenset[str](): encode_canonical, NOTES: encode_with_notes}


@given(VALUES, st.sampled_from(list(WRITERS)))
def test_both_ways_write_the_same(value: Any, fields: frozenset[str]) -> None:
    assert written(lambda: _encode_strictly(value, fields)) == written(lambda: WRITERS[fields](value))


def written(work: Callable[[], bytes]) -> tuple[str, bytes | Code]:
    try:
        return "written", work()
    except MalformedError as error:
        return "refused", error.code


PLAIN = (
    b'{"a":1,"b":[true,false],"c":"\\"x\\\\"}',
    b'{"note":"a\\nb\\n"}',
    b'{"x":{"note":"\\u2014\\n"}}'.replace(b"\\u2014", "\u2014".encode()),
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
    b"999999999999999",
    b'"null"',
)
DOUBTFUL = (
    (b'{"b":1,"a":2}', Code.JSON_NOT_CANONICAL),
    (b'{"a":1,"a":1}', Code.JSON_DUPLICATE_KEY),
    (b'{"a": 1}', Code.JSON_NOT_CANONICAL),
    (b'{"a":null}', Code.JSON_SYNTAX),
    (b"[-1]", Code.JSON_SYNTAX),
    (b"[1.5]", Code.JSON_SYNTAX),
    (b"[1e5]", Code.JSON_SYNTAX),
    (b"[NaN]", Code.JSON_SYNTAX),
    (b"[9007199254740992]", Code.JSON_SYNTAX),
    (b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2), Code.JSON_SYNTAX),
    (b'{"x":"a\\n"}', Code.FIELD_INVALID),
    (b'{"no\\"te":"a\\n"}', Code.FIELD_INVALID),
    (b'{"x":",\\"note\\":\\"a\\n"}', Code.FIELD_INVALID),
    (b'{"note":"a\\t"}', Code.FIELD_INVALID),
    (b'{"note\\n":"a"}', Code.FIELD_INVALID),
    (b'{"note":["a\\n"]}', Code.FIELD_INVALID),
    (b'{"x":"\\/"}', Code.JSON_NOT_CANONICAL),
    (b'{"x":"\\u0041"}', Code.JSON_NOT_CANONICAL),
    (b'{"x":"\\ud800"}', Code.FIELD_INVALID),
    (b'{"x":"\x7f"}', Code.FIELD_INVALID),
    ('{"x":"e\u0301"}'.encode(), Code.FIELD_INVALID),
    (b'{"x":"a', Code.JSON_SYNTAX),
    (b"", Code.JSON_SYNTAX),
)


@pytest.mark.parametrize("raw", PLAIN, ids=range(len(PLAIN)))
def test_plain_documents_take_the_short_way(raw: bytes) -> None:
    assert _parse_plain(raw, NOTES) is not None
    assert _parse_strictly(raw, NOTES) == parse_with_notes(raw, limit=1000) == _parse_plain(raw, NOTES)


@pytest.mark.parametrize(("raw", "code"), DOUBTFUL, ids=range(len(DOUBTFUL)))
def test_whatever_is_doubtful_takes_the_long_way_and_is_refused_there(raw: bytes, code: Code) -> None:
    assert _parse_plain(raw, NOTES) is None
    with pytest.raises(MalformedError) as caught:
        parse_with_notes(raw, limit=1000)
    assert code == caught.value.code


@pytest.mark.parametrize("value", [None, 1.0, (1, 2), {"a": (1,)}, [None], 2**53, -1, {"a": 1.5}])
def test_what_is_no_value_of_ours_is_not_written(value: Any) -> None:
    with pytest.raises(MalformedError):
        encode_canonical(value)
    assert b"[1,2]" == encode_canonical([1, 2])


def test_an_envelope_is_written_as_every_document_is() -> None:
    world = World()
    for envelope in world.log.envelopes:
        assert parse_canonical(envelope.encode()) == json.loads(envelope.encode())
        assert rfc8785.dumps(json.loads(envelope.encode())) == envelope.encode()
    odd = Envelope(payload=b"{}", payloadType='a"b', signatures=(Signature(keyid='k"', sig=b"s"),))  # type: ignore[arg-type]
    assert rfc8785.dumps(json.loads(odd.encode())) == odd.encode()
