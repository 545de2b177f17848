"""PostgreSQL for tests: one server a test process, and for each test a fresh database copied from a migrated template.

A test room's `conftest.py` says `from postgres import database`; the test takes `database` and connects as the role
that its code runs as. The server is embedded, without fsync since no test outlives its power supply, unless
`DATABASE_URL` names another one.
"""

from __future__ import annotations

import atexit
import hmac
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from strongroom.online.db.bootstrap import Database, prepare_database, remove_database, save_database
from strongroom.online.db.connect import connect
from strongroom.online.db.migrate import grant_database
from strongroom.online.db.roles import Role
from strongroom.online.db.secret import Secret
from strongroom.online.db.server import Server, running_server

_NUMBERS = itertools.count(1)
_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cluster:
    """The server of this process, and the migrated database that each test's is copied from."""

    server: Server
    template: Database


def load_server() -> Server:
    """The server of this test process, started on first use and stopped when the process ends."""
    return _load_cluster().server


@contextmanager
def fresh_database() -> Iterator[Database]:
    """A migrated database that nobody else uses, dropped at the end."""
    cluster = _load_cluster()
    database = replace(cluster.template, name=f"{cluster.template.name}_{next(_NUMBERS)}")
    with connect(cluster.server.build_admin_conninfo()) as admin:
        save_database(admin, database.name, cluster.template.name)
        try:
            with connect(database.admin_conninfo()) as inside:
                grant_database(inside)
            yield database
        finally:
            remove_database(admin, database.name)


@pytest.fixture
def database() -> Iterator[Database]:
    """A fresh migrated database."""
    with fresh_database() as made:
        yield made


@cache
def _load_cluster() -> _Cluster:
    folder = Path(tempfile.mkdtemp(prefix="strongroom-postgres-"))
    stack = ExitStack()
    atexit.register(stack.close)
    stack.callback(shutil.rmtree, folder)
    server = stack.enter_context(running_server(os.environ, folder, _SETTINGS))
    name = f"strongroom_test_{secrets.token_hex(4)}"
    template = prepare_database(server, name, _derive_passwords(server.password))
    stack.callback(_remove_template, server, name)
    return _Cluster(server=server, template=template)


def _derive_passwords(admin: Secret) -> dict[Role, Secret]:
    """The same passwords in every test process: under `DATABASE_URL` they share the server, and so its roles."""
    key = admin.reveal().encode()
    return {role: Secret(hmac.new(key, role.value.encode(), "sha256").hexdigest()) for role in Role}


def _remove_template(server: Server, name: str) -> None:
    with connect(server.build_admin_conninfo()) as admin:
        remove_database(admin, name)
