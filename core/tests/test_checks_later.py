"""Approve, verify, clear, sign, release: each refusal beside a docket that passes at the same stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.chains.ethereum.transactions import SignedTransfer, encode_signed, parse_signed
from strongroom.core.bodies import (
    Approval,
    Broadcast,
    ClearToSign,
    Decision,
    Quorum,
    Rejection,
    Scope,
    SignatureRecord,
)
from strongroom.core.canonical import sha256
from strongroom.core.checks.prove import check_quorum_complete, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import EntryId, PartyId
from strongroom.core.records import HexBytes, HexOrNone
from world import Edit, Trip, World, eth_trip, ltc_trip, signer_of
from world_keys import device_of

from .refusals import Case, by_sentence, change, change_party, later, prove, refuse

NOBODY = sha256(b"nothing of ours")
STAGES = [stage for stage in Stage if stage >= Stage.PROPOSE]


def signed_as(**fields: Any) -> Edit:
    """An edit of the signed Ethereum transaction: the transfer in it is another, under the same signature."""

    def edit(raw: bytes) -> bytes:
        found: SignedTransfer = parse_signed(raw)
        return encode_signed(replace(found.transfer, **fields), found.y_parity, found.r, found.s)

    return edit


CASES = (
    # Approve
    Case(
        says="an approval of another proposal",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.APPROVE,
        edits={"approve": change(proposal=NOBODY)},
    ),
    Case(
        says="an approval of other bytes",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.APPROVE,
        edits={"approve": change(unsigned_digest=NOBODY)},
    ),
    Case(
        says="the approver was shown other facts",
        code=Code.DISPLAY_MISMATCH,
        stage=Stage.APPROVE,
        edits={"approve": change(display_digest=NOBODY)},
    ),
    Case(
        says="the approver saw another display",
        code=Code.DISPLAY_MISMATCH,
        stage=Stage.APPROVE,
        edits={"approve": change(renderer="someone-else/1")},
    ),
    Case(
        says="the approval was made on no approval device",
        code=Code.ROLE_MISSING,
        stage=Stage.APPROVE,
        edits={"approve": change(device=PartyId("device:station-1"))},
    ),
    Case(
        says="the approval was made on an unknown device",
        code=Code.SIGNER_UNKNOWN,
        stage=Stage.APPROVE,
        edits={"approve": change(device=PartyId("device:approver-9"))},
    ),
    Case(
        says="the approvals ran out before signing",
        code=Code.STALE_APPROVAL,
        stage=Stage.VERIFY,
        edits={"approve": lambda b: replace(b, until=b.until - timedelta(hours=6))},
    ),
    # Verify
    Case(
        says="the station verified another proposal",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.VERIFY,
        edits={"verify": change(proposal=NOBODY)},
    ),
    Case(
        says="the station verified other bytes",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.VERIFY,
        edits={"verify": change(unsigned_digest=NOBODY)},
    ),
    Case(
        says="the second reading differs",
        code=Code.READINGS_DISAGREE,
        stage=Stage.VERIFY,
        edits={"verify": change(reading_digest=NOBODY)},
    ),
    # Sign
    Case(
        says="the record names no clear of the docket",
        code=Code.CLEAR_MISSING,
        stage=Stage.SIGN,
        edits={"sign": change(clear=NOBODY)},
    ),
    Case(
        says="the clear is for another session's nonce",
        code=Code.CLEAR_NOT_FOR_SESSION,
        stage=Stage.SIGN,
        edits={"sign": change(nonce=HexBytes(bytes(32)))},
    ),
    Case(
        says="the clear is for another terminal",
        code=Code.CLEAR_NOT_FOR_SESSION,
        stage=Stage.SIGN,
        edits={"sign": lambda b: b},
        make=lambda world, **_: signs_elsewhere(world),
    ),
    Case(
        says="the record's journal stands where it stood when the clear was asked for",
        code=Code.CLEAR_NOT_FOR_SESSION,
        stage=Stage.SIGN,
        edits={"sign": lambda b: replace(b, journal=replace(b.journal, number=4))},
    ),
    Case(
        says="the clear is for containment only",
        code=Code.CLEAR_NOT_FOR_SESSION,
        stage=Stage.SIGN,
        edits={"clear": change(scope=Scope.CONTAINMENT)},
    ),
    Case(
        says="the record is about another proposal",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.SIGN,
        edits={"sign": change(proposal=NOBODY)},
    ),
    Case(
        says="the record is about other bytes",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.SIGN,
        edits={"sign": change(unsigned_digest=NOBODY)},
    ),
    Case(
        says="the record names another terminal's key",
        code=Code.SIGNER_KEY_MISMATCH,
        stage=Stage.SIGN,
        make=ltc_trip,
        edits={"sign": change(keys=(EntryId("key:ltc-1-3"), EntryId("key:ltc-2-3")))},
    ),
    Case(
        says="the record names a key of no source",
        code=Code.SIGNER_KEY_MISMATCH,
        stage=Stage.SIGN,
        edits={"sign": change(keys=(EntryId("key:eth-2"),))},
    ),
    Case(
        says="the terminal signed after the time to sign",
        code=Code.INSTRUCTION_EXPIRED,
        stage=Stage.SIGN,
        edits={"propose": lambda b: replace(b, sign_by=b.sign_by - timedelta(hours=8))},
    ),
    Case(
        says="the terminal believed other registers than the station",
        code=Code.HEAD_UNEQUAL,
        stage=Stage.SIGN,
        edits={"sign": lambda b: replace(b, heads=replace(b.heads, assets=replace(b.heads.assets, version=2)))},
    ),
    Case(
        says="nobody oversees a section of the circular",
        code=Code.OVERSEER_MISSING,
        stage=Stage.SIGN,
        govern={"roster": lambda r: replace(r, overseers=r.overseers[1:])},
    ),
    Case(
        says="the overseer's designation has run out",
        code=Code.OVERSEER_MISSING,
        stage=Stage.SIGN,
        govern={"roster": lambda r: change_party("person:r.ho", valid_until=r.parties[0].valid_from)(r)},
    ),
    # Release
    Case(
        says="the signed transaction pays somebody else",
        code=Code.SIGNED_MISMATCH,
        stage=Stage.RELEASE,
        edits={"signed": signed_as(to=bytes(19) + b"\1")},
    ),
    Case(
        says="the signed transaction pays more",
        code=Code.SIGNED_MISMATCH,
        stage=Stage.RELEASE,
        edits={"signed": signed_as(value_wei=126 * 10**16)},
    ),
    Case(
        says="the release is of other signed bytes",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.RELEASE,
        edits={"release": change(signed_digest=NOBODY)},
    ),
    Case(
        says="the release names another transaction",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.RELEASE,
        edits={"release": change(txid="0x" + "11" * 32)},
    ),
    Case(
        says="the release is of another proposal",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.RELEASE,
        edits={"release": change(proposal=NOBODY)},
    ),
    Case(
        says="the release came too late",
        code=Code.RELEASE_EXPIRED,
        stage=Stage.RELEASE,
        edits={"propose": lambda b: replace(b, release_by=b.release_by - timedelta(hours=12))},
    ),
    Case(
        says="the broadcast is of another transaction",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.BROADCAST,
        edits={"broadcast": change(txid="0x" + "11" * 32)},
    ),
    Case(
        says="the settlement is of another transaction",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.SETTLE,
        edits={"settle": change(txid="0x" + "11" * 32)},
    ),
    Case(
        says="the settlement is of another proposal",
        code=Code.DIGEST_MISMATCH,
        stage=Stage.SETTLE,
        edits={"settle": change(proposal=NOBODY)},
    ),
    Case(
        says="the docket hides the signed bytes",
        code=Code.STAGE_MISSING,
        stage=Stage.RELEASE,
        docket=lambda d: replace(d, transaction=replace(d.transaction, signed=HexOrNone("none"))),
    ),
    Case(
        says="the docket carries signed bytes before their release",
        code=Code.STAGE_MISSING,
        stage=Stage.SIGN,
        docket=lambda d: replace(d, transaction=replace(d.transaction, signed=HexOrNone("00"))),
    ),
)


def signs_elsewhere(world: World) -> Trip:
    """Terminal 2 signs in the session that was cleared for terminal 1."""
    trip = eth_trip(world).to(Stage.CLEAR)
    clear = trip.of(ClearToSign)[0]
    trip.to(Stage.SIGN)
    honest = trip.of(SignatureRecord)[0]
    trip.statements.remove(honest)
    forged = replace(honest.body, terminal=PartyId("device:terminal-2"), clear=clear.id)
    trip.say(forged, "device:terminal-2", ("device:terminal-2", *forged.operators))
    return trip


@by_sentence(CASES)
def test_a_later_stage_is_refused(case: Case) -> None:
    trip = case.trip()
    refuse(case.code, lambda: prove(trip, case.docket(trip.docket())))


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
@pytest.mark.parametrize("stage", STAGES)
def test_an_honest_docket_passes(make: Callable[..., Trip], stage: Stage) -> None:
    assert stage is prove(make(World()).to(stage)).journey.furthest


# Who approves


def world_with_second_name(staff: str, key_of: str | None = None) -> World:
    """A firm in which `person:x.tra` is one more approver's entry."""

    def edit(roster: Any) -> Any:
        entry = World().party("person:x.tra", staff=staff, group="treasury", roles=("approver",))
        if key_of:
            entry = replace(entry, key=signer_of(key_of).key)
        device = World().party(device_of("person:x.tra"), staff=staff, group="machines", roles=("approval-device",))
        parties = tuple(sorted((*roster.parties, entry, device), key=lambda p: p.id))
        return replace(roster, parties=parties)

    return World(edits={"roster": edit})


