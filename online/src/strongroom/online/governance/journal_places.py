"""What the log says of how far each terminal's journal came: by clears, and by what terminals signed.

Only where it is signed: whoever merely writes to the database moves no place. V.4, spec/statement.md (lease).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.core.bodies import ClearToSign, JournalPlace, SignatureRecord
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import Digest, PartyId
from strongroom.core.leases import Lease
from strongroom.core.records import HexBytes
from strongroom.core.statements import Statement, StatementType
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_readable, load_statements
from strongroom.online.governance.store import Rules

PLACE_KINDS = (StatementType.CLEAR_TO_SIGN, StatementType.SIGNATURE_RECORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The highest place of a terminal's journal, and the session in which it was reached.

    origin: the journal's first entry, as the lease names it. A machine that replaces another begins a journal of its
    own, and is not held to the numbers of the one before; the same machine, leased anew, is.
    """

    journal: JournalPlace
    nonce: HexBytes
    origin: Digest
    terminal: PartyId


def origins_of(notices: Iterable[Proved[Any]]) -> dict[Digest, Digest]:
    """The journal, by its first entry, of every lease of the log."""
    return {n.id: n.body.journal for n in notices if isinstance(n.body, Lease)}


def find_last_place(connection: Connection, rules: Rules, notices: Iterable[Proved[Any]], lease: Lease) -> JournalPlace:
    """The highest place that the log knows of the journal of a lease; its first entry when the log knows none."""
    rows = load_readable(connection, *PLACE_KINDS)
    said = [s for place, s in rows if s.body.terminal == lease.terminal and is_signed(s, rules, place)]
    found = reached_places(connection, said, origins_of(notices))
    places = [each.journal for each in found if each.origin == lease.journal]
    return max(places, key=lambda place: place.number, default=JournalPlace(head=lease.journal, number=1))


def reached_places(
    connection: Connection, said: Sequence[Statement[Any]], origins: Mapping[Digest, Digest]
) -> Iterator[Reached]:
    """The places of these clears and records, each in the journal of its clear's lease.

    A record names its clear by digest, so that its signers vouch for the lease. One whose clear or lease is not in the
    log has no journal that anybody could ask from again.
    """
    quoted = [s.body.clear for s in said if isinstance(s.body, SignatureRecord)]
    clears = {s.id: s.body for s in load_statements(connection, quoted)} if quoted else {}
    for each in said:
        body: ClearToSign | SignatureRecord = each.body
        clear = clears.get(body.clear) if isinstance(body, SignatureRecord) else body
        origin = origins.get(clear.lease) if isinstance(clear, ClearToSign) else None
        if origin is not None:
            yield Reached(journal=body.journal, nonce=body.nonce, origin=origin, terminal=body.terminal)


def is_signed(statement: Statement[Any], rules: Rules, place: int) -> bool:
    """Whether those signed a clear or a record whom the roster of its place asks for."""
    try:
        check_statement_signers(statement, rules.roster_at(place), statement.issued_at, rules.entries, "place")
    except (MalformedError, RefusedError):
        # Whoever only writes to the database must not be able to move a terminal's place out of its reach.
        return False
    return True
