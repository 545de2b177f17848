"""The station says yes to what it can prove with its own copies, and halts with every reason otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies import OFFICER_FIRM, WITH_OFFICER, give_roles
from strongroom.chains.ethereum import addresses as eth
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.checker.console import Exit
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.assemble import build_placed
from strongroom.core.bodies import Head, Verification
from strongroom.core.checks.prove import prove_docket as prove_with_core
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, docket_order
from strongroom.core.packages import DocketBody, PackageKind
from strongroom.core.policy import Policy
from strongroom.core.statements import parse_statement
from world import (
    START,
    Trip,
    World,
    eth_trip,
    ltc_trip,
    mixed_trip,
    one_key_trip,
    sorted_by_id,
    usd_trip,
    whitelist_entries,
)

from .stationhouse import STATION, Stationhouse, open_stationhouse

OTHER_TO = eth.parse_address("0x71C7656EC7ab88b098defB751B7401B5f6d8976F")


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def check_halted(station: Stationhouse, trip: Trip, code: Code, stage: str | None = None) -> None:
    """Refused with this code; the halt says so and is signed by the station."""
    answer = station.ask(trip)
    assert (Exit.REFUSED, "HALTED") == (answer.code, answer.json["outcome"])
    assert code in answer.codes
    assert code.value in {each.code for each in answer.halt.refusals}
    assert STATION == answer.statement.issuer
    assert trip.proposal.id == answer.halt.proposal
    assert stage in {None, answer.halt.stage}


@pytest.mark.parametrize("make_trip", [eth_trip, usd_trip, ltc_trip, one_key_trip, mixed_trip])
def test_a_docket_that_holds_is_verified(station: Stationhouse, make_trip: Callable[[World], Trip]) -> None:
    trip = make_trip(station.world).to(Stage.APPROVE)
    answer = station.ask(trip)
    assert (Exit.DONE, "VERIFIED") == (answer.code, answer.json["outcome"])
    said = answer.statement
    assert isinstance(said.body, Verification)
    assert trip.facts().digest == said.body.reading_digest == answer.json["reading_digest"]
    station.world.record(said.envelope)
    trip.statements = sorted([*trip.statements, said], key=docket_order)
    trip.to(Stage.SETTLE)
    assert "SETTLE" == prove_docket(trip.docket_bytes(), station.world.root_file).furthest.name
    assert Stage.SETTLE is prove_with_core(trip.docket(), station.world.roots).journey.furthest


def test_the_same_package_gets_the_same_answer(station: Stationhouse) -> None:
    path = station.put(PackageKind.VERIFICATION, station.body(eth_trip(station.world).to(Stage.APPROVE)))
    first, again = station.ask_file(path), station.ask_file(path)
    assert (Exit.DONE, first.raw) == (again.code, again.raw)
    halted = eth_trip(station.world, edits={"approve": lambda b: replace(b, display_digest="sha256:" + "0" * 64)})
    path = station.put(PackageKind.VERIFICATION, station.body(halted.to(Stage.APPROVE)))
    first, again = station.ask_file(path), station.ask_file(path)
    assert (Exit.REFUSED, first.raw) == (again.code, again.raw)


def test_every_reason_is_told_with_its_stage(station: Stationhouse) -> None:
    trip = eth_trip(station.world, edits={"approve": lambda b: replace(b, renderer="other", language="xx")})
    trip.to(Stage.APPROVE)
    check_halted(station, trip, Code.DISPLAY_MISMATCH, "APPROVE")


def test_a_docket_is_verified_at_its_place_in_the_journey(station: Stationhouse) -> None:
    check_halted(station, eth_trip(station.world).to(Stage.PROPOSE), Code.STAGE_MISSING)
    check_halted(station, eth_trip(station.world, sequence=2).to(Stage.VERIFY), Code.STAGE_MISSING)


def test_nothing_is_verified_after_its_time(station: Stationhouse) -> None:
    trip = eth_trip(station.world, edits={"approve": lambda b: replace(b, until=b.until + timedelta(days=1))})
    trip.to(Stage.APPROVE)
    station.world.now += timedelta(hours=9)
    check_halted(station, trip, Code.INSTRUCTION_EXPIRED, "VERIFY")


def test_a_stale_approval_is_not_verified(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    station.world.now += timedelta(hours=7)
    check_halted(station, trip, Code.STALE_APPROVAL, "APPROVE")


def test_an_expired_roster_of_its_own_stops_the_station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def soon(roster: object) -> object:
        return replace(roster, expires=START + timedelta(hours=1))  # type: ignore[type-var]

    station = open_stationhouse(World(edits={"roster": soon}), tmp_path, capsys)
    trip = eth_trip(station.world).to(Stage.APPROVE)
    station.world.now += timedelta(hours=2)
    check_halted(station, trip, Code.EXPIRED)


def test_a_freeze_latches_until_officers_lift_it(station: Stationhouse) -> None:
    world = station.world
    freeze = world.freeze()
    trip = eth_trip(world).to(Stage.APPROVE)
    size = world.log.last_checkpoint().size
    answer = station.ask(trip, freezes=(build_placed(world.log, freeze.envelope, size),))
    assert {Code.FROZEN} <= answer.codes
    # It stands although the next package does not mention it.
    check_halted(station, eth_trip(world, sequence=2).to(Stage.APPROVE), Code.FROZEN)
    lift = world.lift(freeze.id)
    later = eth_trip(world, sequence=3).to(Stage.APPROVE)
    size = world.log.last_checkpoint().size
    assert Exit.DONE == station.ask(later, lifts=(build_placed(world.log, lift.envelope, size),)).code


def test_one_officer_lifts_nothing(station: Stationhouse) -> None:
    world = station.world
    freeze = world.freeze()
    size = world.log.last_checkpoint().size
    station.ask(
        eth_trip(world).to(Stage.APPROVE),
        freezes=(build_placed(world.log, freeze.envelope, world.log.last_checkpoint().size),),
    )
    lift = world.lift(freeze.id, ("person:r.ho",))
    trip = eth_trip(world, sequence=2).to(Stage.APPROVE)
    size = world.log.last_checkpoint().size
    answer = station.ask(trip, lifts=(build_placed(world.log, lift.envelope, size),))
    assert (Exit.REFUSED, {Code.QUORUM_NOT_MET}) == (answer.code, answer.codes)
    check_halted(station, trip, Code.FROZEN)


def test_the_station_fed_later_than_the_docket_says_so(station: Stationhouse) -> None:
    """It believes less than the docket: it takes its updates first."""
    world = station.world
    world.change_register("whitelist", removed=("entry:peak-eth",))
    trip = eth_trip(world).to(Stage.APPROVE)
    check_halted(station, trip, Code.HEAD_ROLLBACK, "VERIFY")
    assert (
        Exit.DONE == station.take(world.register_update("whitelist", (), ("entry:peak-eth",), station.last_seen)).code
    )
    assert Exit.DONE == station.ask(trip).code


@pytest.mark.parametrize("removed", ["entry:harbour-eth", "entry:peak-eth"])
def test_a_destination_that_was_taken_off_since_is_not_paid(station: Stationhouse, removed: str) -> None:
    world = station.world
    trip = eth_trip(world).to(Stage.APPROVE)
    before, heads = world.registers["whitelist"], dict(world.heads)
    world.change_register("whitelist", removed=(removed,))
    assert Exit.DONE == station.take(world.register_update("whitelist", (), (removed,), station.last_seen)).code
    world.registers["whitelist"], world.heads = before, heads
    if removed == "entry:harbour-eth":
        check_halted(station, trip, Code.DEST_NOT_WHITELISTED, "VERIFY")
    else:
        assert Exit.DONE == station.ask(trip).code


def test_a_key_that_was_suspended_since_does_not_sign(station: Stationhouse) -> None:
    world = station.world
    trip = eth_trip(world).to(Stage.APPROVE)
    before, heads = world.registers["keys"], dict(world.heads)
    suspended = replace(before.find("key:eth-1", "x"), state="suspended")
    world.change_register("keys", added=(suspended,))
    assert Exit.DONE == station.take(world.register_update("keys", (suspended,), (), station.last_seen)).code
    world.registers["keys"], world.heads = before, heads
    check_halted(station, trip, Code.NOT_IN_REGISTER, "VERIFY")


def test_a_destination_counts_from_when_the_station_first_held_it(station: Stationhouse) -> None:
    world = station.world
    entry = replace(whitelist_entries("client:harbour")[0], owner="Harbour Fund II")
    world.change_register("whitelist", added=(entry,))
    assert Exit.DONE == station.take(world.register_update("whitelist", (entry,), (), station.last_seen)).code
    check_halted(station, eth_trip(world).to(Stage.APPROVE), Code.ENTRY_TOO_YOUNG, "VERIFY")
    world.now += timedelta(days=1)
    world.log.witness(world.tick())
    assert Exit.DONE == station.ask(eth_trip(world, sequence=2).to(Stage.APPROVE)).code


def test_the_stations_own_policy_counts_as_well(station: Stationhouse) -> None:
    world = station.world
    trip = eth_trip(world).to(Stage.APPROVE)
    before = world.policy

    def tighten(policy: Policy) -> Policy:
        return replace(policy, rules=tuple(replace(rule, max_amount=1) for rule in policy.rules))  # type: ignore[arg-type]

    world.change_policy(tighten)
    update = world.register_update("whitelist", (), (), station.last_seen)
    size = world.log.last_checkpoint().size
    policies = (build_placed(world.log, world.policy, size),)
    assert Exit.DONE == station.take(replace(update, registers=(), policies=policies)).code
    world.policy = before
    check_halted(station, trip, Code.LIMIT_TRANSACTION, "VERIFY")


def test_a_docket_cannot_leave_out_the_roster_that_revoked_somebody(station: Stationhouse) -> None:
    """Judged by the docket's rosters alone it would hold; the station knows one more."""
    world = station.world
    trip = eth_trip(world).to(Stage.PROPOSE)
    world.change_roster(lambda r: replace(r, parties=tuple(p for p in r.parties if p.id != "person:m.chan")))
    newest = world.rosters.pop()
    size = world.log.last_checkpoint().size
    update = world.register_update("whitelist", (), (), station.last_seen)
    rosters = (build_placed(world.log, newest, size),)
    assert Exit.DONE == station.take(replace(update, registers=(), rosters=rosters)).code
    trip.to(Stage.APPROVE)
    assert "APPROVE" == prove_docket(trip.docket_bytes(), world.root_file, now=world.now).furthest.name
    check_halted(station, trip, Code.SIGNER_UNKNOWN, "APPROVE")


