"""Notices: what every device keeps beside freezes and registers; leases, and which of them is in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.core import assemble
from strongroom.core.bodies import Freeze, FreezeScope
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.ids import PartyId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.leases import Lease
from strongroom.core.packages import Placed, UpdateBody
from strongroom.core.records import DigestOrNone, HexBytes
from strongroom.core.registers import KeyState
from strongroom.core.roster import Roster
from strongroom.core.statements import Statement, parse_statement
from strongroom.core.trust import Trust, apply_update, enroll
from strongroom.core.trust_file import encode_trust, parse_trust
from world import DELEGATES, HOLDERS, START, World

from .refusals import flip, refuse

ONE, TWO = "device:terminal-8", "device:terminal-9"
"""Two that the world has not leased yet."""
OTHER = sha256(b"another")


def names(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """Names of the rows of a table."""
    return [row[0].replace(" ", "_") for row in rows]


def news(world: World, trust: Trust, **fields: Any) -> UpdateBody:
    """An update that says nothing new but what is given; without notices, the world's."""
    world.log.witness(world.tick())
    body = world.update_body(trust.log_head.size, whole=False)
    return replace(body, registers=(), **fields)


def take(world: World, trust: Trust, **fields: Any) -> Trust:
    """What a device believes after it."""
    return apply_update(trust, news(world, trust, **fields), world.now)


def device_of(world: World) -> Trust:
    """A device that has everything of today."""
    return apply_update(enroll(world.roots, world.fingerprint), world.update_body(), world.now)


def in_force(trust: Trust, terminal: str = ONE) -> str:
    """The id of a terminal's lease; `none` without one."""
    found = trust.find_lease(PartyId(terminal))
    return found.id if found else "none"


def test_a_lease_is_taken_kept_and_replaced() -> None:
    world = World()
    trust = device_of(world)
    assert "none" == in_force(trust)
    first = world.lease(world.build_lease(ONE))
    other = world.lease(world.build_lease(TWO))
    trust = take(world, trust)
    assert (first.id, other.id) == (in_force(trust), in_force(trust, TWO))
    second = world.lease(world.build_lease(ONE))
    trust = take(world, trust)
    assert (second.id, other.id) == (in_force(trust), in_force(trust, TWO))
    assert [world.log.index_of(s.id) for s in (first, other, second)] == [n.index for n in trust.notices][-3:]
    # A device that is enrolled afterwards takes them all at once.
    assert second.id == in_force(device_of(world))


def test_what_was_taken_outlives_the_file() -> None:
    world = World()
    world.lease(world.build_lease(ONE))
    trust = device_of(world)
    raw = encode_trust(trust)
    assert trust.notices == parse_trust(raw).notices
    signature = trust.notices[0].statement.envelope.signatures[0].sig
    other = replace(
        trust.notices[0].statement.envelope,
        signatures=(replace(trust.notices[0].statement.envelope.signatures[0], sig=flip(signature)),),
    )
    held = replace(trust.notices[0], statement=replace(trust.notices[0].statement, envelope=other))
    refuse(Code.SIGNATURE_INVALID, lambda: parse_trust(encode_trust(replace(trust, notices=(held,)))))


def test_an_earlier_notice_may_come_later() -> None:
    """The platform holds one back: what it hides cannot be replaced, and when it comes it stands at its own place."""
    world = World()
    trust = device_of(world)
    world.lease(world.build_lease(ONE))
    second = world.lease(world.build_lease(ONE))
    size = world.log.last_checkpoint().size
    late = assemble.build_placed(world.log, second.envelope, size)
    held_back = apply_update(trust, replace(news_at(world, trust, size), notices=(late,)), world.now)
    assert "none" == in_force(held_back)
    assert second.id == in_force(take(world, held_back))


def news_at(world: World, trust: Trust, size: int) -> UpdateBody:
    """An update under the checkpoint that is the last now."""
    assert size == world.log.last_checkpoint().size
    return replace(world.update_body(trust.log_head.size, whole=False), registers=())


