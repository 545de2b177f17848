"""What a docket stands on: roots, rosters, checkpoints, policy and registers, each refusal beside one that passes.

The chains of roots and rosters follow the cases of python-tuf's key rotation tests
(theupdateframework/python-tuf, tests/test_updater_key_rotations.py): the new root is signed by the
old threshold and by the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.core import log
from strongroom.core.canonical import sha256
from strongroom.core.checks.foundation import prove_roots
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage
from strongroom.core.ids import Digest
from strongroom.core.records import DigestOrNone, Note
from strongroom.core.roster import Root, Roster
from strongroom.core.statements import Context, Environment, parse_statement
from world import DELEGATES, HOLDERS, Trip, World, eth_trip, ltc_trip

from .refusals import change, change_party, drop_party, flip, move, prove, refuse

NEW_HOLDERS = ("person:h.five", "person:h.four", "person:h.six")


def rotate_root(world: World, signers: tuple[str, ...], edit: Callable[[Root], Root] = lambda root: root) -> None:
    """Publish the next root, and the roster that names it, as a new root must have."""
    before = parse_statement(world.roots[-1])
    body = edit(replace(before.body, version=before.body.version + 1, previous=DigestOrNone(before.id)))
    world.roots.append(world.sign(body, signers[0], signers))
    world.log.append(world.roots[-1])
    world.change_roster(change(root_version=len(world.roots)))


def new_holders(threshold: int = 2, names: tuple[str, ...] = NEW_HOLDERS) -> Callable[[Root], Root]:
    """An edit of the root that gives it other holders."""
    return lambda root: replace(root, holders=World().delegation(names, threshold))


OLD, NEW = HOLDERS[:2], NEW_HOLDERS[:2]
ROTATIONS = (
    ("the same holders", (OLD,), lambda r: r, None),
    ("the old and the new holders sign", (OLD + NEW,), new_holders(), None),
    ("all holders sign", (HOLDERS + NEW_HOLDERS,), new_holders(), None),
    ("a higher threshold met by both", (OLD + NEW_HOLDERS,), new_holders(3), None),
    (
        "one holder stays and counts in both",
        (("person:h.one", "person:h.two", "person:h.four"),),
        new_holders(2, ("person:h.four", "person:h.one")),
        None,
    ),
    ("only the old holders sign", (OLD,), new_holders(), Code.THRESHOLD_NOT_MET),
    ("only the new holders sign", (NEW,), new_holders(), Code.THRESHOLD_NOT_MET),
    ("one old holder is missing", ((HOLDERS[0], *NEW),), new_holders(), Code.THRESHOLD_NOT_MET),
    ("one new holder is missing", ((*OLD, NEW[0]),), new_holders(), Code.THRESHOLD_NOT_MET),
    ("a stranger signs too", ((*OLD, "person:nobody"),), lambda r: r, Code.SIGNER_UNKNOWN),
    ("a version is skipped", (OLD,), change(version=3), Code.HEAD_ROLLBACK),
    ("the version stays", (OLD,), change(version=1), Code.HEAD_ROLLBACK),
    ("it follows another root", (OLD,), change(previous=DigestOrNone(sha256(b"another"))), Code.HEAD_MISMATCH),
    ("it follows nothing", (OLD,), change(previous=DigestOrNone("none")), Code.HEAD_MISMATCH),
    ("two rotations", (OLD + NEW, NEW), new_holders(), None),
    ("the old holders try to come back", (OLD + NEW, OLD), new_holders(), Code.SIGNER_UNKNOWN),
)


@pytest.mark.parametrize(
    ("signers", "edit", "code"), [r[1:] for r in ROTATIONS], ids=[r[0].replace(" ", "_") for r in ROTATIONS]
)
def test_a_chain_of_roots(
    signers: tuple[tuple[str, ...], ...], edit: Callable[[Root], Root], code: Code | None
) -> None:
    world = World()
    for who in signers:
        rotate_root(world, who, edit)
    pin = world.roots[:1]
    if code:
        refuse(code, lambda: prove_roots(world.roots, pin))
    else:
        assert len(signers) + 1 == prove_roots(world.roots, pin)[-1].body.version
        trip = eth_trip(world).to(Stage.PROPOSE)
        assert Stage.PROPOSE is prove_docket(trip.docket(), pin).journey.furthest


def test_a_root_of_another_organization_does_not_follow() -> None:
    world = World()
    honest = world.context
    for context, code in (
        (Context(organization="another-custody", environment=honest.environment), Code.WRONG_ORGANIZATION),
        (Context(organization=honest.organization, environment=Environment.PRODUCTION), Code.ENVIRONMENT_MISMATCH),
    ):
        world.context = context
        rotate_root(world, OLD)
        refuse(code, lambda: prove_roots(world.roots, world.roots[:1]))
        world.context, world.roots = honest, world.roots[:1]
    rotate_root(world, OLD)
    assert 2 == len(prove_roots(world.roots, world.roots[:1]))


def test_in_production_nobody_decides_alone() -> None:
    world = World()
    world.context = Context(organization="test-custody", environment=Environment.PRODUCTION)

    def root(**fields: Any) -> tuple[Any, ...]:
        return (world.sign(replace(world.root_body(), **fields), HOLDERS[0], HOLDERS[:2]),)

    alone = root(holders=world.delegation(HOLDERS, 1))
    refuse(Code.THRESHOLD_NOT_MET, lambda: prove_roots(alone, alone))
    body = world.root_body()
    policy_alone = root(delegations=replace(body.delegations, policy=world.delegation(DELEGATES["policy"], 1)))
    refuse(Code.THRESHOLD_NOT_MET, lambda: prove_roots(policy_alone, policy_alone))
    both = root()
    assert 1 == len(prove_roots(both, both))


def test_another_firms_root_is_not_ours() -> None:
    ours, theirs = World(), World(edits={"root": change(expires=World().now + timedelta(days=400))})
    trip = eth_trip(ours).to(Stage.PROPOSE)
    refuse(Code.ROOT_MISMATCH, lambda: prove_docket(trip.docket(), theirs.roots))
    fewer_signatures = World(edits={"root": lambda r: r}).roots[0]
    pinned = replace(fewer_signatures, signatures=fewer_signatures.signatures[:1])
    refuse(Code.ROOT_MISMATCH, lambda: prove_docket(trip.docket(), [pinned]))
    prove_docket(trip.docket(), ours.roots)


# Delegations


DELEGATED = ("roster", "policy", "prices", "addresses", "assets", "clients", "keys", "whitelist")


def world_signed_by(name: str, signers: tuple[str, ...]) -> World:
    """A firm whose statement of that delegation is signed by these."""
    world = World()
    known = {"roster": world.rosters[0], "policy": world.policy, "prices": world.prices[0], **world.heads}[name]
    envelope = world.sign(parse_statement(known).body, DELEGATES[name][0], signers)
    world.log = type(world.log)()
    world.log.append(world.roots[0])
    rosters = [envelope] if name == "roster" else world.rosters
    world.rosters = rosters
    world.policy = envelope if name == "policy" else world.policy
    world.prices = [envelope] if name == "prices" else world.prices
    world.heads = {key: envelope if key == name else head for key, head in world.heads.items()}
    for each in (*rosters, world.policy, *world.prices, *world.heads.values()):
        world.log.append(each)
    world.log.witness(world.tick())
    return world


@pytest.mark.parametrize("name", DELEGATED)
def test_each_delegation_needs_its_own_quorum(name: str) -> None:
    def ask(signers: tuple[str, ...]) -> ProvedDocket:
        return prove(eth_trip(world_signed_by(name, signers)).to(Stage.PROPOSE))

    one, two = DELEGATES[name]
    others = DELEGATES["policy" if name != "policy" else "whitelist"]
    assert ask((one, two))
    refuse(Code.THRESHOLD_NOT_MET, lambda: ask((one,)))
    refuse(Code.SIGNER_UNKNOWN, lambda: ask(others))
    refuse(Code.SIGNER_UNKNOWN, lambda: ask((one, two, others[0])))
    refuse(Code.SIGNER_UNKNOWN, lambda: ask(HOLDERS[:2]))


def test_a_register_head_is_of_its_own_register() -> None:
    """Keys and addresses have the same delegates, so only the name in the head keeps them apart."""
    trip = eth_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    prove(trip, docket)
    swapped = replace(docket.registers.addresses, head=docket.registers.keys.head)
    refuse(
        Code.HEAD_MISMATCH,
        lambda: prove(trip, replace(docket, registers=replace(docket.registers, addresses=swapped))),
    )


def test_a_statement_of_another_type_is_no_policy() -> None:
    trip = eth_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    refuse(Code.TYPE_MISMATCH, lambda: prove(trip, replace(docket, policy=docket.registers.keys.head)))
    prove(trip, docket)


def test_a_policy_of_the_other_environment_means_nothing() -> None:
    world = World()
    world.context = replace(world.context, environment=Environment.PRODUCTION)
    world.change_policy(lambda p: p)
    world.context = replace(world.context, environment=Environment.DEVELOPMENT)
    refuse(Code.ENVIRONMENT_MISMATCH, lambda: prove(eth_trip(world).to(Stage.PROPOSE)))
    prove(eth_trip(World()).to(Stage.PROPOSE))


# Rosters


ROSTERS = (
    ("nothing changes", lambda r: r, None),
    ("a root that does not exist", change(root_version=2), Code.HEAD_ROLLBACK),
    ("root zero", change(root_version=0), Code.HEAD_ROLLBACK),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in ROSTERS], ids=[r[0].replace(" ", "_") for r in ROSTERS])
def test_a_roster_names_its_root(edit: Callable[[Roster], Roster], code: Code | None) -> None:
    world = World()
    world.change_roster(edit)

    def ask() -> ProvedDocket:
        return prove(eth_trip(world).to(Stage.PROPOSE))

    if code:
        refuse(code, ask)
    else:
        assert ask()


def test_a_new_root_needs_a_new_roster() -> None:
    """Or a delegate whom the new root dropped would live on."""
    world = World()
    rotate_root(world, OLD)
    trip = eth_trip(world).to(Stage.PROPOSE)
    prove(trip)
    without_it = World()
    before = parse_statement(without_it.roots[0])
    body = replace(before.body, version=2, previous=DigestOrNone(before.id))
    without_it.roots.append(without_it.sign(body, OLD[0], OLD))
    refuse(Code.HEAD_ROLLBACK, lambda: prove(eth_trip(without_it).to(Stage.PROPOSE)))


def test_rosters_follow_one_another() -> None:
    world = World()
    world.change_roster(lambda r: r)
    trip = eth_trip(world).to(Stage.PROPOSE)
    docket = trip.docket()
    prove(trip, docket)
    refuse(Code.HEAD_ROLLBACK, lambda: prove(trip, replace(docket, rosters=docket.rosters[1:])))
    refuse(Code.HEAD_ROLLBACK, lambda: prove(trip, replace(docket, rosters=docket.rosters[::-1])))
    other = World()
    other.change_roster(change(expires=other.now + timedelta(days=80)))
    other.change_roster(lambda r: r)
    third = other.rosters[2]
    world.rosters.append(third)
    world.log.append(third)
    world.log.witness(world.tick())
    refuse(Code.HEAD_MISMATCH, lambda: prove(trip, trip.docket()))


def test_an_expired_roster_names_nobody() -> None:
    short = World(edits={"roster": change(expires=World().now - timedelta(hours=1))})
    refuse(Code.EXPIRED, lambda: prove(eth_trip(short).to(Stage.PROPOSE)))
    prove(eth_trip(World()).to(Stage.PROPOSE))


# A revoked key, back-dating, and places in the log


def test_a_revoked_approver_cannot_back_date() -> None:
    """The place in the log is not the signer's to choose, whatever time the statement claims."""
    honest = eth_trip(World()).to(Stage.APPROVE)
    prove(honest)

    trip = eth_trip(World()).to(Stage.PROPOSE)
    claimed = trip.world.now
    trip.world.change_roster(drop_party("person:r.singh"))
    trip.world.now, now = claimed, trip.world.now
    trip.to(Stage.APPROVE)
    assert trip.world.now >= now - timedelta(seconds=20)
    refuse(Code.SIGNER_UNKNOWN, lambda: prove(trip))


