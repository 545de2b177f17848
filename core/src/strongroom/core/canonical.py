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
from strongroom.core.nesting import is_nested_deeper

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


def sha256(data: bytes) -> Digest:
    """The prefixed SHA-256 of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def encode_canonical(value: Json) -> bytes:
    """The canonical bytes of a value. Raises MalformedError when the value has no canonical form of ours."""
    _check_value(value, "document", 0, line_feeds=frozenset())
    return rfc8785.dumps(value)


def encode_with_notes(value: Json) -> bytes:
    """As `encode_canonical`, for documents whose fields named `note` are signed notes and hold line feeds."""
    _check_value(value, "document", 0, line_feeds=frozenset({"note"}))
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
    result: dict[str, Json] = {}
    for key, value in pairs:
        if key in result:
            raise malformed(Code.JSON_DUPLICATE_KEY, key, "each key once", "twice")
        result[key] = value
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
