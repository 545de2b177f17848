"""The depth of a JSON text, found without recursion."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.nesting import is_nested_deeper

Tree = list["Tree"] | dict[str, "Tree"] | str
TREES = st.recursive(
    st.text(), lambda children: st.lists(children) | st.dictionaries(st.text(), children), max_leaves=20
)


def depth_of(tree: Tree) -> int:
    if isinstance(tree, str):
        return 0
    children = tree if isinstance(tree, list) else list(tree.values())
    return 1 + max((depth_of(child) for child in children), default=0)


@given(TREES)
def test_the_depth_is_that_of_the_parsed_value(tree: Tree) -> None:
    raw, depth = json.dumps(tree).encode(), depth_of(tree)
    assert not is_nested_deeper(raw, depth)
    assert depth == 0 or is_nested_deeper(raw, depth - 1)


@pytest.mark.parametrize("raw", [b"", b'"', b'"[[[[', b'"\\"[[[["', b"]]]]", b"[]" * 9, b'{"[[":"]]{{"}', b"\xff"])
def test_brackets_that_open_nothing_do_not_count(raw: bytes) -> None:
    assert not is_nested_deeper(raw, 1)
    assert is_nested_deeper(b"[[" + raw, 1)


def test_a_document_of_brackets_is_refused_also_when_a_library_raised_pythons_limit() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(StrongroomError) as caught:
            parse_canonical(b"[" * 500_000)
        assert Code.JSON_SYNTAX in caught.value.codes
        assert parse_canonical(b"[[[]]]") == [[[]]]
    finally:
        sys.setrecursionlimit(before)
