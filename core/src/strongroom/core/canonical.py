"""Canonical JSON: one spelling for one value, or a refusal.

RFC 8785 encoding by the `rfc8785` library; reading is stricter than the RFC (spec/statement.md): no nulls, no numbers
but plain non-negative integers, no duplicate keys, no characters that a screen hides. A parser that accepts two
spellings of one document lets two readers of the same file see different things, which is how a signature is moved to
other words.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import NoReturn

import rfc8785

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import Digest
from strongroom.core.nesting import is_deeper, is_nested_deeper

Json = bool | int | str | list["Json"] | dict[str, "Json"]
"""A parsed canonical value. Floats and nulls do not exist here."""

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
MAX_STATEMENT_BYTES = 1024 * 1024

# Control, zero-width and direction-changing characters: they make a screen show what was not signed
# (spec/statement.md).
_HIDDEN = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]"
)
_PRINTABLE = bytes(range(0x20, 0x7F))
_DASH = "\u2014".encode()
"""With which every signature line of a note begins; it combines with nothing, so that NFC leaves it alone."""
_ESCAPED = b"\0\0"
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % len(str(MAX_INTEGER)))
_PLAIN_DECODER = json.JSONDecoder()
_PLAIN_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256(data: bytes) -> Digest:
    """The prefixed SHA-256 of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def encode_canonical(value: Json) -> bytes:
    """The canonical bytes of a value. Raises MalformedError when the value has no canonical form of ours."""
    return _encode(value, frozenset())


def encode_with_notes(value: Json) -> bytes:
    """As `encode_canonical`, for documents whose fields named `note` are signed notes and hold line feeds."""
    return _encode(value, frozenset({"note"}))


def _encode(value: Json, line_feeds: frozenset[str]) -> bytes:
    """Written by `json` and read back by `_read_plain` to the same value; whatever is doubtful takes the slow way.

    Being read back to the value that it was written of is the fifth test: writing that again would give these bytes.
    """
    try:
        raw = _PLAIN_ENCODER.encode(value).encode()
        read = _read_plain(raw, line_feeds)
        if read is not None and read == value:
            return raw
    except (TypeError, ValueError, RecursionError):
        # What this was is said by the check below, with the place where it stands.
        return _encode_strictly(value, line_feeds)
    return _encode_strictly(value, line_feeds)


def _encode_strictly(value: Json, line_feeds: frozenset[str]) -> bytes:
    _check_value(value, "document", 0, line_feeds=line_feeds)
    return rfc8785.dumps(value)


def parse_canonical(raw: bytes, *, limit: int = MAX_STATEMENT_BYTES) -> Json:
    """Read one canonical document. `limit` is in bytes.

    Raises TOO_LARGE, JSON_SYNTAX, JSON_DUPLICATE_KEY, FIELD_INVALID or JSON_NOT_CANONICAL (with the offset).
    """
    return _parse(raw, limit, frozenset())


def parse_with_notes(raw: bytes, *, limit: int) -> Json:
    """As `parse_canonical`, for documents whose fields named `note` are signed notes and hold line feeds."""
    return _parse(raw, limit, frozenset({"note"}))


def _parse(raw: bytes, limit: int, line_feeds: frozenset[str]) -> Json:
    if len(raw) > limit:
        raise malformed(Code.TOO_LARGE, "document", f"at most {limit} bytes", f"{len(raw)} bytes")
    value = _parse_plain(raw, line_feeds)
    return _parse_strictly(raw, line_feeds) if value is None else value


def _parse_plain(raw: bytes, line_feeds: frozenset[str]) -> Json | None:
    """The value of a document that whole-document tests in C show to be canonical; None when they do not.

    Nearly every document of ours is ASCII and the dash of notes, and there `json` writes what RFC 8785 says. Nothing is
    accepted here that `_parse_strictly` would refuse, and whatever is doubtful goes there; it alone says what is wrong.
    1. Printable characters, so that nothing hidden stands in it, but escaped. 2. Escapes are of quotes and backslashes,
    and of the line feeds of fields that may hold them. 3. Between the strings stand brackets, commas, colons, short
    rows of digits, `true` and `false`: no nulls, signs, fractions. 4. It nests no deeper than values may. 5. What was
    read and is written again is the same: each key once, in order, one spelling.
    """
    value = _read_plain(raw, line_feeds)
    return value if value is not None and _PLAIN_ENCODER.encode(value).encode() == raw else None  # 5


