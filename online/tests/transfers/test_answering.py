"""Whose device an answer came from, asked at the platform's door: what no docket could carry gets into none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from firm import ETHER, Firm, drive, find_proposal
from office import Office, open_office
from strongroom.core.codes import Code
from strongroom.core.ids import Digest
from strongroom.core.roster import Party, Roster
from strongroom.online.governance.store import publish
from strongroom.online.transfers.withdrawal.inbox import HANDLED, read_inbox
from world import ETH, signer_of

DEVICE = "device:approver-1"


@pytest.fixture
def office(firm: Firm) -> Office:
    """People and devices of the firm."""
    return open_office(firm, {ETH: ("device:terminal-1",)})


def change(firm: Firm, party: str, edit: Callable[[Party], Party]) -> None:
    """Publish a roster in which one entry is another."""

    def edited(roster: Roster) -> Roster:
        return replace(roster, parties=tuple(edit(p) if p.id == party else p for p in roster.parties))

    firm.world.now = firm.clock()
    firm.world.change_roster(edited)
    publish(firm.platform.connection, firm.world.rosters[-1], (), ())


def answered(firm: Firm, office: Office) -> Digest:
    """A docket that waits, and both approvers' answers in the inbox, not read yet."""
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    for _ in range(4):
        firm.round()
    office.serve()
    return proposal


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda p: replace(p, staff="staff-03"), Code.DEVICE_NOT_THEIRS),
        (lambda p: replace(p, roles=("approval-device", "office")), Code.DEVICE_FOR_OFFICE),
        (lambda p: replace(p, key=signer_of("a device set up anew").key), Code.CREDENTIAL_TOO_YOUNG),
    ],
    ids=["another's", "office", "new"],
)
def test_an_approval_from_the_wrong_device_gets_into_no_docket(
    firm: Firm, office: Office, edit: Callable[[Party], Party], code: Code
) -> None:
    """The other approvers' payment is not stopped by it: the docket waits for whoever may still approve."""
    proposal = answered(firm, office)
    change(firm, DEVICE, edit)
    outcome, other = read_inbox(firm.platform, firm.rules, firm.inbox)
    assert code.value == outcome.split(":")[0]
    assert HANDLED == other
    said = "select 1 from transfers.docket_statements where proposal = %s and stage = 4"
    assert 1 == len(firm.query(said, proposal))
    assert [(code.value, "high")] == firm.query("select code, severity from watch.alerts")
    assert "PENDING_APPROVAL" == firm.state(proposal)


def test_an_approval_from_the_right_device_is_taken_after_a_roster_that_leaves_it_as_it_was(
    firm: Firm, office: Office
) -> None:
    proposal = answered(firm, office)
    change(firm, "person:p.wu", lambda p: replace(p, name="P. Wu-Chan"))
    assert [HANDLED, HANDLED] == read_inbox(firm.platform, firm.rules, firm.inbox)
    drive(firm, proposal, office.serve, "EXPORTED")
