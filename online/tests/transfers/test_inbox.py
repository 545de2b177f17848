"""What comes back from devices: handled once, kept, and refused when it is not what it says; nobody else is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firm import ETHER, Firm, drive, find_proposal
from office import Office, open_office
from strongroom.core.bodies import Freeze, FreezeScope, Halt, HaltReason, Rejection
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AccountId, Digest, PartyId
from strongroom.core.packages import (
    Package,
    PackageKind,
    SessionRequestBody,
    StatementsBody,
    encode_package,
    parse_package,
)
from strongroom.core.records import DigestOrNone, HexOrNone
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import expect, parse_envelope_bytes, parse_statement
from strongroom.online.ledger.store import load_balance
from strongroom.online.transfers.withdrawal.inbox import HANDLED, read_inbox
from strongroom.online.transfers.withdrawal.resend import resend
from strongroom.online.watch.freezes import load_standing_freezes
from world import ETH

TERMINAL, GATE, STATION = "device:terminal-1", "device:gate-1", "device:station-1"


@pytest.fixture
def office(firm: Firm) -> Office:
    """People and devices of the firm."""
    return open_office(firm, {ETH: (TERMINAL,)})


def start(firm: Firm) -> Digest:
    """A docket that waits for approvals."""
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    for _ in range(4):
        firm.round()
    return proposal


def bring(firm: Firm, device: str, raw: bytes, name: str = "000099-brought.package.json") -> list[str]:
    """Lay a file into a device's folder and let the platform read its inbox."""
    folder = firm.inbox / device.replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(raw)
    return read_inbox(firm.platform, firm.rules, firm.inbox)


def newest(firm: Firm, device: str) -> Path:
    """The last file that a device handed back."""
    return max((firm.inbox / device.replace(":", "-")).glob("*.package.json"))


def statements(firm: Firm, sender: str, *envelopes: Any) -> Package:
    """A package of statements."""
    return Package(
        kind=PackageKind.STATEMENTS,
        sender=PartyId(sender),
        to=PartyId("service:platform"),
        sequence=50,
        created_at=firm.clock(),
        body=StatementsBody(statements=envelopes),
    )


def reached(firm: Firm, office: Office, state: str) -> Digest:
    """A docket that was brought to a state."""
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    drive(firm, proposal, office.serve, state)
    return proposal


def code_of(outcomes: list[str]) -> str:
    """The code of the one outcome."""
    (outcome,) = outcomes
    return outcome.split(":")[0]


def rejection(firm: Firm, proposal: Digest) -> Package:
    """M. Chan's signed no, from the docket's own facts."""
    approval = next(
        s
        for s in firm.query(
            "select e.leaf from transfers.docket_statements d join evidence.entries e using (statement) "
            "where d.proposal = %s and e.kind = 'approval' and e.issuer = 'person:m.chan'",
            proposal,
        )
    )
    body = parse_statement(parse_envelope_bytes(bytes(approval[0]))).body
    no = Rejection(
        device=body.device,
        display_digest=body.display_digest,
        heads=body.heads,
        language="en",
        prev=body.prev,
        proposal=body.proposal,
        reason="unsure: who asked?",
        renderer=body.renderer,
        unsigned_digest=body.unsigned_digest,
    )
    firm.world.now = firm.clock()
    return statements(firm, "device:approver-1", firm.world.sign(no, "person:m.chan", ("person:m.chan",)))


def test_a_package_is_for_whom_it_says(firm: Firm, office: Office) -> None:
    start(firm)
    office.serve()
    approval = newest(firm, "device:approver-1")
    raw = approval.read_bytes()
    approval.unlink()
    for path in firm.inbox.glob("*/*"):
        path.unlink()
    assert Code.PACKAGE_NOT_FOR_US.value == code_of(bring(firm, STATION, raw))
    package = parse_package(raw)
    elsewhere = encode_package(replace(package, to=PartyId("device:gate-1")))
    assert Code.PACKAGE_NOT_FOR_US.value == code_of(bring(firm, "device:approver-1", elsewhere))
    assert {Code.PACKAGE_NOT_FOR_US.value} == {c for (c,) in firm.query("select code from watch.alerts")}
    assert [HANDLED] == bring(firm, "device:approver-1", raw, "000100-again.package.json")


def test_a_package_is_handled_once_and_what_cannot_be_read_is_kept(firm: Firm) -> None:
    start(firm)
    (outcome,) = bring(firm, STATION, b"not a package")
    assert outcome != HANDLED
    assert [] == bring(firm, STATION, b"not a package", "000100-again.package.json")
    kept = firm.query("select raw, kind, outcome from custody.packages_in")
    assert [(b"not a package", "unreadable", outcome)] == [(bytes(raw), kind, said) for raw, kind, said in kept]