def test_a_person_approves_while_valid_only() -> None:
    for fields in (
        {"valid_until": World().now - timedelta(minutes=1)},
        {"valid_from": World().now + timedelta(days=1)},
    ):
        world = World(edits={"roster": change_party("person:r.singh", **fields)})
        refuse(Code.SIGNER_NOT_VALID, lambda world=world: prove(eth_trip(world).to(Stage.APPROVE)))
    prove(eth_trip(World()).to(Stage.APPROVE))


def test_nobody_signs_before_the_first_roster() -> None:
    world = World()
    trip = eth_trip(world).to(Stage.PROPOSE)
    docket = trip.docket()
    world.log = type(world.log)()
    for envelope in (
        *(s.envelope for s in trip.statements),
        *world.roots,
        *world.rosters,
        world.policy,
        *world.prices,
        *world.heads.values(),
    ):
        world.log.append(envelope)
    world.log.witness(world.tick())
    refuse(Code.SIGNER_UNKNOWN, lambda: prove(trip, trip.docket()))
    prove(trip, docket)


PLACES = (
    ("another index", lambda s: move(s, index=s.index - 1), Code.NOT_IN_LOG),
    ("a changed proof", lambda s: move(s, proof=(flip(s.proof[0]), *s.proof[1:])), Code.NOT_IN_LOG),
    ("no proof", lambda s: move(s, proof=()), Code.NOT_IN_LOG),
    ("a later checkpoint", lambda s: move(s, checkpoint=s.checkpoint + 1), Code.PROOF_INVALID),
    ("a checkpoint that is not there", lambda s: move(s, checkpoint=99), Code.PROOF_INVALID),
    ("an index beyond the log", lambda s: move(s, index=10**6), Code.PROOF_INVALID),
    ("its true place", lambda s: s, None),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in PLACES], ids=[r[0].replace(" ", "_") for r in PLACES])
