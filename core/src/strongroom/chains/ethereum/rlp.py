"""Recursive length prefix, strictly: every value has one encoding, and every other one is refused.

Libraries read more than they write: a single byte behind a length, a long length where a short one would do, a length
with leading zeros. Each is a second spelling of the same transaction under another hash, so none is read here.
Source: Ethereum Yellow Paper, appendix B; vectors/ethereum/rlp.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from strongroom.core.codes import Code
from strongroom.core.errors import malformed

RlpItem: TypeAlias = bytes | tuple["RlpItem", ...]
"""A byte string, or a list of items."""
MAX_RLP_BYTES = 131_072
"""Nodes relay no larger transaction (go-ethereum, `txMaxSize`)."""
_MAX_DEPTH = 16
"""A transaction of any known kind nests four deep; the bound keeps hostile bytes from exhausting the stack."""
_BYTES = 0x80
_LIST = 0xC0
_SHORT_LIMIT = 55


def encode_rlp(item: RlpItem | Sequence[RlpItem]) -> bytes:
    """Spell a byte string or a list of items in the one way."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _BYTES:
            return item
        return _encode_head(len(item), _BYTES) + item
    payload = b"".join(encode_rlp(inner) for inner in item)
    return _encode_head(len(payload), _LIST) + payload


def _encode_head(length: int, base: int) -> bytes:
    if length <= _SHORT_LIMIT:
        return bytes([base + length])
    size = encode_integer(length)
    return bytes([base + _SHORT_LIMIT + len(size)]) + size


def parse_rlp(raw: bytes, field: str = "rlp") -> RlpItem:
    """Read one item that fills `raw` exactly.

    Raises TX_TRUNCATED, TX_TRAILING_BYTES, TX_NOT_CANONICAL for a second spelling, TOO_LARGE for too many bytes or
    lists in lists. Places in messages are offsets into `raw`.
    """
    if len(raw) > MAX_RLP_BYTES:
        raise malformed(Code.TOO_LARGE, field, f"at most {MAX_RLP_BYTES} bytes", str(len(raw)))
    item, end = _read_item(raw, 0, len(raw), 0, field)
    if end != len(raw):
        raise malformed(Code.TX_TRAILING_BYTES, f"{field} at byte {end}", "the end", f"{len(raw) - end} more bytes")
    return item


def _read_item(raw: bytes, start: int, limit: int, depth: int, field: str) -> tuple[RlpItem, int]:
    """Read the item at `start`, which must end at `limit` or before; return it and the offset just past it."""
    if depth > _MAX_DEPTH:
        raise malformed(Code.TOO_LARGE, f"{field} at byte {start}", f"lists at most {_MAX_DEPTH} deep", "deeper")
    first = _take(raw, start, 1, limit, field)[0]
    if first < _BYTES:
        return raw[start : start + 1], start + 1
    if first < _LIST:
        payload, end = _read_payload(raw, start, limit, _BYTES, field)
        if len(payload) == 1 and payload[0] < _BYTES:
            raise malformed(Code.TX_NOT_CANONICAL, f"{field} at byte {start}", payload.hex(), raw[start:end].hex())
        return payload, end
    payload, end = _read_payload(raw, start, limit, _LIST, field)
    items: list[RlpItem] = []
    position = end - len(payload)
    while position < end:
        item, position = _read_item(raw, position, end, depth + 1, field)
        items.append(item)
    return tuple(items), end


def _read_payload(raw: bytes, start: int, limit: int, base: int, field: str) -> tuple[bytes, int]:
    """Read a head above `base` and the payload that it announces; return the payload and the offset past it."""
    length, body = raw[start] - base, start + 1
    if length > _SHORT_LIMIT:
        size = _take(raw, body, length - _SHORT_LIMIT, limit, field)
        length, body = int.from_bytes(size, "big"), body + len(size)
        if length <= _SHORT_LIMIT or size[0] == 0:
            head = _encode_head(length, base).hex()
            raise malformed(Code.TX_NOT_CANONICAL, f"{field} at byte {start}", head, raw[start:body].hex())
    return _take(raw, body, length, limit, field), body + length


def _take(raw: bytes, start: int, count: int, limit: int, field: str) -> bytes:
    """Exactly `count` bytes that end before `limit`; never a short read."""
    if count > limit - start:
        place = f"{field} at byte {start}"
        raise malformed(Code.TX_TRUNCATED, place, f"{count} more bytes", str(limit - start))
    return raw[start : start + count]


def encode_integer(value: int) -> bytes:
    """The shortest big-endian bytes of a number that is not negative; zero is the empty string."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def parse_integer(item: RlpItem, maximum: int, field: str) -> int:
    """Read a number from its shortest big-endian bytes.

    Raises TX_NOT_CANONICAL for leading zeros, TX_FIELD_INVALID for a list and for more than `maximum`.
    """
    if not isinstance(item, bytes):
        raise malformed(Code.TX_FIELD_INVALID, field, "a number", "a list")
    if item[:1] == b"\x00":
        raise malformed(Code.TX_NOT_CANONICAL, field, "no leading zeros", item.hex())
    value = int.from_bytes(item, "big")
    if value > maximum:
        raise malformed(Code.TX_FIELD_INVALID, field, f"at most {maximum}", str(value))
    return value