def test_only_what_devices_say_is_taken(firm: Firm, office: Office) -> None:
    start(firm)
    update = parse_package(next((firm.outbox / "device-gate-1").glob("*-update.package.json")).read_bytes())
    wrong = replace(update, sender=PartyId(GATE), to=PartyId("service:platform"))
    assert Code.TYPE_MISMATCH.value == code_of(bring(firm, GATE, encode_package(wrong)))
    freeze = firm.world.freeze().envelope
    assert Code.TYPE_MISMATCH.value == code_of(
        bring(firm, GATE, encode_package(statements(firm, GATE, freeze)), "b.package.json")
    )
    office.serve()
    assert [HANDLED, HANDLED] == read_inbox(firm.platform, firm.rules, firm.inbox)


def test_a_freeze_of_the_gate_stops_the_vault(firm: Firm, office: Office) -> None:
    """What the gate holds back, it says as a freeze of its own, and no clear is given while that stands."""
    start(firm)
    firm.world.now = firm.clock()
    body = Freeze(evidence="none", reason="held by the release gate", scope=FreezeScope.VAULT)
    freeze = firm.world.sign(body, GATE, (GATE,))
    package = encode_package(statements(firm, GATE, freeze))
    assert [HANDLED] == bring(firm, GATE, package)
    digest = parse_statement(freeze).id
    assert (digest,) == load_standing_freezes(firm.platform.connection, firm.rules)
    assert [(Code.FROZEN.value, f"freeze {digest}")] == firm.query("select code, subject from watch.alerts")
    # The same statement in another package changes nothing.
    again = encode_package(replace(statements(firm, GATE, freeze), sequence=51))
    bring(firm, GATE, again, "000100-again.package.json")
    assert (digest,) == load_standing_freezes(firm.platform.connection, firm.rules)
    assert 1 == len(firm.query("select 1 from watch.alerts where code = %s", Code.FROZEN.value))


def test_a_session_is_of_its_own_terminal_with_everything_imported(firm: Firm, office: Office) -> None:
    start(firm)
    office.serve()
    read_inbox(firm.platform, firm.rules, firm.inbox)
    honest = office.terminals[TERMINAL].open_session(firm)
    other = replace(honest, sender=PartyId("device:terminal-2"))
    assert Code.PACKAGE_NOT_FOR_US.value == code_of(bring(firm, "device:terminal-2", encode_package(other)))
    assert isinstance(honest.body, SessionRequestBody)
    asked = expect(parse_statement(honest.body.request), SessionRequest, "request").body
    old = replace(asked, checkpoint=replace(asked.checkpoint, size=asked.checkpoint.size - 1))
    stale = replace(honest, body=SessionRequestBody(request=firm.world.sign(old, TERMINAL, (TERMINAL,))))
    assert Code.HEAD_UNEQUAL.value == code_of(bring(firm, TERMINAL, encode_package(stale)))
    assert [] == firm.query("select nonce from transfers.sessions")
    assert [HANDLED] == bring(firm, TERMINAL, encode_package(honest), "000100-again.package.json")
    assert [(TERMINAL,)] == firm.query("select terminal from transfers.sessions")


def _swap_sealed(package: Package) -> Package:
    body: Any = package.body
    return replace(package, body=replace(body, results=(replace(body.results[0], sealed=b"x" * 64),)))


def _swap_proposal(package: Package) -> Package:
    body: Any = package.body
    other = Digest("sha256:" + "7" * 64)
    return replace(package, body=replace(body, results=(replace(body.results[0], proposal=other),)))


@pytest.mark.parametrize(
    ("spoil", "code"), [(_swap_sealed, Code.SEAL_DIGEST_MISMATCH), (_swap_proposal, Code.DIGEST_MISMATCH)]
)
def test_a_result_is_what_its_record_names(
    firm: Firm, office: Office, spoil: Callable[[Package], Package], code: Code
) -> None:
    proposal = reached(firm, office, "VERIFIED")
    path = newest(firm, TERMINAL)
    while "terminal-result" not in path.name:
        firm.round()
        office.serve()
        path = newest(firm, TERMINAL)
    raw = path.read_bytes()
    path.unlink()
    assert code.value == code_of(bring(firm, TERMINAL, encode_package(spoil(parse_package(raw)))))
    assert "VERIFIED" == firm.state(proposal)
    assert [HANDLED] == bring(firm, TERMINAL, raw, "000100-again.package.json")
    assert "SIGNED" == firm.state(proposal)


