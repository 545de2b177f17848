"""The order of a docket: who spoke when, after what, in which role, with which heads. Each row changes one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.checker.reading.refusals import DocketRefusedError
from strongroom.checker.reading.stages import Stage as Reached
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.bodies import Approval, ClearToSign, Head, Proposal, Rejection, TreeHead
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import Units
from strongroom.core.statements import Environment
from world import START, Edit, Trip, World, signer_of

from .crooked import crooked, prove, refused, with_party

NOTHING = Digest("sha256:" + "0" * 64)


def test_the_honest_trip_is_proved() -> None:
    assert Reached.SETTLE is prove(crooked(World()).to(Stage.SETTLE))


def edited(stage: Stage, edits: Mapping[str, Edit], govern: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    return crooked(World(edits=govern), edits=edits, **kwargs).to(stage)


def head(name: str, **changes: Any) -> Edit:
    def edit(body: Any) -> Any:
        known: Head = getattr(body.heads, name)
        return replace(body, heads=replace(body.heads, **{name: replace(known, **changes)}))

    return edit


EDITS: list[tuple[str, str, Code, Stage, dict[str, Edit], dict[str, Edit]]] = [
    (
        "an approval of another past",
        "APPROVE",
        Code.PREV_MISMATCH,
        Stage.APPROVE,
        {"approve": lambda b: replace(b, prev=NOTHING)},
        {},
    ),
    (
        "a settlement of another past",
        "SETTLE",
        Code.PREV_MISMATCH,
        Stage.SETTLE,
        {"settle": lambda b: replace(b, prev=NOTHING)},
        {},
    ),
    (
        "another policy than the docket's",
        "PROPOSE",
        Code.HEAD_MISMATCH,
        Stage.PROPOSE,
        {"propose": head("policy", version=2)},
        {},
    ),
    (
        "another whitelist than the docket's",
        "PROPOSE",
        Code.HEAD_MISMATCH,
        Stage.PROPOSE,
        {"propose": head("whitelist", digest=NOTHING)},
        {},
    ),
    (
        "a roster that is not there",
        "PROPOSE",
        Code.HEAD_MISMATCH,
        Stage.PROPOSE,
        {"propose": head("roster", version=2)},
        {},
    ),
    (
        "a root that is not there",
        "APPROVE",
        Code.HEAD_MISMATCH,
        Stage.APPROVE,
        {"approve": head("root", digest=NOTHING)},
        {},
    ),
    (
        "one version with two digests",
        "APPROVE",
        Code.HEAD_UNEQUAL,
        Stage.APPROVE,
        {"approve": head("keys", digest=NOTHING)},
        {},
    ),
    (
        "the log that was cleared is another",
        "CLEAR",
        Code.LOG_NOT_CONSISTENT,
        Stage.CLEAR,
        {"clear": lambda b: replace(b, checkpoint=TreeHead(root=NOTHING, size=b.checkpoint.size))},
        {},
    ),
    (
        "one operator",
        "SIGN",
        Code.OPERATORS_NOT_TWO,
        Stage.SIGN,
        {"sign": lambda b: replace(b, operators=b.operators[:1])},
        {},
    ),
    (
        "an operator twice, by two names",
        "SIGN",
        Code.OPERATORS_NOT_TWO,
        Stage.SIGN,
        {},
        {"roster": with_party("person:p.wu", staff="staff-04")},
    ),
    (
        "an approver operates",
        "SIGN",
        Code.ROLE_MISSING,
        Stage.SIGN,
        {"sign": lambda b: replace(b, operators=(PartyId("person:c.lam"), PartyId("person:m.chan")))},
        {},
    ),
    (
        "a record that names no key",
        "SIGN",
        Code.SIGNATURES_MISSING,
        Stage.SIGN,
        {"sign": lambda b: replace(b, keys=())},
        {},
    ),
    (
        "an entry of yesterday",
        "SIGN",
        Code.ENTRY_TOO_YOUNG,
        Stage.SIGN,
        {},
        {"whitelist": lambda es: tuple(replace(e, added_at=START - timedelta(hours=23)) for e in es)},
    ),
    (
        "the builder's time is over",
        "PROPOSE",
        Code.SIGNER_NOT_VALID,
        Stage.PROPOSE,
        {},
        {"roster": with_party("service:builder", valid_until=START)},
    ),
    (
        "the platform's time has not come",
        "DECIDE",
        Code.SIGNER_NOT_VALID,
        Stage.DECIDE,
        {},
        {"roster": with_party("service:platform", valid_from=START + timedelta(days=1))},
    ),
    (
        "the roster has run out",
        "DECIDE",
        Code.EXPIRED,
        Stage.DECIDE,
        {},
        {"roster": lambda b: replace(b, expires=START)},
    ),
    ("the root has run out", "PROPOSE", Code.EXPIRED, Stage.PROPOSE, {}, {"root": lambda b: replace(b, expires=START)}),
    (
        "the witness's time is over",
        "TRUST",
        Code.SIGNER_NOT_VALID,
        Stage.INSTRUCT,
        {},
        {"roster": with_party("service:watcher", valid_until=START)},
    ),
]


@pytest.mark.parametrize(
    ("place", "code", "stage", "edits", "govern"), [r[1:] for r in EDITS], ids=[r[0].replace(" ", "_") for r in EDITS]
)
def test_one_wrong_thing_is_refused_where_it_stands(
    place: str, code: Code, stage: Stage, edits: dict[str, Edit], govern: dict[str, Edit]
) -> None:
    error = refused(edited(stage, edits, govern), place, code)
    before = Reached[place] - 1
    assert (Reached(before) if before >= Reached.INSTRUCT else None) == error.furthest


def test_a_head_never_falls_along_a_docket() -> None:
    world = World()
    before = world.current_heads().whitelist
    world.change_register("whitelist", removed=("entry:peak-eth",))
    old = crooked(world, edits={"approve": lambda b: replace(b, heads=replace(b.heads, whitelist=before))})
    refused(old.to(Stage.APPROVE), "APPROVE", Code.HEAD_ROLLBACK)
    assert Reached.APPROVE is prove(crooked(world, nonce=8, sequence=2).to(Stage.APPROVE))


def test_one_rejection_ends_it() -> None:
    trip = crooked(World()).to(Stage.PROPOSE)
    trip.approve()
    approval: Approval = trip.of(Approval)[0].body
    fields = {name: getattr(approval, name) for name in Rejection.__dataclass_fields__ if name != "reason"}
    trip.say(Rejection(**fields, reason="not expected"), "person:a.wong")
    refused(trip, "APPROVE", Code.REJECTED)


def test_who_instructs_does_not_approve() -> None:
    lend = with_party("person:r.singh", key=signer_of("client:harbour").key)
    trip = crooked(World(edits={"roster": lend}), approvers=("person:m.chan",)).to(Stage.APPROVE)
    approval = trip.of(Approval)[0].body
    trip.say(approval, "person:r.singh", ("client:harbour",))
    refused(trip, "APPROVE", Code.SELF_APPROVAL)


def test_nobody_who_approved_operates_later() -> None:
    moved = with_party("person:m.chan", roles=("operator",))
    operators = (PartyId("person:c.lam"), PartyId("person:m.chan"))
    trip = crooked(World(), edits={"sign": lambda b: replace(b, operators=operators)}).to(Stage.APPROVE)
    trip.world.change_roster(moved)
    refused(trip.to(Stage.SIGN), "SIGN", Code.SEPARATION)


@pytest.mark.parametrize("approvers", [("person:m.chan",), ("person:m.chan", "person:m.chan")])
def test_too_few_people_are_no_quorum(approvers: tuple[str, ...]) -> None:
    refused(crooked(World(), approvers=approvers).to(Stage.VERIFY), "APPROVE", Code.QUORUM_NOT_MET)
    assert Reached.VERIFY is prove(crooked(World(), approvers=("person:a.wong", "person:r.singh")).to(Stage.VERIFY))


def test_a_stale_approval_is_no_approval_before_signing_either() -> None:
    trip = crooked(World()).to(Stage.APPROVE)
    assert Reached.APPROVE is prove(trip)
    trip.world.now += timedelta(hours=7)
    refused(trip, "APPROVE", Code.STALE_APPROVAL, Code.QUORUM_NOT_MET)


def test_a_clear_needs_two_keys() -> None:
    alone = crooked(World(), signers={ClearToSign: ("service:reconciler",)}).to(Stage.CLEAR)
    refused(alone, "CLEAR", Code.SIGNATURES_MISSING)
    without = crooked(World(), signers={ClearToSign: ("service:watcher",)}).to(Stage.CLEAR)
    refused(without, "CLEAR", Code.SIGNATURES_MISSING)
    stranger = crooked(World(), signers={ClearToSign: ("service:reconciler", "service:platform")}).to(Stage.CLEAR)
    refused(stranger, "CLEAR", Code.SIGNER_UNKNOWN)


def test_a_record_is_not_older_than_its_clear() -> None:
    refused(crooked(World(), back=timedelta(minutes=30)).to(Stage.SIGN), "SIGN", Code.CLOCK_BEHIND)
    assert Reached.SIGN is prove(crooked(World(), back=timedelta(0)).to(Stage.SIGN))


def test_a_statement_of_another_firm_or_of_production_is_refused() -> None:
    for name, value, code in (
        ("organization", "other", Code.WRONG_ORGANIZATION),
        ("environment", Environment.PRODUCTION, Code.ENVIRONMENT_MISMATCH),
    ):
        trip = crooked(World())
        honest = trip.world.context
        trip.world.context = replace(honest, **{name: value})
        trip.instruct()
        trip.world.context = honest
        refused(trip, "INSTRUCT", code)


def test_another_firms_root_proves_nothing() -> None:
    trip, other = (
        crooked(World()).to(Stage.INSTRUCT),
        World(edits={"root": lambda b: replace(b, expires=START + timedelta(days=9))}),
    )
    with pytest.raises(DocketRefusedError) as caught:
        prove_docket(trip.docket_bytes(), other.root_file)
    assert ("TRUST", {Code.ROOT_MISMATCH}) == (caught.value.stage.name, caught.value.codes)


def test_what_was_said_too_early_is_refused() -> None:
    honest = crooked(World()).to(Stage.APPROVE)
    trip = crooked(World()).to(Stage.PROPOSE)
    trip.verify()
    for approval in honest.of(Approval):
        trip.say(approval.body, approval.issuer)
    refused(trip, "VERIFY", Code.DOCKET_ORDER, Code.PREV_MISMATCH)


def test_the_proposal_is_one_and_names_itself() -> None:
    trip = crooked(World()).to(Stage.PROPOSE)
    trip.say(replace(trip.of(Proposal)[0].body, fee=Units(1)), "service:builder")
    refused(trip, "BYTES", Code.DOCKET_ORDER)
