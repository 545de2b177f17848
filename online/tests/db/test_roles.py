"""Least privilege: who may log in, and that nobody who does can write a table of the ledger or of the migrator."""

from __future__ import annotations

import pytest

import postgres
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import connect, open_connection
from strongroom.online.db.roles import OWNER, Role, save_roles
from strongroom.online.db.secret import Secret, make_secret


@pytest.mark.parametrize("role", Role)
def test_every_role_logs_in_with_its_password_only(database: Database, role: Role) -> None:
    with connect(database.conninfo(role)) as connection:
        assert (role.value, role.value) == connection.execute("select current_user, session_user").fetchone()
    with pytest.raises(UnavailableError) as caught:
        open_connection(database.server.build_conninfo(database.name, role.value, make_secret()))
    assert Code.DATABASE_UNAVAILABLE in caught.value.codes


def test_the_owner_never_logs_in(database: Database) -> None:
    with pytest.raises(UnavailableError) as caught:
        open_connection(database.server.build_conninfo(database.name, OWNER, Secret("anything")))
    assert Code.DATABASE_UNAVAILABLE in caught.value.codes


@pytest.mark.parametrize("role", Role)
def test_no_role_can_become_another_or_make_anything(database: Database, role: Role) -> None:
    with connect(database.admin_conninfo()) as admin:
        powers = admin.execute(
            """select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
                 pg_has_role(rolname, %(owner)s, 'member'),
                 has_database_privilege(rolname, current_database(), 'create'),
                 has_schema_privilege(rolname, 'public', 'create'), has_schema_privilege(rolname, 'ledger', 'create')
               from pg_roles where rolname = %(role)s""",
            {"owner": OWNER, "role": role.value},
        ).fetchone()
    assert (False,) * 9 == powers


@pytest.mark.parametrize("role", Role)
def test_no_role_may_write_a_ledger_table(database: Database, role: Role) -> None:
    """Asked of the catalogue, so that a table or a privilege added later is covered too."""
    with connect(database.admin_conninfo()) as admin:
        writable = admin.execute(
            """select c.oid::regclass::text, p.privilege
               from pg_class c join pg_namespace n on n.oid = c.relnamespace,
                 unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p (privilege)
               where n.nspname in ('ledger', 'migrations') and c.relkind in ('r', 'v', 'p')
                 and has_table_privilege(%(role)s, c.oid, p.privilege)""",
            {"role": role.value},
        ).fetchall()
    assert [] == writable


EXPECTED = {
    Role.PLATFORM: {"lock_accounts", "open_account", "post_batch", "resolve_batch"},
    Role.WATCHER: {"lock_accounts", "post_batch"},
    Role.RECONCILER: set[str](),
    Role.LEDGER_READER: set[str](),
    Role.ASSIGNER: set[str](),
    Role.APPROVALS: set[str](),
}


@pytest.mark.parametrize("role", Role)
def test_each_role_may_call_only_what_its_work_needs(database: Database, role: Role) -> None:
    with connect(database.admin_conninfo()) as admin:
        callable_now = admin.execute(
            """select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where n.nspname = 'ledger' and has_function_privilege(%s, p.oid, 'execute')""",
            [role.value],
        ).fetchall()
    assert EXPECTED[role] == {name for (name,) in callable_now}


def test_functions_that_act_as_the_owner_fix_their_search_path(database: Database) -> None:
    """Else a caller's own schema could slip its table or operator under the owner's rights (CVE-2018-1058)."""
    with connect(database.admin_conninfo()) as admin:
        loose = admin.execute(
            """select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')
                 and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)"""
        ).fetchall()
    assert [] == loose


def test_strangers_cannot_connect(database: Database) -> None:
    """A role of another application on the same server has no way into our database."""
    server = postgres.load_server()
    password = make_secret()
    with connect(server.build_admin_conninfo()) as admin:
        admin.execute("drop role if exists stranger")
        admin.execute(f"create role stranger login password '{password.reveal()}'".encode())
    try:
        with pytest.raises(UnavailableError) as caught:
            open_connection(server.build_conninfo(database.name, "stranger", password))
        assert Code.DATABASE_UNAVAILABLE in caught.value.codes
    finally:
        with connect(server.build_admin_conninfo()) as admin:
            admin.execute("drop role stranger")


def test_a_password_is_changed(database: Database) -> None:
    server = postgres.load_server()
    fresh = make_secret()
    with connect(server.build_admin_conninfo()) as admin:
        save_roles(admin, {Role.LEDGER_READER: fresh})
        try:
            with connect(server.build_conninfo(database.name, Role.LEDGER_READER.value, fresh)) as reader:
                assert (1,) == reader.execute("select 1").fetchone()
        finally:
            save_roles(admin, {Role.LEDGER_READER: database.passwords[Role.LEDGER_READER]})
