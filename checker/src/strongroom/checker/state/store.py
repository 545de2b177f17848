"""The device's memory in SQLite: beliefs, answers, releases. Every change is one synchronous transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from strongroom.checker.reading.fields import Node, render_time
from strongroom.checker.reading.stages import Twin
from strongroom.checker.state.trust import Trust
from strongroom.checker.state.trust_file import encode_trust, parse_trust
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, UnavailableError, refused
from strongroom.core.ids import ChainId, Digest, PartyId

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
    twin: Twin
    attempt: int
    chain: ChainId
    txid: str
    release_by: datetime
    signed: bytes
    release: bytes
    broadcast_prev: Digest
    broadcast: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a release uses up: outpoints or a nonce, and instructions; and as which attempt and twin."""

    proposal: Digest
    twin: Twin
    attempt: int
    commits: frozenset[str]
    instructions: frozenset[Digest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What must not leave. to: who handed it in. due: when the gate says a freeze; a drill is over then."""

    use: Use
    to: PartyId
    due: datetime
    is_drill: bool


class Store:
    """One open database; made by `open_store`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load_trust(self) -> Trust:
        """The device's beliefs, proved again."""
        row = self._connection.execute("SELECT content FROM trust").fetchone()
        if row is None:
            raise _unavailable("trust", "an enrolled device", "none")
        return _parse_known(bytes(row[0]))

    def save_trust(self, trust: Trust) -> None:
        """Replace the beliefs."""
        with self._connection:
            raw = self._put_trust(trust)
        _remember(raw, trust)

    def load_answer(self, package: Digest) -> Answer | None:
        """What was answered to a package; None for one that is new."""
        query = "SELECT file_name, content, accepted FROM answers WHERE package = ?"
        row = self._connection.execute(query, (package,)).fetchone()
        return None if row is None else Answer(file_name=str(row[0]), content=bytes(row[1]), accepted=bool(row[2]))

    def save_answer(self, package: Digest, answer: Answer, trust: Trust) -> None:
        """Keep an answer together with the beliefs that count its package as received."""
        with self._connection:
            raw = self._put_trust(trust)
            self._connection.execute(
                "INSERT OR REPLACE INTO answers (package, file_name, content, accepted) VALUES (?, ?, ?, ?)",
                (package, answer.file_name, answer.content, int(answer.accepted)),
            )
        _remember(raw, trust)

    def save_hold(self, hold: Hold) -> None:
        """Remember what must not leave, and all that it uses up, as of a release that no node took yet.

        The first time that was drawn for a freeze stands, and duress outweighs a drill.
        """
        use = hold.use
        with self._connection as c:
            c.execute(
                "INSERT INTO holds (proposal, twin, attempt, receiver, is_drill, due) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET is_drill = excluded.is_drill, due = excluded.due"
                " WHERE is_drill > excluded.is_drill",
                (use.proposal, use.twin.value, use.attempt, hold.to, int(hold.is_drill), render_time(hold.due)),
            )
            self._put_use(use)

    def is_held(self, proposal: Digest, twin: Twin) -> bool:
        """Whether it must not leave."""
        query = "SELECT 1 FROM holds WHERE proposal = ? AND twin = ?"
        return self._connection.execute(query, (proposal, twin.value)).fetchone() is not None

    def is_away(self, now: datetime) -> bool:
        """Whether this gate looks as if its nodes were away: from a hold to its freeze, or to the end of a drill."""
        query = "SELECT 1 FROM holds WHERE content IS NULL AND (is_drill = 0 OR due > ?)"
        return self._connection.execute(query, (render_time(now),)).fetchone() is not None

    def load_due(self, now: datetime) -> PartyId | None:
        """For whom a freeze is due; None when none is."""
        query = "SELECT receiver FROM holds WHERE is_drill = 0 AND content IS NULL AND due <= ? ORDER BY due LIMIT 1"
        row = self._connection.execute(query, (render_time(now),)).fetchone()
        return None if row is None else PartyId(row[0])

    def save_frozen(self, answer: Answer, trust: Trust) -> None:
        """Keep the one freeze of all that is held together with the beliefs that stand still by it."""
        with self._connection as c:
            self._put_trust(trust)
            query = "UPDATE holds SET file_name = ?, content = ? WHERE is_drill = 0 AND content IS NULL"
            c.execute(query, (answer.file_name, answer.content))

    def load_freezes(self) -> tuple[Answer, ...]:
        """Every freeze that was said, as it was handed out."""
        query = "SELECT DISTINCT file_name, content FROM holds WHERE content IS NOT NULL ORDER BY file_name"
        rows = self._connection.execute(query)
        return tuple(Answer(file_name=str(name), content=bytes(content), accepted=True) for name, content in rows)

    def number_page(self, package: Digest) -> int:
        """The number of a package's page; the same one when it comes again."""
        with self._connection as c:
            c.execute("INSERT OR IGNORE INTO pages (package) VALUES (?)", (package,))
        return int(self._connection.execute("SELECT number FROM pages WHERE package = ?", (package,)).fetchone()[0])

    def load_releases(self, proposal: Digest) -> dict[Twin, StoredRelease]:
        """What was released for a proposal, by twin."""
        query = """SELECT twin, attempt, chain, txid, release_by, signed, release, broadcast_prev, broadcast
                   FROM releases WHERE proposal = ? ORDER BY twin"""
        found = (self._read_release(proposal, row) for row in self._connection.execute(query, (proposal,)))
        return {each.twin: each for each in found}

    def _read_release(self, proposal: Digest, row: tuple[Any, ...]) -> StoredRelease:
        twin, attempt, chain, txid, release_by, signed, release, broadcast_prev, broadcast = row
        return StoredRelease(
            proposal=proposal,
            twin=Twin(twin),
            attempt=int(attempt),
            chain=ChainId(chain),
            txid=str(txid),
            release_by=Node(release_by, "release_by").time(),
            signed=bytes(signed),
            release=bytes(release),
            broadcast_prev=Digest(broadcast_prev),
            broadcast=None if broadcast is None else bytes(broadcast),
        )

    def count_releases(self) -> tuple[int, int]:
        """How many were released, and how many of these no node has taken yet; what is held counts as such a one."""
        query = """SELECT count(*), count(*) - count(broadcast) FROM (
                       SELECT proposal, twin, broadcast FROM releases
                       UNION SELECT proposal, twin, NULL FROM holds)"""
        released, waiting = self._connection.execute(query).fetchone()
        return int(released), int(waiting)

    def load_rivals(self, wanted: Use) -> tuple[Use, ...]:
        """What every other release used that shares a commitment or an instruction."""
        names: set[str] = set()
        for each in wanted.commits:
            names |= {str(p) for (p,) in self._connection.execute(_BY_COMMITMENT, (each,))}
        for each in wanted.instructions:
            names |= {str(p) for (p,) in self._connection.execute(_BY_INSTRUCTION, (each,))}
        return tuple(self._load_use(Digest(name)) for name in sorted(names - {wanted.proposal}))

    def _load_use(self, proposal: Digest) -> Use:
        run = self._connection.execute
        twin, attempt = run(_LAST_TWIN, {"p": proposal}).fetchone()
        commits = run("SELECT commitment FROM commitments WHERE proposal = ?", (proposal,))
        instructions = run("SELECT instruction FROM payments WHERE proposal = ?", (proposal,))
        return Use(
            proposal=proposal,
            twin=Twin(twin),
            attempt=int(attempt),
            commits=frozenset(str(c) for (c,) in commits),
            instructions=frozenset(Digest(i) for (i,) in instructions),
        )

    def check_r_values(self, r_values: Iterable[bytes]) -> None:
        """Raise NONCE_REUSED for the first half of a signature that was released before."""
        found: list[Refusal] = []
        for r in r_values:
            row = self._connection.execute("SELECT txid FROM r_values WHERE r = ?", (r,)).fetchone()
            if row is not None:
                found.append(
                    Refusal(code=Code.NONCE_REUSED, field="r", expected="an r never seen", got=f"{r.hex()} in {row[0]}")
                )
        if found:
            raise RefusedError(*found)

    def save_release(self, release: StoredRelease, use: Use, r_values: Iterable[bytes]) -> None:
        """Keep a release with all that it uses up, durably, before anything leaves."""
        with self._connection as c:
            c.execute(
                "INSERT INTO releases"
                " (proposal, twin, attempt, chain, txid, release_by, signed, release, broadcast_prev)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    release.proposal,
                    release.twin.value,
                    release.attempt,
                    release.chain,
                    release.txid,
                    render_time(release.release_by),
                    release.signed,
                    release.release,
                    release.broadcast_prev,
                ),
            )
            self._put_use(use)
            c.executemany("INSERT INTO r_values VALUES (?, ?)", [(r, release.txid) for r in r_values])

    def _put_use(self, use: Use) -> None:
        committed = [(each, use.proposal) for each in sorted(use.commits)]
        self._connection.executemany("INSERT OR IGNORE INTO commitments VALUES (?, ?)", committed)
        paid = [(each, use.proposal) for each in sorted(use.instructions)]
        self._connection.executemany("INSERT OR IGNORE INTO payments VALUES (?, ?)", paid)

    def save_broadcast(self, release: StoredRelease, broadcast: bytes) -> None:
        """Keep the statement about the first broadcast; later ones repeat it."""
        with self._connection as c:
            c.execute(
                "UPDATE releases SET broadcast = ? WHERE proposal = ? AND twin = ? AND broadcast IS NULL",
                (broadcast, release.proposal, release.twin.value),
            )

    def _put_trust(self, trust: Trust) -> bytes:
        raw = encode_trust(trust)
        self._connection.execute("INSERT OR REPLACE INTO trust (one, content) VALUES (1, ?)", (raw,))
        return raw


_remembered: list[tuple[bytes, Trust]] = []
"""The beliefs that this process wrote last, and their bytes."""


def _remember(raw: bytes, trust: Trust) -> None:
    _remembered[:] = [(raw, trust)]


def _parse_known(raw: bytes) -> Trust:
    """Beliefs that come back byte for byte are those that this process has proved and written; others are proved anew.

    So a station that answers one package after the other proves its own memory once, and a changed byte still shows.
    """
    for known, trust in _remembered:
        if known == raw:
            return trust
    return parse_trust(raw)


# Where both twins are kept, the transfer never left and the void counts.
_LAST_TWIN: Final = """SELECT twin, attempt FROM releases WHERE proposal = :p
                       UNION SELECT twin, attempt FROM holds WHERE proposal = :p ORDER BY twin DESC LIMIT 1"""
_BY_COMMITMENT: Final = "SELECT proposal FROM commitments WHERE commitment = ?"
_BY_INSTRUCTION: Final = "SELECT proposal FROM payments WHERE instruction = ?"


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
