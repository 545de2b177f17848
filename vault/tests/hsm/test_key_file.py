"""The file of a wrapped key: one form, read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, StrongroomError, UnavailableError
from strongroom.core.ids import EntryId, WalletId
from strongroom.vault.hsm.key_file import KeyFile, encode_key_file, load_key_files, parse_key_file
from strongroom.vault.hsm.wrapped_keys import WrappedKey

FILE = KeyFile(
    key=WrappedKey(key_id=EntryId("key:ltc-1a"), public_key=b"\x02" + b"\x11" * 32, blob=b"\x9f" * 72),
    wallet=WalletId("wallet:ltc"),
    token="e8b570c8a2a6bfc4",
)


def test_the_form_of_a_key_file() -> None:
    expected = (
        b'{"blob":"' + b"9f" * 72 + b'","curve":"secp256k1","format":"strongroom-key/1","key":"key:ltc-1a","public":"02'
        + b"11" * 32 + b'","token":"e8b570c8a2a6bfc4","wallet":"wallet:ltc"}'
    )  # fmt: skip
    assert expected == encode_key_file(FILE)
    assert FILE == parse_key_file(expected)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (Code.FIELD_INVALID, {"curve": "secp256r1"}),
        (Code.FIELD_INVALID, {"format": "strongroom-key/2"}),
        (Code.FIELD_INVALID, {"key": "wallet:ltc"}),
        (Code.FIELD_INVALID, {"public": "04" + "11" * 32}),
        (Code.FIELD_INVALID, {"public": "02" + "11" * 31}),
        (Code.FIELD_INVALID, {"blob": ""}),
        (Code.FIELD_INVALID, {"blob": "9F"}),
        (Code.FIELD_INVALID, {"wallet": "ltc"}),
        (Code.FIELD_UNKNOWN, {"note": "x"}),
    ],
)
def test_other_fields_are_refused(code: Code, changes: dict[str, str]) -> None:
    document = {**json.loads(encode_key_file(FILE)), **changes}
    with pytest.raises(MalformedError) as caught:
        parse_key_file(encode_canonical(document))
    assert code in caught.value.codes


def test_every_byte_matters() -> None:
    raw = encode_key_file(FILE)
    for index in range(len(raw)):
        altered = bytearray(raw)
        altered[index] ^= 1
        assert FILE != _parsed_or_none(bytes(altered))


def _parsed_or_none(raw: bytes) -> KeyFile | None:
    try:
        return parse_key_file(raw)
    except StrongroomError:
        # A refusal is one of the two right answers here.
        return None


def test_a_folder_of_key_files(tmp_path: Path) -> None:
    (tmp_path / "a.key.json").write_bytes(encode_key_file(FILE))
    (tmp_path / "readme.txt").write_text("not a key")
    assert {EntryId("key:ltc-1a"): FILE} == load_key_files(tmp_path)
    (tmp_path / "b.key.json").write_bytes(encode_key_file(FILE))
    with pytest.raises(MalformedError) as caught:
        load_key_files(tmp_path)
    assert Code.FIELD_INVALID in caught.value.codes


def test_a_key_file_that_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a.key.json").mkdir()
    with pytest.raises(UnavailableError) as caught:
        load_key_files(tmp_path)
    assert Code.FILE_UNAVAILABLE in caught.value.codes
