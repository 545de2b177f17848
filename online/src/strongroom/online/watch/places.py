"""Where each terminal's journal stood: reconciler and watcher never quote one place twice, nor a lower one.

Two copies of a terminal go on from one place; whichever asks second is found here. What was quoted is in a file of the
program's own, so that a database that is rolled back does not make it forget; what terminals signed is read from the
log, and only where it is signed. V.4, protocol.md (one payment once).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.checks.foundation import Proved
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import encode_record, parse_record
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Statement
from strongroom.online.db.connect import Connection
from strongroom.online.db.locks import locked_file
from strongroom.online.evidence.memory import write_file
from strongroom.online.evidence.store import load_by_kind_from
from strongroom.online.governance.journal_places import PLACE_KINDS, Reached, is_signed, origins_of, reached_places
from strongroom.online.governance.retired import find_retired, find_users, tell_users
from strongroom.online.governance.store import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceBook:
    """What a program remembers. size: how much of the log is in it."""

    reached: tuple[Reached, ...]
    size: int

    def find(self, terminal: PartyId, origin: Digest) -> Reached | None:
        """The highest place of a terminal in one journal; None before the first session."""
        return next((each for each in self.reached if (each.terminal, each.origin) == (terminal, origin)), None)

    def grown(self, size: int, found: Iterable[Reached]) -> PlaceBook:
        """The book after more was seen."""
        highest = {(each.terminal, each.origin): each for each in self.reached}
        for each in found:
            known = highest.get((each.terminal, each.origin))
            if known is None or known.journal.number < each.journal.number:
                highest[each.terminal, each.origin] = each
        return PlaceBook(reached=tuple(highest[name] for name in sorted(highest)), size=max(size, self.size))


def quote_place(
    connection: Connection, rules: Rules, memory: Path, request: SessionRequest, notices: Iterable[Proved[Any]]
) -> None:
    """Remember, durably, that this place is quoted for this session; whoever calls this signs afterwards.

    request: verified by the caller. notices: those of the log, for its leases. Raises JOURNAL_FORKED for a place that
    is not above every one that was quoted or signed at: an older copy of the terminal asks, or a second one. The same
    session again is the same quotation. What is refused is not remembered. LEASE_MISSING for a lease of nobody.
    """
    origins = origins_of(notices)
    if request.lease not in origins:
        raise refused(Code.LEASE_MISSING, "session-request.lease", f"a lease of {request.terminal}", request.lease)
    asked = Reached(
        journal=request.journal, nonce=request.nonce, origin=origins[request.lease], terminal=request.terminal
    )
    with locked_file(memory.with_suffix(".lock")):
        book = _read_on(connection, rules, load_book(memory), origins)
        save_book(memory, book)
        known = book.find(asked.terminal, asked.origin)
        if known is not None and known != asked and known.journal.number >= asked.journal.number:
            expected = f"above entry {known.journal.number}, {known.journal.head}"
            got = f"entry {asked.journal.number}, {asked.journal.head}, in session {asked.nonce.hex()}"
            raise refused(Code.JOURNAL_FORKED, asked.terminal, expected, got)
        save_book(memory, book.grown(book.size, [asked]))


def load_book(memory: Path) -> PlaceBook:
    """What is remembered; nothing before the first time."""
    if not memory.exists():
        return PlaceBook(reached=(), size=0)
    return parse_record(PlaceBook, parse_canonical(memory.read_bytes()), memory.stem)


def save_book(memory: Path, book: PlaceBook) -> None:
    """Keep the book, whole or not at all."""
    write_file(memory, encode_canonical(encode_record(book)))


def _read_on(connection: Connection, rules: Rules, book: PlaceBook, origins: Mapping[Digest, Digest]) -> PlaceBook:
    """The book with what the log has since it was written."""
    rows = load_by_kind_from(connection, book.size, *PLACE_KINDS)
    judged = [(place, s, is_signed(s, rules, place)) for place, s in rows]
    _tell_unsigned(connection, rules, [(place, s) for place, s, signed in judged if not signed])
    found = reached_places(connection, [s for _, s, signed in judged if signed], origins)
    return book.grown(rows[-1][0] + 1 if rows else 0, found)


def _tell_unsigned(connection: Connection, rules: Rules, rows: Iterable[tuple[int, Statement[Any]]]) -> None:
    """Page when a key that was retired below a row's place signed it: somebody writes to the log, and holds it."""
    roots = [root.body for root in rules.roots]
    for place, statement in rows:
        rosters = [roster.body for index, roster in rules.rosters if index < place]
        users = find_users(statement.envelope, find_retired(rosters, roots, statement.issued_at))
        tell_users(connection, statement.envelope, users)
