"""A cursor over bytes that we do not trust, and the CompactSize integers of the Bitcoin family."""

from __future__ import annotations

from strongroom.core.codes import Code
from strongroom.core.errors import malformed


class Reader:
    """Reads forward through bytes; never a short read, never a second spelling of a length.

    field: what these bytes are, for refusals. truncated, not_canonical, trailing: codes to refuse with, so that a
    broken PSBT is named as a PSBT and a broken transaction as a transaction.
    """

    __slots__ = ("_field", "_not_canonical", "_offset", "_raw", "_trailing", "_truncated")

    def __init__(self, raw: bytes, field: str, *, truncated: Code, not_canonical: Code, trailing: Code) -> None:
        """Start at the first byte of `raw`."""
        self._raw = raw
        self._field = field
        self._offset = 0
        self._truncated = truncated
        self._not_canonical = not_canonical
        self._trailing = trailing

    @property
    def remaining(self) -> int:
        """How many bytes have not been read."""
        return len(self._raw) - self._offset

    def take(self, count: int) -> bytes:
        """Read exactly `count` bytes."""
        if count > self.remaining:
            place = f"{self._field} at byte {self._offset}"
            raise malformed(self._truncated, place, f"{count} more bytes", f"{self.remaining}")
        start = self._offset
        self._offset += count
        return self._raw[start : self._offset]

    def peek(self) -> int | None:
        """The next byte without reading it; None at the end."""
        return self._raw[self._offset] if self.remaining else None

    def integer(self, size: int) -> int:
        """Read an unsigned little-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def compact_size(self) -> int:
        """Read a CompactSize in its shortest spelling; a longer one would be a second spelling of the same bytes."""
        start = self._offset
        first = self.integer(1)
        if first < 0xFD:
            return first
        value = self.integer({0xFD: 2, 0xFE: 4, 0xFF: 8}[first])
        if encode_compact_size(value) != self._raw[start : self._offset]:
            place = f"{self._field} at byte {start}"
            raise malformed(
                self._not_canonical, place, encode_compact_size(value).hex(), self._raw[start : self._offset].hex()
            )
        return value

    def count(self, item_bytes: int) -> int:
        """Read how many items follow, each at least `item_bytes` long.

        A count that the rest cannot hold is refused here, before anything is reserved for it.
        """
        start = self._offset
        value = self.compact_size()
        if value * item_bytes > self.remaining:
            place = f"{self._field} at byte {start}"
            raise malformed(
                self._truncated, place, f"{value} items of {item_bytes} bytes or more", f"{self.remaining} bytes"
            )
        return value

    def variable(self) -> bytes:
        """Read a length and that many bytes."""
        return self.take(self.compact_size())

    def finish(self) -> None:
        """Refuse anything that is left."""
        if self.remaining:
            place = f"{self._field} at byte {self._offset}"
            raise malformed(self._trailing, place, "the end", f"{self.remaining} more bytes")


def encode_compact_size(value: int) -> bytes:
    """Spell a length or count in the one shortest form."""
    if value < 0xFD:
        return value.to_bytes(1, "little")
    if value <= 0xFFFF:
        return b"\xfd" + value.to_bytes(2, "little")
    if value <= 0xFFFFFFFF:
        return b"\xfe" + value.to_bytes(4, "little")
    return b"\xff" + value.to_bytes(8, "little")


def encode_variable(data: bytes) -> bytes:
    """Spell bytes behind their length."""
    return encode_compact_size(len(data)) + data
