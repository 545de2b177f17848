"""The checker's own reading and writing of canonical JSON; spec/statement.md, "Canonical JSON".

Written as a scanner by hand and not with `json` or `rfc8785`, which core uses, so that a mistake in one of them shows
as a disagreement. Everything is read first, however it is spelled; then the value is written again in its one
spelling and compared with what came, so that the first byte that differs can be named with the place in the document
where it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, malformed

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool"
"""What a document of ours can hold. No null, no fractions."""

MAX_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 32
NOTE: Final = "note"
"""The one field name whose text may hold line feeds (spec/docket.md)."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
_WORD: Final = re.compile(r"[-+.0-9A-Za-z]*")
_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_HEX4: Final = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]"
)
"""Control, invisible, direction-changing and half characters: with them a screen shows what was not signed."""


def parse_canonical(raw: bytes, *, limit: int, path: str) -> Json:
    """Read one canonical document without line feeds. limit: most bytes. path: what the document is called in messages.

    Raises TOO_LARGE, JSON_SYNTAX, JSON_DUPLICATE_KEY, FIELD_INVALID for unseen characters, or JSON_NOT_CANONICAL with
    the first offset at which the bytes differ from the canonical ones.
    """
    return _parse(raw, limit, _Scanner(path=path, notes=False))


def parse_canonical_with_notes(raw: bytes, *, limit: int, path: str) -> Json:
    """As `parse_canonical`, for dockets and packages: text in fields called `note` may hold line feeds."""
    return _parse(raw, limit, _Scanner(path=path, notes=True))


