"""No place of a terminal's journal is quoted twice: of two copies of a terminal, the second is found and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firm import Firm
from strongroom.core.bodies import ClearToSign, Head, Heads, JournalPlace, Scope, SignatureRecord, TreeHead
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.checks.notices import find_lease
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.records import DigestOrNone, HexBytes
from strongroom.core.roster import Roster
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import parse_envelope_bytes, parse_statement
from strongroom.online.evidence.store import append
from strongroom.online.governance.notices import accept_notice, load_notices
from strongroom.online.governance.store import publish
from strongroom.online.watch.clear import clear_sessions, countersign_sessions
from strongroom.online.watch.places import load_book, quote_place
from world import DELEGATES, signer_of

ONE, TWO = PartyId("device:terminal-1"), PartyId("device:terminal-2")
OPERATORS = (PartyId("person:c.lam"), PartyId("person:p.wu"))


def session(number: int, nonce: int, head: bytes = b"", terminal: PartyId = ONE) -> SessionRequest:
    """A request whose journal stands at a number; the head follows from it unless another is given."""
    names = ("root", "roster", "policy", "clients", "whitelist", "keys", "addresses", "assets")
    return SessionRequest(
        checkpoint=TreeHead(root=sha256(b"root"), size=1),
        heads=Heads(**dict.fromkeys(names, Head(version=1, digest=sha256(b"x")))),
        journal=JournalPlace(head=sha256(head or b"entry %d" % number), number=number),
        lease=sha256(b"its newest"),
        nonce=HexBytes(nonce.to_bytes(32, "big")),
        operators=OPERATORS,
        terminal=terminal,
    )


def leased(firm: Firm, asked: SessionRequest) -> SessionRequest:
    """The same request under the lease in force, where there is one."""
    rules = firm.rules
    lease = find_lease(load_notices(firm.admin, rules), asked.terminal, rules.root, rules.context)
    return replace(asked, lease=lease.id) if lease else asked


class Quoter:
    """A program that quotes, with its own file."""

    def __init__(self, firm: Firm, memory: Path) -> None:
        self.firm, self.memory = firm, memory

    def quote(self, asked: SessionRequest) -> None:
        notices = load_notices(self.firm.admin, self.firm.rules)
        quote_place(self.firm.admin, self.firm.rules, self.memory, leased(self.firm, asked), notices)

    def is_forked(self, asked: SessionRequest) -> bool:
        try:
            self.quote(asked)
        except RefusedError as error:
            return ({Code.JOURNAL_FORKED}, asked.terminal) == (set(error.codes), error.refusals[0].field)
        return False


@pytest.fixture
def quoter(office_firm: Firm, tmp_path: Path) -> Quoter:
    return Quoter(office_firm, tmp_path / "own" / "places.json")


def test_places_rise(quoter: Quoter) -> None:
    quoter.quote(session(5, 1))
    quoter.quote(session(5, 1))
    quoter.quote(session(9, 2))
    quoter.quote(session(3, 3, terminal=TWO))


SECOND: tuple[tuple[str, SessionRequest], ...] = (
    ("the same place under another nonce", session(5, 2)),
    ("a lower number", session(4, 2)),
    ("another head at the same number", session(5, 2, b"other")),
    ("the same nonce at another head", session(5, 1, b"other")),
)


@pytest.mark.parametrize("asked", [row[1] for row in SECOND], ids=[row[0].replace(" ", "_") for row in SECOND])
def test_a_second_copy_is_found(quoter: Quoter, asked: SessionRequest) -> None:
    quoter.quote(session(5, 1))
    assert quoter.is_forked(asked)
    assert not quoter.is_forked(session(6, 7))


def test_what_was_quoted_outlives_the_program_and_the_database(quoter: Quoter, office_firm: Firm) -> None:
    quoter.quote(session(5, 1))
    again = Quoter(office_firm, quoter.memory)
    assert again.is_forked(session(5, 2))
    assert [5] == [each.journal.number for each in load_book(quoter.memory).reached if each.terminal == ONE]


def test_what_is_refused_is_not_remembered(quoter: Quoter) -> None:
    quoter.quote(session(5, 1))
    assert quoter.is_forked(session(4, 2))
    assert quoter.is_forked(session(5, 2))
    assert not quoter.is_forked(session(6, 3))


def lease_anew(firm: Firm, journal: bytes | None) -> None:
    """The terminal's next lease: of the same machine, or of one whose journal begins otherwise."""
    rules = firm.rules
    last = find_lease(load_notices(firm.admin, rules), ONE, rules.root, rules.context)
    assert last is not None
    firm.world.now = firm.clock()
    body = replace(last.body, number=last.body.number + 1, previous=DigestOrNone(last.id))
    if journal:
        body = replace(body, journal=sha256(journal), place=JournalPlace(head=sha256(journal), number=1))
    accept_notice(firm.admin, firm.world.sign(body, DELEGATES["keys"][0], DELEGATES["keys"]), firm.clock())


