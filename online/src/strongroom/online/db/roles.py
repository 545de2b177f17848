"""The roles of the database, made once per cluster, and their passwords.

Each online program logs in as its own role, which may do its own work and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files

from psycopg import sql

from strongroom.online.db.connect import Connection, translated_errors
from strongroom.online.db.secret import Secret, make_secret

_LOCK = 0x5352_524F_4C45
"""Advisory lock key `SRROLE`: two starters would collide on the catalogue rows of the shared roles."""


class Role(StrEnum):
    """The roles that log in. `strongroom_owner`, which owns all tables, never does."""

    PLATFORM = "strongroom_platform"
    WATCHER = "strongroom_watcher"
    RECONCILER = "strongroom_reconciler"
    LEDGER_READER = "strongroom_ledger_reader"
    ASSIGNER = "strongroom_assigner"
    APPROVALS = "strongroom_approvals"


OWNER = "strongroom_owner"


def make_passwords() -> Mapping[Role, Secret]:
    """A fresh random password for every role."""
    return {role: make_secret() for role in Role}


def save_roles(connection: Connection, passwords: Mapping[Role, Secret]) -> None:
    """Make the roles that are missing and set these passwords. connection: the administrator's.

    The passwords are hashed on our side: the server's statement log never sees one.
    """
    statements = (files("strongroom.online.db") / "roles.sql").read_text(encoding="utf-8")
    with translated_errors(), connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(statements)
        for role, password in passwords.items():
            name = role.value
            verifier = connection.pgconn.encrypt_password(password.reveal().encode(), name.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("alter role {} password {}").format(sql.Identifier(name), sql.Literal(verifier.decode()))
            )
