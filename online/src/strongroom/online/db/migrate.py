"""Brings a database from its present shape to the one this code was written for.

Migrations are `migrations/NNNN_name.sql`, applied in order, all pending ones in one transaction, as the owner of the
tables. What was applied is on record with its digest: an applied file that has been edited since, a gap in the
numbers, and a database that is ahead of this code are refused, because nobody could say any more what is in there.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import LiteralString

from psycopg import sql

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.online.db.connect import Connection, execute, load_all, translated_errors
from strongroom.online.db.queries import load_queries
from strongroom.online.db.roles import OWNER, Role

_QUERIES = load_queries("strongroom.online.db")
_NAME = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")
_LOCK = 0x5352_4D49_4752
"""Advisory lock key `SRMIGR`: of several programs that start at once, one migrates and the others find it done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file: its number, its name and the statements in it."""

    number: int
    name: str
    text: LiteralString

    @property
    def sha256(self) -> str:
        """Digest of the file's bytes, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A migration on record in the database."""

    number: int
    name: str
    sha256: str


def load_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Read and order the migrations of a folder, ours when `None`. Raises MIGRATION_REFUSED for a misnamed file."""
    found = []
    folder = folder or files("strongroom.online.db") / "migrations"
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise refused(Code.MIGRATION_REFUSED, file.name, "NNNN_name.sql", file.name)
        text = file.read_text(encoding="utf-8")
        found.append(Migration(number=int(match.group(1)), name=match.group(2), text=text))
    return tuple(sorted(found, key=lambda migration: (migration.number, migration.name)))


def check_numbers(migrations: tuple[Migration, ...]) -> None:
    """Refuse a gap or a number used twice, with MIGRATION_REFUSED."""
    for expected, migration in enumerate(migrations, start=1):
        if migration.number != expected:
            field = f"{migration.number:04}_{migration.name}"
            raise refused(Code.MIGRATION_REFUSED, field, f"number {expected:04}", f"{migration.number:04}")


def check_applied(migrations: tuple[Migration, ...], applied: tuple[Applied, ...]) -> None:
    """Refuse a database whose record is not exactly the beginning of `migrations`, with MIGRATION_REFUSED."""
    for record in applied:
        field = f"{record.number:04}_{record.name}"
        if record.number > len(migrations):
            raise refused(Code.MIGRATION_REFUSED, field, f"at most {len(migrations):04}: newer code", field)
        migration = migrations[record.number - 1]
        if (migration.name, migration.sha256) != (record.name, record.sha256):
            raise refused(Code.MIGRATION_REFUSED, field, record.sha256, migration.sha256)


def migrate(connection: Connection, migrations: tuple[Migration, ...] | None = None) -> tuple[Migration, ...]:
    """Apply what is pending and return it. connection: the administrator's, to the database in question.

    All or nothing: a failing migration leaves the database as it was. Raises MIGRATION_REFUSED.
    """
    wanted = load_migrations() if migrations is None else migrations
    check_numbers(wanted)
    with translated_errors(), connection.transaction():
        execute(connection, _QUERIES["lock"], {"key": _LOCK})
        execute(connection, _QUERIES["make_schema"])
        execute(connection, _QUERIES["make_record"])
        applied = load_all(connection, _QUERIES["load_applied"], Applied)
        check_applied(wanted, applied)
        pending = wanted[len(applied) :]
        for migration in pending:
            _apply(connection, migration)
    return pending


def _apply(connection: Connection, migration: Migration) -> None:
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(OWNER)))
    connection.execute(migration.text)
    connection.execute("reset role")
    parameters = {"number": migration.number, "name": migration.name, "sha256": migration.sha256}
    execute(connection, _QUERIES["save_applied"], parameters)


def grant_database(connection: Connection) -> None:
    """Close the database this connection is in to everyone but our roles; only the owner may make schemas in it.

    Grants on a database are not copied with a template, so every database needs this once.
    """
    name = sql.Identifier(connection.info.dbname)
    roles = sql.SQL(", ").join(sql.Identifier(role.value) for role in Role)
    with translated_errors(), connection.transaction():
        connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        connection.execute(sql.SQL("grant create on database {} to {}").format(name, sql.Identifier(OWNER)))
        connection.execute(sql.SQL("grant connect on database {} to {}").format(name, roles))
