"""Strict records: frozen dataclasses from JSON objects and back, field by field, nothing optional.

One place decides what each field type looks like (spec/statement.md, table of field types). A record class is the
format: the reader refuses an unknown field (FIELD_UNKNOWN), an absent one (FIELD_MISSING) and any second spelling
(FIELD_INVALID).
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import itertools
import re
import typing
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, NewType, TypeVar, cast

from strongroom.core import ids, money
from strongroom.core.canonical import MAX_INTEGER, Json
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, malformed

Units = NewType("Units", int)
"""Smallest units of an asset; a decimal string in JSON."""
HexBytes = NewType("HexBytes", bytes)
"""Bytes; lower-case hex in JSON."""
Base64Bytes = NewType("Base64Bytes", bytes)
"""Bytes; strict base64 in JSON."""
Note = NewType("Note", str)
"""A signed note: text with line feeds, only in fields named `note`."""
UNITS_OR_NONE = Units | None
"""Smallest units, or the word `none`, which is None here."""
DigestOrNone = NewType("DigestOrNone", str)
"""A digest, or the word `none`."""
HexOrNone = NewType("HexOrNone", str)
"""Lower-case hex of any length, or the word `none`."""
EntryOrNone = NewType("EntryOrNone", str)
"""An account id, or the word `none`."""

NONE = "none"
MAX_TEXT = 1024
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
R = TypeVar("R")


def parse_time(value: object, field: str) -> datetime:
    """Read `YYYY-MM-DDTHH:MM:SSZ`; a real moment in UTC. Raises FIELD_INVALID."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise malformed(Code.FIELD_INVALID, field, "a real date", value) from error
    raise malformed(Code.FIELD_INVALID, field, "YYYY-MM-DDTHH:MM:SSZ", repr(value)[:80])


def encode_time(moment: datetime) -> str:
    """The one spelling of a moment, in UTC and whole seconds (fractions are cut off)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_base64(value: object, field: str) -> bytes:
    """Read strict base64. `QQ==` and `QR==` decode to the same byte, so the result is encoded again and compared."""
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise malformed(Code.BASE64_INVALID, field, "base64", value[:40]) from error
        if base64.b64encode(raw).decode() == value:
            return raw
    raise malformed(Code.BASE64_INVALID, field, "base64 in its one spelling", repr(value)[:40])


def parse_hex(value: object, field: str) -> bytes:
    """Read lower-case hex. Raises FIELD_INVALID."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise malformed(Code.FIELD_INVALID, field, "lower-case hex", repr(value)[:40])
    return bytes.fromhex(value)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise malformed(Code.FIELD_INVALID, field, f"text of at most {MAX_TEXT} characters", repr(value)[:40])
    return value


def _note(value: object, field: str) -> str:
    if not isinstance(value, str) or len(value) > 64 * MAX_TEXT:
        raise malformed(Code.FIELD_INVALID, field, "a signed note", repr(value)[:40])
    return value