APPROVERS = (
    ("two people of two groups", World, ("person:m.chan", "person:r.singh"), None),
    ("three people", World, ("person:m.chan", "person:r.singh", "person:a.wong"), None),
    (
        "a new colleague under an own staff number",
        lambda: world_with_second_name("staff-99"),
        ("person:m.chan", "person:x.tra"),
        None,
    ),
    ("one person alone", World, ("person:m.chan",), Code.QUORUM_NOT_MET),
    (
        "one person under two names",
        lambda: world_with_second_name("staff-01"),
        ("person:m.chan", "person:x.tra"),
        Code.QUORUM_NOT_MET,
    ),
    ("an operator", World, ("person:m.chan", "person:c.lam"), Code.ROLE_MISSING),
    ("an officer", World, ("person:m.chan", "person:r.ho"), Code.ROLE_MISSING),
    ("somebody unknown", World, ("person:m.chan", "person:nobody"), Code.SIGNER_UNKNOWN),
)


@pytest.mark.parametrize(
    ("make_world", "who", "code"), [r[1:] for r in APPROVERS], ids=[r[0].replace(" ", "_") for r in APPROVERS]
)
def test_who_may_approve(make_world: Callable[[], World], who: tuple[str, ...], code: Code | None) -> None:
    def ask() -> None:
        trip = eth_trip(make_world(), approvers=who).to(Stage.APPROVE)
        check_quorum_complete(prove(trip), trip.world.now)
        prove(trip.to(Stage.VERIFY))

    if code:
        refuse(code, ask)
    else:
        ask()