def encode_canonical(value: Json) -> bytes:
    """The one spelling of a document, in UTF-8. Source: RFC 8785 section 3.2, for what spec/statement.md lets stand."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()


def join(path: str, name: str) -> str:
    """The path of a member; the document itself has the empty path."""
    return f"{path}.{name}" if path else name


def name_of(path: str) -> str:
    """A path for messages."""
    return path or "document"


def _parse(raw: bytes, limit: int, scanner: _Scanner) -> Json:
    if len(raw) > limit:
        raise malformed(Code.TOO_LARGE, name_of(scanner.path), f"at most {limit} bytes", f"{len(raw)} bytes")
    try:
        scanner.text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise malformed(
            Code.JSON_SYNTAX, name_of(scanner.path), "UTF-8", f"other bytes at offset {error.start}"
        ) from error
    value = scanner.read_document()
    again = encode_canonical(value)
    if again != raw:
        raise _not_canonical(raw, again, scanner)
    return value


def _not_canonical(raw: bytes, again: bytes, scanner: _Scanner) -> MalformedError:
    offset = next((i for i, (a, b) in enumerate(zip(raw, again, strict=False)) if a != b), min(len(raw), len(again)))
    place = scanner.path_at(len(raw[:offset].decode(errors="ignore")))
    expected, got = again[offset : offset + 24], raw[offset : offset + 24]
    return malformed(Code.JSON_NOT_CANONICAL, name_of(place), f"{expected!r} at offset {offset}", repr(got))


@dataclass(slots=True, kw_only=True)
class _Scanner:
    """A reader of JSON text that remembers where each value stood. notes: whether `note` may hold line feeds."""

    path: str
    notes: bool
    text: str = ""
    at: int = 0
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def read_document(self) -> Json:
        value = self._value(self.path, "", 1)
        self._skip()
        if self.at != len(self.text):
            raise self._broken(self.path, "the end of the document")
        return value

    def path_at(self, offset: int) -> str:
        """The innermost value that stands around that character."""
        around = [span for span in self.spans if span[0] <= offset < span[1]]
        return min(around, key=lambda span: span[1] - span[0])[2] if around else self.path

    def _value(self, path: str, name: str, depth: int) -> Json:
        if depth > MAX_DEPTH:
            raise malformed(Code.JSON_SYNTAX, name_of(path), f"at most {MAX_DEPTH} levels", "more")
        self._skip()
        start = self.at
        match self._peek():
            case "{":
                value: Json = self._object(path, depth)
            case "[":
                value = self._array(path, depth)
            case '"':
                value = self._string(path, line_feeds=self.notes and name == NOTE)
            case _:
                value = self._word(path)
        self.spans.append((start, self.at, path))
        return value

    def _object(self, path: str, depth: int) -> dict[str, Json]:
        self.at += 1
        members: dict[str, Json] = {}
        self._skip()
        if self._peek() == "}":
            self.at += 1
            return members
        while True:
            self._skip()
            name = self._string(path, line_feeds=False)
            self._skip()
            self._take(":", path)
            if name in members:
                raise malformed(
                    Code.JSON_DUPLICATE_KEY, join(path, name), "each name once", f"twice at {self._place()}"
                )
            members[name] = self._value(join(path, name), name, depth + 1)
            if self._closed("}", path):
                return members

    def _array(self, path: str, depth: int) -> list[Json]:
        self.at += 1
        items: list[Json] = []
        self._skip()
        if self._peek() == "]":
            self.at += 1
            return items
        while True:
            items.append(self._value(f"{path}[{len(items)}]", "", depth + 1))
            if self._closed("]", path):
                return items

    def _closed(self, bracket: str, path: str) -> bool:
        """Take the comma or the closing bracket after a member; True for the bracket."""
        self._skip()
        if self._peek() == bracket:
            self.at += 1
            return True
        self._take(",", path)
        return False

    def _string(self, path: str, *, line_feeds: bool) -> str:
        self._take('"', path)
        parts: list[str] = []
        while True:
            plain = _PLAIN.match(self.text, self.at)
            if plain is not None:
                parts.append(plain[0])
                self.at = plain.end()
            match self._peek():
                case '"':
                    self.at += 1
                    return self._check_seen("".join(parts), path, line_feeds=line_feeds)
                case "\\":
                    self.at += 1
                    parts.append(self._escape(path))
                case _:
                    raise self._broken(path, "the end of a string")

    def _escape(self, path: str) -> str:
        letter = self._peek()
        self.at += 1
        if letter != "u":
            if letter not in _ESCAPES:
                raise self._broken(path, "an escape of JSON")
            return _ESCAPES[letter]
        digits = _HEX4.match(self.text, self.at)
        if digits is None:
            raise self._broken(path, "four hex digits")
        self.at = digits.end()
        # A pair of escapes can spell one character. It stays two halves and is refused: no escape of it is canonical.
        return chr(int(digits[0], 16))

    def _word(self, path: str) -> int | bool:
        found = _WORD.match(self.text, self.at)
        word = found[0] if found else ""
        if word in ("true", "false"):
            self.at += len(word)
            return word == "true"
        if not _DIGITS.fullmatch(word) or int(word) > MAX_INTEGER:
            raise self._broken(path, "text, an object, an array or an integer from 0 to 2^53-1 in plain digits")
        self.at += len(word)
        return int(word)

    def _check_seen(self, text: str, path: str, *, line_feeds: bool) -> str:
        unseen = _UNSEEN.search(text.replace("\n", "") if line_feeds else text)
        if unseen is not None:
            raise malformed(
                Code.FIELD_INVALID,
                name_of(path),
                "characters that a screen shows as they are",
                f"U+{ord(unseen[0]):04X}",
            )
        return text

    def _take(self, character: str, path: str) -> None:
        if self._peek() != character:
            raise self._broken(path, character)
        self.at += 1

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at

    def _place(self) -> str:
        return f"offset {len(self.text[: self.at].encode())}"

    def _broken(self, path: str, expected: str) -> MalformedError:
        return malformed(
            Code.JSON_SYNTAX, name_of(path), expected, f"{self.text[self.at : self.at + 16]!r} at {self._place()}"
        )


def _write(value: Json, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(_quote(value))
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int):
        parts.append(str(value))
    elif isinstance(value, list):
        parts.append("[")
        for position, item in enumerate(value):
            if position:
                parts.append(",")
            _write(item, parts)
        parts.append("]")
    else:
        parts.append("{")
        # RFC 8785 section 3.2.3: names are sorted by their UTF-16 code units.
        for position, name in enumerate(sorted(value, key=lambda each: each.encode("utf-16-be"))):
            if position:
                parts.append(",")
            parts.append(_quote(name))
            parts.append(":")
            _write(value[name], parts)
        parts.append("}")


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
