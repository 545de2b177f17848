"""Notices are taken in as devices will judge them, go into every package, and count for nothing without signatures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from firm import Firm
from releases import build_release, build_start, doctored
from strongroom.core.canonical import sha256
from strongroom.core.checks.notices import find_lease
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import PartyId
from strongroom.core.leases import Lease
from strongroom.core.packages import UpdateBody, parse_package
from strongroom.core.records import DigestOrNone
from strongroom.core.releases import Program, ReleaseManifest
from strongroom.core.statements import Statement
from strongroom.online.cli import main
from strongroom.online.evidence.store import append
from strongroom.online.governance.notices import accept_notice, load_notices
from world import DELEGATES

ONE = "device:terminal-1"


def lease(firm: Firm, body: Lease | None = None, who: tuple[str, ...] = DELEGATES["keys"]) -> Statement[Lease]:
    """Sign the next lease of the terminal, and hand it in."""
    firm.world.now = firm.clock()
    return accept_notice(firm.admin, firm.world.sign(body or next_lease(firm), who[0], who), firm.clock())


def next_lease(firm: Firm) -> Lease:
    """What the delegates would sign now."""
    last = in_force(firm)
    body = firm.world.build_lease(ONE)
    return replace(body, number=last.body.number + 1, previous=DigestOrNone(last.id)) if last else body


def in_force(firm: Firm) -> Statement[Lease] | None:
    """The terminal's lease, as the log says."""
    rules = firm.rules
    found = find_lease(load_notices(firm.admin, rules), PartyId(ONE), rules.root, rules.context)
    return found.statement if found else None


def test_leases_follow_one_another(office_firm: Firm) -> None:
    before = in_force(office_firm)
    first = lease(office_firm)
    assert first == in_force(office_firm) != before
    second = lease(office_firm)
    assert (second, first.body.number + 1, first.id) == (
        in_force(office_firm),
        second.body.number,
        second.body.previous,
    )


WRONG: tuple[tuple[str, Callable[[Lease], Lease], tuple[str, ...], Code], ...] = (
    ("one signature", lambda b: b, DELEGATES["keys"][:1], Code.THRESHOLD_NOT_MET),
    ("other delegates", lambda b: b, DELEGATES["whitelist"], Code.SIGNER_UNKNOWN),
    ("a number left out", lambda b: replace(b, number=b.number + 1), DELEGATES["keys"], Code.HEAD_ROLLBACK),
    ("a lower number", lambda b: replace(b, number=1, previous=DigestOrNone("none")), DELEGATES["keys"],
     Code.HEAD_ROLLBACK),
    ("another before it", lambda b: replace(b, previous=DigestOrNone(sha256(b"x"))), DELEGATES["keys"],
     Code.HEAD_MISMATCH),
    ("a terminal of nobody", lambda b: replace(b, terminal=PartyId("device:terminal-9")), DELEGATES["keys"],
     Code.SIGNER_UNKNOWN),
    ("a gate", lambda b: replace(b, terminal=PartyId("device:gate-1")), DELEGATES["keys"], Code.ROLE_MISSING),
)  # fmt: skip


@pytest.mark.parametrize(("edit", "who", "code"), [r[1:] for r in WRONG], ids=[r[0].replace(" ", "_") for r in WRONG])
def test_what_is_not_taken_in(
    office_firm: Firm, edit: Callable[[Lease], Lease], who: tuple[str, ...], code: Code
) -> None:
    first = lease(office_firm)
    with pytest.raises(StrongroomError) as caught:
        lease(office_firm, edit(next_lease(office_firm)), who)
    assert code in caught.value.codes
    assert first == in_force(office_firm)
    assert lease(office_firm) == in_force(office_firm)


def test_what_was_put_into_the_log_without_its_signatures_counts_for_nothing(office_firm: Firm) -> None:
    """Whoever can write to the log leases himself a terminal."""
    firm, first = office_firm, lease(office_firm)
    body = replace(next_lease(firm), journal=sha256(b"the thief's"))
    append(firm.admin, firm.world.sign(body, "service:platform", ("service:platform",)))
    assert first == in_force(firm)
    assert lease(firm) == in_force(firm)


def test_every_device_gets_every_notice(office_firm: Firm) -> None:
    firm = office_firm
    statement = lease(firm)
    firm.work()
    firm.witness()
    firm.work()
    found = {
        device: parse_package(bytes(raw)).body
        for device, raw in firm.query("select device, raw from custody.packages_out order by sequence")
    }
    assert {r[0] for r in firm.query("select id from custody.devices")} == found.keys()
    for body in found.values():
        assert isinstance(body, UpdateBody)
        assert statement.envelope in [n.envelope for n in body.notices]


def test_the_program_takes_a_lease_in(office_firm: Firm, capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    firm = office_firm
    firm.world.now = firm.clock()
    envelope = firm.world.sign(next_lease(firm), DELEGATES["keys"][0], DELEGATES["keys"])
    path = tmp_path / "lease.json"
    path.write_bytes(envelope.encode())
    assert 0 == main(["publish", "--config", str(firm.config("work")), str(path)])
    assert {"published": envelope.id, "type": "lease"} == json.loads(capsys.readouterr().out)
    found = in_force(firm)
    assert found is not None
    assert envelope.id == found.id


def test_a_release_manifest_is_taken_in_only_as_the_next_version(office_firm: Firm) -> None:
    firm, people = office_firm, DELEGATES["keys"]

    def hand_in(body: ReleaseManifest, who: tuple[str, ...] = people) -> Statement[Any]:
        firm.world.now = firm.clock()
        return accept_notice(firm.admin, firm.world.sign(body, who[0], who), firm.clock())

    first = hand_in(build_release(build_start(), Program.TERMINAL))
    for version, previous, who, code in (
        (1, "none", people, Code.HEAD_ROLLBACK),
        (3, first.id, people, Code.HEAD_ROLLBACK),
        (2, sha256(b"another"), people, Code.HEAD_MISMATCH),
        (2, first.id, people[:1], Code.THRESHOLD_NOT_MET),
    ):
        with pytest.raises(StrongroomError) as caught:
            hand_in(build_release(doctored(), Program.TERMINAL, version, previous), who)
        assert {code} == caught.value.codes, (version, previous)
    second = hand_in(build_release(doctored(), Program.TERMINAL, 2, first.id))
    known = [n.id for n in load_notices(firm.admin, firm.rules) if isinstance(n.body, ReleaseManifest)]
    assert [first.id, second.id] == known
