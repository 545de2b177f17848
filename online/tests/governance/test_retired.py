"""What a retired key, device or machine does is refused and pages; what came in before its end is nobody's alarm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firm import Firm
from strongroom.core.bodies import (
    ClearToSign,
    Freeze,
    FreezeLift,
    FreezeScope,
    Halt,
    HaltReason,
    JournalPlace,
    SignatureRecord,
    TreeHead,
)
from strongroom.core.canonical import sha256
from strongroom.core.checks.notices import find_lease, leases_of
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.packages import Package, PackageBody, PackageKind, SessionRequestBody, StatementsBody
from strongroom.core.packages import encode_package as encode
from strongroom.core.records import DigestOrNone, HexBytes
from strongroom.core.registers import KeyState
from strongroom.core.roster import Party, Roster
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Envelope, expect, parse_statement
from strongroom.online.cli import main
from strongroom.online.evidence.store import append
from strongroom.online.governance.notices import accept_notice, load_notices
from strongroom.online.governance.retired import check_own_machine
from strongroom.online.governance.store import publish
from strongroom.online.transfers.withdrawal.inbox import HANDLED, read_inbox
from strongroom.online.watch.clear import clear_sessions
from strongroom.online.watch.places import quote_place
from world import DELEGATES, World, eth_trip, signer_of

STATION, TERMINAL, OFFICER = "device:station-1", "device:terminal-1", "person:r.ho"
RETIRED = Code.RETIRED_CREDENTIAL_USED.value


def change_roster(firm: Firm, edit: Callable[[Roster], Roster]) -> None:
    """Publish the next roster."""
    firm.world.now = firm.clock()
    firm.world.change_roster(edit)
    publish(firm.platform.connection, firm.world.rosters[-1], (), ())


def each_party(edit: Callable[[Party], Party | None]) -> Callable[[Roster], Roster]:
    """An edit of every entry; None takes it out."""
    return lambda roster: replace(
        roster,
        parties=tuple(found for p in roster.parties if (found := edit(p)) is not None),
        overseers=tuple(o for o in roster.overseers if edit(roster.find(o.person, "overseer")) is not None),
    )


def without(party: str) -> Callable[[Roster], Roster]:
    return each_party(lambda p: None if p.id == party else p)


def rekeyed(party: str) -> Callable[[Roster], Roster]:
    """The party has a new key; its old one is over."""
    return each_party(lambda p: replace(p, key=signer_of(f"{party} anew").key) if p.id == party else p)


def ended(firm: Firm, party: str) -> Callable[[Roster], Roster]:
    """The party stays listed, and its term is over."""
    until = firm.clock() - timedelta(seconds=5)
    return each_party(lambda p: replace(p, valid_until=until) if p.id == party else p)


def halt(firm: Firm, signer: str, stage: str = "VERIFY") -> Envelope:
    """The station says that it stopped."""
    reason = HaltReason(code=Code.DEST_NOT_WHITELISTED.value, expected="a", field="b", got="c")
    firm.world.now = firm.clock()
    return firm.world.sign(Halt(proposal=DigestOrNone("none"), refusals=(reason,), stage=stage), STATION, (signer,))


def bring(firm: Firm, sender: str, kind: PackageKind, body: PackageBody) -> str:
    """Lay a package into a device's folder; what became of it."""
    folder = firm.inbox / sender.replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.iterdir())) + 1
    to = PartyId("service:platform")
    package = Package(kind=kind, sender=PartyId(sender), to=to, sequence=number, created_at=firm.clock(), body=body)
    (folder / f"{number:06d}-x.package.json").write_bytes(encode(package))
    (outcome,) = read_inbox(firm.platform, firm.rules, firm.inbox)
    return outcome.split(":")[0]


def say(firm: Firm, *envelopes: Envelope) -> str:
    return bring(firm, STATION, PackageKind.STATEMENTS, StatementsBody(statements=envelopes))


def pages(firm: Firm) -> list[tuple[Any, ...]]:
    """Alerts of retired credentials."""
    return firm.query("select severity, subject from watch.alerts where code = %s order by subject", RETIRED)


def test_a_key_that_was_changed_is_refused_and_pages(office_firm: Firm) -> None:
    firm = office_firm
    assert HANDLED == say(firm, halt(firm, STATION))
    change_roster(firm, rekeyed(STATION))
    old = halt(firm, STATION, "BUILD")
    assert Code.SIGNER_UNKNOWN.value == say(firm, old)
    assert [("critical", f"{STATION} statement {old.id}")] == pages(firm)
    assert HANDLED == say(firm, halt(firm, f"{STATION} anew", "SIGN"))
    assert 1 == len(pages(firm))


