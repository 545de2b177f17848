"""Reads a room's `queries.sql`: statements with a name and a reason, so that Python holds no SQL.

    -- load_balance --
    -- What one account holds now.
    select ... from ledger.accounts_now where account = %(account)s;

A header that cannot be read would silently join its statement to the one above; here it is refused, as are a second
statement of the same name, a missing reason and an empty statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import LiteralString

from strongroom.core.codes import Code
from strongroom.core.errors import malformed

_HEADER = re.compile(r"-- ([a-z][a-z0-9_]*) --")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One statement of a `queries.sql`, with the reason written above it."""

    name: str
    reason: str
    text: LiteralString


def load_queries(package: str) -> Mapping[str, Query]:
    """Read `queries.sql` beside the code of `package`, e.g. `strongroom.online.ledger`; call it once, at import."""
    return parse_queries((files(package) / "queries.sql").read_text(encoding="utf-8"))


def parse_queries(text: str) -> Mapping[str, Query]:
    """Parse the whole file, or raise FIELD_INVALID with the line that cannot be read."""
    found: dict[str, Query] = {}
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _is_header(line, number)]
    before = lines[: starts[0]] if starts else lines
    if any(line.strip() and not line.startswith("--") for line in before):
        raise malformed(Code.FIELD_INVALID, "line 1", "a header before the first statement", before[0])
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        query = _parse_one(lines[start:end], start + 1)
        if query.name in found:
            raise malformed(Code.FIELD_INVALID, f"line {start + 1}", "a name used once", query.name)
        found[query.name] = query
    return MappingProxyType(found)


def _is_header(line: str, number: int) -> bool:
    """Whether a line is a header. Raises for one that only looks like it, such as `-- load_balance -`."""
    if _HEADER.fullmatch(line):
        return True
    one_word = re.fullmatch(r"\s*--\s*[A-Za-z0-9_-]+\s*-*\s*", line)
    if one_word or (line.startswith("--") and line.rstrip().endswith("--")):
        raise malformed(Code.FIELD_INVALID, f"line {number + 1}", "`-- name_in_lower_case --`", line)
    return False


def _parse_one(lines: list[str], number: int) -> Query:
    """One header, its one-line reason, its statement with exactly one closing semicolon."""
    header = _HEADER.fullmatch(lines[0])
    if header is None or len(lines) < 2 or not lines[1].startswith("-- "):
        raise malformed(
            Code.FIELD_INVALID, f"line {number}", "a header, then a reason in one line", " ".join(lines[:2])
        )
    statement = "\n".join(lines[2:]).strip()
    body = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
    if not body.endswith(";") or body.count(";") != 1:
        raise malformed(Code.FIELD_INVALID, f"line {number}", "one statement that ends in `;`", statement[-40:])
    # The text comes from a file of ours inside the package, never from input: that is what LiteralString stands for.
    text = statement.removesuffix(";")
    return Query(name=header.group(1), reason=lines[1].removeprefix("-- "), text=text)
