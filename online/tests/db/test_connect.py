"""The border of the driver: every foreign error becomes one of ours, with a code, and no password shows."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError, UnavailableError
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import connect, execute, load_all, load_first, open_connection, translated_errors
from strongroom.online.db.queries import Query
from strongroom.online.db.roles import Role
from strongroom.online.db.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A row of two columns."""

    left: int
    right: str


PAIRS = Query(name="pairs", reason="rows", text="select n as left, 'x' || n as right from generate_series(1, %(n)s) n")


def test_rows_come_out_as_dataclasses(database: Database) -> None:
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        assert (Pair(left=1, right="x1"), Pair(left=2, right="x2")) == load_all(connection, PAIRS, Pair, {"n": 2})
        assert Pair(left=1, right="x1") == load_first(connection, PAIRS, Pair, {"n": 1})
        assert load_first(connection, PAIRS, Pair, {"n": 0}) is None
        assert 3 == execute(connection, PAIRS, {"n": 3})


def test_a_closed_connection_is_unavailable(database: Database) -> None:
    connection = open_connection(database.conninfo(Role.PLATFORM))
    connection.close()
    with pytest.raises(UnavailableError) as caught:
        execute(connection, PAIRS, {"n": 1})
    assert Code.DATABASE_UNAVAILABLE in caught.value.codes


def test_a_session_ended_by_the_server_is_unavailable(database: Database) -> None:
    with connect(database.conninfo(Role.PLATFORM)) as victim, connect(database.admin_conninfo()) as admin:
        admin.execute("select pg_terminate_backend(%s)", [victim.info.backend_pid])
        with pytest.raises(UnavailableError) as caught:
            execute(victim, PAIRS, {"n": 1})
        assert Code.DATABASE_UNAVAILABLE in caught.value.codes


def test_a_deadlock_is_unavailable_since_it_may_be_tried_again(database: Database) -> None:
    failures: list[UnavailableError] = []
    both_hold_one = threading.Barrier(2)

    def take(first: int, second: int) -> None:
        with connect(database.admin_conninfo()) as connection:
            try:
                with translated_errors(), connection.transaction():
                    connection.execute("set local deadlock_timeout = '50ms'")
                    connection.execute("select pg_advisory_xact_lock(%s)", [first])
                    both_hold_one.wait()
                    connection.execute("select pg_advisory_xact_lock(%s)", [second])
            except UnavailableError as error:
                failures.append(error)

    threads = [threading.Thread(target=take, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [frozenset({Code.DATABASE_UNAVAILABLE})] == [error.codes for error in failures]


def test_a_named_constraint_is_a_refusal_with_its_code(database: Database) -> None:
    with connect(database.admin_conninfo()) as admin:
        admin.execute("create table once (n int constraint once_n primary key)")
        admin.execute("insert into once values (1)")
        with pytest.raises(RefusedError) as caught, translated_errors({"once_n": Code.INSTRUCTION_REPLAYED}):
            admin.execute("insert into once values (1)")
        assert Code.INSTRUCTION_REPLAYED in caught.value.codes
        with translated_errors({"once_n": Code.INSTRUCTION_REPLAYED}):
            admin.execute("insert into once values (2)")


def test_any_other_database_error_is_our_own_fault(database: Database) -> None:
    with connect(database.conninfo(Role.PLATFORM)) as connection, pytest.raises(InvariantError) as caught:
        execute(connection, Query(name="bad", reason="a table that is not there", text="select from nowhere"))
    assert Code.INVARIANT in caught.value.codes


def test_row_contents_stay_out_of_the_message(database: Database) -> None:
    """The server's detail line quotes the failing row; a row can hold what a log must not."""
    with connect(database.admin_conninfo()) as admin:
        admin.execute("create table private (words text check (length(words) < 3))")
        with pytest.raises(InvariantError) as caught, translated_errors():
            admin.execute("insert into private values ('confidential')")
        assert "confidential" not in str(caught.value)


def test_secrets_print_as_stars() -> None:
    secret = Secret("hunter2")
    assert "hunter2" == secret.reveal()
    assert "********" == str(secret) == f"{secret}"
    assert "hunter2" not in repr([secret])
