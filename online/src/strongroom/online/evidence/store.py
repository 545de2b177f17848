"""Appending to the log and reading it: statements, checkpoints, proofs.

`LogReader` keeps the Merkle tree in memory and takes in what is new with one query, so that a proof costs no database
work.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from strongroom.core import log
from strongroom.core.assemble import SizedNote
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError, Refusal, RefusedError, refused
from strongroom.core.ids import Digest
from strongroom.core.merkle import Tree, leaf_hash
from strongroom.core.roster import LogKey
from strongroom.core.statements import (
    Body,
    Context,
    Envelope,
    Statement,
    StatementType,
    build_payload,
    parse_envelope_bytes,
    parse_statement,
    sign_payload,
)
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.locks import lock_name
from strongroom.online.db.queries import load_queries
from strongroom.online.keys import ServiceKey

_QUERIES = load_queries("strongroom.online.evidence")


def append(connection: Connection, envelope: Envelope) -> int:
    """Add a statement to the log in the caller's transaction; returns its place. The same statement keeps its place."""
    statement = parse_statement(envelope)
    fields = {
        "statement": statement.id,
        "kind": statement.type.value,
        "issuer": statement.issuer,
        "issued_at": statement.issued_at,
        "leaf": envelope.encode(),
    }
    place = load_first(connection, _QUERIES["append"], lambda idx: int(idx), fields)
    if place is None:
        raise InvariantError(Refusal(code=Code.INVARIANT, field="evidence.append", expected="a place", got="none"))
    return place


def say(connection: Connection, context: Context, body: Body, key: ServiceKey, now: datetime) -> Statement[Any]:
    """Sign a statement of a service and add it to the log, in the caller's transaction."""
    kind, payload = build_payload(body, context=context, issuer=key.party, issued_at=now)
    envelope = sign_payload(kind, payload, [(key.key, key.sign)])
    append(connection, envelope)
    return parse_statement(envelope)


def load_by_kind(connection: Connection, *kinds: StatementType) -> tuple[tuple[int, Statement[Any]], ...]:
    """Every statement of these kinds with its place, in the log's order."""
    return load_all(connection, _QUERIES["load_by_kind"], _placed, {"kinds": [k.value for k in kinds]})


def load_by_kind_from(
    connection: Connection, first: int, *kinds: StatementType
) -> tuple[tuple[int, Statement[Any]], ...]:
    """Every statement of these kinds from a place on, in the log's order."""
    return load_all(
        connection, _QUERIES["load_by_kind_from"], _placed, {"kinds": [k.value for k in kinds], "first": first}
    )


def load_readable(connection: Connection, *kinds: StatementType) -> tuple[tuple[int, Statement[Any]], ...]:
    """As `load_by_kind`, without entries that are no statement of these kinds.

    For kinds of which each stands for itself: whoever may append could otherwise stop every reader with one entry.
    """
    rows = load_all(
        connection,
        _QUERIES["load_by_kind"],
        lambda idx, leaf: (int(idx), read_leaf(bytes(leaf))),
        {"kinds": [k.value for k in kinds]},
    )
    return tuple((place, found) for place, found in rows if found is not None and found.type in kinds)


def read_leaf(leaf: bytes) -> Statement[Any] | None:
    """The statement of a log entry; None for bytes that are none, which say nothing, whoever put them there."""
    try:
        return parse_statement(parse_envelope_bytes(leaf))
    except (MalformedError, RefusedError):
        return None


def load_statement(connection: Connection, statement: Digest) -> tuple[int, Statement[Any]]:
    """One statement and its place. Raises NOT_IN_LOG."""
    found = load_first(connection, _QUERIES["load_statement"], _placed, {"statement": statement})
    if found is None:
        raise refused(Code.NOT_IN_LOG, "statement", statement, "no such statement")
    return found


def load_statements(connection: Connection, statements: Iterable[str]) -> tuple[Statement[Any], ...]:
    """Several statements by id, in the log's order."""
    rows = load_all(connection, _QUERIES["load_statements"], _placed, {"statements": list(statements)})
    return tuple(statement for _, statement in rows)


def load_unwitnessed(connection: Connection) -> tuple[SizedNote, ...]:
    """Checkpoints that wait for the witness, oldest first."""
    return load_all(connection, _QUERIES["load_unwitnessed"], lambda size, note: SizedNote(size=size, note=note))


