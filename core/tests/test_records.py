"""Strict records: every body type goes there and back; every field type refuses its second spellings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.core import ids, records
from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError
from strongroom.core.records import check_sorted, encode_record, encode_time, parse_record
from strongroom.core.registers import ENTRY_TYPES, KeyState
from strongroom.core.statements import BODY_TYPES

from .refusals import refuse
from .strategies import record_of


@pytest.mark.parametrize("cls", [*BODY_TYPES.values(), *ENTRY_TYPES.values()], ids=lambda cls: cls.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_a_record_goes_there_and_back(cls: type[Any], data: st.DataObject) -> None:
    record = data.draw(record_of(cls))
    raw = encode_canonical(encode_record(record))
    again = parse_record(cls, parse_canonical(raw), "record")
    assert record == again
    assert raw == encode_canonical(encode_record(again))


@pytest.mark.parametrize("cls", [*BODY_TYPES.values(), *ENTRY_TYPES.values()], ids=lambda cls: cls.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_a_record_has_exactly_its_fields(cls: type[Any], data: st.DataObject) -> None:
    value = encode_record(data.draw(record_of(cls)))
    assert parse_record(cls, value, "record")
    refuse(Code.FIELD_UNKNOWN, lambda: parse_record(cls, {**value, "extra": "x"}, "record"))
    name = data.draw(st.sampled_from(sorted(value)))
    fewer = {key: item for key, item in value.items() if key != name}
    refuse(Code.FIELD_MISSING, lambda: parse_record(cls, fewer, "record"))
    for other in (1.5, None):
        refuse(Code.FIELD_INVALID, lambda other=other: parse_record(cls, {**value, name: other}, "record"))
    refuse(Code.FIELD_INVALID, lambda: parse_record(cls, [], "record"))


FIELDS: tuple[tuple[Any, tuple[Any, ...], tuple[Any, ...]], ...] = (
    (str, ("", "é", "x" * 1024), ("x" * 1025, 1, ["x"])),
    (int, (0, 2**53 - 1), (True, -1, 2**53, "1")),
    (
        datetime,
        ("2027-03-14T02:55:00Z", "2028-02-29T23:59:59Z"),
        (
            "2027-03-14T02:55:00+00:00",
            "2027-03-14 02:55:00Z",
            "2027-02-29T00:00:00Z",
            "2027-03-14T24:00:00Z",
            "2027-03-14T02:55:00.0Z",
            "\u0662027-03-14T02:55:00Z",
            0,
        ),
    ),
    (
        records.Units,
        ("0", "7", str(2**256 - 1)),
        ("00", "+7", " 7", "1_0", "-1", "1.0", "1e3", "", str(2**256), "\u0667", 7),
    ),
    (records.HexBytes, ("", "00ff"), ("0", "FF", "0x00", " 00", "zz", 0)),
    (records.HexOrNone, ("none", "", "00"), ("None", "0", "FF", 0)),
    (records.Note, ("a\nb", ""), ("x" * 65537, 1)),
    (
        ids.Digest,
        ("sha256:" + "0a" * 32,),
        ("0a" * 32, "sha256:" + "0A" * 32, "sha256:" + "0a" * 31, "md5:" + "0a" * 16),
    ),
    (records.DigestOrNone, ("none", "sha256:" + "0a" * 32), ("", "NONE", "sha256:")),
    (records.EntryOrNone, ("none", "account:a:eth"), ("", "entry:a", "account:")),
    (
        ids.PartyId,
        ("person:m.chan", "device:t-1", "service:a", "client:a:b"),
        ("wallet:a", "person:", "person:A", "person:a b", "person:a:b:c", "person:.a", "a" * 90),
    ),
    (ids.WalletId, ("wallet:eth-cold-1",), ("account:a", "wallet:", "wallet:" + "a" * 81)),
    (ids.AccountId, ("account:a:eth",), ("wallet:a", "account:a:")),
    (ids.EntryId, ("entry:a", "key:a", "address:a", "rule:a"), ("thing:a", "entry", "entry:Ä")),
    (
        ids.ChainId,
        ("eip155:1", "bip122:530827f38f93b43ed12af0b3ad25a288"),
        ("eip155", "ETH:1", "eip155:", "eip155:" + "1" * 33),
    ),
    (ids.AssetId, ("eip155:1/slip44:60",), ("eip155:1", "eip155:1/slip44:", "eip155:1/SLIP44:60")),
)


@pytest.mark.parametrize(("hint", "good", "bad"), FIELDS, ids=[str(row[0]) for row in FIELDS])
def test_a_field_has_one_spelling(hint: Any, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    box = dataclass(frozen=True, kw_only=True)(type("Box", (), {"__annotations__": {"value": hint}}))
    for text in good:
        assert {"value": text} == encode_record(parse_record(box, {"value": text}, "box"))
    for text in bad:
        refuse(Code.FIELD_INVALID, lambda text=text: parse_record(box, {"value": text}, "box"))


def test_base64_has_one_spelling() -> None:
    assert b"A" == records.parse_base64("QQ==", "sig")
    for text in ("QR==", "QQ", "QQ=", "QQ==\n", " QQ==", "Q Q==", "QQ-_", "é", 1):
        refuse(Code.BASE64_INVALID, lambda text=text: records.parse_base64(text, "sig"))


def test_arrays_and_enumerations_are_what_they_say() -> None:
    value = encode_record(ENTRY_TYPES["keys"](**_key()))
    assert parse_record(ENTRY_TYPES["keys"], value, "key")
    refuse(Code.FIELD_INVALID, lambda: parse_record(ENTRY_TYPES["keys"], {**value, "state": "resting"}, "key"))
    refuse(Code.FIELD_INVALID, lambda: parse_record(ENTRY_TYPES["keys"], {**value, "state": 1}, "key"))


def _key() -> dict[str, Any]:
    return {
        "chain": "eip155:1",
        "id": "key:a",
        "public": b"\2" * 33,
        "state": KeyState.ACTIVE,
        "terminal": "device:t",
        "wallet": "wallet:w",
    }


def test_sorted_means_sorted_and_once() -> None:
    check_sorted([], "ids")
    check_sorted(["a", "b"], "ids")
    refuse(Code.FIELD_INVALID, lambda: check_sorted(["b", "a"], "ids"))
    refuse(Code.FIELD_INVALID, lambda: check_sorted(["a", "a"], "ids"))


def test_a_time_is_whole_seconds() -> None:
    assert "2027-03-14T02:55:00Z" == encode_time(datetime(2027, 3, 14, 2, 55, 0, 999_999, tzinfo=UTC))


def test_a_field_type_without_a_reader_is_our_own_fault() -> None:
    box = dataclass(frozen=True, kw_only=True)(type("Box", (), {"__annotations__": {"value": bytes}}))
    with pytest.raises(InvariantError) as caught:
        parse_record(box, {"value": "x"}, "box")
    assert Code.INVARIANT in caught.value.codes
