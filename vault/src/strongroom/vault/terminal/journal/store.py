"""The SQLite file: opening it durably, one writer at a time, and every error of the driver as one of ours.

WAL with synchronous=FULL: each commit is one flush of the log file before it returns. With a rollback journal a commit
is the unlinking of a file, and after a power cut that file may be back and undo an entry whose signature has left.
The lock is on a file beside the journal: closing any handle of the database itself would drop SQLite's own locks.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, RefusedError, UnavailableError
from strongroom.vault.terminal.journal.queries import APPLICATION_ID, schema

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


def lock_journal(path: Path) -> int:
    """Take the journal for this process and return the lock's descriptor. Raises JOURNAL_UNWRITABLE when taken."""
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, str(error.strerror)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise _unwritable(path, "another program holds it") from error
    return descriptor


def open_database(path: Path) -> sqlite3.Connection:
    """Open an existing journal file. Raises JOURNAL_BROKEN when it is not one, JOURNAL_UNWRITABLE."""
    if not path.is_file():
        raise broken(str(path), "a journal", "nothing")
    with database_errors(path):
        connection = _connect(path)
        try:
            _check_is_journal(connection, path)
            _set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def create_database(path: Path) -> sqlite3.Connection:
    """Make a new, empty journal file. Raises ALREADY_EXISTS, JOURNAL_UNWRITABLE."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        refusal = Refusal(code=Code.ALREADY_EXISTS, field=str(path), expected="no journal yet", got="a file")
        raise RefusedError(refusal) from error
    except OSError as error:
        raise _unwritable(path, str(error.strerror)) from error
    with database_errors(path):
        connection = _connect(path)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _set_up(connection)
        connection.executescript(schema())
        flush_folder(path.parent)
        return connection


def memory_database() -> sqlite3.Connection:
    """An empty database in memory with the same tables, to rebuild the indexes in."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(schema())
    return connection


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Translate every error of the driver: what cannot be written, what is not a sound database, and our own SQL."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            refusal = Refusal(code=Code.INVARIANT, field=str(path), expected="SQL that fits the schema", got=str(error))
            raise InvariantError(refusal) from error
        raise _unwritable(path, error.sqlite_errorname) from error
    except sqlite3.DatabaseError as error:
        raise broken(str(path), "a sound database", getattr(error, "sqlite_errorname", "") or str(error)) from error


def broken(field: str, expected: str, got: str) -> RefusedError:
    """The journal does not hold together; raise what this returns."""
    return RefusedError(Refusal(code=Code.JOURNAL_BROKEN, field=field, expected=expected, got=got))


def flush_folder(folder: Path) -> None:
    """Flush a folder, so that a new file's name survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=5)


def _check_is_journal(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise broken(str(path), "a journal", "another SQLite file")


def _set_up(connection: sqlite3.Connection) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _unwritable(path: Path, got: str) -> UnavailableError:
    return UnavailableError(
        Refusal(code=Code.JOURNAL_UNWRITABLE, field=str(path), expected="a journal that can be written", got=got)
    )