def test_what_came_in_before_the_end_is_no_alarm(office_firm: Firm) -> None:
    """A station hands in its last file again after its key was changed; and a name beside a wrong signature is none."""
    firm = office_firm
    before = halt(firm, STATION)
    assert HANDLED == say(firm, before)
    change_roster(firm, rekeyed(STATION))
    assert Code.SIGNER_UNKNOWN.value == say(firm, before)
    stranger = halt(firm, "device:stranger", "BUILD")
    assert Code.SIGNER_UNKNOWN.value == say(firm, stranger)
    framed = replace(stranger, signatures=(replace(stranger.signatures[0], keyid=before.signatures[0].keyid),))
    assert Code.SIGNER_UNKNOWN.value == say(firm, framed)
    assert [] == pages(firm)


@pytest.mark.parametrize("gone", ["dropped", "ended"])
def test_a_device_that_is_over_hands_in_nothing(office_firm: Firm, gone: str) -> None:
    """Even what others signed: the wrapper bears no signature, and the host behind it may be an old image."""
    firm = office_firm
    body = StatementsBody(statements=(halt(firm, STATION),))
    assert HANDLED == bring(firm, "device:approver-1", PackageKind.STATEMENTS, body)
    change_roster(firm, without("device:approver-1") if gone == "dropped" else ended(firm, "device:approver-1"))
    assert RETIRED == bring(firm, "device:approver-1", PackageKind.STATEMENTS, body)
    assert ["critical"] == [severity for severity, _ in pages(firm)]
    assert HANDLED == bring(firm, "device:approver-2", PackageKind.STATEMENTS, body)


def test_a_roster_that_ran_out_retires_nobody(office_firm: Firm) -> None:
    firm = office_firm
    change_roster(firm, lambda r: replace(r, expires=firm.clock() - timedelta(seconds=5)))
    assert Code.EXPIRED.value == say(firm, halt(firm, STATION))
    assert [] == pages(firm)


def request(firm: Firm, number: int = 7) -> SessionRequestBody:
    """A session request of the first terminal, with all that it could know."""
    lease = find_lease(load_notices(firm.admin, firm.rules), PartyId(TERMINAL), firm.rules.root, firm.rules.context)
    assert lease is not None
    body = SessionRequest(
        checkpoint=seen_of(firm),
        heads=firm.rules.build_heads(),
        journal=JournalPlace(head=sha256(b"entry"), number=7),
        lease=lease.id,
        nonce=HexBytes(bytes(31) + bytes([number])),
        operators=(PartyId("person:c.lam"), PartyId("person:p.wu")),
        terminal=PartyId(TERMINAL),
    )
    firm.world.now = firm.clock()
    return SessionRequestBody(request=firm.world.sign(body, TERMINAL, (TERMINAL,)))


def seen_of(firm: Firm) -> TreeHead:
    """What the platform thinks that the terminal holds."""
    size = firm.query("select seen from custody.devices where id = %s", TERMINAL)[0][0]
    return TreeHead(root=sha256(b"root"), size=int(size))


def test_a_retired_terminal_opens_no_session(office_firm: Firm) -> None:
    firm = office_firm
    assert HANDLED == bring(firm, TERMINAL, PackageKind.SESSION_REQUEST, request(firm))
    change_roster(firm, without(TERMINAL))
    late = request(firm, 8)
    assert RETIRED == bring(firm, TERMINAL, PackageKind.SESSION_REQUEST, late)
    assert [(1,)] == firm.query("select count(*) from transfers.sessions")
    # The row of before the change waits still: the reconciler clears no terminal that is out, and pages by itself.
    firm.witness()
    clear_sessions(firm.reconciler, firm.reconciler_reader)
    assert ("critical", TERMINAL) in pages(firm)
    assert [None] == [clear for (clear,) in firm.query("select clear_payload from transfers.sessions")]


def hand_in(firm: Firm, tmp_path: Path, command: str, envelope: Envelope) -> int:
    """Give a file to the platform's own command."""
    path = tmp_path / "statement.json"
    path.write_bytes(envelope.encode())
    return main([command, "--config", str(firm.config("work")), str(path)])


