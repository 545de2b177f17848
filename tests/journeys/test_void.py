"""Transfers that end without paying: rejected or expired, their nonces taken by voids, their coins given back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firm import COIN, ETHER, Firm, drive, find_proposal, open_firm, widen_windows
from nodes import AnvilChain, LitecoinChain, start_anvil, start_litecoind
from office import PEOPLE, Office, open_office
from strongroom.approver import flow
from strongroom.approver.store import Home
from strongroom.chains.ethereum.transactions import parse_unsigned
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError
from strongroom.core.ids import AccountId, Digest
from strongroom.core.packages import SigningBody, parse_package
from strongroom.core.policy import Policy
from strongroom.core.trust import Trust, extend
from strongroom.online.db.bootstrap import Database
from strongroom.online.ledger.store import load_balance, load_totals
from strongroom.online.transfers.withdrawal.attempts import free_commitments
from strongroom.online.transfers.withdrawal.store import load_docket
from world import ETH, ETH_ASSET, LTC

from .test_replacement import until
from .test_withdrawal import check_books, check_proved


@pytest.fixture
def eth() -> Iterator[AnvilChain]:
    """A chain of this test alone."""
    with start_anvil() as chain:
        yield chain


@pytest.fixture
def ltc() -> Iterator[LitecoinChain]:
    """A chain of this test alone."""
    with start_litecoind() as chain:
        yield chain


def nonce_of(firm: Firm, proposal: Digest) -> int:
    return parse_unsigned(load_docket(firm.admin, proposal).unsigned).nonce


def test_a_rejected_transfer_does_not_strand_the_next(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        first = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        second = find_proposal(firm, firm.instruct("client:harbour", ETH, 2 * ETHER).id)
        assert nonce_of(firm, first) + 1 == nonce_of(firm, second)
        office.refused.add(first)
        until(firm, office, second, "CONFIRMING")
        drive(firm, first, office.serve, "CANCELLED")
        drive(firm, second, office.serve, "RECONCILED")

        balance = load_balance(firm.admin, AccountId("account:harbour:eth"))
        assert (3 * ETHER, 0) == (balance.posted, balance.pending_out)
        fees = [int(units) for (units,) in firm.query("select units from ledger.transfers where kind = 'network-fee'")]
        assert 2 == len(fees)
        assert 3 * ETHER - sum(fees) == load_totals(firm.admin, ETH_ASSET).custody
        check_proved(firm, first)
        check_books(firm)


def test_the_highest_nonce_is_given_back(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        first = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        office.refused.add(first)
        until(firm, office, first, "REJECTED")
        assert 0 == load_balance(firm.admin, AccountId("account:harbour:eth")).pending_out
        second = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        assert nonce_of(firm, first) == nonce_of(firm, second)
        drive(firm, second, office.serve, "RECONCILED")
        check_books(firm)


def test_nobody_answers_and_it_expires(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        office.serve()
        office.idle |= set(PEOPLE)
        first = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        until(firm, office, first, "PENDING_APPROVAL")
        firm.clock.forward(hours=7)
        firm.round()
        assert "PENDING_APPROVAL" == firm.state(first)
        firm.clock.forward(hours=2)
        firm.round()
        assert "EXPIRED" == firm.state(first)
        assert 0 == load_balance(firm.admin, AccountId("account:harbour:eth")).pending_out
        for device in PEOPLE:
            look_too_late(firm, office, device)
        office.idle.clear()
        second = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        assert nonce_of(firm, first) == nonce_of(firm, second)
        drive(firm, second, office.serve, "RECONCILED")
        check_books(firm)


def look_too_late(firm: Firm, office: Office, device: str) -> None:
    """Somebody comes to a device after the docket that lay there has expired; it does not show it any more."""
    (path,) = (firm.outbox / device.replace(":", "-")).glob("*-approval-request.package.json")
    with pytest.raises(RefusedError) as caught:
        flow.read_docket(Home(office.home(device)), path.read_bytes(), firm.clock())
    assert Code.INSTRUCTION_EXPIRED in caught.value.codes
    office.handled.add(path)


def leave_at_terminal(firm: Firm, office: Office, proposal: Digest, *terminals: str) -> None:
    """A session is opened, the package goes out, and the terminals never come back with it."""
    until(firm, office, proposal, "VERIFIED")
    office.serve()
    office.idle |= set(terminals)
    for _ in range(4):
        firm.round()
        office.serve()
    assert firm.query("select 1 from transfers.sessions where exported")
    assert "VERIFIED" == firm.state(proposal)


def test_what_a_terminal_was_handed_is_voided_when_it_expires(
    tmp_path: Path, database: Database, eth: AnvilChain
) -> None:
    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        first = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        leave_at_terminal(firm, office, first, "device:terminal-1")
        firm.clock.forward(hours=9)
        firm.round()
        assert ETHER == load_balance(firm.admin, AccountId("account:harbour:eth")).pending_out
        terminal = office.terminals["device:terminal-1"]
        terminal.nonce = b""
        office.handled |= set((firm.outbox / "device-terminal-1").glob("*-signing.package.json"))
        terminal.trust = firm_trust(firm, office)
        office.idle.clear()
        drive(firm, first, office.serve, "EXPIRED")
        balance = load_balance(firm.admin, AccountId("account:harbour:eth"))
        assert (5 * ETHER, 0) == (balance.posted, balance.pending_out)
        check_proved(firm, first)
        # What never came back was told; nothing else was.
        told = firm.query("delete from watch.alerts where code = 'RELEASE_EXPIRED' returning subject")
        assert [(f"docket {first}",)] == told
        check_books(firm)


def firm_trust(firm: Firm, office: Office) -> Trust:
    """The terminal's beliefs, moved on to the checkpoint that its lost package carried."""
    (path,) = (firm.outbox / "device-terminal-1").glob("*-signing.package.json")
    package = parse_package(path.read_bytes())
    assert isinstance(package.body, SigningBody)
    terminal = office.terminals["device:terminal-1"]
    terminal.received = package.sequence
    return extend(terminal.trust, package.body.checkpoint)[0]


