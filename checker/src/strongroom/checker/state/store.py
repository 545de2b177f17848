"""The device's memory in SQLite: beliefs, answers, releases. Every change is one synchronous transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from strongroom.checker.reading.fields import Node, render_time
from strongroom.checker.state.trust import Trust
from strongroom.checker.state.trust_file import encode_trust, parse_trust
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, UnavailableError, refused
from strongroom.core.ids import ChainId, Digest

DATABASE: Final = "state.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a package. accepted: False for a halt."""

    file_name: str
    content: bytes
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRelease:
    """What the gate let go. release, broadcast: envelopes in canonical JSON; broadcast is None until nodes took it.

    broadcast_prev: what the broadcast signs as `prev`.
    """

    proposal: Digest
    chain: ChainId
    txid: str
    release_by: datetime
    signed: bytes
    release: bytes
    broadcast_prev: Digest
    broadcast: bytes | None


class Store:
    """One open database; made by `open_store`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load_trust(self) -> Trust:
        """The device's beliefs, proved again."""
        row = self._connection.execute("SELECT content FROM trust").fetchone()
        if row is None:
            raise _unavailable("trust", "an enrolled device", "none")
        return parse_trust(bytes(row[0]))

    def save_trust(self, trust: Trust) -> None:
        """Replace the beliefs."""
        with self._connection:
            self._put_trust(trust)

    def load_answer(self, package: Digest) -> Answer | None:
        """What was answered to a package; None for one that is new."""
        query = "SELECT file_name, content, accepted FROM answers WHERE package = ?"
        row = self._connection.execute(query, (package,)).fetchone()
        return None if row is None else Answer(file_name=str(row[0]), content=bytes(row[1]), accepted=bool(row[2]))

    def save_answer(self, package: Digest, answer: Answer, trust: Trust) -> None:
        """Keep an answer together with the beliefs that count its package as received."""
        with self._connection:
            self._put_trust(trust)
            self._connection.execute(
                "INSERT OR REPLACE INTO answers (package, file_name, content, accepted) VALUES (?, ?, ?, ?)",
                (package, answer.file_name, answer.content, int(answer.accepted)),
            )

    def load_release(self, proposal: Digest) -> StoredRelease | None:
        """What was released for a proposal; None when nothing was."""
        query = """SELECT chain, txid, release_by, signed, release, broadcast_prev, broadcast
                   FROM releases WHERE proposal = ?"""
        row = self._connection.execute(query, (proposal,)).fetchone()
        if row is None:
            return None
        chain, txid, release_by, signed, release, broadcast_prev, broadcast = row
        return StoredRelease(
            proposal=proposal,
            chain=ChainId(chain),
            txid=str(txid),
            release_by=Node(release_by, "release_by").time(),
            signed=bytes(signed),
            release=bytes(release),
            broadcast_prev=Digest(broadcast_prev),
            broadcast=None if broadcast is None else bytes(broadcast),
        )

    def count_releases(self) -> tuple[int, int]:
        """How many were released, and how many of these no node has taken yet."""
        query = "SELECT count(*), count(*) - count(broadcast) FROM releases"
        released, waiting = self._connection.execute(query).fetchone()
        return int(released), int(waiting)

    def check_unspent(
        self, proposal: Digest, commits: Iterable[str], instructions: Iterable[Digest], r_values: Iterable[bytes]
    ) -> None:
        """Raise ALREADY_COMMITTED, INSTRUCTION_ALREADY_PAID and NONCE_REUSED for what another release has used."""
        found: list[Refusal] = []
        for name, each in (*(("commitment", c) for c in commits), *(("instruction", i) for i in instructions)):
            table, code = _OWNED[name]
            row = self._connection.execute(table, (each,)).fetchone()
            if row is not None and row[0] != proposal:
                found.append(Refusal(code=code, field=name, expected=f"{each} for {proposal}", got=str(row[0])))
        for r in r_values:
            row = self._connection.execute("SELECT txid FROM r_values WHERE r = ?", (r,)).fetchone()
            if row is not None:
                found.append(
                    Refusal(code=Code.NONCE_REUSED, field="r", expected="an r never seen", got=f"{r.hex()} in {row[0]}")
                )
        if found:
            raise RefusedError(*found)

    def save_release(
        self,
        release: StoredRelease,
        commits: Iterable[str],
        instructions: Iterable[Digest],
        r_values: Iterable[bytes],
    ) -> None:
        """Keep a release with all that it uses up, durably, before anything leaves."""
        with self._connection as c:
            c.execute(
                "INSERT INTO releases (proposal, chain, txid, release_by, signed, release, broadcast_prev)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    release.proposal,
                    release.chain,
                    release.txid,
                    render_time(release.release_by),
                    release.signed,
                    release.release,
                    release.broadcast_prev,
                ),
            )
            c.executemany("INSERT INTO commitments VALUES (?, ?)", [(each, release.proposal) for each in commits])
            c.executemany("INSERT INTO payments VALUES (?, ?)", [(each, release.proposal) for each in instructions])
            c.executemany("INSERT INTO r_values VALUES (?, ?)", [(r, release.txid) for r in r_values])

    def save_broadcast(self, proposal: Digest, broadcast: bytes) -> None:
        """Keep the statement about the first broadcast; later ones repeat it."""
        with self._connection as c:
            c.execute(
                "UPDATE releases SET broadcast = ? WHERE proposal = ? AND broadcast IS NULL", (broadcast, proposal)
            )

    def _put_trust(self, trust: Trust) -> None:
        self._connection.execute("INSERT OR REPLACE INTO trust (one, content) VALUES (1, ?)", (encode_trust(trust),))