def test_every_statement_is_in_the_log(edit: Callable[[Any], Any], code: Code | None) -> None:
    trip = eth_trip(World()).to(Stage.DECIDE)
    trip.to(Stage.PROPOSE)
    docket = trip.docket()
    dockets: dict[str, Docket] = {
        "a statement": replace(docket, statements=(edit(docket.statements[0]), *docket.statements[1:])),
        "the policy": replace(docket, policy=edit(docket.policy)),
        "the prices": replace(docket, prices=(edit(docket.prices[0]),)),
    }
    for changed in dockets.values():
        if code:
            refuse(code, lambda changed=changed: prove(trip, changed))
        else:
            prove(trip, changed)


def test_every_roster_is_in_the_log() -> None:
    trip = eth_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    roster = docket.rosters[0]
    changed = move(roster, proof=(flip(roster.proof[0]), *roster.proof[1:]))
    refuse(Code.NOT_IN_LOG, lambda: prove(trip, replace(docket, rosters=(changed,))))
    prove(trip, docket)


# Checkpoints


def with_checkpoints(docket: Docket, edit: Callable[[list[Any]], list[Any]]) -> Docket:
    """The docket with other checkpoints."""
    return replace(docket, checkpoints=tuple(edit(list(docket.checkpoints))))


def without_cosignature(step: Any) -> Any:
    """A checkpoint that only the log signed."""
    note = log.parse_note(step.note)
    return replace(step, note=Note(log.encode_note(replace(note, signatures=note.signatures[:1]))))


