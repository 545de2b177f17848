"""BBQr: bytes as numbered frames of text, and frames, in any order and seen any number of times, as bytes again.

A frame is `B$`, the encoding, the type of file, how many frames there are and which one it is, in base 36, two digits
each, and its share of the bytes. Ours are of type `J`, canonical JSON; nothing else is taken, least of all `X`, which
is executable code. Nothing here is authentic: a foreign frame that fits spoils the whole, and is found when the
package is read. Source: Coinkite, BBQr.md, public domain; spec/airgap.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.devices.gap.packing import Encoding, compress, decode_part, decompress, encode_part

MAX_JOINED_BYTES = 32 * 1024 * 1024
"""The size limit of a package (spec/airgap.md); it holds after unpacking."""
MAX_PARTS = 36 * 36 - 1
"""`ZZ` in base 36."""
MAX_FRAME_CHARACTERS = 4296
"""What the largest QR code holds, version 40 at level L."""
JSON_FILE = "J"
HEADER_CHARACTERS = 8
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FRAME = re.compile(r"B\$([H2Z])([0-9A-Z])([0-9A-Z]{2})([0-9A-Z]{2})([0-9A-Z]+)")
_GROUP_BYTES = 5
"""Base 32 writes 5 bytes in 8 characters; only the last frame may end inside a group."""
_NAMED = 12
"""So many missing frames are named; a film of a thousand does not list them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame. number counts from 0. content: its share of the bytes, packed as the encoding says."""

    encoding: Encoding
    file_type: str
    total: int
    number: int
    content: bytes

    @property
    def film(self) -> tuple[Encoding, str, int]:
        """What all frames of one film share."""
        return self.encoding, self.file_type, self.total


def split(raw: bytes, capacity: int) -> tuple[str, ...]:
    """The frames of a JSON file, each at most `capacity` characters, packed where that helps.

    All are equally long but the last, which may be shorter. Raises TOO_LARGE when there would be more than 1,295.
    """
    packed = compress(raw)
    encoding, content = (Encoding.ZLIB, packed) if len(packed) < len(raw) else (Encoding.BASE32, raw)
    whole = (capacity - HEADER_CHARACTERS) // 8 * _GROUP_BYTES
    if whole < _GROUP_BYTES or capacity > MAX_FRAME_CHARACTERS:
        raise malformed(Code.TOO_LARGE, "capacity", f"16 to {MAX_FRAME_CHARACTERS} characters", str(capacity))
    if not raw or len(raw) > MAX_JOINED_BYTES or len(content) > whole * MAX_PARTS:
        expected = f"1 to {min(MAX_JOINED_BYTES, whole * MAX_PARTS)} bytes in {MAX_PARTS} frames of this size"
        raise refused(Code.TOO_LARGE, "frames", expected, f"{len(raw)} bytes, {len(content)} packed")
    # Of equal size, so that no code is denser than the others and none is a leftover.
    count = -(-len(content) // whole)
    share = -(-len(content) // count // _GROUP_BYTES) * _GROUP_BYTES
    parts = [content[start : start + share] for start in range(0, len(content), share)]
    head = f"B${encoding.value}{JSON_FILE}{_base36(len(parts))}"
    return tuple(f"{head}{_base36(i)}{encode_part(part, encoding)}" for i, part in enumerate(parts))


def parse_frame(text: str) -> Frame:
    """Read one frame of any type of file. Raises FRAME_INVALID."""
    found = _FRAME.fullmatch(text) if len(text) <= MAX_FRAME_CHARACTERS else None
    if found is None:
        raise malformed(Code.FRAME_INVALID, "frame", "B$, 6 characters of header, content", f"{len(text)} characters")
    encoding, file_type, total, number, content = found.groups()
    if not int(number, 36) < int(total, 36):
        raise malformed(Code.FRAME_INVALID, "frame", f"a number below {total}, base 36", number)
    return Frame(
        encoding=Encoding(encoding),
        file_type=file_type,
        total=int(total, 36),
        number=int(number, 36),
        content=decode_part(content, Encoding(encoding)),
    )


class Joiner:
    """Frames as they are seen, until all are there. The first one says which film it is; `begin_anew` forgets it."""

    def __init__(self, limit: int = MAX_JOINED_BYTES, file_type: str = JSON_FILE) -> None:
        self._limit = limit
        self._type = file_type
        self._first: Frame | None = None
        self._parts: dict[int, bytes] = {}

    @property
    def total(self) -> int:
        """How many frames the film has; 0 before the first was seen."""
        return self._first.total if self._first else 0

    @property
    def seen(self) -> int:
        """How many different ones were seen."""
        return len(self._parts)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers not seen yet, from 0."""
        return tuple(i for i in range(self.total) if i not in self._parts)

    @property
    def is_complete(self) -> bool:
        """Whether every frame of a film was seen."""
        return self._first is not None and not self.missing

    def add(self, text: str) -> bool:
        """Take one frame in; True when it is new, False when it was seen before.

        Raises FRAME_INVALID; TYPE_MISMATCH for another type of file; FRAME_OF_OTHER_FILM, and nothing changed;
        FRAME_CONFLICT when two frames cannot both be of one film: nobody knows which is right, so it is begun anew.
        """
        frame = parse_frame(text)
        if frame.file_type != self._type:
            raise refused(Code.TYPE_MISMATCH, "frame", f"a file of type {self._type}", f"type {frame.file_type}")
        if self._first is not None and frame.film != self._first.film:
            raise refused(Code.FRAME_OF_OTHER_FILM, "frame", _describe(self._first), _describe(frame))
        before = self._parts.get(frame.number)
        if before is not None:
            if before != frame.content:
                expected = f"frame {frame.number + 1} of {frame.total} as it was before"
                raise refused(Code.FRAME_CONFLICT, "frame", expected, "another content")
            return False
        self._check_lengths(frame)
        self._first = self._first or frame
        self._parts[frame.number] = frame.content
        return True

    def begin_anew(self) -> None:
        """Forget every frame: another film is shown now."""
        self._first = None
        self._parts = {}

    def join(self) -> bytes:
        """The bytes of the whole film. Raises FRAMES_MISSING, FRAME_INVALID, TOO_LARGE."""
        if self._first is None or self.missing:
            got = f"{self.seen} of {self.total}, without {_name(self.missing)}" if self.total else "none"
            raise refused(Code.FRAMES_MISSING, "frames", "every frame of a film", got)
        content = b"".join(self._parts[i] for i in range(self.total))
        if self._first.encoding is Encoding.ZLIB:
            return decompress(content, self._limit)
        if len(content) > self._limit:
            raise refused(Code.TOO_LARGE, "frames", f"at most {self._limit} bytes", f"{len(content)} bytes")
        return content

    def _check_lengths(self, frame: Frame) -> None:
        """All frames but the last are equally long, and the last is not longer."""
        last = frame.total - 1
        lengths = {len(part) for number, part in {**self._parts, frame.number: frame.content}.items() if number != last}
        end = frame.content if frame.number == last else self._parts.get(last, b"")
        if len(lengths) > 1 or (lengths and len(end) > min(lengths)):
            expected = "frames of one length, the last not longer"
            raise refused(
                Code.FRAME_CONFLICT, "frame", expected, f"frame {frame.number + 1}: {len(frame.content)} bytes"
            )


def render_progress(joiner: Joiner) -> str:
    """`31 of 54 frames`, and which ones are still awaited when they are few."""
    if not joiner.total:
        return "no frame yet"
    awaited = f", without {_name(joiner.missing)}" if 0 < len(joiner.missing) <= _NAMED else ""
    return f"{joiner.seen} of {joiner.total} frames{awaited}"


def _name(numbers: Sequence[int]) -> str:
    """Frames as people count them, from 1."""
    named = ", ".join(str(i + 1) for i in numbers[:_NAMED])
    return named if len(numbers) <= _NAMED else f"{named} and {len(numbers) - _NAMED} more"


def _describe(frame: Frame) -> str:
    return f"a film of {frame.total} frames, encoding {frame.encoding.value}, type {frame.file_type}"


def _base36(number: int) -> str:
    return _DIGITS[number // 36] + _DIGITS[number % 36]