def test_two_people_of_one_group_are_not_enough() -> None:
    same = World(edits={"roster": change_party("person:r.singh", group="operations")})
    refuse(Code.QUORUM_NOT_MET, lambda: prove(eth_trip(same).to(Stage.VERIFY)))
    prove(eth_trip(World()).to(Stage.VERIFY))


def test_the_same_person_approving_twice_counts_once() -> None:
    trip = eth_trip(World(), approvers=("person:m.chan",)).to(Stage.APPROVE)
    first = trip.of(Approval)[0].body
    trip.say(replace(first, until=first.until - timedelta(hours=1)), "person:m.chan")
    refuse(Code.QUORUM_NOT_MET, lambda: prove(trip.to(Stage.VERIFY)))
    prove(eth_trip(World()).to(Stage.VERIFY))


def test_the_decision_may_require_more_than_the_policy() -> None:
    three: dict[str, Edit] = {"decide": change(quorums=(Quorum(role="approver", people=3, groups=3),))}
    refuse(Code.QUORUM_NOT_MET, lambda: prove(eth_trip(World(), edits=three).to(Stage.VERIFY)))
    everybody = ("person:m.chan", "person:r.singh", "person:a.wong")
    prove(eth_trip(World(), edits=three, approvers=everybody).to(Stage.VERIFY))


def test_the_policy_requires_its_quorum_whatever_the_decision_says() -> None:
    one: dict[str, Edit] = {"decide": change(quorums=(Quorum(role="approver", people=1, groups=1),))}
    refuse(
        Code.QUORUM_NOT_MET, lambda: prove(eth_trip(World(), edits=one, approvers=("person:m.chan",)).to(Stage.VERIFY))
    )
    trip = eth_trip(World(), edits=one).to(Stage.VERIFY)
    assert 1 == trip.of(Decision)[0].body.quorums[0].people
    prove(trip)


def test_one_rejection_ends_it() -> None:
    trip = eth_trip(World()).to(Stage.APPROVE)
    yes = trip.of(Approval)[0].body
    no = {f: getattr(yes, f) for f in ("device", "display_digest", "heads", "language", "prev", "proposal", "renderer")}
    trip.say(Rejection(**no, unsigned_digest=yes.unsigned_digest, reason="not mine"), "person:a.wong")
    refuse(Code.REJECTED, lambda: prove(trip))
    prove(eth_trip(World()).to(Stage.APPROVE))


