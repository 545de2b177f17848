"""Typed reading of a JSON value, one field type of spec/statement.md a method; every error names the path.

A `Node` is a value and the place where it stood. Reading an object says all of its fields at once, so that an unknown
and an absent one are both refused; nothing is optional.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final, TypeVar
from unicodedata import is_normalized

from strongroom.checker.reading.canonical import MAX_INTEGER, Json, join, name_of
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, malformed
from strongroom.core.ids import (
    AssetId,
    ChainId,
    Digest,
    PartyId,
    parse_asset_id,
    parse_chain_id,
    parse_digest,
    parse_own_id,
    parse_party_id,
)
from strongroom.core.money import parse_units

NONE: Final = "none"
"""The word for a value that is absent where the format allows it."""
_TIME: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_HEX: Final = re.compile(r"([0-9a-f]{2})*")
_MAX_TEXT: Final = 1024
_MAX_NOTE: Final = 16_384
W = TypeVar("W", bound=StrEnum)


def render_time(moment: datetime) -> str:
    """The one spelling of a moment: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value and the path where it stands."""

    value: Json
    path: str

    def invalid(self, expected: str) -> MalformedError:
        """FIELD_INVALID for this value; raise what this returns."""
        return malformed(Code.FIELD_INVALID, name_of(self.path), expected, _shorten(self.value))

    def members(self, *names: str) -> dict[str, Node]:
        """The members of an object that has exactly these fields. Raises all FIELD_UNKNOWN and FIELD_MISSING."""
        found = self.object()
        wrong = [
            Refusal(code=Code.FIELD_UNKNOWN, field=join(self.path, name), expected=" ".join(names), got=name)
            for name in found
            if name not in names
        ]
        wrong += [
            Refusal(code=Code.FIELD_MISSING, field=join(self.path, name), expected=name, got="nothing")
            for name in names
            if name not in found
        ]
        if wrong:
            raise MalformedError(*wrong)
        return {name: Node(found[name], join(self.path, name)) for name in names}

    def object(self) -> dict[str, Json]:
        """An object whose fields another page lists."""
        if not isinstance(self.value, dict):
            raise self.invalid("an object")
        return self.value

    def items(self) -> list[Node]:
        """The items of an array."""
        if not isinstance(self.value, list):
            raise self.invalid("an array")
        return [Node(item, f"{self.path}[{i}]") for i, item in enumerate(self.value)]

    def text(self) -> str:
        """Text of 0 to 1024 characters in NFC."""
        return self._text(_MAX_TEXT)

    def note(self) -> str:
        """A signed note, with its line feeds."""
        return self._text(_MAX_NOTE)

    def integer(self, *, least: int = 0) -> int:
        """An integer from `least` to 2^53-1."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not least <= self.value <= MAX_INTEGER:
            raise self.invalid(f"an integer from {least}")
        return self.value

    def units(self) -> int:
        """Smallest units, a decimal string."""
        return parse_units(self.value, self.path)

    def units_or_none(self) -> int | None:
        """Smallest units; None for the word `none`."""
        return None if self.value == NONE else self.units()

    def time(self) -> datetime:
        """A real moment in UTC."""
        found = _TIME.fullmatch(self.text())
        if found is None:
            raise self.invalid("YYYY-MM-DDTHH:MM:SSZ")
        year, month, day, hour, minute, second = (int(part) for part in found.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError as error:
            raise self.invalid("a real date") from error

    def digest(self) -> Digest:
        """A `sha256:` digest."""
        return parse_digest(self.text(), self.path)

    def digest_or_none(self) -> Digest | None:
        """A digest; None for the word `none`."""
        return None if self.value == NONE else self.digest()

    def hex(self, *, size: int | None = None) -> bytes:
        """Lower-case hex; of `size` bytes when given."""
        if not isinstance(self.value, str) or not _HEX.fullmatch(self.value):
            raise self.invalid("lower-case hex")
        raw = bytes.fromhex(self.value)
        if size is not None and len(raw) != size:
            raise self.invalid(f"hex of {size} bytes")
        return raw

    def hex_or_none(self) -> bytes | None:
        """Bytes in hex; None for the word `none`."""
        return None if self.value == NONE else self.hex()

    def base64(self) -> bytes:
        """Base64 in its one spelling. `QQ==` and `QR==` decode alike, so the bytes are written again and compared."""
        if not isinstance(self.value, str):
            raise self.invalid("base64")
        try:
            raw = b64decode(self.value.encode("ascii"), validate=True)
        except (Base64Error, UnicodeEncodeError) as error:
            raise malformed(Code.BASE64_INVALID, self.path, "base64", _shorten(self.value)) from error
        if b64encode(raw).decode("ascii") != self.value:
            raise malformed(Code.BASE64_INVALID, self.path, b64encode(raw[-9:]).decode(), self.value[-12:])
        return raw

    def own_id(self, kind: str) -> str:
        """An id of ours of that kind."""
        return parse_own_id(self.text(), kind, self.path)

    def party(self) -> PartyId:
        """The id of a person, device, service or client."""
        return parse_party_id(self.text(), self.path)

    def party_of(self, kind: str) -> PartyId:
        """The id of a party of that kind."""
        return PartyId(self.own_id(kind))

    def chain(self) -> ChainId:
        """A CAIP-2 chain."""
        return parse_chain_id(self.text(), self.path)

    def asset(self) -> AssetId:
        """A CAIP-19 asset."""
        return parse_asset_id(self.text(), self.path)

    def word(self, *words: str) -> str:
        """One of these words."""
        if not isinstance(self.value, str) or self.value not in words:
            raise self.invalid(" or ".join(words))
        return self.value

    def choice(self, kind: type[W]) -> W:
        """One value of an enumeration."""
        return kind(self.word(*(each.value for each in kind)))

    def _text(self, most: int) -> str:
        if not isinstance(self.value, str) or len(self.value) > most:
            raise self.invalid(f"text of at most {most} characters")
        if not is_normalized("NFC", self.value):
            raise self.invalid("text in Unicode normal form C")
        return self.value


def check_sorted(values: Sequence[str], path: str) -> None:
    """Raise FIELD_INVALID unless the values rise by code point, none twice."""
    for before, after in pairwise(values):
        if before >= after:
            raise malformed(Code.FIELD_INVALID, path, "sorted values, none twice", f"{before} before {after}")


def _shorten(value: Json) -> str:
    return ascii(value)[:80]
