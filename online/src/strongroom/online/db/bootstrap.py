"""From a server to a database that programs can log in to: the roles, the database, its migrations, their logins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from strongroom.online.db.connect import Connection, connect, translated_errors
from strongroom.online.db.migrate import grant_database, migrate
from strongroom.online.db.roles import Role, save_roles
from strongroom.online.db.secret import Secret
from strongroom.online.db.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A migrated database: who may log in to it, and with what."""

    name: str
    server: Server
    passwords: Mapping[Role, Secret]

    def conninfo(self, role: Role) -> Secret:
        """The connection string of one role; give each program its own."""
        return self.server.build_conninfo(self.name, role.value, self.passwords[role])

    def admin_conninfo(self) -> Secret:
        """The administrator's connection string: for migrations and tests, never for a program at work."""
        return self.server.build_admin_conninfo(self.name)


def prepare_database(server: Server, name: str, passwords: Mapping[Role, Secret]) -> Database:
    """Make the database and the roles if they are absent, set the passwords, and migrate. May be repeated."""
    with connect(server.build_admin_conninfo()) as admin:
        save_roles(admin, passwords)
        save_database(admin, name)
    database = Database(name=name, server=server, passwords=passwords)
    with connect(database.admin_conninfo()) as admin:
        grant_database(admin)
        migrate(admin)
    return database


def save_database(admin: Connection, name: str, template: str = "template0") -> None:
    """Make a database, a copy of `template`, unless it is there already."""
    statement = sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
    with translated_errors():
        if admin.execute("select from pg_database where datname = %s", [name]).fetchone() is None:
            admin.execute(statement)


def remove_database(admin: Connection, name: str) -> None:
    """Drop a database with all that is in it, ending its sessions. Only tests do this."""
    with translated_errors():
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