def test_approvals_hold_until_the_records_time_and_not_the_readers() -> None:
    trip = eth_trip(World()).to(Stage.SETTLE)
    later_years = trip.world.now + timedelta(days=3650)
    assert Stage.SETTLE is prove_docket(trip.docket(), trip.world.roots, now=later_years).journey.furthest
    waiting = eth_trip(World()).to(Stage.VERIFY)
    refuse(
        Code.STALE_APPROVAL,
        lambda: prove_docket(waiting.docket(), waiting.world.roots, now=waiting.world.now + timedelta(hours=7)),
    )
    assert prove_docket(waiting.docket(), waiting.world.roots).journey.furthest is Stage.VERIFY


# Who clears and who signs


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        (("service:reconciler", "service:watcher"), None),
        (("service:reconciler",), Code.SIGNATURES_MISSING),
        (("service:watcher",), Code.SIGNATURES_MISSING),
        (("service:reconciler", "service:platform"), Code.SIGNER_UNKNOWN),
    ],
)
def test_a_clear_needs_two_keys(signers: tuple[str, ...], code: Code | None) -> None:
    trip = eth_trip(World()).to(Stage.VERIFY)
    trip.say(trip.clear_body("device:terminal-1"), "service:reconciler", signers)
    if code:
        refuse(code, lambda: prove(trip))
    else:
        prove(trip)


def test_only_the_reconciler_issues_a_clear() -> None:
    trip = eth_trip(World()).to(Stage.VERIFY)
    trip.say(trip.clear_body("device:terminal-1"), "service:watcher", ("service:reconciler", "service:watcher"))
    refuse(Code.ROLE_MISSING, lambda: prove(trip))
    prove(eth_trip(World()).to(Stage.CLEAR))


CREWS = (
    ("two operators", ("person:c.lam", "person:p.wu"), None, None, None),
    ("one operator", ("person:c.lam",), None, None, Code.OPERATORS_NOT_TWO),
    ("an approver", ("person:c.lam", "person:m.chan"), None, None, Code.ROLE_MISSING),
    ("an operator who did not sign", ("person:c.lam", "person:p.wu"), ("person:c.lam",), None, Code.SIGNATURES_MISSING),
    (
        "a third signature",
        ("person:c.lam", "person:p.wu"),
        ("person:c.lam", "person:p.wu", "person:r.ho"),
        None,
        Code.SIGNER_UNKNOWN,
    ),
    (
        "two names of one operator",
        ("person:c.lam", "person:p.wu"),
        None,
        change_party("person:p.wu", staff="staff-04"),
        Code.OPERATORS_NOT_TWO,
    ),
)


@pytest.mark.parametrize(
    ("operators", "signers", "roster", "code"), [r[1:] for r in CREWS], ids=[r[0].replace(" ", "_") for r in CREWS]
)
def test_who_may_operate(
    operators: tuple[str, ...], signers: tuple[str, ...] | None, roster: Edit | None, code: Code | None
) -> None:
    trip = eth_trip(World(edits={"roster": roster} if roster else {})).to(Stage.SIGN)
    honest = trip.statements.pop().body
    body = replace(honest, operators=tuple(PartyId(o) for o in operators))
    trip.say(body, "device:terminal-1", ("device:terminal-1", *(signers or operators)))
    if code:
        refuse(code, lambda: prove(trip))
    else:
        prove(trip)


def test_a_terminal_records_for_itself() -> None:
    trip = eth_trip(World()).to(Stage.SIGN)
    body = trip.statements.pop().body
    trip.say(body, "device:terminal-2", ("device:terminal-2", *body.operators))
    refuse(Code.SIGNER_UNKNOWN, lambda: prove(trip))
    prove(eth_trip(World()).to(Stage.SIGN))


