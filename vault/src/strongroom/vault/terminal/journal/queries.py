"""The statements of `queries.sql` by name, and the schema.

A statement is a header `-- name --`, one comment line that says why, and SQL up to the next header.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal

_HEADER = re.compile(r"^-- ([a-z][a-z_]*) --$")
APPLICATION_ID = 0x53524A31
"""`SRJ1`, in the file's header: another SQLite file is not taken for a journal."""


@cache
def query(name: str) -> str:
    """The SQL of one named statement. Raises InvariantError for a name that is not there."""
    found = _statements().get(name)
    if found is None:
        raise InvariantError(Refusal(code=Code.INVARIANT, field="queries.sql", expected=name, got="no such statement"))
    return found


@cache
def schema() -> str:
    """The SQL that makes the tables."""
    return resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")


@cache
def _statements() -> dict[str, str]:
    return parse_statements(resources.files(__package__).joinpath("queries.sql").read_text(encoding="utf-8"))


def parse_statements(text: str) -> dict[str, str]:
    """Split a file of named statements. Raises InvariantError for text before a header, or one name twice."""
    statements: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header is not None:
            name = header.group(1)
            if name in statements:
                raise InvariantError(Refusal(code=Code.INVARIANT, field=name, expected="each name once", got="twice"))
            statements[name] = []
        elif name:
            statements[name].append(line)
        elif line.strip():
            raise InvariantError(Refusal(code=Code.INVARIANT, field="queries.sql", expected="a header", got=line))
    return {name: "\n".join(lines).strip() for name, lines in statements.items()}