@pytest.mark.parametrize(
    ("person", "changes", "code"),
    [
        ("person:m.chan", None, Code.SIGNER_UNKNOWN),
        ("person:m.chan", {"roles": ("officer",)}, Code.ROLE_MISSING),
        ("person:m.chan", {"valid_until": START}, Code.SIGNER_NOT_VALID),
        ("person:a.wong", None, None),
    ],
)
def test_an_approver_who_was_struck_off_since_no_longer_counts(
    station: Stationhouse, person: str, changes: dict[str, Any] | None, code: Code | None
) -> None:
    """The approval stands below the roster that strikes its signer off; A. Wong did not approve, so nothing changes."""
    world = station.world
    trip = eth_trip(world).to(Stage.APPROVE)

    def strike(roster: Any) -> Any:
        others = tuple(p for p in roster.parties if p.id != person)
        changed = tuple(replace(p, **changes or {}) for p in roster.parties if p.id == person)
        return replace(roster, parties=sorted_by_id([*others, *(changed if changes else ())]))

    world.change_roster(strike)
    rosters = (build_placed(world.log, world.rosters[-1], world.log.last_checkpoint().size),)
    update = world.register_update("whitelist", (), (), station.last_seen)
    assert Exit.DONE == station.take(replace(update, registers=(), rosters=rosters)).code
    assert "APPROVE" == prove_docket(trip.docket_bytes(), world.root_file, now=world.now).furthest.name
    if code is None:
        assert Exit.DONE == station.ask(trip).code
    else:
        check_halted(station, trip, code, "VERIFY")


