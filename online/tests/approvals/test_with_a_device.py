"""A whole firm: the device's own line to the real server, and the intake that couriers' files go through as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from approvals import Served, serve, take_news
from firm import ETHER, Firm, drive, find_proposal, open_firm
from nodes import start_anvil
from office import Office, open_office
from strongroom.approver import flow
from strongroom.approver.files import write_durably
from strongroom.approver.link.carry import fetch, open_line, submit
from strongroom.approver.link.keep import Platform, Shelf
from strongroom.approver.link.line import Line
from strongroom.approver.store import Home
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.core.ids import Digest
from strongroom.core.keys import P256_ORDER
from strongroom.core.packages import PackageKind, encode_package
from strongroom.core.roster import Roster
from strongroom.online.db.bootstrap import Database
from world import ETH, p256_signer, seed, signer_of

DEVICE, PERSON = "device:approver-1", "person:m.chan"


def with_device_key(roster: Roster) -> Roster:
    """The first device has a key of the kind that `make-device-key` makes."""
    key = p256_signer(DEVICE).key
    return replace(roster, parties=tuple(replace(p, key=key) if p.id == DEVICE else p for p in roster.parties))


@pytest.fixture
def firm(tmp_path: Path, database: Database) -> Iterator[Firm]:
    """A firm on an Ethereum chain, with a deposit."""
    with start_anvil() as eth, open_firm(tmp_path, database, eth=eth, edits={"roster": with_device_key}) as made:
        made.deposit("eth-1", 5 * ETHER)
        made.mine()
        yield made


def person_at(firm: Firm, home: Home, line: Line) -> int:
    """M. Chan takes everything that is new and approves; returns how many dockets there were."""
    fetch(home, line)
    person, answered = signer_of(PERSON), 0
    for package, path in Shelf(home).list_incoming(home.load_counters().received):
        if package.kind is PackageKind.UPDATE:
            flow.receive_update(home, path.read_bytes(), firm.clock(), take_news)
            continue
        waiting = flow.read_docket(home, path.read_bytes(), firm.clock())
        answer = flow.decide(
            home, waiting, flow.Answered(answer=flow.Answer.APPROVE), (person.key, person.sign), firm.clock()
        )
        write_durably(Shelf(home).outgoing / answer.file_name, encode_package(answer))
        answered += 1
    return answered


def connect(served: Served, home: Home) -> Line:
    """The device with its key, and where the platform is."""
    private = ec.derive_private_key(int.from_bytes(seed(DEVICE), "big") % (P256_ORDER - 1) + 1, ec.SECP256R1())
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_durably(Shelf(home).path / "device.key", private.private_bytes(serialization.Encoding.PEM, form, plain))
    Shelf(home).save_platform(Platform(host="127.0.0.1", port=served.port, server_key=served.pin))
    return open_line(home, served.firm.clock)


def approvals_of(firm: Firm, proposal: Digest) -> list[tuple[str]]:
    """Who approved, as the docket has it."""
    return firm.query(
        "select e.issuer from transfers.docket_statements d join evidence.entries e using (statement) "
        "where d.proposal = %s and e.kind = 'approval' order by e.issuer",
        proposal,
    )


def started(firm: Firm, office: Office) -> Digest:
    """A docket that waits for both; the second approver's answer comes by courier."""
    office.idle.add(DEVICE)
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    for _ in range(4):
        firm.round()
    return proposal


def test_an_approval_by_line_and_one_by_courier_make_the_quorum(firm: Firm, tmp_path: Path) -> None:
    office = open_office(firm, {ETH: ("device:terminal-1",)})
    home = Home(office.home(DEVICE))
    with serve(firm, tmp_path) as served:
        line = connect(served, home)
        proposal = started(firm, office)
        assert 1 == person_at(firm, home, line)
        assert ["waiting"] == [each.outcome for each in submit(home, line)]
        assert 0 == person_at(firm, home, line)
        assert [] == submit(home, line)
        firm.work()
        assert [(PERSON,)] == approvals_of(firm, proposal)
        drive(firm, proposal, office.serve, "EXPORTED")


def test_an_answer_whose_receipt_was_lost_is_handed_in_again_and_counts_once(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office(firm, {ETH: ("device:terminal-1",)})
    home, real = Home(office.home(DEVICE)), Line.ask

    def lost(line: Line, method: str, target: str, body: bytes = b"") -> bytes:
        answer = real(line, method, target, body)
        if method == "POST":
            raise ConnectionResetError
        return answer

    with serve(firm, tmp_path) as served:
        line = connect(served, home)
        proposal = started(firm, office)
        assert 1 == person_at(firm, home, line)
        with monkeypatch.context() as patch:
            patch.setattr(Line, "ask", lost)
            with pytest.raises(ConnectionResetError):
                submit(home, line)
        firm.work()
        assert 1 == len(Shelf(home).list_outgoing())
        assert ["handled"] == [each.outcome for each in submit(home, line)]
        firm.work()
    assert [(PERSON,)] == approvals_of(firm, proposal)


def test_a_platform_that_is_away_costs_nothing(firm: Firm, tmp_path: Path) -> None:
    """The server ends while the person reads; what they decided waits, and goes to the next one."""
    office = open_office(firm, {ETH: ("device:terminal-1",)})
    home = Home(office.home(DEVICE))
    with serve(firm, tmp_path) as served:
        line = connect(served, home)
        proposal = started(firm, office)
        assert 1 == person_at(firm, home, line)
    with pytest.raises(UnavailableError) as caught:
        submit(home, line)
    assert {Code.PLATFORM_UNAVAILABLE} == caught.value.codes
    assert 1 == len(Shelf(home).list_outgoing())
    with serve(firm, tmp_path / "again") as other:
        moved = replace(line, platform=Platform(host="127.0.0.1", port=other.port, server_key=other.pin))
        assert ["waiting"] == [each.outcome for each in submit(home, moved)]
    firm.work()
    assert [(PERSON,)] == approvals_of(firm, proposal)
