"""A statement is read once for the same bytes; another place, another type or another byte is read anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.checker.reading import once
from strongroom.checker.reading.envelopes import Envelope, Type
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.once import read_once
from strongroom.checker.reading.roots import parse_root_file
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError
from world import World

from ..raw import codes_of


def envelope(path: str = "roots[0]") -> Envelope:
    """The root of the tests' firm."""
    return replace(parse_root_file(World().root_file)[0], path=path)


class Counting:
    """Reads nothing of a body, and knows how often."""

    times = 0

    def __call__(self, node: Node) -> str:
        self.times += 1
        return node.path


def test_the_same_bytes_at_the_same_place_are_read_once() -> None:
    said, count = envelope(), Counting()
    first, second = (read_once(each, Type.ROOT, count) for each in (said, replace(said, signatures=())))
    assert count.times == 1
    assert (first.body, first.issuer) == (second.body, second.issuer)
    # Signatures are not remembered with what was read: each envelope answers for its own.
    assert first.envelope.signatures
    assert not second.envelope.signatures


def test_another_place_is_named_by_its_own_path() -> None:
    count = Counting()
    paths = {read_once(envelope(path), Type.ROOT, count).body for path in ("here", "there")}
    assert paths == {"here.payload.body", "there.payload.body"}


def test_a_changed_byte_is_read_anew() -> None:
    said, count = envelope(), Counting()
    read_once(said, Type.ROOT, count)
    other = said.payload.replace(b'"issued_at":"2', b'"issued_at":"3')
    assert other != said.payload
    read_once(replace(said, payload=other), Type.ROOT, count)
    assert count.times == 2


def test_what_is_refused_is_refused_each_time() -> None:
    said, count = envelope(), Counting()
    read_once(said, Type.ROOT, count)
    for _ in range(2):
        assert codes_of(lambda: read_once(said, Type.POLICY, count)) == {Code.TYPE_MISMATCH}
        with pytest.raises(MalformedError):
            read_once(replace(said, payload_type="another"), Type.ROOT, count)


def test_what_is_large_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "MAX_REMEMBERED_BYTES", 10)
    said, count = envelope(), Counting()
    assert read_once(said, Type.ROOT, count) == read_once(said, Type.ROOT, count)
    assert count.times == 2