def test_an_officer_who_is_none_now_fills_no_seat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = open_stationhouse(World(edits=OFFICER_FIRM), tmp_path, capsys)
    world = station.world
    assert Exit.DONE == station.ask(eth_trip(world, approvers=WITH_OFFICER).to(Stage.APPROVE)).code
    trip = eth_trip(world, sequence=2, nonce=8, approvers=WITH_OFFICER).to(Stage.APPROVE)
    world.change_roster(give_roles("person:a.wong", "approver"))
    rosters = (build_placed(world.log, world.rosters[-1], world.log.last_checkpoint().size),)
    update = world.register_update("whitelist", (), (), station.last_seen)
    assert Exit.DONE == station.take(replace(update, registers=(), rosters=rosters)).code
    assert "APPROVE" == prove_docket(trip.docket_bytes(), world.root_file, now=world.now).furthest.name
    check_halted(station, trip, Code.QUORUM_NOT_MET, "VERIFY")


def test_a_destination_that_the_platform_swapped_halts(station: Stationhouse) -> None:
    swap = {"unsigned": lambda raw: encode_unsigned(replace(parse_unsigned(raw), to=OTHER_TO))}
    trip = eth_trip(station.world, edits=swap).to(Stage.APPROVE)
    check_halted(station, trip, Code.DEST_NOT_INSTRUCTED, "PROPOSE")


def test_a_package_ends_where_its_docket_ends(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    docket = trip.docket()
    station.world.log.witness(station.world.tick())
    later: DocketBody = replace(station.body(trip), docket=docket)
    answer = station.ask_file(station.put(PackageKind.VERIFICATION, later))
    assert (Exit.REFUSED, {Code.LOG_NOT_CONSISTENT}) == (answer.code, answer.codes)
    assert Exit.DONE == station.ask(trip).code


def test_heads_of_the_verification_are_the_stations_own(station: Stationhouse) -> None:
    world = station.world
    said = station.ask(eth_trip(world).to(Stage.APPROVE)).statement.body
    policy = parse_statement(world.policy)
    assert Head(version=policy.body.version, digest=policy.id) == said.heads.policy