def test_the_gate_lets_nothing_go_after_release_by(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    with open_firm(tmp_path, database, eth=eth) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        office.serve()
        office.idle.add("device:gate-1")
        first = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        until(firm, office, first, "RELEASED")
        firm.clock.forward(hours=13)
        office.idle.clear()
        office.expected = {Code.RELEASE_EXPIRED}
        office.serve()
        assert "RELEASED" == firm.state(first)
        drive(firm, first, office.serve, "EXPIRED")
        balance = load_balance(firm.admin, AccountId("account:harbour:eth"))
        assert (5 * ETHER, 0) == (balance.posted, balance.pending_out)
        check_proved(firm, first)


def test_a_litecoin_docket_that_a_terminal_was_handed_stays_held(
    tmp_path: Path, database: Database, ltc: LitecoinChain
) -> None:
    with open_firm(tmp_path, database, ltc=ltc) as firm:
        office = open_office(firm, {LTC: ("device:terminal-1", "device:terminal-2")})
        ltc.mine(3)
        firm.deposit("ltc-1", 20 * COIN)
        firm.mine()
        held = find_proposal(firm, firm.instruct("client:harbour", LTC, 5 * COIN).id)
        leave_at_terminal(firm, office, held, "device:terminal-1", "device:terminal-2")
        firm.clock.forward(hours=9)
        firm.round()
        assert "BLOCKED" == firm.state(held)
        assert 5 * COIN == load_balance(firm.admin, AccountId("account:harbour:ltc")).pending_out
        assert firm.query("select 1 from transfers.commitments where proposal = %s", held)
        with pytest.raises(InvariantError, match="a terminal was handed"):
            free_commitments(firm.platform.connection, held)
        assert firm.query("select 1 from watch.alerts where subject = %s", f"docket {held}")


def test_a_litecoin_docket_that_no_terminal_saw_frees_its_coins(
    tmp_path: Path, database: Database, ltc: LitecoinChain
) -> None:
    with open_firm(tmp_path, database, ltc=ltc) as firm:
        office = open_office(firm, {LTC: ("device:terminal-1", "device:terminal-2")})
        ltc.mine(3)
        firm.deposit("ltc-1", 20 * COIN)
        firm.mine()
        office.idle |= {"device:terminal-1", "device:terminal-2"}
        first = find_proposal(firm, firm.instruct("client:harbour", LTC, 5 * COIN).id)
        until(firm, office, first, "VERIFIED")
        firm.clock.forward(hours=9)
        firm.round()
        assert "EXPIRED" == firm.state(first)
        assert [] == firm.query("select 1 from transfers.commitments")
        office.idle.clear()
        second = find_proposal(firm, firm.instruct("client:harbour", LTC, 5 * COIN).id)
        drive(firm, second, office.serve, "RECONCILED")
        check_books(firm)


def test_lapsed_approvals_are_asked_for_again(tmp_path: Path, database: Database, eth: AnvilChain) -> None:
    def soon(policy: Policy) -> Policy:
        wide = widen_windows(policy)
        return replace(wide, parameters=replace(wide.parameters, approval_life_s=3600))

    with open_firm(tmp_path, database, eth=eth, edits={"policy": soon}) as firm:
        office = open_office(firm, {ETH: ("device:terminal-1",)})
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        office.idle.add("device:approver-2")
        proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
        until(firm, office, proposal, "PENDING_APPROVAL")
        for _ in range(3):
            office.serve()
            firm.round()
        assert 1 == approvals(firm, proposal)
        firm.clock.forward(hours=2)
        firm.round()
        assert 0 == approvals(firm, proposal)
        office.idle.clear()
        until(firm, office, proposal, "VERIFIED")
        office.idle.add("device:terminal-1")
        firm.clock.forward(hours=2)
        firm.round()
        assert "EXPIRED" == firm.state(proposal)
        check_books(firm)


def approvals(firm: Firm, proposal: Digest) -> int:
    """How many answers stand in a docket."""
    query = "select 1 from transfers.docket_statements where proposal = %s and stage = 4"
    return len(firm.query(query, proposal))
