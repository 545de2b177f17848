"""One platform on one database: a second one by mistake is refused and told whose it is; a second worker is welcome."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from firm import write_secret
from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest
from strongroom.core.records import encode_record
from strongroom.online.cli import main
from strongroom.online.config import Config
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import connect
from strongroom.online.db.roles import Role
from strongroom.online.governance.store import publish
from strongroom.online.jobs import holder, store
from strongroom.online.jobs.store import Place
from world import World

ROOT = Digest("sha256:" + "1" * 64)
OTHER_ROOT = Digest("sha256:" + "2" * 64)
MINE = Place(root=ROOT, home="home-a", host="host-a", pid=1)


def test_another_home_is_refused_by_name_and_a_second_worker_is_welcome(database: Database) -> None:
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        holder.claim(connection, MINE)
        with pytest.raises(RefusedError) as caught:
            holder.claim(connection, replace(MINE, home="home-b", host="host-b"))
        assert Code.DATABASE_HELD in caught.value.codes
        since = store.load_holders(connection)[0].since
        for told in ("home-a", "host-a", "process 1", f"since {since:%F %T}"):
            assert told in str(caught.value)
        holder.claim(connection, replace(MINE, host="host-b", pid=2))
        assert since == store.load_holders(connection)[0].since


def test_another_root_is_refused_whichever_program_comes_first(database: Database) -> None:
    with (
        connect(database.conninfo(Role.PLATFORM)) as platform,
        connect(database.conninfo(Role.WATCHER)) as watcher,
    ):
        holder.claim(platform, MINE)
        with pytest.raises(RefusedError) as caught:
            holder.claim(watcher, replace(MINE, root=OTHER_ROOT, home="home-w"))
        assert Code.DATABASE_HELD in caught.value.codes
        # Its own home is right for another program.
        holder.claim(watcher, replace(MINE, home="home-w"))


def test_the_log_says_whose_database_it_is_before_anybody_claims_it(database: Database) -> None:
    world = World()
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        publish(connection, world.roots[0], (), ())
        with pytest.raises(RefusedError) as caught:
            holder.claim(connection, MINE)
        assert Code.DATABASE_HELD in caught.value.codes
        holder.claim(connection, replace(MINE, root=world.fingerprint))


def test_nobody_takes_over_from_the_living_and_a_named_dead_one_is_taken_over_from(database: Database) -> None:
    other = replace(MINE, home="home-b", pid=2)
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        holder.claim(connection, MINE)
        with pytest.raises(RefusedError) as alive:
            holder.take_over(connection, "home-a", other, dead_after_s=30)
        assert Code.HOLDER_ALIVE in alive.value.codes
        with pytest.raises(RefusedError) as unnamed:
            holder.take_over(connection, "home-x", other, dead_after_s=0)
        assert Code.DATABASE_HELD in unnamed.value.codes
        with pytest.raises(RefusedError) as foreign:
            holder.take_over(connection, "home-a", replace(other, root=OTHER_ROOT), dead_after_s=0)
        assert Code.DATABASE_HELD in foreign.value.codes
        assert store.is_holder(connection, "platform", MINE)
        assert "home-b" == holder.take_over(connection, "home-a", other, dead_after_s=0).home
        # The old one, should it wake up, is told and does nothing.
        assert not store.renew(connection, MINE)
        with pytest.raises(RefusedError) as superseded:
            holder.check_held(connection, "platform", MINE)
        assert Code.DATABASE_HELD in superseded.value.codes
        holder.check_held(connection, "platform", other)
        assert store.renew(connection, other)


def test_a_home_keeps_its_id_and_another_home_has_another(tmp_path: Path) -> None:
    first = holder.load_place(ROOT, tmp_path / "a")
    assert first == holder.load_place(ROOT, tmp_path / "a")
    assert first.home != holder.load_place(ROOT, tmp_path / "b").home
    assert ["home.id", "home.id.lock"] == sorted(path.name for path in (tmp_path / "a").iterdir())


def write_config(folder: Path, database: Database, home: str) -> Path:
    """A platform's configuration without chains."""
    folder.mkdir()
    write_secret(folder / "conninfo", database.conninfo(Role.PLATFORM).reveal())
    for party in ("platform", "builder", "log"):
        write_secret(folder / f"{party}.key", "11" * 32)
    body = Config(
        database=str(folder / "conninfo"),
        doors=(),
        home=str(folder / home),
        keys=(),
        chains=(),
        poll_ms=10,
        root=ROOT,
    )
    path = folder / "work.json"
    path.write_bytes(encode_canonical(encode_record(body)))
    return path


def test_the_programs_refuse_and_take_over_by_command(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (write_config(tmp_path / name, database, "home") for name in ("first", "second"))
    # Without keys nothing can be built; the claim comes before.
    assert 3 == main(["work", "--config", str(first), "--rounds", "1"])
    assert "FILE_UNAVAILABLE" in capsys.readouterr().err
    assert 3 == main(["work", "--config", str(second), "--rounds", "1"])
    assert "DATABASE_HELD" in capsys.readouterr().err
    assert 0 == main(["jobs", "--config", str(first), "--json"])
    held = json.loads(capsys.readouterr().out)["holders"][0]["home"]
    assert 3 == main(["take-over", "--config", str(second), "--from", held])
    assert "HOLDER_ALIVE" in capsys.readouterr().err
    with connect(database.admin_conninfo()) as admin:
        admin.execute("update jobs.holders set seen_at = now() - interval '1 hour'")
    assert 0 == main(["take-over", "--config", str(second), "--from", held])
    assert held != json.loads(capsys.readouterr().out)["taken_over"]["home"]
    assert 3 == main(["work", "--config", str(first), "--rounds", "1"])
    assert "DATABASE_HELD" in capsys.readouterr().err
    assert 0 == main(["jobs", "--config", str(second)])
    assert "platform of home" in capsys.readouterr().out