def doubt(firm: Firm, signer: str) -> Envelope:
    body = KeyStateChange(keys=(EntryId("key:eth-1"),), lifts=(), reason="doubt", state=KeyState.SUSPENDED)
    firm.world.now = firm.clock()
    return firm.world.sign(body, OFFICER, (signer,))


def test_a_dismissed_officer_publishes_nothing(
    office_firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm = office_firm
    monkeypatch.setattr("strongroom.online.cli.system_clock", firm.clock)
    change_roster(firm, rekeyed(OFFICER))
    old = doubt(firm, OFFICER)
    assert 0 != hand_in(firm, tmp_path, "publish", old)
    freeze = firm.world.sign(
        Freeze(evidence="tx", reason="outflow", scope=FreezeScope.VAULT), "service:watcher", ("service:watcher",)
    )
    append(firm.admin, freeze)
    lift = firm.world.sign(FreezeLift(freeze=freeze.id, reason="sold"), OFFICER, (OFFICER, "person:s.lee"))
    assert 0 != hand_in(firm, tmp_path, "lift", lift)
    found = [subject for _, subject in pages(firm)]
    assert sorted([f"{OFFICER} statement {old.id}", f"{OFFICER} statement {lift.id}"]) == found
    assert 0 == hand_in(firm, tmp_path, "publish", doubt(firm, f"{OFFICER} anew"))
    assert 2 == len(pages(firm))


def test_what_is_written_into_the_log_with_a_retired_key_pages_too(office_firm: Firm, tmp_path: Path) -> None:
    """The platform's host is the thief's: the reconciler reads the log by itself, as it does for journals' places."""
    firm = office_firm
    operators = (PartyId("person:c.lam"), PartyId("person:p.wu"))
    body = SignatureRecord(
        clear=sha256(b"clear"),
        heads=firm.rules.build_heads(),
        journal=JournalPlace(head=sha256(b"signed"), number=20),
        keys=(EntryId("key:eth-1"),),
        nonce=HexBytes(bytes(32)),
        operators=operators,
        prev=sha256(b"prev"),
        proposal=sha256(b"proposal"),
        sealed_digest=sha256(b"sealed"),
        terminal=PartyId(TERMINAL),
        unsigned_digest=sha256(b"unsigned"),
    )
    firm.world.now = firm.clock()
    asked = expect(parse_statement(request(firm).request), SessionRequest, "request").body
    notices = load_notices(firm.admin, firm.rules)
    append(firm.admin, firm.world.sign(body, TERMINAL, (TERMINAL, *operators)))
    quote_place(firm.admin, firm.rules, tmp_path / "places.json", asked, notices)
    assert [] == pages(firm)
    change_roster(firm, rekeyed(TERMINAL))
    firm.world.now = firm.clock()
    late = firm.world.sign(replace(body, proposal=sha256(b"another")), TERMINAL, (TERMINAL, *operators))
    append(firm.admin, late)
    quote_place(firm.admin, firm.rules, tmp_path / "places.json", asked, notices)
    assert [("critical", f"{TERMINAL} statement {parse_statement(late).id}")] == pages(firm)


LEASED = (
    ("the lease in force", None, set()),
    ("the same machine, leased anew", {}, {Code.LEASE_REPLACED}),
    ("another machine", {"journal": sha256(b"another")}, {Code.RETIRED_CREDENTIAL_USED}),
)


@pytest.mark.parametrize(("anew", "codes"), [row[1:] for row in LEASED], ids=[r[0].replace(" ", "_") for r in LEASED])
def test_a_result_is_of_the_machine_that_is_leased(
    office_firm: Firm, anew: dict[str, Digest] | None, codes: set[Code]
) -> None:
    firm = office_firm
    clear = next(s for s in eth_trip(World()).to(Stage.CLEAR).statements if isinstance(s.body, ClearToSign))
    (first,) = leases_of(load_notices(firm.admin, firm.rules), clear.body.terminal)
    quoting = replace(clear, body=replace(clear.body, lease=first.id))
    if anew is not None:
        firm.world.now = firm.clock()
        lease = firm.world.sign(firm.world.build_lease(TERMINAL, **anew), DELEGATES["keys"][0], DELEGATES["keys"])
        accept_notice(firm.admin, lease, firm.clock())
    try:
        check_own_machine(load_notices(firm.admin, firm.rules), firm.rules, quoting)
        found: set[Code] = set()
    except RefusedError as error:
        found = set(error.codes)
    assert codes == found