def with_another_size(note: str) -> Note:
    """The same checkpoint that claims one leaf fewer: its second line."""
    origin, size, rest = note.split("\n", 2)
    return Note(f"{origin}\n{int(size) - 1}\n{rest}")


CHECKPOINTS = (
    (
        "a proof before the first",
        lambda c: [replace(c[0], consistency=c[-1].consistency or c[1].consistency), *c[1:]],
        Code.LOG_NOT_CONSISTENT,
    ),
    ("one checkpoint twice", lambda c: [*c, c[-1]], Code.LOG_NOT_CONSISTENT),
    ("checkpoints backwards", lambda c: [replace(c[1], consistency=()), c[0], *c[2:]], Code.LOG_NOT_CONSISTENT),
    (
        "a changed proof",
        lambda c: [*c[:-1], replace(c[-1], consistency=(flip(c[-1].consistency[0]), *c[-1].consistency[1:]))],
        Code.LOG_NOT_CONSISTENT,
    ),
    ("no witness", lambda c: [without_cosignature(c[0]), *c[1:]], Code.CHECKPOINT_NOT_WITNESSED),
    (
        "a changed size",
        lambda c: [replace(c[0], note=with_another_size(c[0].note)), *c[1:]],
        Code.CHECKPOINT_INVALID,
    ),
    ("as they are", lambda c: c, None),
)


@pytest.mark.parametrize(
    ("edit", "code"), [r[1:] for r in CHECKPOINTS], ids=[r[0].replace(" ", "_") for r in CHECKPOINTS]
)
def test_checkpoints(edit: Callable[[list[Any]], list[Any]], code: Code | None) -> None:
    trip = ltc_trip(World()).to(Stage.PROPOSE)
    docket = with_checkpoints(trip.docket(), edit)
    if code:
        refuse(code, lambda: prove(trip, docket))
    else:
        prove(trip, docket)


