"""The second reading of notices: leases go in proved, with their places, and the next one replaces the last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strongroom.checker.console import Exit
from strongroom.checker.state.store import open_store
from strongroom.core.assemble import build_placed
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import PartyId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.records import DigestOrNone, HexBytes
from strongroom.core.registers import KeyState
from strongroom.core.roster import Roster
from world import DELEGATES, START, World, eth_trip

from ..station.stationhouse import Stationhouse, open_stationhouse
from .test_update import check_refused, news, refit

ONE = "device:terminal-8"
"""One that the world has not leased yet."""


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def in_force(device: Stationhouse) -> str:
    """The id of the terminal's lease, read from the disk again; `none` without one."""
    with open_store(device.home) as store:
        found = store.load_trust().find_lease(PartyId(ONE))
    return found.id if found else "none"


def test_a_lease_is_taken_kept_and_replaced(device: Stationhouse) -> None:
    world = device.world
    assert "none" == in_force(device)
    first = world.lease(world.build_lease(ONE))
    assert Exit.DONE == device.take(news(device)).code
    assert first.id == in_force(device)
    second = world.lease(world.build_lease(ONE))
    assert Exit.DONE == device.take(news(device)).code
    assert second.id == in_force(device)
    assert Exit.DONE == device.take(news(device)).code


def test_a_docket_brings_notices_too(device: Stationhouse) -> None:
    world = device.world
    lease = world.lease(world.build_lease(ONE))
    answer = device.ask(eth_trip(world).to(Stage.APPROVE))
    assert (Exit.DONE, lease.id) == (answer.code, in_force(device))


EDITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("the same number again", {"number": 1, "previous": DigestOrNone("none"), "journal": sha256(b"x")}),
    ("a number left out", {"number": 3}),
    ("another one before it", {"previous": DigestOrNone(sha256(b"x"))}),
    ("of another terminal", {"terminal": PartyId("device:terminal-9")}),
)


@pytest.mark.parametrize("fields", [e[1] for e in EDITS], ids=[e[0].replace(" ", "_") for e in EDITS])
def test_only_the_next_lease_replaces_one(device: Stationhouse, fields: dict[str, Any]) -> None:
    world = device.world
    first = world.lease(world.build_lease(ONE))
    world.lease(replace(world.build_lease(ONE), **fields))
    assert Exit.DONE == device.take(news(device)).code
    assert first.id == in_force(device)


def test_who_leases(device: Stationhouse) -> None:
    world, honest = device.world, DELEGATES["keys"]
    wrong = (
        (honest[:1], Code.THRESHOLD_NOT_MET),
        (DELEGATES["whitelist"], Code.SIGNER_UNKNOWN),
        ((*honest, "person:r.ho"), Code.SIGNER_UNKNOWN),
    )
    for who, code in wrong:
        envelope = world.sign(world.build_lease(ONE), who[0], who)
        world.log.append(envelope)
        world.log.witness(world.tick())
        check_refused(device, replace(news(device), notices=(refit(device, envelope),)), code)
    lease = world.lease(world.build_lease(ONE))
    assert Exit.DONE == device.take(news(device)).code
    assert lease.id == in_force(device)


def test_a_notice_is_of_a_known_kind_and_in_the_log(device: Stationhouse) -> None:
    world = device.world
    lease, freeze = world.lease(world.build_lease(ONE)), world.freeze()
    check_refused(device, replace(news(device), notices=(refit(device, freeze.envelope),)), Code.TYPE_MISMATCH)
    update = news(device)
    place = build_placed(world.log, lease.envelope, world.log.last_checkpoint().size)
    check_refused(device, replace(update, notices=(replace(place, index=place.index + 1),)), Code.NOT_IN_LOG)
    outside = replace(place, index=world.log.last_checkpoint().size)
    check_refused(device, replace(update, notices=(outside,)), Code.NOT_IN_LOG)
    bent = HexBytes(bytes(32))
    check_refused(device, replace(update, notices=(replace(place, proof=(*place.proof[:-1], bent)),)), Code.NOT_IN_LOG)
    assert Exit.DONE == device.take(news(device)).code


def test_the_first_lease_names_none_before_it(device: Stationhouse) -> None:
    """A body that core would not build: number 1 after another lease."""
    world = device.world
    body = world.build_lease(ONE)
    object.__setattr__(body, "previous", DigestOrNone(sha256(b"x")))
    envelope = world.sign(body, DELEGATES["keys"][0], DELEGATES["keys"])
    world.log.append(envelope)
    check_refused(device, replace(news(device), notices=(refit(device, envelope),)), Code.FIELD_INVALID)


def declare(world: World, state: KeyState, who: tuple[str, ...] = ("person:r.ho",)) -> None:
    """Officers say what every key is."""
    keys = tuple(e.id for e in world.registers["keys"].entries)
    world.notice(KeyStateChange(keys=keys, lifts=(), reason="found", state=state), who[0], who)


def test_one_officer_stops_every_key_and_does_not_end_the_firm(device: Stationhouse) -> None:
    declare(device.world, KeyState.COMPROMISED)
    assert Exit.DONE == device.take(news(device)).code
    declare(device.world, KeyState.DESTROYED)
    check_refused(device, news(device), Code.QUORUM_NOT_MET)
    device.world.notices.pop()
    declare(device.world, KeyState.DESTROYED, ("person:r.ho", "person:s.lee"))
    assert Exit.DONE == device.take(news(device)).code


def soon_over(roster: Roster) -> Roster:
    """An officer whose term ends after three days."""
    last = START + timedelta(days=3)
    parties = [replace(p, valid_until=last) if p.id == "person:r.ho" else p for p in roster.parties]
    return replace(roster, parties=tuple(parties))


def test_a_notice_outlives_its_officers_term(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Enrolled after an officer's last day, a station takes what was right when it was said."""
    world = World(edits={"roster": soon_over})
    declare(world, KeyState.SUSPENDED)
    world.tick(5 * 86400)
    device = open_stationhouse(world, tmp_path, capsys)
    with open_store(device.home) as store:
        assert world.notices[-1].id in {n.statement.id for n in store.load_trust().notices}


def test_a_notice_is_not_back_dated_beyond_its_roster(device: Stationhouse) -> None:
    """The roster in force no longer holds the officer's term, whatever day the officer names."""
    world, first = device.world, device.world.now

    def ended(roster: Roster) -> Roster:
        parties = [replace(p, valid_until=first) if p.id == "person:r.ho" else p for p in roster.parties]
        return replace(roster, parties=tuple(parties))

    world.tick(86400)
    world.change_roster(ended)
    roster = build_placed(world.log, world.rosters[-1], world.log.last_checkpoint().size)
    assert Exit.DONE == device.take(replace(news(device), rosters=(roster,))).code
    later, world.now = world.now, first
    keys = (world.registers["keys"].entries[0].id,)
    body = KeyStateChange(keys=keys, lifts=(), reason="x", state=KeyState.SUSPENDED)
    envelope = world.sign(body, "person:r.ho", ("person:r.ho",))
    world.now = later
    world.log.append(envelope)
    world.notices.append(envelope)
    check_refused(device, news(device), Code.SIGNER_NOT_VALID)
