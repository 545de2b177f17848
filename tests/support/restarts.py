"""A PostgreSQL of a test's own that is crashed and started again on the same port; what is committed is written."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from firm import Firm
from strongroom.online.db.bootstrap import Database, prepare_database
from strongroom.online.db.connect import connect, open_connection
from strongroom.online.db.embedded import EmbeddedServer, _load_programs, running_embedded
from strongroom.online.db.roles import Role, make_passwords
from strongroom.online.db.server import Server

# The server crashes, not the machine under it: what the kernel was given is not lost, and no disk is waited for.
_SETTINGS = {"fsync": "off", "autovacuum": "off"}
_BUSY = """select count(*) from pg_stat_activity
  where usename like 'strongroom%%' and datname = %s and backend_xid is not null"""


@dataclass(kw_only=True)
class Crashing:
    """The server and its database. crashes: how often; cut: how many open, writing transactions that cut off."""

    server: EmbeddedServer
    database: Database
    crashes: int = 0
    cut: int = 0

    def crash(self) -> None:
        """Stop at once, as in a loss of power to the process: no shutdown, no rollback; then recover and start."""
        programs = _load_programs(self.server.folder)
        programs.run("pg_ctl", "stop", "-D", str(programs.cluster), "-m", "immediate", "-w")
        log = str(programs.logs / "server.log")
        programs.run("pg_ctl", "start", "-D", str(programs.cluster), "-l", log, "-w")
        self.crashes += 1

    def crash_in_transaction(self, patience_s: float) -> bool:
        """Wait until a program has written in a transaction that is still open, and crash just then."""
        end = time.monotonic() + patience_s
        with connect(self.database.admin_conninfo()) as admin:
            while time.monotonic() < end:
                busy = admin.execute(_BUSY, [self.database.name]).fetchall()[0][0]
                if busy:
                    self.crash()
                    self.cut += int(busy)
                    return True
        return False


@contextmanager
def crashing_database() -> Iterator[Crashing]:
    """Start the server and migrate a database on it."""
    folder = Path(tempfile.mkdtemp(prefix="strongroom-crashing-"))
    try:
        with running_embedded(folder, _SETTINGS) as embedded:
            server = Server(
                host=embedded.host,
                port=embedded.port,
                admin=embedded.admin,
                password=embedded.password,
                database="postgres",
            )
            database = prepare_database(server, "strongroom_crashing", make_passwords())
            yield Crashing(server=embedded, database=database)
    finally:
        shutil.rmtree(folder)


def reconnect(firm: Firm) -> None:
    """The test's own connections, after a crash; the workers have to find back by themselves."""
    firm.admin.close()
    firm.admin = open_connection(firm.database.admin_conninfo())
    firm.platform.connection.close()
    firm.platform = replace(firm.platform, connection=open_connection(firm.database.conninfo(Role.PLATFORM)))