def test_who_approved_does_not_operate_even_after_changing_desks() -> None:
    def swap(roster: Any) -> Any:
        """m.chan leaves approving for operating, after having approved."""
        return change_party("person:m.chan", roles=("operator",))(roster)

    trip = eth_trip(World()).to(Stage.CLEAR)
    trip.world.change_roster(swap)
    trip.to(Stage.SIGN)
    body = trip.statements.pop().body
    crew = (PartyId("person:c.lam"), PartyId("person:m.chan"))
    trip.say(replace(body, operators=crew), "device:terminal-1", ("device:terminal-1", *crew))
    refuse(Code.SEPARATION, lambda: prove(trip))

    honest = eth_trip(World()).to(Stage.CLEAR)
    honest.world.change_roster(change_party("person:a.wong", roles=("operator",)))
    honest.to(Stage.SIGN)
    body = honest.statements.pop().body
    crew = (PartyId("person:a.wong"), PartyId("person:c.lam"))
    heads = {"heads": replace(body.heads, roster=honest.proposal.body.heads.roster)}
    honest.say(replace(body, operators=crew, **heads), "device:terminal-1", ("device:terminal-1", *crew))
    assert Stage.SIGN is prove(honest).journey.furthest


def test_a_record_cannot_be_older_than_its_clear() -> None:
    def signed_at(offset: timedelta) -> Trip:
        trip = eth_trip(World()).to(Stage.SIGN)
        body = trip.statements.pop().body
        now, trip.world.now = trip.world.now, trip.world.now + offset
        envelope = trip.world.sign(body, "device:terminal-1", ("device:terminal-1", *body.operators))
        trip.world.now = now
        trip.statements.append(trip.world.record(envelope))
        return trip

    prove(signed_at(timedelta()))
    refuse(Code.CLOCK_BEHIND, lambda: prove(signed_at(timedelta(minutes=-5))))
    refuse(Code.CLOCK_BEHIND, lambda: prove(signed_at(timedelta(minutes=5))))


def test_a_record_stands_behind_its_clear_in_the_log() -> None:
    trip = eth_trip(World()).to(Stage.SIGN)
    record = trip.statements.pop().body
    clear = trip.statements.pop()
    early = trip.world.sign(clear.body, "service:reconciler", ("service:reconciler", "service:watcher"))
    body = replace(record, clear=early.id)
    trip.say(body, "device:terminal-1", ("device:terminal-1", *body.operators))
    trip.statements.append(trip.world.record(early))
    refuse(Code.DOCKET_ORDER, lambda: prove(trip))
    prove(eth_trip(World()).to(Stage.SIGN))


def test_terminals_may_sign_in_any_order() -> None:
    """The second terminal may be cleared after the first has signed."""
    trip = ltc_trip(World()).to(Stage.SIGN)
    clears = {c.body.terminal: c for c in trip.of(ClearToSign)}
    assert 2 == len(clears)
    assert Stage.SIGN is prove(trip).journey.furthest


def test_a_clear_that_nobody_used_has_no_place_in_a_released_docket() -> None:
    trip = eth_trip(World()).to(Stage.CLEAR)
    trip.say(
        trip.clear_body("device:terminal-2", nonce=bytes([7]) * 32),
        "service:reconciler",
        ("service:reconciler", "service:watcher"),
    )
    prove(trip.to(Stage.SIGN))
    refuse(Code.CLEAR_NOT_FOR_SESSION, lambda: prove(trip.to(Stage.RELEASE)))
    prove(eth_trip(World()).to(Stage.RELEASE))


def test_one_of_two_signatures_is_not_released() -> None:
    trip = ltc_trip(World()).to(Stage.SIGN)
    lone = trip.of(SignatureRecord)[1]
    trip.statements.remove(lone)
    trip.statements.remove(next(c for c in trip.of(ClearToSign) if c.id == lone.body.clear))
    trip.to(Stage.RELEASE)
    refuse(Code.SIGNATURES_MISSING, lambda: prove(trip))
    prove(ltc_trip(World()).to(Stage.RELEASE))


def test_only_the_gate_releases_and_broadcasts() -> None:
    for stage, body_type in ((Stage.RELEASE, None), (Stage.BROADCAST, Broadcast)):
        trip = eth_trip(World()).to(stage)
        body = trip.statements.pop().body
        assert body_type is None or isinstance(body, body_type)
        trip.say(body, "device:station-1")
        refuse(Code.ROLE_MISSING, lambda trip=trip: prove(trip))
        prove(eth_trip(World()).to(stage))


def test_the_signed_bytes_are_one_whole_transaction() -> None:
    def cut(raw: bytes) -> bytes:
        return raw[:-1]

    trip = ltc_trip(World()).to(Stage.RELEASE)
    docket = trip.docket()
    signed = HexOrNone(cut(trip.signed).hex())
    refuse(
        Code.TX_TRUNCATED, lambda: prove(trip, replace(docket, transaction=replace(docket.transaction, signed=signed)))
    )
    prove(trip)
    assert later("until", seconds=0)(trip.of(Approval)[0].body) == trip.of(Approval)[0].body