Change = Callable[[Lease], Lease]
FOLLOWING: tuple[tuple[str, Change, int], ...] = (
    ("the next", lambda b: b, 2),
    ("the same number again", lambda b: replace(b, number=1, previous=DigestOrNone("none"), journal=OTHER), 1),
    ("a number left out", lambda b: replace(b, number=3), 1),
    ("another one before it", lambda b: replace(b, previous=DigestOrNone(OTHER)), 1),
    ("of another terminal", lambda b: replace(b, terminal=PartyId(TWO)), 1),
)


@pytest.mark.parametrize(("edit", "counts"), [r[1:] for r in FOLLOWING], ids=names(FOLLOWING))
def test_only_the_next_lease_replaces_one(edit: Change, counts: int) -> None:
    world = World()
    first = world.lease(world.build_lease(ONE))
    second = world.lease(edit(world.build_lease(ONE)))
    assert (first.id, second.id)[counts - 1] == in_force(device_of(world))


SIGNERS = (
    ("both delegates", DELEGATES["keys"][:2], None),
    ("one of them", DELEGATES["keys"][:1], Code.THRESHOLD_NOT_MET),
    ("delegates of another register", DELEGATES["whitelist"][:2], Code.SIGNER_UNKNOWN),
    ("an officer beside them", (*DELEGATES["keys"][:2], "person:r.ho"), Code.SIGNER_UNKNOWN),
)


@pytest.mark.parametrize(("who", "code"), [r[1:] for r in SIGNERS], ids=names(SIGNERS))
def test_who_leases(who: tuple[str, ...], code: Code | None) -> None:
    world = World()
    trust = device_of(world)
    lease = world.notice(world.build_lease(ONE), who[0], who)
    if code:
        refuse(code, lambda: take(world, trust))
    else:
        assert lease.id == in_force(take(world, trust))


def test_a_notice_is_of_a_known_kind_and_in_the_log() -> None:
    world = World()
    trust = device_of(world)
    lease = world.lease(world.build_lease(ONE))
    freeze = world.freeze()
    placed = news(world, trust).notices[-1]
    wrong: tuple[tuple[Placed, Code], ...] = (
        (replace(placed, envelope=freeze.envelope, index=placed.index + 1), Code.TYPE_MISMATCH),
        (replace(placed, index=placed.index + 1), Code.NOT_IN_LOG),
        (replace(placed, proof=(*placed.proof[:-1], HexBytes(flip(placed.proof[-1])))), Code.NOT_IN_LOG),
        (replace(placed, envelope=World().lease(world.build_lease(TWO)).envelope), Code.NOT_IN_LOG),
    )
    for each, code in wrong:
        body = replace(news_at(world, trust, world.log.last_checkpoint().size), notices=(each,))
        if code is Code.TYPE_MISMATCH:
            place = assemble.build_placed(world.log, freeze.envelope, world.log.last_checkpoint().size)
            body = replace(body, notices=(place,))
        refuse(code, lambda body=body: apply_update(trust, body, world.now))
    assert lease.id == in_force(take(world, trust))


def test_a_lease_of_delegates_whom_the_root_dropped_counts_no_more() -> None:
    """And one that the new delegates sign follows it."""
    world = World()
    old = world.lease(world.build_lease(ONE))
    assert old.id == in_force(device_of(world))
    change_keys_delegates(world)
    trust = device_of(world)
    assert (old.id, "none") == (trust.notices[-1].id, in_force(trust))
    people = DELEGATES["whitelist"]
    anew = world.notice(world.build_lease(ONE), people[0], people)
    trust = take(world, trust)
    assert anew.id == in_force(trust)
    # What they say after they were dropped is no notice at all: it neither moves nor stops the terminal.
    world.lease(world.build_lease(ONE))
    refuse(Code.SIGNER_UNKNOWN, lambda: take(world, trust))
    honest = tuple(n for n in news(world, trust).notices if n.envelope.id in {h.id for h in trust.notices})
    assert anew.id == in_force(take(world, trust, notices=honest))


