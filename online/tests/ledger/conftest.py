"""Opened books in a fresh database, seen by the role that does the work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from books import open_books
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import Connection, connect
from strongroom.online.db.roles import Role


@pytest.fixture
def platform(database: Database) -> Iterator[Connection]:
    """The platform's connection, with the books of `harbour` and `peak` open."""
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        open_books(connection, "harbour", "peak")
        yield connection


@pytest.fixture
def admin(database: Database, platform: Connection) -> Iterator[Connection]:
    """The administrator's connection to the same books."""
    with connect(database.admin_conninfo()) as connection:
        yield connection
