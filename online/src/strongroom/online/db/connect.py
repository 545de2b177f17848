"""Connections, rows as dataclasses, and the one border where the driver's errors become ours.

Everything that talks to the database takes a connection handed in and uses only `execute`, `cursor()` and
`transaction()` on it, so that a caller decides what is one transaction and a test can count what is written.
Connections are in autocommit: a statement outside `connection.transaction()` stands by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TypeVar

import psycopg
from psycopg.rows import TupleRow

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, RefusedError, UnavailableError
from strongroom.online.db.queries import Query
from strongroom.online.db.secret import Secret

Connection = psycopg.Connection[TupleRow]
"""What every store takes."""
Row = TypeVar("Row")
Parameters = Mapping[str, object] | Sequence[object] | None

_CONNECT_SECONDS = 10

SQLSTATES: Mapping[str, Code] = MappingProxyType(
    {
        "SR002": Code.LEDGER_UNBALANCED,
        "SR003": Code.APPEND_ONLY,
        "SR004": Code.LEDGER_UNBALANCED,
        "SR005": Code.LOG_CONFLICT,
    }
)
"""SQLSTATEs that our functions and triggers raise, in class SR, which PostgreSQL leaves free."""

CONSTRAINTS: Mapping[str, Code] = MappingProxyType({"balances_no_overdraft": Code.LEDGER_OVERDRAFT})
"""Constraints whose violation is a refusal that has a name. Rooms add theirs through `translated_errors`."""


@contextmanager
def connect(conninfo: Secret) -> Iterator[Connection]:
    """A connection for one piece of work, closed at the end. Raises DATABASE_UNAVAILABLE when there is none to have."""
    connection = open_connection(conninfo)
    try:
        yield connection
    finally:
        connection.close()


def open_connection(conninfo: Secret) -> Connection:
    """A connection that the caller closes. Raises DATABASE_UNAVAILABLE when the server or the login says no."""
    with translated_errors():
        return psycopg.connect(conninfo.reveal(), autocommit=True, connect_timeout=_CONNECT_SECONDS)


@contextmanager
def translated_errors(constraints: Mapping[str, Code] = CONSTRAINTS) -> Iterator[None]:
    """Turn the driver's errors into ours; no foreign error leaves this border.

    Lost connections, deadlocks and serialisation failures are DATABASE_UNAVAILABLE: the same call may succeed later.
    A named constraint or an SQLSTATE of ours is a refusal with its code. Anything else is our own fault.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        raise UnavailableError(_describe(Code.DATABASE_UNAVAILABLE, error)) from error
    except psycopg.Error as error:
        code = constraints.get(error.diag.constraint_name or "") or SQLSTATES.get(error.sqlstate or "")
        if code is not None:
            raise RefusedError(_describe(code, error)) from error
        raise InvariantError(_describe(Code.INVARIANT, error)) from error


def _describe(code: Code, error: psycopg.Error) -> Refusal:
    """One refusal from what the server said; its detail line is left out, since that can hold row contents."""
    said = error.diag.message_primary or str(error).strip() or type(error).__name__
    place = error.diag.constraint_name or error.diag.table_name or "database"
    return Refusal(code=code, field=place, expected="a statement that holds", got=f"{error.sqlstate or '-'} {said}")


def execute(connection: Connection, query: Query, parameters: Parameters = None) -> int:
    """Run one statement; returns how many rows it touched."""
    with translated_errors():
        return connection.execute(query.text, parameters).rowcount


def copy_rows(connection: Connection, query: Query, rows: Iterable[bytes]) -> None:
    """Copy rows in PostgreSQL's text format, a `copy ... from stdin`; each chunk holds whole rows."""
    with translated_errors(), connection.cursor() as cursor, cursor.copy(query.text) as copy:
        for chunk in rows:
            copy.write(chunk)


def load_all(
    connection: Connection, query: Query, build: Callable[..., Row], parameters: Parameters = None
) -> tuple[Row, ...]:
    """All rows, each made by `build` from its columns by name."""
    with translated_errors():
        cursor = connection.execute(query.text, parameters)
        names = [column.name for column in cursor.description or ()]
        return tuple(build(**dict(zip(names, row, strict=True))) for row in cursor.fetchall())


def load_first(
    connection: Connection, query: Query, build: Callable[..., Row], parameters: Parameters = None
) -> Row | None:
    """The first row, or `None` when there is none."""
    rows = load_all(connection, query, build, parameters)
    return rows[0] if rows else None
