"""Reading a node's answers: each value has one spelling, and whatever else comes is refused with FIELD_INVALID.

`int()` would take `+7`, ` 7` and `1_0`, and a float would lose a satoshi; digits go by pattern, amounts by Decimal.
Sources: Ethereum JSON-RPC "hex value encoding" (quantities and data); Bitcoin Core RPC (amounts in coins).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, malformed
from strongroom.online.nodes.rpc import Json

_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})")
_DATA = re.compile(r"0x([0-9a-f]{2})*")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_PLAIN_HASH = re.compile(r"[0-9a-f]{64}")
_PLAIN_HEX = re.compile(r"([0-9a-f]{2})*")
_COIN: Final = Decimal(100_000_000)


class Reply:
    """One object of an answer, read field by field. name: what refusals call it, e.g. `anvil block.transactions[0]`."""

    __slots__ = ("_fields", "name")

    def __init__(self, value: Json, name: str) -> None:
        if not isinstance(value, dict):
            raise wrong(name, "an object", value)
        self._fields = value
        self.name = name

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self._fields.get(key) is not None

    def get(self, key: str) -> Json:
        """The raw value of a field that must be there."""
        if key not in self._fields:
            raise malformed(Code.FIELD_INVALID, f"{self.name}.{key}", "a value", "nothing")
        return self._fields[key]

    def child(self, key: str) -> Reply:
        """An object within this one."""
        return Reply(self.get(key), f"{self.name}.{key}")

    def children(self, key: str) -> list[Reply]:
        """A list of objects."""
        items = parse_list(self.get(key), f"{self.name}.{key}")
        return [Reply(each, f"{self.name}.{key}[{i}]") for i, each in enumerate(items)]

    def text(self, key: str) -> str:
        """A text."""
        return parse_text(self.get(key), f"{self.name}.{key}")

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.get(key)
        if not isinstance(value, bool):
            raise wrong(f"{self.name}.{key}", "true or false", value)
        return value

    def integer(self, key: str) -> int:
        """A JSON integer that is not negative."""
        return parse_integer(self.get(key), f"{self.name}.{key}")

    def coins(self, key: str) -> int:
        """An amount in coins, as smallest units."""
        return parse_coins(self.get(key), f"{self.name}.{key}")

    def quantity(self, key: str) -> int:
        """An Ethereum quantity."""
        return parse_quantity(self.get(key), f"{self.name}.{key}")

    def data(self, key: str) -> bytes:
        """Ethereum data."""
        return parse_data(self.get(key), f"{self.name}.{key}")

    def hash(self, key: str) -> str:
        """A 32-byte Ethereum hash, `0x` and 64 digits."""
        return parse_hash(self.get(key), f"{self.name}.{key}")

    def address(self, key: str) -> bytes:
        """An Ethereum address as 20 bytes."""
        return parse_address_bytes(self.get(key), f"{self.name}.{key}")

    def plain_hash(self, key: str) -> str:
        """A Bitcoin-family block hash or txid, 64 digits."""
        return parse_plain_hash(self.get(key), f"{self.name}.{key}")

    def plain_bytes(self, key: str) -> bytes:
        """Bitcoin-family bytes in hex."""
        return parse_plain_bytes(self.get(key), f"{self.name}.{key}")


def parse_list(value: Json, field: str) -> list[Json]:
    """A list of anything."""
    if not isinstance(value, list):
        raise wrong(field, "a list", value)
    return value


def parse_text(value: Json, field: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise wrong(field, "a text", value)
    return value


def parse_integer(value: Json, field: str) -> int:
    """A JSON integer that is not negative; `true` is not one."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong(field, "an integer from 0", value)
    return value


def parse_coins(value: Json, field: str) -> int:
    """An amount in coins of 10^8 smallest units; a ninth decimal or a negative amount is refused, never rounded."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise wrong(field, "an amount in coins", value)
    units = Decimal(value) * _COIN
    if units != units.to_integral_value() or units < 0 or units > 2**63:
        raise wrong(field, "an amount in coins with at most 8 decimals", value)
    return int(units)


def parse_quantity(value: Json, field: str) -> int:
    """An Ethereum quantity: `0x`, lower-case digits, no leading zero."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise wrong(field, "a quantity in hex", value)
    return int(value, 16)


def parse_data(value: Json, field: str) -> bytes:
    """Ethereum data: `0x` and whole bytes in lower-case hex."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise wrong(field, "bytes in hex", value)
    return bytes.fromhex(value[2:])


def parse_hash(value: Json, field: str) -> str:
    """A 32-byte hash, kept as text: `0x` and 64 lower-case digits."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise wrong(field, "32 bytes in hex", value)
    return value


def parse_address_bytes(value: Json, field: str) -> bytes:
    """An Ethereum address as 20 bytes; nodes differ in the case of the digits, so bytes are what we keep."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise wrong(field, "an address in hex", value)
    return bytes.fromhex(value[2:])


def parse_plain_hash(value: Json, field: str) -> str:
    """A Bitcoin-family hash as nodes print it: 64 lower-case digits, bytes reversed."""
    if not isinstance(value, str) or not _PLAIN_HASH.fullmatch(value):
        raise wrong(field, "64 hex digits", value)
    return value


def parse_plain_bytes(value: Json, field: str) -> bytes:
    """Bytes in lower-case hex without a prefix."""
    if not isinstance(value, str) or not _PLAIN_HEX.fullmatch(value):
        raise wrong(field, "bytes in hex", value)
    return bytes.fromhex(value)


def wrong(field: str, expected: str, value: Json) -> MalformedError:
    """The refusal of a value; long ones are cut, since a node may send megabytes."""
    shown = repr(value)
    return malformed(Code.FIELD_INVALID, field, expected, shown if len(shown) <= 100 else shown[:100] + "...")