def change_keys_delegates(world: World) -> None:
    """Root 2 gives the key register to other people, who sign everything of theirs anew."""
    before = parse_statement(world.roots[-1])
    keys = world.delegation(DELEGATES["whitelist"])
    body = replace(
        before.body,
        delegations=replace(before.body.delegations, keys=keys),
        previous=DigestOrNone(before.id),
        version=2,
        expires=world.now + timedelta(days=300),
    )
    world.roots.append(world.sign(body, HOLDERS[0], HOLDERS[:2]))
    world.log.append(world.roots[-1])
    world.change_roster(lambda roster: replace(roster, root_version=2))
    head = replace(world.register_body("keys"))
    people = DELEGATES["whitelist"]
    world.heads["keys"] = world.sign(head, people[0], people)
    world.log.append(world.heads["keys"])
    world.log.witness(world.tick())


NUMBERS = ((0, "none"), (1, OTHER), (2, "none"))


@pytest.mark.parametrize(("number", "previous"), NUMBERS)
def test_the_first_lease_names_none_before_it(number: int, previous: str) -> None:
    body = World().build_lease(ONE)
    assert (1, "none") == (body.number, body.previous)
    assert 2 == replace(body, number=2, previous=DigestOrNone(OTHER)).number
    refuse(Code.FIELD_INVALID, lambda: replace(body, number=number, previous=DigestOrNone(previous)))


def declared(world: World, state: KeyState, who: tuple[str, ...] = ("person:r.ho",)) -> Statement[KeyStateChange]:
    """Officers say what every key is."""
    keys = tuple(e.id for e in world.registers["keys"].entries)
    return world.notice(KeyStateChange(keys=keys, lifts=(), reason="found", state=state), who[0], who)


@pytest.mark.parametrize("state", [KeyState.SUSPENDED, KeyState.DEACTIVATED, KeyState.COMPROMISED])
def test_one_officer_stops_every_key_at_once(state: KeyState) -> None:
    world = World()
    trust = device_of(world)
    declared(world, state)
    assert {state} == set(take(world, trust).key_states.values())


def test_one_officer_does_not_end_the_firm() -> None:
    """A destroyed key signs nothing for ever, not even a sweep to ourselves: that takes the quorum of a lift."""
    world = World()
    trust = device_of(world)
    declared(world, KeyState.DESTROYED)
    refuse(Code.QUORUM_NOT_MET, lambda: take(world, trust))
    world = World()
    trust = device_of(world)
    declared(world, KeyState.DESTROYED, ("person:r.ho", "person:s.lee"))
    assert {KeyState.DESTROYED} == set(take(world, trust).key_states.values())


def test_a_notice_outlives_its_officers_term() -> None:
    """Who is enrolled, or comes back, after an officer's last day believes what was right when it was said."""

    def soon_over(roster: Roster) -> Roster:
        last = START + timedelta(days=3)
        parties = [replace(p, valid_until=last) if p.id == "person:r.ho" else p for p in roster.parties]
        return replace(roster, parties=tuple(parties))

    world = World(edits={"roster": soon_over})
    before = device_of(world)
    said = declared(world, KeyState.SUSPENDED)
    freeze = world.say(Freeze(evidence="tx", reason="seen", scope=FreezeScope.VAULT), "person:r.ho")
    world.tick(5 * 86400)
    whole = world.update_body()
    placed = assemble.build_placed(world.log, freeze.envelope, world.log.last_checkpoint().size)
    late = apply_update(enroll(world.roots, world.fingerprint), replace(whole, freezes=(placed,)), world.now)
    for trust in (late, take(world, before, freezes=(placed,))):
        assert said.id in {n.id for n in trust.notices}
        assert freeze.id in trust.frozen


def test_a_notice_is_not_back_dated_beyond_its_roster() -> None:
    """An officer whose term has ended names a day on which it had not; the roster in force is later than that day."""
    world = World()
    first = world.now

    def ended(roster: Roster) -> Roster:
        parties = [replace(p, valid_until=first) if p.id == "person:r.ho" else p for p in roster.parties]
        return replace(roster, parties=tuple(parties))

    world.tick(86400)
    world.change_roster(ended)
    trust = device_of(world)
    later, world.now = world.now, first
    envelope = world.sign(
        KeyStateChange(keys=(world.registers["keys"].entries[0].id,), lifts=(), reason="x", state=KeyState.SUSPENDED),
        "person:r.ho",
        ("person:r.ho",),
    )
    world.now = later
    world.log.append(envelope)
    world.notices.append(envelope)
    refuse(Code.SIGNER_NOT_VALID, lambda: take(world, trust))