def test_a_machine_that_replaces_another_begins_its_own_journal(quoter: Quoter, office_firm: Firm) -> None:
    """However high the old one stood, or whoever held its key claimed that it stood."""
    quoter.quote(session(2**53 - 1, 1))
    assert quoter.is_forked(session(6, 2))
    lease_anew(office_firm, b"a new disk")
    assert not quoter.is_forked(session(6, 2, b"a new disk"))
    assert quoter.is_forked(session(6, 3))


def test_the_same_machine_leased_anew_keeps_its_place(quoter: Quoter, office_firm: Firm) -> None:
    """A copy from before the lease would otherwise begin again beside it."""
    quoter.quote(session(5, 1))
    lease_anew(office_firm, None)
    assert quoter.is_forked(session(4, 2))
    assert not quoter.is_forked(session(6, 3))


def clear_at(firm: Firm, number: int) -> Digest:
    """A clear in the log, of a session that asked at a number."""
    asked = leased(firm, session(number, 77))
    body = ClearToSign(
        budget=(),
        checkpoint=asked.checkpoint,
        heads=asked.heads,
        journal=asked.journal,
        latches=sha256(b"latches"),
        lease=asked.lease,
        life_s=600,
        max_count=1,
        nonce=asked.nonce,
        scope=Scope.TRANSFERS,
        terminal=asked.terminal,
    )
    firm.world.now = firm.clock()
    envelope = firm.world.sign(body, "service:reconciler", ("service:reconciler", "service:watcher"))
    append(firm.admin, envelope)
    return envelope.id


def record(firm: Firm, number: int, clear: Digest) -> SignatureRecord:
    """What a terminal says after it signed at a place."""
    one = Head(version=1, digest=sha256(b"x"))
    names = ("root", "roster", "policy", "clients", "whitelist", "keys", "addresses", "assets")
    firm.world.now = firm.clock()
    return SignatureRecord(
        clear=clear,
        heads=Heads(**dict.fromkeys(names, one)),
        journal=JournalPlace(head=sha256(b"signed"), number=number),
        keys=(EntryId("key:eth-1"),),
        nonce=HexBytes(bytes(32)),
        operators=OPERATORS,
        prev=sha256(b"prev"),
        proposal=sha256(b"proposal %d" % number),
        sealed_digest=sha256(b"sealed"),
        terminal=ONE,
        unsigned_digest=sha256(b"unsigned"),
    )


def test_what_a_terminal_signed_counts_as_well(quoter: Quoter, office_firm: Firm) -> None:
    """A copy from before the last signatures asks at a place that nobody quoted, below one that is in the log."""
    body = record(office_firm, 20, clear_at(office_firm, 2))
    append(office_firm.admin, office_firm.world.sign(body, ONE, (ONE, *OPERATORS)))
    assert quoter.is_forked(session(19, 1))
    assert not quoter.is_forked(session(21, 2))


def test_a_record_that_the_terminal_never_signed_moves_nothing(quoter: Quoter, office_firm: Firm) -> None:
    """Whoever only writes to the log would put every place out of the terminal's reach."""
    body = record(office_firm, 10**9, clear_at(office_firm, 2))
    append(office_firm.admin, office_firm.world.sign(body, "service:platform", ("service:platform",)))
    assert not quoter.is_forked(session(5, 1))


def lease_at(firm: Firm, place: JournalPlace) -> set[Code]:
    """The same machine leased anew, at a place of its journal; what the lease is refused with."""
    rules = firm.rules
    last = find_lease(load_notices(firm.admin, rules), ONE, rules.root, rules.context)
    assert last is not None
    firm.world.now = firm.clock()
    body = replace(last.body, number=last.body.number + 1, place=place, previous=DigestOrNone(last.id))
    try:
        accept_notice(firm.admin, firm.world.sign(body, DELEGATES["keys"][0], DELEGATES["keys"]), firm.clock())
    except RefusedError as error:
        return set(error.codes)
    return set()


def test_a_lease_names_the_last_place_that_the_log_knows(office_firm: Firm) -> None:
    """A disk was set back, and says of itself what its next lease should be; the log knows more of it."""
    firm = office_firm
    clear = clear_at(firm, 2)
    asked = leased(firm, session(2, 77)).journal
    body = record(firm, 20, clear)
    append(firm.admin, firm.world.sign(body, ONE, (ONE, *OPERATORS)))
    forged = replace(body, journal=replace(body.journal, number=30))
    append(firm.admin, firm.world.sign(forged, "service:platform", ("service:platform",)))
    behind = {Code.JOURNAL_BEHIND}
    assert behind == lease_at(firm, asked)
    assert behind == lease_at(firm, replace(body.journal, number=19))
    assert behind == lease_at(firm, replace(body.journal, number=21))
    assert behind == lease_at(firm, replace(body.journal, head=sha256(b"another")))
    assert behind == lease_at(firm, forged.journal)
    assert set() == lease_at(firm, body.journal)
    assert set() == lease_at(firm, body.journal)


