"""An envelope that was read before is the same value; whatever differs, and whatever is wrong, is read as ever."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from strongroom.core import envelopes
from strongroom.core.envelopes import read_envelope
from strongroom.core.errors import MalformedError
from strongroom.core.records import encode_record, parse_record
from strongroom.core.statements import Envelope
from world import World

ROOT = encode_record(World().roots[0])


def value() -> dict[str, Any]:
    return deepcopy(ROOT)


def test_the_same_text_is_one_value() -> None:
    first, second = read_envelope(value(), "here"), read_envelope(value(), "there")
    assert first is second
    assert first == parse_record(Envelope, value(), "here")


CHANGES = {
    "payload": lambda v: v.update(payload="e30="),
    "type": lambda v: v.update(payloadType="another"),
    "a signature less": lambda v: v["signatures"].pop(),
    "another signature": lambda v: v["signatures"][0].update(sig="e30="),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_text_is_another_value(name: str) -> None:
    known, changed = value(), value()
    read_envelope(known, "here")
    CHANGES[name](changed)
    assert read_envelope(changed, "here") == parse_record(Envelope, changed, "here") != read_envelope(known, "here")


WRONG = {
    "no object": lambda _: [],
    "a field too many": lambda v: {**v, "more": "1"},
    "a field too few": lambda v: {"payload": v["payload"], "payloadType": v["payloadType"]},
    "a number": lambda v: {**v, "payload": 1},
    "a list": lambda v: {**v, "payloadType": []},
    "second spelling": lambda v: {**v, "payload": "QR=="},
    "no signatures": lambda v: {**v, "signatures": []},
    "signatures of no list": lambda v: {**v, "signatures": "none"},
    "a signature of no object": lambda v: {**v, "signatures": ["none"]},
    "a signature with a list": lambda v: {**v, "signatures": [{"keyid": [], "sig": "e30="}]},
    "a signature with more": lambda v: {**v, "signatures": [{**v["signatures"][0], "more": "1"}]},
    "a signature twice": lambda v: {**v, "signatures": [v["signatures"][0]] * 2},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_the_same_words(name: str) -> None:
    wrong = WRONG[name](value())
    read_envelope(value(), "here")
    with pytest.raises(MalformedError) as told:
        parse_record(Envelope, wrong, "here")
    for _ in range(2):
        with pytest.raises(MalformedError) as again:
            read_envelope(wrong, "here")
        assert again.value.refusals == told.value.refusals


def test_what_is_large_is_read_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "MAX_REMEMBERED_CHARACTERS", 10)
    first, second = read_envelope(value(), "here"), read_envelope(value(), "here")
    assert first == second
    assert first is not second
