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
from typing import Any, NewType, NoReturn, TypeVar, cast

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
TIME_OR_NONE = datetime | None
"""A moment, or the word `none`, which is None here."""
DigestOrNone = NewType("DigestOrNone", str)
"""A digest, or the word `none`."""
HexOrNone = NewType("HexOrNone", str)
"""Lower-case hex of any length, or the word `none`."""
EntryOrNone = NewType("EntryOrNone", str)
"""An account id, or the word `none`."""
ClientOrNone = NewType("ClientOrNone", str)
"""A client id, or the word `none`."""

NONE = "none"
MAX_TEXT = 1024
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
R = TypeVar("R")
Reader = Callable[[Any, str], Any]
"""Reads a parsed value; the text is where it stands, for messages."""
Writer = Callable[[Any], Json]
"""Gives the JSON of a value."""


def parse_time(value: object, field: str) -> datetime:
    """Read `YYYY-MM-DDTHH:MM:SSZ`; a real moment in UTC. Raises FIELD_INVALID."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise malformed(Code.FIELD_INVALID, field, "a real date", value) from error
    raise malformed(Code.FIELD_INVALID, field, "YYYY-MM-DDTHH:MM:SSZ", repr(value)[:80])


def encode_time(moment: datetime) -> str:
    """The one spelling of a moment, in UTC and whole seconds (fractions are cut off)."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


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
    if isinstance(value, str):
        try:
            raw = bytes.fromhex(value)
        except ValueError as error:
            raise malformed(Code.FIELD_INVALID, field, "lower-case hex", repr(value)[:40]) from error
        # `fromhex` takes capitals and spaces, too; written again it has one spelling.
        if raw.hex() == value:
            return raw
    raise malformed(Code.FIELD_INVALID, field, "lower-case hex", repr(value)[:40])


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


def _time_or_none(value: object, field: str) -> datetime | None:
    return None if value == NONE else parse_time(value, field)


def _entry(value: object, field: str) -> str:
    text = _text(value, field)
    return ids.parse_own_id(text, text.split(":", 1)[0], field)


_PARSERS: dict[object, Reader] = {
    str: _text,
    int: _integer,
    datetime: parse_time,
    Units: money.parse_units,
    UNITS_OR_NONE: _units_or_none,
    TIME_OR_NONE: _time_or_none,
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
    ClientOrNone: _or_none(lambda text, field: ids.parse_own_id(text, "client", field)),
    HexOrNone: _hex_or_none,
}

_ENCODERS: dict[object, Writer] = {
    datetime: encode_time,
    Units: str,
    UNITS_OR_NONE: lambda units: NONE if units is None else str(units),
    TIME_OR_NONE: lambda moment: NONE if moment is None else encode_time(moment),
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
    names, readers = _readers(cls)
    if value.keys() != names:
        _refuse_names(value, names, path)
    fields = {}
    for name, read in readers:
        fields[name] = read(value[name], f"{path}.{name}")
    return cls(**fields)


def _refuse_names(value: dict[str, Json], names: frozenset[str], path: str) -> NoReturn:
    for name in value:
        if name not in names:
            raise malformed(Code.FIELD_UNKNOWN, f"{path}.{name}", "only the fields of the format", name[:80])
    missing = min(names - value.keys())
    raise malformed(Code.FIELD_MISSING, f"{path}.{missing}", missing, "nothing")


def _find_readers(cls: Any) -> tuple[frozenset[str], tuple[tuple[str, Reader], ...]]:
    """The names of a record's fields, and each with its reader."""
    fields = _fields(cls)
    return frozenset(name for name, _ in fields), tuple((name, _reader(hint)) for name, hint in fields)


# A class is hashable, which the type of `cache` does not know of every class.
_readers: Callable[[Any], tuple[frozenset[str], tuple[tuple[str, Reader], ...]]] = cache(_find_readers)


def add_reader(cls: type[R], read: Callable[[Json, str], R]) -> None:
    """Say how fields of this record class are read, before any is: as `parse_record` would, only sooner."""
    _PARSERS[cls] = read


@cache
def _reader(hint: Any) -> Reader:
    """How a value of this type is read; found once, since the type of a field never changes."""
    if hint in _PARSERS:
        return _PARSERS[hint]
    if typing.get_origin(hint) is dict:
        return _json
    if typing.get_origin(hint) is tuple:
        return _array(_reader(typing.get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _word({m.value: m for m in hint})
    if dataclasses.is_dataclass(hint):
        record: type[Any] = cast("type[Any]", hint)
        return lambda value, path: parse_record(record, value, path)
    # Told when a value is read, with the place where it stands.
    return lambda _, path: _refuse_hint(hint, path)


def _refuse_hint(hint: Any, path: str) -> NoReturn:
    raise InvariantError(Refusal(code=Code.INVARIANT, field=path, expected="a field type with a reader", got=str(hint)))


def _array(read: Reader) -> Reader:
    def parse(value: Json, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise malformed(Code.FIELD_INVALID, path, "an array", type(value).__name__)
        return tuple([read(entry, f"{path}[{index}]") for index, entry in enumerate(value)]) if value else ()

    return parse


def _word(members: dict[str, StrEnum]) -> Reader:
    def parse(value: Json, path: str) -> StrEnum:
        found = members.get(value) if isinstance(value, str) else None
        if found is None:
            raise malformed(Code.FIELD_INVALID, path, " or ".join(members), repr(value)[:40])
        return found

    return parse


def encode_record(record: object) -> dict[str, Json]:
    """The JSON object of a record; `parse_record` of it gives an equal record."""
    return {name: write(getattr(record, name)) for name, write in _writers(type(record))}


def _find_writers(cls: Any) -> tuple[tuple[str, Writer], ...]:
    return tuple((name, _writer(hint)) for name, hint in _fields(cls))


_writers: Callable[[Any], tuple[tuple[str, Writer], ...]] = cache(_find_writers)


@cache
def _writer(hint: Any) -> Writer:
    """How a value of this type is written; found once, as its reader is."""
    if hint in _ENCODERS:
        return _ENCODERS[hint]
    if typing.get_origin(hint) is tuple:
        write = _writer(typing.get_args(hint)[0])
        return lambda values: [write(each) for each in values]
    if dataclasses.is_dataclass(hint):
        return encode_record
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return lambda value: value.value if isinstance(value, StrEnum) else value
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def check_sorted(values: typing.Sequence[str], path: str) -> None:
    """Each value once, in order of code points. Raises FIELD_INVALID."""
    for before, after in itertools.pairwise(values):
        if before >= after:
            raise malformed(Code.FIELD_INVALID, path, "sorted values, none twice", f"{before} before {after}")