def test_a_log_that_was_rewritten_is_not_consistent() -> None:
    """The log shows one history to the station and another to the gate."""
    trip = eth_trip(World()).to(Stage.APPROVE)
    docket = trip.docket()
    other = World(edits={"whitelist": lambda entries: entries[1:]})
    foreign = replace(docket.checkpoints[-1], note=Note(other.log.notes[-1].note))
    refuse(
        Code.LOG_NOT_CONSISTENT, lambda: prove(trip, replace(docket, checkpoints=(*docket.checkpoints[:-1], foreign)))
    )
    prove(trip, docket)


def test_a_checkpoint_is_witnessed_by_a_witness_of_the_roster() -> None:
    world = World(edits={"roster": change_party("service:watcher", roles=("watcher",))})
    trip = eth_trip(world).to(Stage.PROPOSE)
    refuse(Code.CHECKPOINT_INVALID, lambda: prove(trip))
    prove(eth_trip(World()).to(Stage.PROPOSE))


def test_a_checkpoint_before_any_roster_is_witnessed_by_nobody() -> None:
    trip = eth_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    late = replace(docket, rosters=(move(docket.rosters[0], index=10**6),))
    refuse(Code.CHECKPOINT_NOT_WITNESSED, lambda: prove(trip, late))
    prove(trip, docket)


# Register entries


ENTRIES = (
    ("a changed entry", lambda p: replace(p, entry={**p.entry, "owner": "Somebody Else Ltd"}), Code.PROOF_INVALID),
    ("another index", lambda p: replace(p, index=p.index + 1), Code.PROOF_INVALID),
    ("an index outside", lambda p: replace(p, index=99), Code.PROOF_INVALID),
    ("a changed proof", lambda p: replace(p, proof=(flip(p.proof[0]), *p.proof[1:])), Code.PROOF_INVALID),
    ("a field too many", lambda p: replace(p, entry={**p.entry, "note": "x"}), Code.FIELD_UNKNOWN),
    ("as it is", lambda p: p, None),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in ENTRIES], ids=[r[0].replace(" ", "_") for r in ENTRIES])
def test_every_entry_is_in_its_register(edit: Callable[[Any], Any], code: Code | None) -> None:
    trip = eth_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    known = docket.registers.whitelist
    whitelist = replace(known, entries=(edit(known.entries[0]), *known.entries[1:]))
    changed = replace(docket, registers=replace(docket.registers, whitelist=whitelist))
    if code:
        refuse(code, lambda: prove(trip, changed))
    else:
        prove(trip, changed)


def test_entries_stand_in_the_order_of_their_indexes() -> None:
    trip = ltc_trip(World()).to(Stage.PROPOSE)
    docket = trip.docket()
    known = docket.registers.whitelist
    backwards = replace(docket.registers, whitelist=replace(known, entries=known.entries[::-1]))
    twice = replace(docket.registers, whitelist=replace(known, entries=(known.entries[0], *known.entries)))
    refuse(Code.DOCKET_ORDER, lambda: prove(trip, replace(docket, registers=backwards)))
    refuse(Code.DOCKET_ORDER, lambda: prove(trip, replace(docket, registers=twice)))
    prove(trip, docket)


def test_the_root_of_the_register_is_the_signed_one() -> None:
    """A head over another tree is signed by the same people, and does not hold these entries."""
    world = World()
    other = World(edits={"whitelist": lambda entries: entries[:1]})
    trip = eth_trip(world).to(Stage.PROPOSE)
    docket = trip.docket()
    head = other.heads["whitelist"]
    world.log.append(head)
    world.log.witness(world.tick())
    assert isinstance(head.id, str)
    assert Digest(head.id) != docket.registers.whitelist.head.envelope.id
    world.heads["whitelist"] = head
    refuse(Code.PROOF_INVALID, lambda: prove(trip, trip.docket()))
    prove(trip, docket)


def test_trips_of_one_world_share_its_foundation() -> None:
    world = World()
    first: Trip = eth_trip(world).to(Stage.PROPOSE)
    second: Trip = ltc_trip(world, nonce=8, sequence=2).to(Stage.PROPOSE)
    assert prove(first).foundation.registers.keys() == prove(second).foundation.registers.keys()