def add_session(firm: Firm, asked: SessionRequest) -> None:
    """A request as the platform keeps it."""
    body = leased(firm, replace(asked, heads=firm.rules.build_heads()))
    firm.world.now = firm.clock()
    firm.query(
        """insert into transfers.sessions (nonce, terminal, seen, journal_number, request)
           values (%s, %s, 0, %s, %s)""",
        asked.nonce.hex(),
        asked.terminal,
        asked.journal.number,
        firm.world.sign(body, asked.terminal, (asked.terminal,)).encode(),
    )


def withheld(firm: Firm, asked: SessionRequest) -> str:
    """The code of why a session is not cleared; empty when nothing is withheld."""
    nonce = asked.nonce.hex()
    return str(firm.query("select withheld from transfers.sessions where nonce = %s", nonce)[0][0]).split(":")[0]


def alerts(firm: Firm) -> list[tuple[Any, ...]]:
    """Open alerts of forked journals."""
    return firm.query("select severity, subject from watch.alerts where code = %s", Code.JOURNAL_FORKED.value)


def half_and_whole(firm: Firm) -> None:
    """One pass of both programs over the sessions."""
    firm.work()
    firm.witness()
    firm.reconcile()
    firm.watch()


def test_of_two_copies_one_is_cleared_and_the_other_pages(office_firm: Firm) -> None:
    """The same disk in two machines: both ask at one place."""
    firm, first, second = office_firm, session(5, 1), session(5, 2)
    for asked in (first, second):
        add_session(firm, asked)
    half_and_whole(firm)
    assert ["", Code.JOURNAL_FORKED.value] == [withheld(firm, asked) for asked in (first, second)]
    assert [("critical", ONE)] == alerts(firm)
    assert 1 == len(firm.query("select 1 from transfers.sessions where clear is not null"))
    honest = session(8, 3)
    add_session(firm, honest)
    half_and_whole(firm)
    assert "" == withheld(firm, honest)
    assert 2 == len(firm.query("select 1 from transfers.sessions where clear is not null"))


def test_the_watcher_finds_a_copy_that_the_reconciler_let_pass(office_firm: Firm) -> None:
    """The reconciler forgot, or its host is the thief's: the other key remembers for itself."""
    firm, first, second = office_firm, session(5, 1), session(5, 2)
    add_session(firm, first)
    half_and_whole(firm)
    firm.reconciler.places.unlink()
    object.__setattr__(firm.reconciler, "places", firm.folder / "forgetful.json")
    add_session(firm, second)
    forget = firm.folder / "forgetful.json"
    forget.write_bytes(encode_canonical({"reached": [], "size": 10**6}))
    half_and_whole(firm)
    assert Code.JOURNAL_FORKED.value == withheld(firm, second)
    assert [("critical", ONE)] == alerts(firm)
    assert (
        firm.query("select clear_payload from transfers.sessions where nonce = %s", second.nonce.hex())[0][0]
        is not None
    )


def enlist(firm: Firm, name: PartyId) -> None:
    """One more terminal in the roster."""

    def add(roster: Roster) -> Roster:
        party = replace(roster.find(ONE, "roster"), id=name, key=signer_of(name).key)
        return replace(roster, parties=tuple(sorted((*roster.parties, party), key=lambda p: p.id)))

    firm.world.now = firm.clock()
    firm.world.change_roster(add)
    publish(firm.platform.connection, firm.world.rosters[-1], (), ())


def test_a_terminal_without_a_lease_is_not_cleared(office_firm: Firm) -> None:
    firm = office_firm
    stranger = session(5, 1, terminal=PartyId("device:terminal-4"))
    enlist(firm, stranger.terminal)
    firm.query("insert into custody.devices (id, kind) values (%s, 'terminal')", stranger.terminal)
    add_session(firm, stranger)
    honest = session(5, 2)
    add_session(firm, honest)
    half_and_whole(firm)
    assert [Code.LEASE_MISSING.value, ""] == [withheld(firm, asked) for asked in (stranger, honest)]


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda b: replace(b, journal=replace(b.journal, number=b.journal.number + 1)), Code.CLEAR_NOT_FOR_SESSION),
        (lambda b: replace(b, lease=Digest(sha256(b"x"))), Code.LEASE_REPLACED),
        (lambda b: replace(b, latches=Digest(sha256(b"x"))), Code.LATCHES_UNEQUAL),
    ],
)
def test_the_watcher_judges_journal_lease_and_latches_by_itself(
    office_firm: Firm, edit: Callable[[Any], Any], code: Code
) -> None:
    firm, asked = office_firm, session(5, 1)
    add_session(firm, asked)
    firm.work()
    firm.witness()
    clear_sessions(firm.reconciler, firm.reconciler_reader)
    (honest,) = firm.query("select clear_payload from transfers.sessions")[0]
    body = parse_statement(parse_envelope_bytes(bytes(honest))).body
    firm.world.now = firm.clock()
    forged = firm.world.sign(edit(body), "service:reconciler", ("service:reconciler",)).encode()
    firm.query("update transfers.sessions set clear_payload = %s", forged)
    countersign_sessions(firm.watcher)
    assert code.value == withheld(firm, asked)
    firm.query("update transfers.sessions set clear_payload = %s", bytes(honest))
    countersign_sessions(firm.watcher)
    assert "" == withheld(firm, asked)
