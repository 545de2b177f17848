"""Where an approval was given: whose device, for what, and how long it and the person's key have been known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from strongroom.core.checks.answering import TimedRoster, find_since
from strongroom.core.checks.device import check_against_trust
from strongroom.core.checks.prove import check_quorum_complete
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import MalformedError
from strongroom.core.ids import PartyId
from strongroom.core.roster import Roster
from strongroom.core.statements import parse_statement
from strongroom.core.trust import apply_update, enroll
from world import START, Edit, Trip, World, eth_trip, signer_of

from .refusals import Case, MakeTrip, by_sentence, change, change_party, drop_party, prove, refuse

DEVICE, PERSON = "device:approver-1", "person:m.chan"
COOL_OFF_S = 86400


def strange_key(party: str) -> Edit:
    """The first roster has another key under this name; the one that signs comes later, and so is new."""
    return change_party(party, key=signer_of(f"{party} before").key)


def after(party: str, *, wait_s: int) -> MakeTrip:
    """A trip that begins so long after the next roster gave a party the key that its signer has."""

    def make(world: World, edits: dict[str, Edit] | None = None) -> Trip:
        world.change_roster(change_party(party, key=signer_of(party).key))
        world.tick(wait_s)
        return eth_trip(world, edits=edits or {})

    return make


def given_away_and_back(world: World, edits: dict[str, Edit] | None = None) -> Trip:
    """A device that was in other hands for an hour."""
    world.change_roster(change_party(DEVICE, staff="staff-03"))
    world.tick(3600)
    world.change_roster(change_party(DEVICE, staff="staff-01"))
    return eth_trip(world, edits=edits or {})


CASES = (
    Case(
        says="an approver answers on a colleague's device",
        code=Code.DEVICE_NOT_THEIRS,
        stage=Stage.APPROVE,
        edits={"approve": change(device=PartyId("device:approver-3"))},
    ),
    Case(
        says="the approval device does office work as well",
        code=Code.DEVICE_FOR_OFFICE,
        stage=Stage.APPROVE,
        govern={"roster": change_party(DEVICE, roles=("approval-device", "office"))},
    ),
    Case(
        says="an approver answers on an office computer",
        code=Code.DEVICE_FOR_OFFICE,
        stage=Stage.APPROVE,
        govern={"roster": change_party(DEVICE, roles=("office",), staff="none")},
    ),
    Case(
        says="the device's key was replaced a moment ago",
        code=Code.CREDENTIAL_TOO_YOUNG,
        stage=Stage.APPROVE,
        govern={"roster": strange_key(DEVICE)},
        make=after(DEVICE, wait_s=0),
    ),
    Case(
        says="the approver's key was replaced an hour before the cool-off ends",
        code=Code.CREDENTIAL_TOO_YOUNG,
        stage=Stage.APPROVE,
        govern={"roster": strange_key(PERSON)},
        make=after(PERSON, wait_s=COOL_OFF_S - 3600),
    ),
    Case(
        says="the device was in other hands an hour ago",
        code=Code.CREDENTIAL_TOO_YOUNG,
        stage=Stage.APPROVE,
        make=given_away_and_back,
    ),
)


@by_sentence(CASES)
def test_an_answer_from_the_wrong_place_is_refused(case: Case) -> None:
    trip = case.trip()
    refuse(case.code, lambda: prove(trip, case.docket(trip.docket())))


@pytest.mark.parametrize("party", [DEVICE, PERSON])
def test_a_new_key_counts_after_its_cool_off(party: str) -> None:
    world = World(edits={"roster": strange_key(party)})
    trip = after(party, wait_s=COOL_OFF_S)(world).to(Stage.VERIFY)
    check_quorum_complete(prove(trip), world.now)


@pytest.mark.parametrize("what", ["the founding ceremony", "an unrelated change a moment ago"])
def test_who_was_there_from_the_first_roster_waits_for_nothing(what: str) -> None:
    world = World()
    if what != "the founding ceremony":
        world.change_roster(change_party("person:p.wu", name="P. Wu-Chan"))
    prove(eth_trip(world).to(Stage.APPROVE))


def test_a_rejection_is_taken_from_a_new_device_but_not_from_another_person_s() -> None:
    world = World(edits={"roster": strange_key("device:approver-2")})
    trip = after("device:approver-2", wait_s=0)(world).to(Stage.PROPOSE)
    trip.reject()
    refuse(Code.REJECTED, lambda: prove(trip))
    with pytest.raises(Exception, match="REJECTED") as caught:
        prove(trip)
    assert "CREDENTIAL_TOO_YOUNG" not in str(caught.value)
    strangers = eth_trip(World(), edits={"reject": change(device=PartyId(DEVICE))}).to(Stage.PROPOSE)
    strangers.reject()
    refuse(Code.DEVICE_NOT_THEIRS, lambda: prove(strangers))


def test_a_device_s_own_stricter_policy_lengthens_the_wait() -> None:
    world = World(edits={"roster": strange_key(DEVICE)})
    trip = after(DEVICE, wait_s=COOL_OFF_S)(world).to(Stage.VERIFY)
    proved = prove(trip)
    trust = apply_update(enroll(world.roots, world.fingerprint), world.update_body(), world.now)
    check_against_trust(proved, trust, world.now)
    world.change_policy(lambda p: replace(p, parameters=replace(p.parameters, device_cool_off_s=7 * COOL_OFF_S)))
    stricter = apply_update(enroll(world.roots, world.fingerprint), world.update_body(), world.now)
    refuse(Code.CREDENTIAL_TOO_YOUNG, lambda: check_against_trust(proved, stricter, world.now))


def test_a_docket_carries_the_checkpoint_that_dates_a_later_roster() -> None:
    """Without it a device that has waited long would seem as new as the docket's own first statement."""
    world = World()
    before = len(eth_trip(World()).to(Stage.APPROVE).docket().checkpoints)
    world.change_roster(change_party("person:p.wu", name="P. Wu-Chan"))
    changed = world.now
    world.tick(COOL_OFF_S)
    proved = prove(eth_trip(world).to(Stage.APPROVE))
    assert before + 1 == len(proved.docket.checkpoints)
    assert changed == proved.foundation.rosters[1].time


def roster_without_staff(roster: Roster) -> Roster:
    return change_party(DEVICE, staff="none")(roster)


@pytest.mark.parametrize("edit", [roster_without_staff, change_party("device:gate-1", staff="staff-06")])
def test_an_approval_device_names_its_holder_and_no_other_machine_does(edit: Callable[[Roster], Roster]) -> None:
    with pytest.raises(MalformedError, match="none for other machines"):
        World(edits={"roster": edit})
    World(edits={"roster": change_party(DEVICE, staff="staff-03")})


def test_the_wait_begins_with_the_roster_that_first_had_the_entry_as_it_is() -> None:
    first: Roster = parse_statement(World().rosters[0]).body
    without, changed = drop_party(DEVICE)(first), change_party(DEVICE, key=signer_of("another").key)(first)
    renamed = change_party(DEVICE, name="the blue one")(first)

    def since(*rosters: Roster) -> int | None:
        timed = [TimedRoster(roster=r, time=START + timedelta(days=i)) for i, r in enumerate(rosters)]
        found = find_since(timed, PartyId(DEVICE))
        return None if found is None else (found - START).days

    assert since(first) is None
    assert since(first, renamed, first) is None
    assert since(without, first) == 1
    assert since(changed, first, renamed) == 1
    assert since(first, without, first, renamed) == 2
    assert since(first, changed) == 1
