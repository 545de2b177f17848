"""One platform on one database: who works here says so, and a second one by mistake is told whose it is.

A platform is one root and, for each program, one home: inbox and outbox files, and the witness's memory, cannot be
shared by two homes. The home's id is in a file of it, so that the same path on another host is another home. Further
workers of the same home are welcome. V.4, III.16.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.statements import StatementType
from strongroom.online.db.connect import Connection
from strongroom.online.db.locks import locked_file
from strongroom.online.evidence.store import load_by_kind
from strongroom.online.jobs import store
from strongroom.online.jobs.store import Holder, Place

DEAD_AFTER_S = 30.0
"""A holder without a sign of life for so long may be taken over from; it gives one every few seconds."""
_FILE = "home.id"


def load_place(root: Digest, home: Path) -> Place:
    """This process's place; the home gets its id on first use. Raises FILE_UNAVAILABLE."""
    try:
        return Place(root=root, home=_load_home_id(home), host=socket.gethostname(), pid=os.getpid())
    except OSError as error:
        raise refused(Code.FILE_UNAVAILABLE, str(home), "a home", error.strerror or "unreadable") from error


def _load_home_id(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True)
    path = home / _FILE
    if not path.exists():
        # Made whole beside its place, by one of two first workers; the other reads it.
        with locked_file(home / f"{_FILE}.lock"):
            if not path.exists():
                made = home / f"{_FILE}.new"
                made.write_text(secrets.token_hex(16) + "\n", encoding="ascii")
                made.rename(path)
    return path.read_text(encoding="ascii").strip()


def claim(connection: Connection, place: Place) -> None:
    """Say that this platform works here. Raises DATABASE_HELD naming who else does, and since when."""
    _check_log(connection, place)
    other = store.claim(connection, place)
    if other is not None:
        raise refused(Code.DATABASE_HELD, "database", f"home {place.home} under {place.root}", render_holder(other))


def check_held(connection: Connection, program: str, place: Place) -> None:
    """Raise DATABASE_HELD when another platform took over from this one."""
    if not store.is_holder(connection, program, place):
        others = "; ".join(render_holder(h) for h in store.load_holders(connection) if h.program == program)
        raise refused(Code.DATABASE_HELD, "database", f"home {place.home}", others or "nobody")


def take_over(connection: Connection, old_home: str, place: Place, dead_after_s: float = DEAD_AFTER_S) -> Holder:
    """Take over from a home that a person names, after it died. Raises HOLDER_ALIVE or DATABASE_HELD."""
    _check_log(connection, place)
    _check_roots(place, store.load_holders(connection))
    found = store.take_from(connection, old_home, place, dead_after_s)
    if found is None or found.home not in (old_home, place.home):
        got = render_holder(found) if found else "nobody"
        raise refused(Code.DATABASE_HELD, "database", f"held by home {old_home}", got)
    if found.home != place.home:
        expected = f"no sign of life for {dead_after_s:.0f} s"
        raise refused(Code.HOLDER_ALIVE, "database", expected, render_holder(found))
    return found


def render_holder(holder: Holder) -> str:
    """The holder in words."""
    return (
        f"{holder.program} of home {holder.home} on {holder.host} (process {holder.pid}) since {holder.since:%F %T%z}, "
        f"last seen {holder.seen_at:%F %T%z}, under root {holder.root}"
    )


def _check_log(connection: Connection, place: Place) -> None:
    """The log says by itself whose it is, also before anybody ever claimed the database."""
    roots = load_by_kind(connection, StatementType.ROOT)
    if roots and roots[0][1].id != place.root:
        raise refused(Code.DATABASE_HELD, "database", f"the log of root {place.root}", f"the log of {roots[0][1].id}")


def _check_roots(place: Place, holders: Sequence[Holder]) -> None:
    for holder in holders:
        if holder.root != place.root:
            raise refused(Code.DATABASE_HELD, "database", f"root {place.root}", render_holder(holder))
