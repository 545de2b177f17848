"""Roots, rosters, policies, registers and freezes: who may say them, in which order, and what they may hold."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from strongroom.checker.reading.bodies import Quorum
from strongroom.checker.reading.envelopes import Context, Envelope, Environment
from strongroom.checker.reading.roots import RootChain, check_pinned, check_roots, parse_root_file
from strongroom.checker.reading.rosters import (
    Roster,
    check_current,
    check_overseers,
    check_party,
    check_quorum,
    check_rosters,
    parse_roster,
)
from strongroom.core.codes import Code
from strongroom.core.ids import PartyId
from strongroom.core.records import encode_record
from world import DELEGATES, HOLDERS, START, World, signer_of

from ..raw import codes_of, envelope_of, read

CONTEXT = Context(organization="test-custody", environment=Environment.DEVELOPMENT)
Edit = Callable[[dict[str, Any]], object]


def body_of(record: object) -> dict[str, Any]:
    return deepcopy(encode_record(record))


def root(edit: Edit = lambda _: None, signers: tuple[str, ...] = HOLDERS[:2], **header: object) -> Envelope:
    body = body_of(World().root_body())
    edit(body)
    header = {"issuer": HOLDERS[0], **header}
    return read(envelope_of("root", body, str(header.pop("issuer")), signers, **header), "roots[0]")


def second(
    first: Envelope, edit: Edit = lambda _: None, signers: tuple[str, ...] = HOLDERS[:2], **header: object
) -> Envelope:
    def follow(body: dict[str, Any]) -> None:
        body.update(version=2, previous=first.id)
        edit(body)

    return root(follow, signers, **header)


def share(body: dict[str, Any], left: str, right: str) -> None:
    body["delegations"][right]["keys"] = deepcopy(body["delegations"][left]["keys"])


def one_holder_may(body: dict[str, Any]) -> None:
    body["holders"]["threshold"] = 1


ROOTS: list[tuple[str, Callable[[], list[Envelope]], Code]] = [
    ("one holder signs", lambda: [root(signers=HOLDERS[:1])], Code.THRESHOLD_NOT_MET),
    ("a stranger signs, too", lambda: [root(signers=(*HOLDERS[:2], "person:m.chan"))], Code.SIGNER_UNKNOWN),
    ("a stranger issues it", lambda: [root(issuer="person:m.chan")], Code.SIGNER_UNKNOWN),
    (
        "a key stands twice",
        lambda: [root(lambda b: b["holders"]["keys"][1].update(key=b["holders"]["keys"][0]["key"]))],
        Code.KEY_SHARED,
    ),
    ("clients sit in the whitelist", lambda: [root(lambda b: share(b, "clients", "whitelist"))], Code.SEPARATION),
    ("the whitelist sits in the policy", lambda: [root(lambda b: share(b, "whitelist", "policy"))], Code.SEPARATION),
    ("a threshold of nobody", lambda: [root(lambda b: b["holders"].update(threshold=0))], Code.FIELD_INVALID),
    ("a threshold above all", lambda: [root(lambda b: b["holders"].update(threshold=4))], Code.FIELD_INVALID),
    (
        "one holder decides in production",
        lambda: [root(one_holder_may, environment="production")],
        Code.THRESHOLD_NOT_MET,
    ),
    ("another way of sealing", lambda: [root(lambda b: b["gate_seal"].update(suite="rot13"))], Code.FIELD_INVALID),
    (
        "a log that signs otherwise",
        lambda: [root(lambda b: b["log"].update(key=b["holders"]["keys"][0]["key"]))],
        Code.FIELD_INVALID,
    ),
    ("it begins at version 2", lambda: [root(lambda b: b.update(version=2))], Code.HEAD_ROLLBACK),
    ("the first follows something", lambda: [root(lambda b: b.update(previous=root().id))], Code.HEAD_MISMATCH),
    ("version 1 again", lambda: [root(), root()], Code.HEAD_ROLLBACK),
    (
        "it follows another",
        lambda: [root(), second(root(lambda b: b.update(expires="2030-01-01T00:00:00Z")))],
        Code.HEAD_MISMATCH,
    ),
    ("another firm's second root", lambda: [root(), second(root(), organization="other")], Code.WRONG_ORGANIZATION),
    (
        "the second of another environment",
        lambda: [root(), second(root(), environment="production")],
        Code.ENVIRONMENT_MISMATCH,
    ),
    (
        "only new holders sign the second",
        lambda: [root(), second(root(), new_holders, ("person:n.one", "person:n.two"), issuer="person:n.one")],
        Code.THRESHOLD_NOT_MET,
    ),
    ("only old holders sign the second", lambda: [root(), second(root(), new_holders)], Code.THRESHOLD_NOT_MET),
]


def new_holders(body: dict[str, Any]) -> None:
    names = ("person:n.one", "person:n.two")
    body["holders"]["keys"] = [{"id": n, "key": body_of(signer_of(n).key)} for n in names]


@pytest.mark.parametrize(("make", "code"), [r[1:] for r in ROOTS], ids=[r[0] for r in ROOTS])
def test_a_root_that_its_holders_do_not_stand_behind_is_refused(make: Callable[[], list[Envelope]], code: Code) -> None:
    check_roots([root()])
    both = (*HOLDERS[:2], "person:n.one", "person:n.two")
    assert 2 == len(check_roots([root(), second(root(), new_holders, both)]).roots)
    assert code in codes_of(lambda: check_roots(make()))


def test_a_production_root_needs_two_everywhere() -> None:
    assert 1 == len(check_roots([root(environment="production")]).roots)


def test_only_the_pinned_root_is_believed() -> None:
    world, other = (
        World(),
        World(edits={"root": lambda b: type(b)(**{**fields_of(b), "expires": START + timedelta(days=9)})}),
    )
    mine, theirs = parse_root_file(world.root_file), parse_root_file(other.root_file)
    check_pinned(mine, mine)
    assert {Code.ROOT_MISMATCH} == codes_of(lambda: check_pinned(theirs, mine))
    assert {Code.FIELD_INVALID} == codes_of(lambda: parse_root_file(b"[]"))


def fields_of(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def chain(*more: Envelope) -> RootChain:
    return check_roots([root(), *more])


def roster(
    edit: Edit = lambda _: None, signers: tuple[str, ...] = DELEGATES["roster"], issuer: str = "person:o.one"
) -> Envelope:
    body = body_of(World().roster_body())
    edit(body)
    return read(envelope_of("roster", body, issuer, signers), "rosters[0].envelope")


def party(body: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in body["parties"] if each["id"] == name)
    return found


def next_roster(edit: Edit = lambda _: None) -> Envelope:
    def follow(body: dict[str, Any]) -> None:
        body.update(version=2, previous=roster().id)
        edit(body)

    return roster(follow)


ROSTERS: list[tuple[str, Callable[[], list[Envelope]], Code]] = [
    ("one delegate signs", lambda: [roster(signers=("person:o.one",))], Code.THRESHOLD_NOT_MET),
    ("delegates of the policy sign", lambda: [roster(signers=DELEGATES["policy"])], Code.SIGNER_UNKNOWN),
    ("a root holder issues it", lambda: [roster(issuer=HOLDERS[0])], Code.SIGNER_UNKNOWN),
    (
        "two entries share a key",
        lambda: [roster(lambda b: party(b, "person:m.chan").update(key=party(b, "person:r.singh")["key"]))],
        Code.KEY_SHARED,
    ),
    (
        "one human approves and operates",
        lambda: [roster(lambda b: party(b, "person:c.lam").update(staff="staff-01"))],
        Code.SEPARATION,
    ),
    (
        "a device that approves",
        lambda: [roster(lambda b: party(b, "device:gate-1").update(roles=["approver"]))],
        Code.FIELD_INVALID,
    ),
    (
        "a role of no kind",
        lambda: [roster(lambda b: party(b, "device:gate-1").update(roles=["king"]))],
        Code.FIELD_INVALID,
    ),
    (
        "a person of no staff",
        lambda: [roster(lambda b: party(b, "person:c.lam").update(staff="none"))],
        Code.FIELD_INVALID,
    ),
    (
        "a machine of some staff",
        lambda: [roster(lambda b: party(b, "device:gate-1").update(staff="staff-01"))],
        Code.FIELD_INVALID,
    ),
    (
        "a client on the roster",
        lambda: [
            roster(lambda b: b["parties"].insert(0, {**party(b, "device:gate-1"), "id": "client:x", "roles": []}))
        ],
        Code.FIELD_INVALID,
    ),
    ("entries out of order", lambda: [roster(lambda b: b["parties"].reverse())], Code.FIELD_INVALID),
    (
        "a section that does not exist",
        lambda: [roster(lambda b: b["overseers"][0].update(section="VII"))],
        Code.FIELD_INVALID,
    ),
    ("it begins at version 2", lambda: [roster(lambda b: b.update(version=2))], Code.HEAD_ROLLBACK),
    ("version 1 again", lambda: [roster(), roster()], Code.HEAD_ROLLBACK),
    (
        "it follows another",
        lambda: [roster(), next_roster(lambda b: b.update(previous="sha256:" + "0" * 64))],
        Code.HEAD_MISMATCH,
    ),
    ("a root that is not there", lambda: [roster(lambda b: b.update(root_version=2))], Code.HEAD_ROLLBACK),
]


@pytest.mark.parametrize(("make", "code"), [r[1:] for r in ROSTERS], ids=[r[0] for r in ROSTERS])
def test_a_roster_that_its_delegates_do_not_stand_behind_is_refused(
    make: Callable[[], list[Envelope]], code: Code
) -> None:
    assert 2 == len(check_rosters([roster(), next_roster()], chain()))
    assert code in codes_of(lambda: check_rosters(make(), chain()))


def test_after_a_new_root_the_roster_is_signed_anew() -> None:
    longer = chain(second(root()))
    old = check_rosters([roster()], longer)
    new = check_rosters([roster(), next_roster(lambda b: b.update(root_version=2))], longer)
    check_current(new, longer)
    assert {Code.HEAD_ROLLBACK} == codes_of(lambda: check_current(old, longer))


def staff() -> Roster:
    return parse_roster(roster()).body


def test_a_party_counts_with_its_role_in_its_time_only() -> None:
    now, name = START, PartyId("person:m.chan")
    assert name == check_party(staff(), name, ("approver",), now, "x").id
    asked = [
        (Code.SIGNER_UNKNOWN, PartyId("person:nobody"), "approver", now),
        (Code.ROLE_MISSING, name, "operator", now),
        (Code.SIGNER_NOT_VALID, name, "approver", START + timedelta(days=61)),
        (Code.SIGNER_NOT_VALID, name, "approver", START - timedelta(days=2)),
        (Code.EXPIRED, name, "approver", START + timedelta(days=91)),
    ]
    for code, who, role, moment in asked:
        assert {code} == codes_of(lambda a=(who, (role,), moment): check_party(staff(), *a, "x"))  # type: ignore[misc]


def test_a_quorum_counts_humans_keys_and_groups() -> None:
    def with_twin(body: dict[str, Any]) -> None:
        party(body, "person:r.singh").update(staff="staff-01")

    def of_one_group(body: dict[str, Any]) -> None:
        party(body, "person:r.singh").update(group="operations")

    def pair(made: Envelope) -> list[Any]:
        found = parse_roster(made).body
        return [found.parties[PartyId("person:m.chan")], found.parties[PartyId("person:r.singh")]]

    quorum = Quorum(groups=2, people=2, role="approver")
    check_quorum(quorum, pair(roster()), "x")
    for other in (pair(roster(with_twin)), pair(roster(of_one_group)), pair(roster())[:1], [pair(roster())[0]] * 2):
        assert {Code.QUORUM_NOT_MET} == codes_of(lambda o=other: check_quorum(quorum, o, "x"))  # type: ignore[misc]


def test_every_section_needs_an_overseer() -> None:
    check_overseers(staff(), START, "x")
    fewer = parse_roster(roster(lambda b: b["overseers"].pop())).body
    assert {Code.OVERSEER_MISSING} == codes_of(lambda: check_overseers(fewer, START, "x"))
    assert {Code.OVERSEER_MISSING} == codes_of(lambda: check_overseers(staff(), START + timedelta(days=61), "x"))
