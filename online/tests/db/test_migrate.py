"""Migrations: in order, once, all or nothing; an edited file, a gap and a database ahead of the code are refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import postgres
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError
from strongroom.online.db.bootstrap import Database, prepare_database
from strongroom.online.db.connect import Connection, connect
from strongroom.online.db.migrate import Migration, check_numbers, load_migrations, migrate

OURS = load_migrations()
NEXT = len(OURS) + 1


def build_migration(number: int, name: str, text: str) -> Migration:
    return Migration(number=number, name=name, text=text)


def count_schemas(connection: Connection, name: str) -> int:
    row = connection.execute("select count(*) from pg_namespace where nspname = %s", [name]).fetchone()
    assert row is not None
    return int(row[0])


def test_ours_are_numbered_without_gaps() -> None:
    check_numbers(OURS)


@pytest.mark.parametrize("numbers", [(1, 3), (2,), (1, 2, 2), (0, 1)])
def test_a_gap_or_a_number_used_twice_is_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(RefusedError) as caught:
        check_numbers(tuple(build_migration(number, f"m{index}", "") for index, number in enumerate(numbers)))
    assert Code.MIGRATION_REFUSED in caught.value.codes


def test_files_are_read_in_order(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        (tmp_path / f"000{number}_step.sql").write_text("select 1;")
    assert (1, 2, 3) == tuple(migration.number for migration in load_migrations(tmp_path))


@pytest.mark.parametrize("name", ["1_short.sql", "0001-dash.sql", "0001_Upper.sql", "0001_notes.txt", "readme.md"])
def test_another_form_of_file_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("select 1;")
    with pytest.raises(RefusedError) as caught:
        load_migrations(tmp_path)
    assert Code.MIGRATION_REFUSED in caught.value.codes


def test_nothing_is_pending_in_a_prepared_database(database: Database) -> None:
    with connect(database.admin_conninfo()) as admin:
        assert () == migrate(admin)


def test_a_new_migration_is_applied_once_and_owned_by_the_owner(database: Database) -> None:
    added = build_migration(NEXT, "extra", "create schema extra; create table extra.t (n int);")
    with connect(database.admin_conninfo()) as admin:
        assert (added,) == migrate(admin, (*OURS, added))
        assert () == migrate(admin, (*OURS, added))
        owner = admin.execute("select tableowner from pg_tables where schemaname = 'extra'").fetchone()
        assert ("strongroom_owner",) == owner
        assert ("postgres",) == admin.execute("select current_user").fetchone()


def test_an_edited_migration_is_refused(database: Database) -> None:
    edited = replace(OURS[0], text=OURS[0].text + "-- one more line\n")
    with connect(database.admin_conninfo()) as admin:
        with pytest.raises(RefusedError) as caught:
            migrate(admin, (edited, *OURS[1:]))
        assert Code.MIGRATION_REFUSED in caught.value.codes
        assert caught.value.refusals[0].field.startswith("0001_")


def test_a_renamed_migration_is_refused(database: Database) -> None:
    with connect(database.admin_conninfo()) as admin, pytest.raises(RefusedError) as caught:
        migrate(admin, (replace(OURS[0], name="other"), *OURS[1:]))
    assert Code.MIGRATION_REFUSED in caught.value.codes


def test_a_database_ahead_of_the_code_is_refused(database: Database) -> None:
    with connect(database.admin_conninfo()) as admin, pytest.raises(RefusedError) as caught:
        migrate(admin, OURS[:-1])
    assert Code.MIGRATION_REFUSED in caught.value.codes


def test_a_failing_migration_leaves_nothing(database: Database) -> None:
    good = build_migration(NEXT, "good", "create schema half;")
    bad = build_migration(NEXT + 1, "bad", "select 1 / 0;")
    with connect(database.admin_conninfo()) as admin:
        with pytest.raises(InvariantError):
            migrate(admin, (*OURS, good, bad))
        assert 0 == count_schemas(admin, "half")
        assert (good,) == migrate(admin, (*OURS, good))
        assert 1 == count_schemas(admin, "half")


def test_a_migration_cannot_act_as_the_administrator(database: Database) -> None:
    """Migrations run as the owner of the tables, so an error in one cannot make a superuser."""
    with connect(database.admin_conninfo()) as admin, pytest.raises(InvariantError) as caught:
        migrate(admin, (*OURS, build_migration(NEXT, "climb", "create role intruder superuser;")))
    assert "permission denied" in str(caught.value)


def test_programs_that_start_at_once_migrate_once(database: Database) -> None:
    added = build_migration(NEXT, "slow", "create schema slow; select pg_sleep(0.2);")

    def start(_: int) -> int:
        with connect(database.admin_conninfo()) as admin:
            return len(migrate(admin, (*OURS, added)))

    with ThreadPoolExecutor(4) as pool:
        assert [0, 0, 0, 1] == sorted(pool.map(start, range(4)))


def test_prepare_may_be_repeated(database: Database) -> None:
    again = prepare_database(postgres.load_server(), database.name, database.passwords)
    assert again == database
