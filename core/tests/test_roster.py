"""Root and roster: delegations, roles, separation, quorums of distinct people AND distinct keys, overseers.

Chains of roots and rosters are in test_checks_foundation.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import PartyId
from strongroom.core.records import HexBytes
from strongroom.core.roster import (
    SECTIONS,
    Delegation,
    GateSeal,
    Holder,
    Party,
    check_overseers,
    check_party,
    check_quorum,
)
from world import DELEGATES, START, World, p256_signer

from .refusals import change_party, refuse


def party(name: str, staff: str, group: str = "one", key: str = "", role: str = "approver") -> Party:
    """An entry, with a key of its own unless another's is named."""
    return Party(
        group=group,
        id=PartyId(f"person:{name}"),
        key=p256_signer(key or name).key,
        name=name,
        roles=(role,),
        staff=staff,
        valid_from=START,
        valid_until=START + timedelta(days=1),
    )


A, B, C = party("a", "staff-1"), party("b", "staff-2"), party("c", "staff-3", group="two")
A_AGAIN = party("a2", "staff-1", group="two")
KEY_OF_A = party("d", "staff-4", group="two", key="a")
OFFICER = party("o", "staff-5", group="two", role="officer")

QUORUMS = (
    ("one of one", (1, 1), (A,), None),
    ("two people", (2, 1), (A, B), None),
    ("two people of two groups", (2, 2), (A, C), None),
    ("three of two groups", (3, 2), (A, B, C), None),
    ("nobody", (1, 1), (), Code.QUORUM_NOT_MET),
    ("one of two", (2, 1), (A,), Code.QUORUM_NOT_MET),
    ("one entry twice", (2, 1), (A, A), Code.QUORUM_NOT_MET),
    ("one person with two entries", (2, 1), (A, A_AGAIN), Code.QUORUM_NOT_MET),
    ("two people with one key", (2, 1), (A, KEY_OF_A), Code.QUORUM_NOT_MET),
    ("two people of one group", (2, 2), (A, B), Code.QUORUM_NOT_MET),
    ("somebody of another role", (2, 2), (A, OFFICER), Code.QUORUM_NOT_MET),
    ("two people and a second name", (3, 2), (A, C, A_AGAIN), Code.QUORUM_NOT_MET),
)


@pytest.mark.parametrize(
    ("needed", "who", "code"), [r[1:] for r in QUORUMS], ids=[r[0].replace(" ", "_") for r in QUORUMS]
)
def test_quorums_count_people_and_keys(needed: tuple[int, int], who: tuple[Party, ...], code: Code | None) -> None:
    quorum = Quorum(role="approver", people=needed[0], groups=needed[1])
    if code:
        refuse(code, lambda: check_quorum(quorum, who, "approvals"))
    else:
        check_quorum(quorum, who, "approvals")


def test_a_quorum_is_of_somebody() -> None:
    assert Quorum(role="approver", people=1, groups=1)
    for people, groups in ((0, 0), (0, 1), (1, 0), (1, 2)):
        refuse(
            Code.FIELD_INVALID,
            lambda people=people, groups=groups: Quorum(role="approver", people=people, groups=groups),
        )


ENTRIES: tuple[tuple[str, dict[str, Any], Code | None], ...] = (
    ("as it is", {}, None),
    ("no role", {"roles": ()}, None),
    ("a role that nobody knows", {"roles": ("chief",)}, Code.FIELD_INVALID),
    ("a machine's role", {"roles": ("terminal",)}, Code.FIELD_INVALID),
    ("roles out of order", {"roles": ("overseer", "officer")}, Code.FIELD_INVALID),
    ("a role twice", {"roles": ("officer", "officer")}, Code.FIELD_INVALID),
    ("no staff number", {"staff": "none"}, Code.FIELD_INVALID),
    ("a machine with a staff number", {"id": PartyId("device:a"), "roles": ("terminal",)}, Code.FIELD_INVALID),
    ("a client", {"id": PartyId("client:a"), "staff": "none"}, Code.FIELD_INVALID),
)


@pytest.mark.parametrize(("fields", "code"), [r[1:] for r in ENTRIES], ids=[r[0].replace(" ", "_") for r in ENTRIES])
def test_an_entry_fits_its_kind(fields: dict[str, Any], code: Code | None) -> None:
    if code:
        refuse(code, lambda: replace(A, **fields))
    else:
        assert replace(A, **fields)


def test_everybody_stands_once_with_an_own_key() -> None:
    roster = World().roster_body()
    twins = (A, KEY_OF_A)
    assert replace(roster, overseers=(), parties=(A, B))
    refuse(Code.KEY_SHARED, lambda: replace(roster, overseers=(), parties=twins))
    refuse(Code.FIELD_INVALID, lambda: replace(roster, overseers=(), parties=(B, A)))
    refuse(Code.FIELD_INVALID, lambda: replace(roster, overseers=(), parties=(A, A)))
    refuse(Code.FIELD_INVALID, lambda: replace(roster, overseers=roster.overseers[::-1]))


def test_nobody_both_approves_and_operates() -> None:
    roster = World().roster_body()
    operator = party("z", "staff-9", role="operator")
    assert replace(roster, overseers=(), parties=(A, operator))
    refuse(Code.SEPARATION, lambda: replace(roster, overseers=(), parties=(A, replace(operator, staff="staff-1"))))
    refuse(
        Code.SEPARATION, lambda: replace(roster, overseers=(), parties=(replace(A, roles=("approver", "operator")),))
    )