def _integer(value: object, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INTEGER:
        raise malformed(Code.FIELD_INVALID, field, "an integer", repr(value)[:40])
    return value


def _json(value: object, field: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise malformed(Code.FIELD_INVALID, field, "an object", repr(value)[:40])
    return cast("dict[str, Json]", value)


def _own(kind: str) -> Callable[[object, str], str]:
    def parse(value: object, field: str) -> str:
        return ids.parse_own_id(_text(value, field), kind, field)

    return parse


def _or_none(parse: Callable[[str, str], str]) -> Callable[[object, str], str]:
    def parse_or_none(value: object, field: str) -> str:
        text = _text(value, field)
        return text if text == NONE else parse(text, field)

    return parse_or_none


def _hex_or_none(value: object, field: str) -> str:
    return NONE if value == NONE else parse_hex(value, field).hex()


def _units_or_none(value: object, field: str) -> int | None:
    return None if value == NONE else money.parse_units(value, field)


def _entry(value: object, field: str) -> str:
    text = _text(value, field)
    return ids.parse_own_id(text, text.split(":", 1)[0], field)


_PARSERS: dict[object, Callable[[Any, str], Any]] = {
    str: _text,
    int: _integer,
    datetime: parse_time,
    Units: money.parse_units,
    UNITS_OR_NONE: _units_or_none,
    HexBytes: parse_hex,
    Base64Bytes: parse_base64,
    Note: _note,
    ids.Digest: lambda value, field: ids.parse_digest(_text(value, field), field),
    ids.PartyId: lambda value, field: ids.parse_party_id(_text(value, field), field),
    ids.WalletId: _own("wallet"),
    ids.AccountId: _own("account"),
    ids.EntryId: _entry,
    ids.ChainId: lambda value, field: ids.parse_chain_id(_text(value, field), field),
    ids.AssetId: lambda value, field: ids.parse_asset_id(_text(value, field), field),
    DigestOrNone: _or_none(ids.parse_digest),
    EntryOrNone: _or_none(lambda text, field: ids.parse_own_id(text, "account", field)),
    HexOrNone: _hex_or_none,
}

_ENCODERS: dict[object, Callable[[Any], Json]] = {
    datetime: encode_time,
    Units: str,
    UNITS_OR_NONE: lambda units: NONE if units is None else str(units),
    HexBytes: lambda raw: raw.hex(),
    Base64Bytes: lambda raw: base64.b64encode(raw).decode(),
}


@cache
def _fields(cls: Hashable) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(cls)
    return tuple((f.name, hints[f.name]) for f in dataclasses.fields(cast("type[Any]", cls)))


def parse_record(cls: type[R], value: Json, path: str) -> R:
    """Build a record from a JSON object. `path` is where it stands, for messages.

    Raises FIELD_UNKNOWN, FIELD_MISSING or what the field's own reader raises; the record's `__post_init__` may refuse
    more.
    """
    if not isinstance(value, dict):
        raise malformed(Code.FIELD_INVALID, path, "an object", type(value).__name__)
    known = _fields(cast("Hashable", cls))
    names = {name for name, _ in known}
    for name in value:
        if name not in names:
            raise malformed(Code.FIELD_UNKNOWN, f"{path}.{name}", "only the fields of the format", name[:80])
    for name in sorted(names):
        if name not in value:
            raise malformed(Code.FIELD_MISSING, f"{path}.{name}", name, "nothing")
    return cls(**{name: _parse_field(hint, value[name], f"{path}.{name}") for name, hint in known})


def _parse_field(hint: Any, value: Json, path: str) -> Any:
    if hint in _PARSERS:
        return _PARSERS[hint](value, path)
    if typing.get_origin(hint) is dict:
        return _json(value, path)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise malformed(Code.FIELD_INVALID, path, "an array", type(value).__name__)
        item = typing.get_args(hint)[0]
        return tuple(_parse_field(item, entry, f"{path}[{index}]") for index, entry in enumerate(value))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if not isinstance(value, str) or value not in {m.value for m in hint}:
            raise malformed(Code.FIELD_INVALID, path, " or ".join(m.value for m in hint), repr(value)[:40])
        return hint(value)
    if dataclasses.is_dataclass(hint):
        return parse_record(cast("type[Any]", hint), value, path)
    raise InvariantError(Refusal(code=Code.INVARIANT, field=path, expected="a field type with a reader", got=str(hint)))


def encode_record(record: object) -> dict[str, Json]:
    """The JSON object of a record; `parse_record` of it gives an equal record."""
    return {name: _encode_field(hint, getattr(record, name)) for name, hint in _fields(cast("Hashable", type(record)))}


def _encode_field(hint: Any, value: Any) -> Json:
    if hint in _ENCODERS:
        return _ENCODERS[hint](value)
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        return [_encode_field(item, entry) for entry in value]
    if dataclasses.is_dataclass(hint):
        return encode_record(value)
    if isinstance(value, StrEnum):
        return value.value
    return cast("Json", value)


def check_sorted(values: typing.Sequence[str], path: str) -> None:
    """Each value once, in order of code points. Raises FIELD_INVALID."""
    for before, after in itertools.pairwise(values):
        if before >= after:
            raise malformed(Code.FIELD_INVALID, path, "sorted values, none twice", f"{before} before {after}")
