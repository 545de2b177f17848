"""Locks with names, for work that several workers of one database may begin at the same moment.

They are PostgreSQL's advisory locks: the server gives them back by itself when a transaction or a connection ends,
however its process ended. A job's own lock is a convenience of the queue; these are what correctness rests on.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError
from strongroom.online.db.connect import Connection, execute
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.db")
PATIENCE_S = 2.0


def lock_name(connection: Connection, name: str) -> None:
    """Wait for a name, and hold it until the caller's transaction ends."""
    execute(connection, _QUERIES["lock_name"], {"name": name})


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold a file of a home for one piece of work; the kernel gives it back when the process ends.

    Waits for a moment while another worker of the same home holds it, but not for ever, since that one may be
    suspended: then FILE_BUSY, to be tried again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        end = time.monotonic() + PATIENCE_S
        while not _is_taken(handle):
            if time.monotonic() > end:
                raise UnavailableError(
                    Refusal(
                        code=Code.FILE_BUSY, field=str(path), expected="one worker at a time", got="another holds it"
                    )
                )
            time.sleep(0.01)
        yield


def _is_taken(handle: IO[str]) -> bool:
    """Whether we hold it now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