PARTY = (
    ("in time", "person:m.chan", "approver", timedelta(), None),
    ("another role", "person:m.chan", "operator", timedelta(), Code.ROLE_MISSING),
    ("unknown", "person:nobody", "approver", timedelta(), Code.SIGNER_UNKNOWN),
    ("on the last day", "person:m.chan", "approver", timedelta(days=60), None),
    ("a second too late", "person:m.chan", "approver", timedelta(days=60, seconds=1), Code.SIGNER_NOT_VALID),
    ("on the first day", "person:m.chan", "approver", timedelta(days=-1), None),
    ("a second too early", "person:m.chan", "approver", timedelta(days=-1, seconds=-1), Code.SIGNER_NOT_VALID),
    ("after the roster", "person:m.chan", "approver", timedelta(days=90, seconds=1), Code.EXPIRED),
)


@pytest.mark.parametrize(
    ("who", "role", "span", "code"), [r[1:] for r in PARTY], ids=[r[0].replace(" ", "_") for r in PARTY]
)
def test_a_party_has_its_role_at_its_time(who: str, role: str, span: timedelta, code: Code | None) -> None:
    roster = World().roster_body()

    def ask() -> Party:
        return check_party(roster, PartyId(who), role, START + span, "issuer")

    if code:
        refuse(code, ask)
    else:
        assert who == ask().id


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_its_overseer(section: str) -> None:
    roster = World().roster_body()
    check_overseers(roster, START)
    without = replace(roster, overseers=tuple(o for o in roster.overseers if o.section != section))
    refuse(Code.OVERSEER_MISSING, lambda: check_overseers(without, START))


def test_an_overseer_is_valid_has_the_role_and_is_in_the_roster() -> None:
    roster = World().roster_body()
    check_overseers(roster, START + timedelta(days=60))
    refuse(Code.OVERSEER_MISSING, lambda: check_overseers(roster, START + timedelta(days=61)))
    officer_only = change_party("person:r.ho", roles=("officer",))(roster)
    refuse(Code.OVERSEER_MISSING, lambda: check_overseers(officer_only, START))
    gone = replace(roster, parties=tuple(p for p in roster.parties if p.id != "person:r.ho"))
    refuse(Code.SIGNER_UNKNOWN, lambda: check_overseers(gone, START))


TWINS = (Holder(id=PartyId("person:a"), key=A.key), Holder(id=PartyId("person:b"), key=A.key))
DELEGATIONS: tuple[tuple[str, Callable[[World], object], Code | None], ...] = (
    ("two of two", lambda w: w.delegation(("person:a", "person:b")), None),
    ("one of one", lambda w: w.delegation(("person:a",), 1), None),
    ("nobody needed", lambda w: w.delegation(("person:a",), 0), Code.FIELD_INVALID),
    ("more than there are", lambda w: w.delegation(("person:a",), 2), Code.FIELD_INVALID),
    ("one person twice", lambda w: w.delegation(("person:a", "person:a")), Code.FIELD_INVALID),
    ("one key twice", lambda _: Delegation(keys=TWINS, threshold=2), Code.KEY_SHARED),
)


@pytest.mark.parametrize(
    ("build", "code"), [r[1:] for r in DELEGATIONS], ids=[r[0].replace(" ", "_") for r in DELEGATIONS]
)
def test_a_delegation_can_be_met_by_distinct_keys(build: Callable[[World], object], code: Code | None) -> None:
    world = World()
    if code:
        refuse(code, lambda: build(world))
    else:
        assert build(world)


def test_a_threshold_counts_holders_only() -> None:
    delegation = World().delegation(("person:a", "person:b", "person:c"), 2)
    ids = [h.key.key_id for h in delegation.keys]
    delegation.check_threshold(ids[:2], "root")
    delegation.check_threshold(ids, "root")
    refuse(Code.THRESHOLD_NOT_MET, lambda: delegation.check_threshold(ids[:1], "root"))
    refuse(Code.THRESHOLD_NOT_MET, lambda: delegation.check_threshold([ids[0], ids[0]], "root"))
    refuse(Code.THRESHOLD_NOT_MET, lambda: delegation.check_threshold([ids[0], OFFICER.key.key_id], "root"))


@pytest.mark.parametrize(("one", "other"), [("clients", "whitelist"), ("whitelist", "policy")])
def test_no_quorum_both_adds_a_destination_and_loosens_its_limits(one: str, other: str) -> None:
    root = World().root_body()
    shared = replace(root.delegations, **{one: World().delegation((DELEGATES[other][0], "person:z.z"), 1)})
    refuse(Code.SEPARATION, lambda: replace(root, delegations=shared))
    key_only = Delegation(
        keys=(Holder(id=PartyId("person:z.z"), key=p256_signer(DELEGATES[other][0]).key),), threshold=1
    )
    refuse(Code.SEPARATION, lambda: replace(root, delegations=replace(root.delegations, **{one: key_only})))
    free = replace(root.delegations, **{one: World().delegation(("person:z.y", "person:z.z"))})
    assert replace(root, delegations=free)


def test_a_root_delegates_what_exists() -> None:
    root = World().root_body()
    assert root.delegations.keys is root.delegation("keys")
    refuse(Code.FIELD_INVALID, lambda: root.delegation("holders"))


def test_the_gates_key_is_one_of_its_suite() -> None:
    seal = World().root_body().gate_seal
    assert seal
    refuse(Code.FIELD_INVALID, lambda: replace(seal, suite="x25519-other"))
    refuse(Code.FIELD_INVALID, lambda: GateSeal(device=seal.device, public=HexBytes(bytes(31)), suite=seal.suite))


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(StrongroomError) as caught:
        check_quorum(Quorum(role="approver", people=2, groups=2), (A,), "approvals")
    sentence = caught.value.refusals[0].sentence
    assert "2 distinct people of 2 groups in role approver" in sentence
    assert {"code", "field", "expected", "got"} == set(caught.value.refusals[0].as_json())