def test_signed_bytes_are_those_that_the_release_names(firm: Firm, office: Office) -> None:
    proposal = reached(firm, office, "RELEASED")
    path = newest(firm, GATE)
    raw = path.read_bytes()
    path.unlink()
    package = parse_package(raw)
    body: Any = package.body
    changed = replace(package, body=replace(body, signed=HexOrNone(body.signed[:-2] + "00")))
    assert Code.DIGEST_MISMATCH.value == code_of(bring(firm, GATE, encode_package(changed)))
    assert "RELEASED" == firm.state(proposal)
    assert [HANDLED] == bring(firm, GATE, raw, "000100-again.package.json")
    assert "CONFIRMING" == firm.state(proposal)


def test_a_rejection_ends_it_and_gives_the_money_back(firm: Firm, office: Office) -> None:
    proposal = reached(firm, office, "EXPORTED")
    assert ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).pending_out
    assert {HANDLED} == set(bring(firm, "device:approver-1", encode_package(rejection(firm, proposal))))
    assert "REJECTED" == firm.state(proposal)
    assert 0 == load_balance(firm.admin, AccountId("account:harbour:eth")).pending_out
    assert [(True,)] == firm.query("select voided from transfers.usage")


def test_a_rejection_after_the_second_reading_is_told(firm: Firm, office: Office) -> None:
    proposal = reached(firm, office, "VERIFIED")
    assert [] == firm.query("select code from watch.alerts")
    no = encode_package(rejection(firm, proposal))
    for path in firm.inbox.glob("*terminal*/*"):
        path.unlink()
    assert [HANDLED] == bring(firm, "device:approver-1", no)
    assert "REJECTED" == firm.state(proposal)
    assert 0 == load_balance(firm.admin, AccountId("account:harbour:eth")).pending_out
    assert [(Code.REJECTED.value,)] == firm.query("select code from watch.alerts")


def test_a_halt_is_logged_and_told(firm: Firm) -> None:
    start(firm)
    firm.world.now = firm.clock()
    reason = HaltReason(code=Code.DEST_NOT_WHITELISTED.value, expected="a", field="b", got="c")
    halt = firm.world.sign(Halt(proposal=DigestOrNone("none"), refusals=(reason,), stage="VERIFY"), STATION, (STATION,))
    assert [HANDLED] == bring(firm, STATION, encode_package(statements(firm, STATION, halt)))
    assert [(Code.DEST_NOT_WHITELISTED.value, "critical")] == firm.query("select code, severity from watch.alerts")
    assert [(1,)] == firm.query("select count(*) from evidence.entries where kind = 'halt'")


def test_a_lost_docket_is_sent_again(firm: Firm, office: Office) -> None:
    proposal = start(firm)
    assert "PENDING_APPROVAL" == firm.state(proposal)
    device = PartyId("device:approver-1")
    sent = firm.query(
        "select count(*) from custody.packages_out where device = %s and kind = 'approval-request'", device
    )
    seen = firm.query("select seen from custody.devices where id = %s", device)[0][0]
    resend(firm.platform.connection, proposal, device, seen)
    firm.round()
    again = firm.query(
        "select count(*) from custody.packages_out where device = %s and kind = 'approval-request'", device
    )
    assert [(1,), (2,)] == [sent[0], again[0]]
    drive(firm, proposal, office.serve, "EXPORTED")
    drive(firm, proposal, office.serve, "VERIFIED")
    with pytest.raises(RefusedError) as caught:
        resend(firm.platform.connection, proposal, device, seen)
    assert Code.DOCKET_ORDER in caught.value.codes


def test_a_session_request_that_comes_again_adds_nothing_to_it(firm: Firm, office: Office) -> None:
    first = reached(firm, office, "EXPORTED")
    second = start(firm)
    office.serve()
    read_inbox(firm.platform, firm.rules, firm.inbox)
    firm.query("update transfers.dockets set state = 'EXPORTED' where proposal = %s", second)
    terminal = office.terminals[TERMINAL]
    request = encode_package(terminal.open_session(firm))
    nonce = terminal.nonce.hex()
    assert {HANDLED} == set(bring(firm, TERMINAL, request))
    assert [(first,)] == firm.query("select proposal from transfers.session_dockets where nonce = %s", nonce)
    # The program ended before it ticked the package off, and another docket was verified meanwhile.
    firm.query("delete from custody.packages_in where device = %s", TERMINAL)
    firm.query("update transfers.dockets set state = 'VERIFIED'")
    assert {HANDLED} == set(read_inbox(firm.platform, firm.rules, firm.inbox))
    assert [(first,)] == firm.query("select proposal from transfers.session_dockets where nonce = %s", nonce)
