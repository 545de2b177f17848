"""A device's own trust: enrolment, updates that never go back, first-seen ages, freezes that latch, lifts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.core import assemble
from strongroom.core.bodies import Freeze, FreezeLift, FreezeScope
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.ids import Digest, EntryId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.packages import Placed, RegisterDelta, UpdateBody
from strongroom.core.records import Base64Bytes, DigestOrNone, HexBytes
from strongroom.core.registers import KeyState, WhitelistEntry
from strongroom.core.roster import REGISTERS
from strongroom.core.statements import Envelope, Environment, parse_statement
from strongroom.core.trust import Trust, apply_freezes, apply_update, check_clear_place, enroll, extend
from strongroom.core.trust_file import encode_trust, parse_trust
from world import DELEGATES, HOLDERS, START, Edit, World, whitelist_entries

from .refusals import change, flip, refuse

NEWCOMER = "entry:harbour-new"


def device_of(world: World) -> Trust:
    """A device that was enrolled and has imported everything of today."""
    return apply_update(enroll(world.roots, world.fingerprint), world.update_body(), world.now)


def seen(trust: Trust) -> int:
    """The size of the log that the device has seen."""
    return trust.log_head.size


def newcomer(world: World, **fields: Any) -> WhitelistEntry:
    """A new destination of a client."""
    return replace(whitelist_entries("client:harbour")[0], id=EntryId(NEWCOMER), added_at=world.now, **fields)


def add_to_whitelist(world: World, trust: Trust, entry: WhitelistEntry) -> UpdateBody:
    """Publish the entry, and the delta for the device."""
    world.change_register("whitelist", added=[entry])
    return world.register_update("whitelist", [entry], (), seen(trust))


def part(world: World, trust: Trust, **fields: Any) -> UpdateBody:
    """An update with these parts only."""
    step, _ = assemble.build_package_checkpoint(world.log, seen(trust))
    empty: dict[str, Any] = dict.fromkeys(
        ("freezes", "lifts", "notices", "policies", "registers", "roots", "rosters"), ()
    )
    return UpdateBody(checkpoint=step, **{**empty, **fields})


def placed(world: World, envelope: Envelope) -> Placed:
    """The envelope with its place under the last checkpoint."""
    return assemble.build_placed(world.log, envelope, world.log.last_checkpoint().size)


# Enrolment


def test_a_device_starts_from_the_root_that_two_people_typed() -> None:
    world = World()
    assert tuple(world.roots) == enroll(world.roots, world.fingerprint).roots
    refuse(Code.ROOT_MISMATCH, lambda: enroll(world.roots, sha256(b"another")))
    refuse(Code.ROOT_MISMATCH, lambda: enroll((), world.fingerprint))
    alone = replace(world.roots[0], signatures=world.roots[0].signatures[:1])
    refuse(Code.THRESHOLD_NOT_MET, lambda: enroll((alone,), world.fingerprint))


def test_before_the_first_update_a_device_knows_nothing() -> None:
    world = World()
    trust = enroll(world.roots, world.fingerprint)
    assert 0 == seen(trust)
    for question in (lambda: trust.roster, lambda: trust.policy_in_force, trust.build_heads):
        refuse(Code.STAGE_MISSING, question)
    after = apply_update(trust, world.update_body(), world.now)
    assert world.current_heads() == after.build_heads()
    assert world.registers == after.registers
    assert {e.id for e in world.registers["keys"].entries} == set(after.entries.keys)
    assert (1, 1) == (after.roster.body.version, after.policy_in_force.version)


# Registers go forward only


def test_an_older_whitelist_is_a_rollback() -> None:
    """Attack 3 of the demo: the terminal is fed an older list, on which the removed destination still stands."""
    world = World()
    trust = device_of(world)
    older = world.update_body(seen(trust), whole=False)
    world.change_register("whitelist", removed=["entry:peak-eth"])
    newer = apply_update(trust, world.register_update("whitelist", (), ["entry:peak-eth"], seen(trust)), world.now)
    assert 2 == newer.heads["whitelist"].body.version
    old_delta = next(r for r in older.registers if r.register == "whitelist")
    head = placed(world, old_delta.head.envelope)
    again = part(world, newer, registers=(replace(old_delta, head=head),))
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(newer, again, world.now))
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(trust, world.update_body(seen(trust), whole=False), world.now))
    assert 2 == newer.heads["whitelist"].body.version


def test_one_version_has_one_content() -> None:
    """The delegates sign two lists of one version: one for the terminal, one for the station."""
    world, other = World(), World(edits={"whitelist": lambda entries: entries[1:]})
    trust = device_of(world)
    head = other.heads["whitelist"]
    world.log.append(head)
    world.log.witness(world.tick())
    delta = replace(
        next(r for r in other.update_body().registers if r.register == "whitelist"), head=placed(world, head)
    )
    refuse(Code.HEAD_UNEQUAL, lambda: apply_update(trust, part(world, trust, registers=(delta,)), world.now))
    apply_update(trust, add_to_whitelist(world, trust, newcomer(world)), world.now)


DELTAS: tuple[tuple[str, Callable[[Any], Any], Code | None], ...] = (
    ("as it is", lambda d: d, None),
    ("an entry left out", change(added=()), Code.HEAD_MISMATCH),
    ("another entry", lambda d: replace(d, added=({**d.added[0], "owner": "Somebody Else Ltd"},)), Code.HEAD_MISMATCH),
    ("an entry removed beside it", change(removed=("entry:peak-eth",)), Code.HEAD_MISMATCH),
    ("a stranger removed", change(removed=("entry:nobody",)), Code.NOT_IN_REGISTER),
    ("a field too many", lambda d: replace(d, added=({**d.added[0], "extra": "x"},)), Code.FIELD_UNKNOWN),
    ("another register's name", change(register="clients"), Code.SIGNER_UNKNOWN),
    ("a name that is no register", change(register="policy"), Code.FIELD_INVALID),
    ("a name that nobody knows", change(register="accounts"), Code.FIELD_INVALID),
    ("another place in the log", lambda d: replace(d, head=replace(d.head, index=d.head.index - 1)), Code.NOT_IN_LOG),
    ("no proof", lambda d: replace(d, head=replace(d.head, proof=())), Code.NOT_IN_LOG),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in DELTAS], ids=[r[0].replace(" ", "_") for r in DELTAS])
def test_a_delta_gives_the_signed_register(edit: Callable[[Any], Any], code: Code | None) -> None:
    world = World()
    trust = device_of(world)
    update = add_to_whitelist(world, trust, newcomer(world))
    changed = replace(update, registers=(edit(update.registers[0]),))
    if code:
        refuse(code, lambda: apply_update(trust, changed, world.now))
    else:
        after = apply_update(trust, changed, world.now)
        assert NEWCOMER in after.entries.whitelist
        assert {n: h.body.version for n, h in after.heads.items()} == {**dict.fromkeys(REGISTERS, 1), "whitelist": 2}


def test_keys_and_addresses_have_one_quorum_and_are_still_told_apart() -> None:
    world = World()
    trust = device_of(world)
    idle = replace(world.registers["keys"].find("key:eth-2", "keys"), state=KeyState.SUSPENDED)
    world.change_register("keys", added=[idle])
    update = world.register_update("keys", [idle], (), seen(trust))
    renamed = replace(update, registers=(replace(update.registers[0], register="addresses", added=()),))
    refuse(Code.HEAD_MISMATCH, lambda: apply_update(trust, renamed, world.now))
    assert apply_update(trust, update, world.now).entries.keys["key:eth-2"] == idle


def test_a_head_needs_its_quorum() -> None:
    world = World()
    trust = device_of(world)
    update = add_to_whitelist(world, trust, newcomer(world))
    body = parse_statement(world.heads["whitelist"]).body
    for signers, code in ((DELEGATES["whitelist"][:1], Code.THRESHOLD_NOT_MET), (HOLDERS[:2], Code.SIGNER_UNKNOWN)):
        head = world.sign(body, signers[0], signers)
        world.log.append(head)
        world.log.witness(world.tick())
        delta = replace(update.registers[0], head=placed(world, head))
        refuse(code, lambda delta=delta: apply_update(trust, part(world, trust, registers=(delta,)), world.now))
    apply_update(trust, update, world.now)


# Age


def test_a_back_dated_entry_gains_nothing() -> None:
    """Officers date a new entry into last year; the device counts from when it first saw it."""
    world = World()
    trust = device_of(world)
    entry = newcomer(world)
    back_dated = replace(entry, added_at=world.now - timedelta(days=365))
    after = apply_update(trust, add_to_whitelist(world, trust, back_dated), world.now)
    refuse(Code.ENTRY_TOO_YOUNG, lambda: after.check_age(NEWCOMER, world.now))
    refuse(Code.ENTRY_TOO_YOUNG, lambda: after.check_age(NEWCOMER, world.now + timedelta(seconds=86_399)))
    after.check_age(NEWCOMER, world.now + timedelta(seconds=86_400))
    after.check_age("entry:harbour-eth", world.now)
    refuse(Code.NOT_IN_REGISTER, lambda: after.check_age("entry:nobody", world.now))


def test_entries_of_the_enrolment_count_from_their_own_date() -> None:
    young: dict[str, Edit] = {
        "whitelist": lambda entries: tuple(replace(e, added_at=World().now - timedelta(hours=1)) for e in entries)
    }
    world = World(edits=young)
    refuse(Code.ENTRY_TOO_YOUNG, lambda: device_of(world).check_age("entry:harbour-eth", world.now))
    device_of(World()).check_age("entry:harbour-eth", World().now)


def test_an_entry_that_comes_back_waits_again() -> None:
    """An entry removed for cause and put back byte for byte is new, and so is a changed one."""
    world = World()
    trust = device_of(world)
    entry = newcomer(world)
    first = apply_update(trust, add_to_whitelist(world, trust, entry), world.now)
    world.change_register("whitelist", removed=[NEWCOMER])
    gone = apply_update(first, world.register_update("whitelist", (), [NEWCOMER], seen(first)), world.now)
    later = world.tick(86_400)
    changed = replace(entry, owner="Somebody Else Ltd")
    other = apply_update(gone, add_to_whitelist(world, gone, changed), later)
    refuse(Code.ENTRY_TOO_YOUNG, lambda: other.check_age(NEWCOMER, later + timedelta(hours=1)))
    back = apply_update(other, add_to_whitelist(world, other, entry), later + timedelta(hours=1))
    refuse(Code.ENTRY_TOO_YOUNG, lambda: back.check_age(NEWCOMER, later + timedelta(hours=2)))
    back.check_age(NEWCOMER, later + timedelta(hours=26))


# Roots, rosters, policy


def test_the_roster_goes_forward_one_version_at_a_time() -> None:
    world = World()
    trust = device_of(world)
    world.change_roster(change(expires=world.now + timedelta(days=50)))
    world.change_roster(change(expires=world.now + timedelta(days=60)))
    two, three = (placed(world, r) for r in world.rosters[1:])
    after = apply_update(trust, part(world, trust, rosters=(two, three)), world.now)
    assert 3 == after.roster.body.version
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(trust, part(world, trust, rosters=(three,)), world.now))
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(after, part(world, after, rosters=(two,)), world.now))
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(trust, part(world, trust, rosters=(three, two)), world.now))


ROSTERS: tuple[tuple[str, Edit, Code | None], ...] = (
    ("the next", lambda r: r, None),
    ("a root of the future", change(root_version=2), Code.HEAD_ROLLBACK),
    ("root zero", change(root_version=0), Code.HEAD_ROLLBACK),
)


@pytest.mark.parametrize(("edit", "code"), [r[1:] for r in ROSTERS], ids=[r[0].replace(" ", "_") for r in ROSTERS])
def test_a_roster_names_its_root(edit: Edit, code: Code | None) -> None:
    world = World()
    trust = device_of(world)
    world.change_roster(edit)
    update = part(world, trust, rosters=(placed(world, world.rosters[1]),))
    if code:
        refuse(code, lambda: apply_update(trust, update, world.now))
    else:
        assert 2 == apply_update(trust, update, world.now).roster.body.version


def test_a_roster_is_in_the_log_and_follows_the_known_one() -> None:
    world = World()
    trust = device_of(world)
    world.change_roster(lambda r: r)
    known = placed(world, world.rosters[1])
    moved = replace(known, proof=(flip(known.proof[0]), *known.proof[1:]))
    refuse(Code.NOT_IN_LOG, lambda: apply_update(trust, part(world, trust, rosters=(moved,)), world.now))
    apply_update(trust, part(world, trust, rosters=(known,)), world.now)
    foreign = World()
    foreign.tick(1)
    foreign.change_roster(change(previous=DigestOrNone(sha256(b"another"))))
    body = replace(parse_statement(foreign.rosters[1]).body, previous=DigestOrNone(sha256(b"another")))
    other = world.sign(body, DELEGATES["roster"][0], DELEGATES["roster"])
    world.log.append(other)
    world.log.witness(world.tick())
    wrong = part(world, trust, rosters=(placed(world, other),))
    refuse(Code.HEAD_MISMATCH, lambda: apply_update(trust, wrong, world.now))


def test_the_policy_goes_forward_along_its_chain() -> None:
    world = World()
    trust = device_of(world)
    first = world.policy
    world.change_policy(lambda p: p)
    second = world.policy
    after = apply_update(trust, part(world, trust, policies=(placed(world, second),)), world.now)
    assert 2 == after.policy_in_force.version
    refuse(
        Code.HEAD_ROLLBACK,
        lambda: apply_update(after, part(world, after, policies=(placed(world, first),)), world.now),
    )
    body = replace(parse_statement(second).body, version=3, previous=DigestOrNone(sha256(b"another")))
    stray = world.sign(body, DELEGATES["policy"][0], DELEGATES["policy"])
    world.log.append(stray)
    world.log.witness(world.tick())
    refuse(
        Code.HEAD_MISMATCH,
        lambda: apply_update(after, part(world, after, policies=(placed(world, stray),)), world.now),
    )


def signed_anew(world: World) -> dict[str, Any]:
    """Roster, policy and registers, published again under the second root."""
    world.change_roster(change(root_version=2))
    world.change_policy(lambda policy: policy)
    for name in REGISTERS:
        world.change_register(name)
    deltas = [RegisterDelta(added=(), head=placed(world, world.heads[n]), register=n, removed=()) for n in REGISTERS]
    return {
        "rosters": (placed(world, world.rosters[-1]),),
        "policies": (placed(world, world.policy),),
        "registers": tuple(deltas),
    }


def test_a_new_root_needs_both_thresholds_and_everything_signed_anew() -> None:
    world = World()
    trust = device_of(world)
    before = parse_statement(world.roots[0])
    body = replace(before.body, version=2, previous=DigestOrNone(before.id))
    honest = world.sign(body, HOLDERS[0], HOLDERS[:2])
    whole = signed_anew(world)
    after = apply_update(trust, part(world, trust, roots=(honest,), **whole), world.now)
    assert (2, 2) == (after.root.version, after.roster.body.root_version)
    assert after == parse_trust(encode_trust(after))
    alone = world.sign(body, HOLDERS[0], HOLDERS[:1])
    refuse(Code.THRESHOLD_NOT_MET, lambda: apply_update(trust, part(world, trust, roots=(alone,), **whole), world.now))
    refuse(Code.STAGE_MISSING, lambda: apply_update(trust, part(world, trust, roots=(honest,)), world.now))
    fewer = {name: value for name, value in whole.items() if name != "rosters"}
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(trust, part(world, trust, roots=(honest,), **fewer), world.now))
    again = part(world, trust, roots=(world.roots[0],))
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(trust, again, world.now))


def test_an_update_of_the_other_environment_means_nothing() -> None:
    world = World()
    trust = device_of(world)
    world.context = replace(world.context, environment=Environment.PRODUCTION)
    world.change_policy(lambda p: p)
    world.context = replace(world.context, environment=Environment.DEVELOPMENT)
    wrong = part(world, trust, policies=(placed(world, world.policy),))
    refuse(Code.ENVIRONMENT_MISMATCH, lambda: apply_update(trust, wrong, world.now))
    apply_update(trust, part(world, trust), world.now)


# Checkpoints


def test_a_device_moves_along_one_log() -> None:
    world = World()
    trust = device_of(world)
    first = seen(trust)
    world.freeze()
    step, size = assemble.build_package_checkpoint(world.log, first)
    after, witnessed = extend(trust, step)
    assert (size, size) == (seen(after), witnessed.checkpoint.size)
    refuse(Code.LOG_NOT_CONSISTENT, lambda: extend(trust, replace(step, consistency=())))
    refuse(
        Code.LOG_NOT_CONSISTENT,
        lambda: extend(trust, replace(step, consistency=(flip(step.consistency[0]), *step.consistency[1:]))),
    )
    older, _ = assemble.build_package_checkpoint(device_world(), 0)
    refuse(Code.LOG_NOT_CONSISTENT, lambda: extend(after, older))
    nothing = enroll(world.roots, world.fingerprint)
    refuse(Code.CHECKPOINT_NOT_WITNESSED, lambda: extend(nothing, step))
    first_update = replace(world.update_body(), checkpoint=step)
    refuse(Code.LOG_NOT_CONSISTENT, lambda: apply_update(nothing, first_update, world.now))


def device_world() -> Any:
    """The log of a fresh firm: smaller than what the device has seen."""
    return World().log


def test_time_never_falls() -> None:
    """A witness whose clock was set back gives a larger checkpoint with an older time."""
    world = World()
    trust = device_of(world)
    world.log.append(world.sign(freeze_body(), "service:watcher", ["service:watcher"]))
    world.log.witness(world.now - timedelta(hours=1))
    step, _ = assemble.build_package_checkpoint(world.log, seen(trust))
    refuse(Code.CLOCK_BEHIND, lambda: extend(trust, step))
    world.log.witness(world.tick())
    step, _ = assemble.build_package_checkpoint(world.log, seen(trust))
    extend(trust, step)


# Freezes


def freeze_body() -> Freeze:
    """A freeze."""
    return Freeze(evidence="tx", reason="unexplained outflow", scope=FreezeScope.VAULT)


def told(world: World, trust: Trust, freezes: tuple[Envelope, ...] = (), lifts: tuple[Envelope, ...] = ()) -> Trust:
    """The device after a package with these freezes and lifts."""
    step, size = assemble.build_package_checkpoint(world.log, seen(trust))
    after, witnessed = extend(trust, step)
    places = [[assemble.build_placed(world.log, e, size) for e in each] for each in (freezes, lifts)]
    return apply_freezes(after, places[0], places[1], witnessed)


def test_a_freeze_latches_until_it_is_lifted() -> None:
    world = World()
    trust = device_of(world)
    trust.check_not_frozen()
    freeze = world.freeze()
    frozen = told(world, trust, (freeze.envelope,))
    refuse(Code.FROZEN, frozen.check_not_frozen)
    refuse(Code.FROZEN, told(world, frozen).check_not_frozen)
    refuse(Code.FROZEN, apply_update(frozen, part(world, frozen), world.now).check_not_frozen)
    lifted = told(world, frozen, lifts=(world.lift(freeze.id).envelope,))
    lifted.check_not_frozen()
    told(world, lifted, (freeze.envelope,)).check_not_frozen()


def test_a_lift_ends_one_freeze_only() -> None:
    world = World()
    one, two = world.freeze(), world.say(replace(freeze_body(), evidence="another"), "service:reconciler")
    trust = told(world, device_of(world), (one.envelope, two.envelope))
    lifted = told(world, trust, lifts=(world.lift(one.id).envelope,))
    refuse(Code.FROZEN, lifted.check_not_frozen)
    told(world, lifted, lifts=(world.lift(two.id).envelope,)).check_not_frozen()


def next_year(roster: Any) -> Any:
    """The same people and machines, for longer."""
    until = START + timedelta(days=300)
    return replace(roster, expires=until, parties=tuple(replace(p, valid_until=until) for p in roster.parties))


def test_what_latches_here_is_not_proved_again() -> None:
    """Every package brings all freezes: one whose roster has since expired must not stop all that comes after it."""
    world = World()
    one, two = world.freeze(), world.say(replace(freeze_body(), evidence="another"), "person:r.ho")
    lift = world.lift(one.id)
    trust = told(world, device_of(world), (one.envelope, two.envelope), (lift.envelope,))
    doubt = KeyStateChange(keys=(EntryId("key:eth-1"),), lifts=(), reason="a doubt", state=KeyState.SUSPENDED)
    suspended = world.say(doubt, "person:r.ho")
    trust = apply_update(trust, part(world, trust, notices=(placed(world, suspended.envelope),)), world.now)
    world.change_roster(next_year)
    trust = apply_update(trust, part(world, trust, rosters=(placed(world, world.rosters[-1]),)), world.now)
    world.now = START + timedelta(days=100)
    world.log.witness(world.tick())
    old = part(
        world,
        trust,
        freezes=tuple(placed(world, s.envelope) for s in (one, two)),
        lifts=(placed(world, lift.envelope),),
        notices=(placed(world, suspended.envelope),),
    )
    after = apply_update(trust, old, world.now)
    assert (trust.frozen, trust.lifted, trust.notices) == (after.frozen, after.lifted, after.notices)
    # And a device that has none of it comes to the same: it judges by the time at which each was said.
    late = apply_update(replace(trust, frozen=frozenset(), lifted=frozenset(), notices=()), old, world.now)
    assert (trust.frozen, trust.lifted) == (late.frozen, late.lifted)
    assert suspended.id in {n.id for n in late.notices}


def test_a_new_freeze_is_proved() -> None:
    world = World()
    known = world.freeze()
    trust = told(world, device_of(world), (known.envelope,))
    honest = world.sign(replace(freeze_body(), evidence="new"), "service:watcher", ("service:watcher",))
    signature = replace(honest.signatures[0], sig=Base64Bytes(flip(honest.signatures[0].sig)))
    forged = replace(honest, signatures=(signature,))
    assert honest.id == forged.id
    world.record(forged)
    refuse(Code.SIGNATURE_INVALID, lambda: told(world, trust, (known.envelope, forged)))
    also = world.say(replace(freeze_body(), evidence="newer"), "service:watcher")
    assert {known.id, also.id} == told(world, trust, (known.envelope, also.envelope)).frozen


def test_an_update_carries_freezes() -> None:
    world = World()
    trust = device_of(world)
    freeze = world.freeze()
    update = part(world, trust, freezes=(placed(world, freeze.envelope),))
    refuse(Code.FROZEN, apply_update(trust, update, world.now).check_not_frozen)
    apply_update(trust, part(world, trust), world.now).check_not_frozen()


LIFTERS = (
    ("two officers", ("person:r.ho", "person:s.lee"), None),
    ("one officer", ("person:r.ho",), Code.QUORUM_NOT_MET),
    ("an approver", ("person:m.chan", "person:r.singh"), Code.ROLE_MISSING),
    ("an officer and an approver", ("person:r.ho", "person:m.chan"), Code.SIGNER_UNKNOWN),
)


@pytest.mark.parametrize(("who", "code"), [r[1:] for r in LIFTERS], ids=[r[0].replace(" ", "_") for r in LIFTERS])
def test_who_lifts_a_freeze(who: tuple[str, ...], code: Code | None) -> None:
    world = World()
    freeze = world.freeze()
    trust = told(world, device_of(world), (freeze.envelope,))
    lift = world.lift(freeze.id, who).envelope
    if code:
        refuse(code, lambda: told(world, trust, lifts=(lift,)))
    else:
        told(world, trust, lifts=(lift,)).check_not_frozen()


def test_a_freeze_is_the_watchers_or_an_officers_and_in_the_log() -> None:
    world = World()
    trust = device_of(world)
    wrong = world.say(freeze_body(), "service:platform").envelope
    refuse(Code.ROLE_MISSING, lambda: told(world, trust, (wrong,)))
    lift = world.lift(Digest(sha256(b"freeze"))).envelope
    refuse(Code.TYPE_MISMATCH, lambda: told(world, trust, (lift,)))
    refuse(Code.TYPE_MISMATCH, lambda: told(world, trust, lifts=(world.freeze().envelope,)))
    right = world.say(freeze_body(), "person:r.ho").envelope
    refuse(Code.FROZEN, told(world, trust, (right,)).check_not_frozen)
    assert isinstance(parse_statement(lift).body, FreezeLift)
    step, size = assemble.build_package_checkpoint(world.log, seen(trust))
    after, witnessed = extend(trust, step)
    place = assemble.build_placed(world.log, right, size)
    check_clear_place(after, place, witnessed, "freeze")
    moved = replace(place, proof=(*place.proof[:-1], HexBytes(flip(place.proof[-1]))))
    refuse(Code.NOT_IN_LOG, lambda: apply_freezes(after, (moved,), (), witnessed))
    refuse(Code.NOT_IN_LOG, lambda: check_clear_place(after, moved, witnessed, "freeze"))


def test_all_or_nothing() -> None:
    """An update with one wrong part leaves the device as it was."""
    world = World()
    trust = device_of(world)
    good = add_to_whitelist(world, trust, newcomer(world))
    wrong = replace(good, policies=(placed(world, world.policy),))
    refuse(Code.HEAD_ROLLBACK, lambda: apply_update(trust, wrong, world.now))
    assert NEWCOMER not in trust.entries.whitelist
    assert NEWCOMER in apply_update(trust, good, world.now).entries.whitelist