def save_witnessed(connection: Connection, note: SizedNote) -> None:
    """Store a checkpoint with its cosignature."""
    execute(connection, _QUERIES["witness_checkpoint"], {"size": note.size, "note": note.note})


def _placed(idx: int, leaf: bytes) -> tuple[int, Statement[Any]]:
    return idx, parse_statement(parse_envelope_bytes(bytes(leaf)))


class LogReader:
    """The log in memory: a `LogView` for assembling dockets. Call `refresh` before relying on it."""

    def __init__(self) -> None:
        self.tree = Tree()
        self._places: dict[str, int] = {}
        self._sizes: list[int] = []
        self._notes: list[SizedNote] = []

    def refresh(self, connection: Connection) -> None:
        """Take in new entries and witnessed checkpoints."""
        rows = load_all(
            connection,
            _QUERIES["load_entries_from"],
            lambda idx, statement, leaf: (int(idx), str(statement), bytes(leaf)),
            {"size": self.tree.size},
        )
        for idx, statement, leaf in rows:
            if idx != self.tree.size:
                raise InvariantError(
                    Refusal(code=Code.INVARIANT, field="evidence.entries", expected=str(self.tree.size), got=str(idx))
                )
            self._places[statement] = self.tree.append(leaf_hash(leaf))
            self.take_leaf(idx, leaf)
        known = self._sizes[-1] if self._sizes else 0
        notes = load_all(
            connection,
            _QUERIES["load_checkpoints_above"],
            lambda size, note: SizedNote(size=size, note=note),
            {"size": known},
        )
        for note in notes:
            self._sizes.append(note.size)
            self._notes.append(note)

    def take_leaf(self, place: int, leaf: bytes) -> None:
        """What else is done with each leaf, once: nothing here (`evidence/kept.py`)."""

    def index_of(self, statement: Digest) -> int:
        """Place of a statement. Raises NOT_IN_LOG."""
        if statement not in self._places:
            raise refused(Code.NOT_IN_LOG, "statement", statement, "no such statement")
        return self._places[statement]

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Inclusion proof."""
        return self.tree.inclusion(index, size)

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Consistency proof."""
        return self.tree.consistency(old_size, new_size)

    def first_checkpoint(self, index: int) -> SizedNote:
        """Smallest witnessed checkpoint that covers a place. Raises NOT_IN_LOG while there is none."""
        position = bisect_right(self._sizes, index)
        if position == len(self._sizes):
            raise refused(Code.NOT_IN_LOG, "checkpoint", f"a witnessed checkpoint above {index}", "none yet")
        return self._notes[position]

    def last_checkpoint(self) -> SizedNote:
        """Largest witnessed checkpoint. Raises NOT_IN_LOG while there is none."""
        if not self._notes:
            raise refused(Code.NOT_IN_LOG, "checkpoint", "a witnessed checkpoint", "none yet")
        return self._notes[-1]

    @property
    def witnessed_size(self) -> int:
        """How much of the log is witnessed."""
        return self._sizes[-1] if self._sizes else 0


def sign_checkpoint(connection: Connection, reader: LogReader, origin: LogKey, key: ServiceKey) -> None:
    """Sign the log's present size with the log's key, if it has grown since the last time. One signer at a time."""
    with connection.transaction():
        lock_name(connection, "sign checkpoint")
        _sign_checkpoint(connection, reader, origin, key)


def _sign_checkpoint(connection: Connection, reader: LogReader, origin: LogKey, key: ServiceKey) -> None:
    reader.refresh(connection)
    size = reader.tree.size
    last = load_first(connection, _QUERIES["load_last_signed"], lambda size: int(size)) or 0
    if size == 0 or size <= last:
        return
    checkpoint = log.Checkpoint(origin=origin.origin, size=size, root=reader.tree.root(size))
    body = log.encode_checkpoint_body(checkpoint)
    name = log.NoteKey(name=origin.origin, public_key=key.key.public)
    signature = log.build_log_signature(body=body, key=name, sign=key.sign)
    note = log.encode_note(log.Note(body=body, signatures=(signature,)))
    execute(connection, _QUERIES["sign_checkpoint"], {"size": size, "note": note})