def _read_plain(raw: bytes, line_feeds: frozenset[str]) -> Json | None:
    """The first four tests of `_parse_plain`, and what `json` reads."""
    if raw.replace(_DASH, b"").translate(None, _PRINTABLE):  # 1
        return None
    # Pairs from the left, as a reader takes them; what stands in their place is in no printable document.
    opened = raw.replace(b"\\\\", _ESCAPED).replace(b'\\"', _ESCAPED) if b"\\" in raw else raw
    if opened.count(b"\\") != _count_allowed(opened, line_feeds):  # 2
        return None
    between = b"".join(opened.split(b'"')[::2])
    words = between.translate(None, b"[]{},:0123456789").replace(b"true", b"").replace(b"false", b"")
    if words or _LONG_NUMBER.search(between) or is_deeper(between, MAX_DEPTH):  # 3, 4
        return None
    try:
        value: Json = _PLAIN_DECODER.decode(raw.decode())
    except ValueError:
        return None
    return value


def _count_allowed(opened: bytes, line_feeds: frozenset[str]) -> int:
    """How many line feeds are escaped in fields that may hold them. opened: without other escapes."""
    if b"\\" not in opened:
        return 0
    found = 0
    for name in line_feeds:
        before, *texts = opened.split(b'"%s":"' % name.encode())
        for text in texts:
            # In whatever is JSON at all, a quote after a bracket or a comma begins a name, and the next one ends it.
            found += text.partition(b'"')[0].count(b"\\n") if before[-1:] in {b"{", b","} else 0
            before = text
    return found


def _parse_strictly(raw: bytes, line_feeds: frozenset[str]) -> Json:
    if is_nested_deeper(raw, MAX_DEPTH + 1):
        raise malformed(Code.JSON_SYNTAX, "document", f"nesting of at most {MAX_DEPTH}", "deeper")
    try:
        value: Json = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise malformed(Code.JSON_SYNTAX, f"offset {error.start}", "UTF-8", "other bytes") from error
    except json.JSONDecodeError as error:
        raise malformed(Code.JSON_SYNTAX, f"offset {error.pos}", "JSON", error.msg) from error
    except RecursionError as error:
        raise malformed(Code.JSON_SYNTAX, "document", f"nesting of at most {MAX_DEPTH}", "deeper") from error
    _check_value(value, "document", 0, line_feeds=line_feeds)
    canonical = rfc8785.dumps(value)
    if canonical != raw:
        offset = next((i for i, (a, b) in enumerate(zip(canonical, raw, strict=False)) if a != b), len(canonical))
        offset = min(offset, len(raw))
        raise malformed(
            Code.JSON_NOT_CANONICAL,
            f"offset {offset}",
            repr(canonical[offset : offset + 16]),
            repr(raw[offset : offset + 16]),
        )
    return value


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise malformed(Code.JSON_DUPLICATE_KEY, twice, "each key once", "twice")
    return result


def _integer(text: str) -> int:
    # Length first: converting a megabyte of digits is quadratic work that a stranger could ask for.
    if text.startswith("-") or len(text) > len(str(MAX_INTEGER)):
        _refuse_number(text)
    return int(text)


def _refuse_number(text: str) -> NoReturn:
    raise malformed(Code.JSON_SYNTAX, "number", "an integer from 0 to 2^53-1", text[:40])


def _check_value(value: Json, path: str, depth: int, *, line_feeds: frozenset[str]) -> None:
    if depth > MAX_DEPTH:
        raise malformed(Code.JSON_SYNTAX, path, f"nesting of at most {MAX_DEPTH}", "deeper")
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if not 0 <= value <= MAX_INTEGER:
            raise malformed(Code.JSON_SYNTAX, path, "an integer from 0 to 2^53-1", str(value))
        return
    if isinstance(value, str):
        _check_text(value, path)
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_value(item, f"{path}[{index}]", depth + 1, line_feeds=line_feeds)
        return
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, path)
            if key in line_feeds and isinstance(item, str):
                _check_text(item.replace("\n", ""), f"{path}.{key}")
            else:
                _check_value(item, f"{path}.{key}", depth + 1, line_feeds=line_feeds)
        return
    raise malformed(Code.JSON_SYNTAX, path, "object, array, text, integer or boolean", type(value).__name__)


def _check_text(text: str, path: str) -> None:
    hidden = _HIDDEN.search(text)
    if hidden:
        raise malformed(Code.FIELD_INVALID, path, "no hidden characters", f"U+{ord(hidden.group()):04X}")
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        raise malformed(Code.FIELD_INVALID, path, "Unicode NFC", "another normal form")
