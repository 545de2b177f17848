"""The example that tells the ledger's story still gives the answers that are committed beside it."""

from __future__ import annotations

import subprocess
from importlib.resources import as_file, files

from psycopg.conninfo import conninfo_to_dict

from strongroom.online.db.bootstrap import Database
from strongroom.online.db.roles import Role
from strongroom.online.db.system_user import load_binaries, load_system_user


def test_the_story_ends_as_it_is_told(database: Database) -> None:
    login = conninfo_to_dict(database.conninfo(Role.PLATFORM).reveal())
    with as_file(files("strongroom.online.ledger") / "examples") as folder:
        told = subprocess.run(
            [load_binaries(load_system_user()) / "psql", "--no-psqlrc", "--quiet", "--echo-all", "--file=story.sql"],
            cwd=folder,
            env={
                "PGHOST": str(login["host"]),
                "PGPORT": str(login["port"]),
                "PGUSER": str(login["user"]),
                "PGPASSWORD": str(login["password"]),
                "PGDATABASE": str(login["dbname"]),
                "LC_ALL": "C",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        assert (folder / "story.out").read_text() == told.stdout
