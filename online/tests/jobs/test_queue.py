"""The queue's tables: procrastinate's own, each program's queue closed to the others, and who is woken by what."""

from __future__ import annotations

from pathlib import Path

import procrastinate
import psycopg
import pytest

from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import connect
from strongroom.online.db.migrate import load_migrations
from strongroom.online.db.roles import Role
from strongroom.online.jobs import store

DIGEST = "sha256:" + "0" * 64
PROGRAMS = (Role.PLATFORM, Role.RECONCILER, Role.WATCHER)


def queue_of(role: Role) -> str:
    return role.value.removeprefix("strongroom_")


def test_the_tables_are_those_of_the_pinned_version() -> None:
    ours = next(m.text for m in load_migrations() if m.name == "jobs")
    theirs = (Path(procrastinate.__file__).parent / "sql" / "schema.sql").read_text(encoding="utf-8")
    assert theirs.strip() in ours


@pytest.mark.parametrize("role", PROGRAMS)
def test_a_program_sees_its_own_queue_only(database: Database, role: Role) -> None:
    with connect(database.conninfo(role)) as connection:
        for other in PROGRAMS:
            store.wake(connection, f"{queue_of(other)}.sweep", "x")
        seen = connection.execute("select distinct queue_name from jobs.procrastinate_jobs").fetchall()
        taken = connection.execute("select queue_name from jobs.procrastinate_fetch_job_v2(null, null)").fetchall()
        gone = connection.execute("delete from jobs.procrastinate_jobs").rowcount
    assert [(queue_of(role),)] == seen
    assert [(queue_of(role),)] == taken
    assert 1 == gone


@pytest.mark.parametrize("role", PROGRAMS)
def test_nobody_writes_into_another_queue_or_holds_its_locks(database: Database, role: Role) -> None:
    own, other = queue_of(role), queue_of(next(r for r in PROGRAMS if r is not role))
    insert = "insert into jobs.procrastinate_jobs (queue_name, task_name, lock) values (%s, %s, %s)"
    with connect(database.conninfo(role)) as connection:
        for queue, lock in ((other, f"{other}.sweep:"), (own, f"{other}.sweep:")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(insert, [queue, f"{queue}.sweep", lock])
        assert 1 == connection.execute(insert, [own, f"{own}.sweep", f"{own}.sweep:"]).rowcount


@pytest.mark.parametrize(
    "statement",
    [
        "update jobs.holders set home = 'mine'",
        "delete from jobs.holders",
        "insert into jobs.holders (program, root, home, host, pid) values ('watcher', 'r', 'h', 'h', 1)",
        "select jobs.on_docket()",
        "delete from jobs.procrastinate_events",
    ],
)
def test_holders_and_events_change_only_by_their_functions(database: Database, statement: str) -> None:
    with (
        connect(database.conninfo(Role.PLATFORM)) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)),
    ):
        connection.execute(statement.encode())


def test_the_ledgers_reader_has_no_part_in_jobs(database: Database) -> None:
    with connect(database.conninfo(Role.LEDGER_READER)) as connection:
        for statement in ("select * from jobs.overview", "select jobs.wake('platform.sweep')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def waiting(database: Database) -> set[tuple[str, str]]:
    """Task and subject of all that waits."""
    with connect(database.admin_conninfo()) as admin:
        return {(str(t), str(s)) for t, s in admin.execute("select task, subject from jobs.overview").fetchall()}


DOCKET = f"""insert into transfers.dockets (proposal, family, chain, wallet, state, unsigned, fee, sign_by, release_by)
  values ('{DIGEST}', '{DIGEST}', 'c', 'wallet:w', 'PREPARED', '', 0, now(), now())"""


def test_a_new_state_and_its_job_are_one_transaction(database: Database) -> None:
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        with connection.transaction(force_rollback=True):
            connection.execute(DOCKET.encode())
        assert set() == waiting(database)
        connection.execute(DOCKET.encode())
        assert {("platform.docket", DIGEST)} == waiting(database)
        assert 1 == store.forget_answered(connection, "platform.docket", DIGEST)
        connection.execute("update transfers.dockets set why = 'the same state'")
        assert set() == waiting(database)
        connection.execute("update transfers.dockets set state = 'APPROVED'")
        assert {("platform.docket", DIGEST)} == waiting(database)


def test_a_log_entry_wakes_the_signer_and_its_checkpoint_the_witness_and_then_what_waited(database: Database) -> None:
    with (
        connect(database.conninfo(Role.PLATFORM)) as platform,
        connect(database.conninfo(Role.WATCHER)) as watcher,
    ):
        platform.execute(DOCKET.encode())
        store.forget_answered(platform, "platform.docket", DIGEST)
        platform.execute(f"select evidence.append('{DIGEST}', 'proposal', 'nobody', now(), '')".encode())
        assert {("platform.checkpoint", "")} == waiting(database)
        store.forget_answered(platform, "platform.checkpoint", "")
        joins = "insert into transfers.docket_statements (proposal, statement, stage) values (%s, %s, 3)"
        platform.execute(joins, [DIGEST, DIGEST])
        store.forget_answered(platform, "platform.docket", DIGEST)
        platform.execute("select evidence.sign_checkpoint(1, 'note')")
        assert {("watcher.witness", "")} == waiting(database)
        store.forget_answered(watcher, "watcher.witness", "")
        watcher.execute("select evidence.witness_checkpoint(1, 'note')")
        assert {("platform.docket", DIGEST)} == waiting(database)
