"""`shapeshift-2016`: a dismissed administrator sold a key that host images kept; the rebuilt hosts were robbed again.

Stopped by: (1) a key counts only while the roster in force names it: the platform takes in nothing that an old one
signed, and both readings of every device refuse it by the roster at its place in the log (SIGNER_UNKNOWN); (2) with the
key never changed, the machine counts as well: a terminal is the one token and journal of its lease, signed by the key
register's delegates, so that a host built from an image is not leased, and what it signs under a lease that was
replaced is refused at the intake and at the gate (LEASE_REPLACED). Either way RETIRED_CREDENTIAL_USED pages and names
whose key or machine it was. That an image does not start as a terminal is `vault/tests/terminal/test_lease.py`.

Software cannot stop: a key that is sold before anybody is dismissed, and delegates who lease the thief's machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from firm import ETHER, Firm, drive, find_proposal
from office import Office, open_office
from strongroom.checker.reading.verify import prove_docket as prove_second
from strongroom.core.canonical import sha256
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import Digest
from strongroom.core.roster import Roster
from strongroom.online.governance.notices import accept_notice
from strongroom.online.governance.store import publish
from strongroom.online.transfers.withdrawal import step6_sign
from world import DELEGATES, ETH, Trip, World, eth_trip, ltc_trip, signer_of

OLD = "device:terminal-1"


def rekeyed(terminal: str) -> Callable[[Roster], Roster]:
    """After the administrator's last day the terminal has a new key."""
    key = signer_of(f"{terminal} anew").key
    return lambda roster: replace(
        roster, parties=tuple(replace(p, key=key) if p.id == terminal else p for p in roster.parties)
    )


def change_key(firm: Firm) -> None:
    firm.world.now = firm.clock()
    firm.world.change_roster(rekeyed(OLD))
    publish(firm.platform.connection, firm.world.rosters[-1], (), ())


def lease_anew(firm: Firm) -> None:
    """The terminal is rebuilt on another machine; its key is the one of before."""
    firm.world.now = firm.clock()
    body = firm.world.build_lease(OLD, journal=sha256(b"the rebuilt machine"))
    accept_notice(firm.admin, firm.world.sign(body, DELEGATES["keys"][0], DELEGATES["keys"]), firm.clock())


def sign_in_the_old_machine(firm: Firm) -> tuple[Office, Digest]:
    """A docket that the old machine was cleared for and signed; the platform has not read the result yet."""
    office = open_office(firm, {ETH: (OLD,)})
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    drive(firm, proposal, office.serve, "VERIFIED")
    while not office.terminals[OLD].signed:
        firm.round()
        office.serve()
    assert "VERIFIED" == firm.state(proposal)
    return office, proposal


def pages(firm: Firm) -> list[tuple[str, str]]:
    """Severity and words of what was told about retired credentials."""
    found = firm.query(
        "select severity, subject || ' ' || detail from watch.alerts where code = %s",
        Code.RETIRED_CREDENTIAL_USED.value,
    )
    return [(str(severity), str(words)) for severity, words in found]


def alert_codes(firm: Firm) -> set[str]:
    return {str(code) for (code,) in firm.query("select code from watch.alerts where closed_at is null")}


def test_what_the_old_key_signs_is_not_taken_in(firm: Firm) -> None:
    _, proposal = sign_in_the_old_machine(firm)
    change_key(firm)
    firm.round()
    assert "VERIFIED" == firm.state(proposal)
    assert [(0,)] == firm.query("select count(*) from evidence.entries where kind = 'signature-record'")
    assert Code.SIGNER_UNKNOWN.value in alert_codes(firm)
    ((severity, words),) = pages(firm)
    assert "critical" == severity
    assert f"{OLD} statement sha256:" in words


def codes_of(attempt: Callable[[], object]) -> set[Code]:
    """What an attempt is refused with; nothing when it is not."""
    try:
        attempt()
    except StrongroomError as error:
        return set(error.codes)
    return set()


@pytest.mark.parametrize(("make", "last"), [(eth_trip, OLD), (ltc_trip, "device:terminal-2")], ids=["evm", "bitcoin"])
def test_no_device_believes_the_old_key_either(make: Callable[[World], Trip], last: str) -> None:
    """The platform out of the way: it logs and assembles whatever the buyer brings."""
    honest = make(World()).to(Stage.SIGN)
    assert set() == codes_of(lambda: prove_docket(honest.docket(), honest.world.roots, now=honest.world.now))
    assert set() == codes_of(lambda: prove_second(honest.docket_bytes(), honest.world.root_file, now=honest.world.now))
    trip = make(World()).to(Stage.CLEAR)
    trip.world.change_roster(rekeyed(last))
    docket, world = trip.to(Stage.SIGN).docket(), trip.world
    assert Code.SIGNER_UNKNOWN in codes_of(lambda: prove_docket(docket, world.roots, now=world.now))
    raw = trip.docket_bytes()
    assert Code.SIGNER_UNKNOWN in codes_of(lambda: prove_second(raw, world.root_file, now=world.now))


def test_with_the_key_never_changed_the_machine_is_refused(firm: Firm) -> None:
    _, proposal = sign_in_the_old_machine(firm)
    lease_anew(firm)
    firm.round()
    assert "VERIFIED" == firm.state(proposal)
    ((severity, words),) = pages(firm)
    assert "critical" == severity
    assert OLD in words


def test_with_the_platform_out_of_the_way_too_the_gate_refuses(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    office, proposal = sign_in_the_old_machine(firm)
    monkeypatch.setattr(step6_sign, "check_machines", lambda *_: None)
    office.expected = {Code.LEASE_REPLACED}
    lease_anew(firm)
    for _ in range(6):
        firm.round()
        office.serve()
    assert [(None,)] == firm.query("select txid from transfers.dockets where proposal = %s", proposal)
    assert Code.LEASE_REPLACED.value in alert_codes(firm)


def test_the_rebuilt_machine_under_its_own_lease_pays(firm: Firm) -> None:
    office = open_office(firm, {ETH: (OLD,)})
    lease_anew(firm)
    order = firm.instruct("client:harbour", ETH, ETHER)
    drive(firm, find_proposal(firm, order.id), office.serve, "RECONCILED")
    assert [] == pages(firm)