_OWNED: Final = {
    "commitment": ("SELECT proposal FROM commitments WHERE commitment = ?", Code.ALREADY_COMMITTED),
    "instruction": ("SELECT proposal FROM payments WHERE instruction = ?", Code.INSTRUCTION_ALREADY_PAID),
}


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Open the database of a home. Raises FILE_UNAVAILABLE when there is none, and what `told` raises."""
    path = folder / DATABASE
    if not path.is_file():
        raise _unavailable(str(path), "an enrolled device", "none")
    if not path.stat().st_size:
        # SQLite takes an empty file for a new database, and a gate without its memory would release again.
        raise refused(Code.STATE_BROKEN, str(path), "a sound database", "an empty file")
    with told(path), closing(_connect(path)) as connection:
        yield Store(connection)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into ours; the transaction that met one is undone.

    Raises UnavailableError STATE_UNWRITABLE when it cannot be written, RefusedError STATE_BROKEN when it is no sound
    database. Every other error of the driver is our own mistake and passes through.
    """
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        code, name = error.sqlite_errorcode & 0xFF, error.sqlite_errorname
        if code in _UNWRITABLE:
            facts = Refusal(code=Code.STATE_UNWRITABLE, field=str(path), expected="a memory to write to", got=name)
            raise UnavailableError(facts) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise refused(Code.STATE_BROKEN, str(path), "a sound database", name) from error
        raise


_UNWRITABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


def create_store(folder: Path, trust: Trust) -> None:
    """Make the database of a new device. Raises what `told` raises, and then leaves nothing behind."""
    schema = files("strongroom.checker.state").joinpath("schema.sql").read_text()
    path = folder / DATABASE
    try:
        with told(path), closing(_connect(path)) as connection:
            connection.executescript(schema)
            Store(connection).save_trust(trust)
    except UnavailableError:
        # Half a memory would keep its owner from enrolling again.
        path.unlink(missing_ok=True)
        raise


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    path.chmod(0o600)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _unavailable(field: str, expected: str, got: str) -> UnavailableError:
    return UnavailableError(Refusal(code=Code.FILE_UNAVAILABLE, field=field, expected=expected, got=got))
