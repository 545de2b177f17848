"""The approver's program with a real token: what it shows, what it signs, and every docket that it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.approver.flow import MAX_WRONG_PINS, REST_S
from strongroom.chains.ethereum import addresses as eth
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.core.bodies import Approval, Halt, Instruction, Quorum, Rejection
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin, docket_order
from strongroom.core.packages import PackageKind
from strongroom.core.roster import Floors
from strongroom.core.statements import check_exact_signers, parse_statement
from strongroom.core.words import group
from world import Edit, Trip, bump_trip, eth_trip, ltc_trip

from .conftest import PIN, Desk, MakeDesk, Tokens, proposed, with_tokens

STRANGER = "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"


def halted(desk: Desk) -> set[str]:
    """The codes of the halt that the device signed last."""
    body = parse_statement(desk.answers()[-1]).body
    assert isinstance(body, Halt)
    return {r.code for r in body.refusals}


def approves(desk: Desk, trip: Trip) -> Approval:
    """The person reads the trip's docket and says yes."""
    assert 0 == desk.decide(desk.request(trip), PIN, "approve")
    body = parse_statement(desk.answers()[-1]).body
    assert isinstance(body, Approval)
    return body


@pytest.mark.parametrize("make_trip", [eth_trip, ltc_trip])
def test_an_approval_is_signed_by_the_token_and_proves_in_the_docket(
    make_desk: MakeDesk, tokens: Tokens, make_trip: Any
) -> None:
    desk = make_desk()
    trip = make_trip(desk.world).to(Stage.PROPOSE)
    approves(desk, trip)
    envelope = desk.answers()[0]
    check_exact_signers(envelope, [tokens.keys["person:m.chan"]], "approval")
    trip.statements.append(desk.world.record(envelope))
    trip.statements.sort(key=docket_order)
    proved = prove_docket(trip.docket(), desk.world.roots, now=desk.world.now)
    assert Stage.APPROVE is proved.journey.furthest
    assert proved.facts.digest == proved.journey.all(Approval)[0].body.display_digest


def test_everything_is_shown_before_it_is_asked(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    approves(desk, trip)
    shown, _ = desk.told.split("Type one of these words: approve, reject, unsure.")
    destination = trip.statements[0].body.destination.address
    for text in (group(destination), "1.250000000000000000 ETH", "Harbour Fund Ltd", group(trip.facts().digest)):
        assert text in " ".join(shown.split())


def test_an_approval_ends_with_the_order_or_sooner(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    assert trip.proposal.body.sign_by == approves(desk, trip).until
    short = make_desk({"policy": lambda p: replace(p, parameters=replace(p.parameters, approval_life_s=60))})
    assert short.world.now + timedelta(seconds=60) <= approves(short, proposed(short)).until
    assert short.world.now + timedelta(seconds=120) > parse_statement(short.answers()[0]).body.until


@pytest.mark.parametrize("answer", ["reject", "unsure"])
def test_doubt_is_as_easy_as_consent(make_desk: MakeDesk, answer: str) -> None:
    desk = make_desk()
    assert 0 == desk.decide(desk.request(proposed(desk)), PIN, answer, "I do not know this fund")
    body = parse_statement(desk.answers()[0]).body
    assert isinstance(body, Rejection)
    assert f"{answer}: I do not know this fund" == body.reason


def test_only_three_words_are_answers(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    assert 3 == desk.decide(desk.request(trip), PIN, "yes", "y", "")
    assert {Code.OPERATOR_REFUSED} == desk.codes
    assert not desk.answers()
    assert 0 == desk.decide(desk.request(trip), PIN, "yes", "approve")
    assert 1 == len(desk.answers())


# The token


def test_a_wrong_pin_signs_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    assert 3 == desk.decide(path, "wrong-pin", "approve")
    assert {Code.PIN_WRONG} == desk.codes
    assert 1 == desk.home.load_counters().wrong_pins
    assert not desk.answers()
    assert 0 == desk.decide(path, PIN, "approve")
    assert 0 == desk.home.load_counters().wrong_pins


def test_a_token_rests_after_wrong_pins(make_desk: MakeDesk) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    for count in range(MAX_WRONG_PINS):
        assert 3 == desk.decide(path, f"wrong-{count}", "approve")
    assert 3 == desk.decide(path, PIN, "approve")
    assert {Code.PIN_WRONG} == desk.codes
    assert 0 == desk.decide(path, PIN, "approve", at=desk.world.now + timedelta(seconds=REST_S))


def test_another_persons_token_does_not_answer(make_desk: MakeDesk) -> None:
    desk = make_desk(enrolled=False)
    assert 0 == desk.enroll(label="x.new")
    assert 0 == desk.update()
    path = desk.request(proposed(desk))
    assert 3 == desk.decide(path, PIN, "approve")
    assert {Code.SIGNER_KEY_MISMATCH} == desk.codes
    assert not desk.answers()
    honest = make_desk()
    approves(honest, proposed(honest))


@pytest.mark.parametrize("label", ["nobody", "empty"])
def test_a_token_that_is_not_there_or_has_no_key(make_desk: MakeDesk, label: str) -> None:
    desk = make_desk(enrolled=False)
    assert 0 == desk.enroll(label=label)
    assert 0 == desk.update()
    assert 4 == desk.decide(desk.request(proposed(desk)), PIN, "approve")
    assert {Code.TOKEN_UNAVAILABLE} == desk.codes
    honest = make_desk()
    approves(honest, proposed(honest))


def test_who_is_no_approver_does_not_approve(make_desk: MakeDesk, tokens: Tokens) -> None:
    def no_approver(roster: Any) -> Any:
        parties = (replace(p, roles=()) if p.id == "person:m.chan" else p for p in with_tokens(tokens)(roster).parties)
        return replace(roster, parties=tuple(parties))

    desk = make_desk({"roster": no_approver})
    assert 3 == desk.decide(desk.request(proposed(desk)), PIN, "approve")
    assert {Code.ROLE_MISSING} == desk.codes
    honest = make_desk()
    approves(honest, proposed(honest))


# Dockets


def spends(**fields: Any) -> Mapping[str, Edit]:
    """The platform builds other bytes."""
    return {"unsigned": lambda raw: encode_unsigned(replace(parse_unsigned(raw), **fields))}


def order_in_the_past(order: Any) -> Any:
    """The client's order could be signed until an hour ago."""
    return replace(order, sign_by=order.sign_by - timedelta(hours=9))


def added_today(entries: Any) -> Any:
    """Every destination is new."""
    return tuple(replace(e, added_at=e.added_at + timedelta(days=41)) for e in entries)


def almost_nothing(policy: Any) -> Any:
    """The policy allows one unit."""
    return replace(policy, rules=tuple(replace(r, max_amount=1) for r in policy.rules))


ATTACKS: tuple[tuple[str, Mapping[str, Edit], Mapping[str, Edit], Code], ...] = (
    ("the destination is swapped", spends(to=eth.parse_address(STRANGER)), {}, Code.DEST_NOT_INSTRUCTED),
    ("more is paid", spends(value_wei=2 * 10**18), {}, Code.AMOUNT_NOT_INSTRUCTED),
    ("the fee is too high", spends(max_fee_per_gas_wei=10**12), {}, Code.FEE_CEILING),
    ("the time to sign is over", {"instruct": order_in_the_past}, {}, Code.INSTRUCTION_EXPIRED),
    ("the entry is too young", {}, {"whitelist": added_today}, Code.ENTRY_TOO_YOUNG),
    ("the policy allows less", {}, {"policy": almost_nothing}, Code.LIMIT_TRANSACTION),
)


@pytest.mark.parametrize(
    ("edits", "govern", "code"), [r[1:] for r in ATTACKS], ids=[r[0].replace(" ", "_") for r in ATTACKS]
)
def test_a_wrong_docket_is_never_even_asked_about(
    make_desk: MakeDesk, edits: Mapping[str, Edit], govern: Mapping[str, Edit], code: Code
) -> None:
    desk = make_desk(govern)
    assert 3 == desk.decide(desk.request(proposed(desk, edits)), PIN, "approve")
    assert code in desk.codes
    assert "approve, reject" not in desk.told
    assert code.value in halted(desk)
    honest = make_desk()
    approves(honest, proposed(honest))


def test_a_docket_stands_on_this_devices_own_whitelist(make_desk: MakeDesk) -> None:
    """The entry was removed, this device knows, and the platform still shows the version before."""
    desk = make_desk()
    trip = proposed(desk)
    known, head = desk.world.registers["whitelist"], desk.world.heads["whitelist"]
    desk.world.change_register("whitelist", removed=["entry:harbour-eth"])
    assert 0 == desk.update(desk.world.register_update("whitelist", (), ["entry:harbour-eth"], desk.seen))
    desk.world.registers["whitelist"], desk.world.heads["whitelist"] = known, head
    assert 3 == desk.decide(desk.request(trip), PIN, "approve")
    assert {Code.DEST_NOT_WHITELISTED} == desk.codes
    assert {Code.DEST_NOT_WHITELISTED.value} == halted(desk)
    again = make_desk()
    approves(again, proposed(again))


def test_an_older_whitelist_is_refused_and_changes_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.world.change_register("whitelist", removed=["entry:peak-eth"])
    older = desk.world.update_body(desk.seen, whole=False)
    assert 0 == desk.update(desk.world.register_update("whitelist", (), ["entry:peak-eth"], desk.seen))
    before = desk.home.load_trust()
    assert 3 == desk.update(replace(older, checkpoint=desk.world.update_body(desk.seen).checkpoint))
    assert {Code.HEAD_ROLLBACK} == desk.codes
    assert before == desk.home.load_trust()
    desk.world.change_register("whitelist", removed=["entry:peak-ltc"])
    assert 0 == desk.update(desk.world.register_update("whitelist", (), ["entry:peak-ltc"], desk.seen))


def test_a_frozen_device_asks_nobody(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    freeze = desk.world.freeze()
    body = trip.docket_body(desk.seen)
    size = desk.world.log.last_checkpoint().size
    place = desk.world.update_body().registers[0].head
    told = replace(place, envelope=freeze.envelope, index=size - 1, proof=desk.world.log.inclusion(size - 1, size))
    frozen = desk.put(PackageKind.APPROVAL_REQUEST, replace(body, freezes=(told,)))
    assert 3 == desk.decide(frozen, PIN, "approve")
    assert Code.FROZEN in desk.codes
    # It latches: the platform cannot make the device forget by leaving the freeze out.
    assert 3 == desk.decide(desk.request(trip), PIN, "approve")
    assert Code.FROZEN in desk.codes
    lift = desk.world.lift(freeze.id)
    size = desk.world.log.last_checkpoint().size
    ended = replace(told, envelope=lift.envelope, index=size - 1, proof=desk.world.log.inclusion(size - 1, size))
    body = replace(trip.docket_body(desk.seen), lifts=(ended,))
    assert 0 == desk.decide(desk.put(PackageKind.APPROVAL_REQUEST, body), PIN, "approve")


def test_a_package_is_taken_once_and_by_its_own_device(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    early, path = desk.request(trip), desk.request(trip)
    assert 0 == desk.decide(path, PIN, "approve")
    assert 3 == desk.decide(early, PIN, "approve")
    assert {Code.PACKAGE_SEQUENCE} == desk.codes
    other = desk.put(PackageKind.APPROVAL_REQUEST, trip.docket_body(desk.seen), to="device:approver-2")
    assert 3 == desk.decide(other, PIN, "approve")
    assert {Code.PACKAGE_NOT_FOR_US} == desk.codes
    wrong = desk.put(PackageKind.VERIFICATION, trip.docket_body(desk.seen))
    assert 3 == desk.decide(wrong, PIN, "approve")
    assert {Code.TYPE_MISMATCH} == desk.codes
    assert 0 == desk.decide(desk.request(trip), PIN, "approve")


ONE = Quorum(role="approver", people=1, groups=1)


def one_is_enough(policy: Any) -> Any:
    """One approver is enough in this firm."""
    return replace(policy, rules=tuple(replace(r, quorums=(ONE,)) for r in policy.rules))


def no_floors(root: Any) -> Any:
    """A root whose floors are no higher."""
    return replace(root, floors=Floors(groups=1, people=1))


def change_quorum(decision: Any) -> Any:
    """And the decision says so."""
    return replace(decision, quorums=(ONE,))


def test_a_docket_that_was_approved_and_verified_is_not_asked_about(make_desk: MakeDesk) -> None:
    desk = make_desk({"policy": one_is_enough, "root": no_floors})
    trip = eth_trip(desk.world, approvers=("person:a.wong",), edits={"decide": change_quorum}).to(Stage.VERIFY)
    assert 3 == desk.decide(desk.request(trip), PIN, "approve")
    assert {Code.DOCKET_ORDER} == desk.codes
    again = make_desk()
    approves(again, proposed(again))


def test_the_docket_ends_with_the_packages_checkpoint(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    docket = trip.docket()
    desk.world.freeze()
    body = replace(trip.docket_body(desk.seen), docket=docket)
    assert body.checkpoint.note != docket.checkpoints[-1].note
    assert 3 == desk.decide(desk.put(PackageKind.APPROVAL_REQUEST, body), PIN, "approve")
    assert {Code.LOG_NOT_CONSISTENT} == desk.codes
    assert 0 == desk.decide(desk.request(trip), PIN, "approve")


def test_a_changed_byte_of_the_docket_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    for part in range(10):
        path = desk.request(trip)
        raw = path.read_bytes()
        start, end = raw.index(b'"docket"'), raw.index(b'"freezes"')
        position = start + part * (end - start) // 10
        path.write_bytes(raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :])
        assert 3 == desk.decide(path, PIN, "approve")
    assert not any(isinstance(parse_statement(answer).body, Approval) for answer in desk.answers())
    fresh = make_desk()
    approves(fresh, proposed(fresh))


def test_a_second_proposal_of_one_payment_is_approved_only_as_its_replacement(make_desk: MakeDesk) -> None:
    """Attack: one instruction, two proposals with different nonces; each docket proves itself."""
    desk = make_desk()
    first = eth_trip(desk.world, nonce=7).to(Stage.PROPOSE)
    other = eth_trip(desk.world, nonce=8)
    other.statements = list(first.of(Instruction))
    other.to(Stage.PROPOSE)
    approves(desk, first)
    assert 0 != desk.decide(desk.request(other), PIN, "approve")
    assert {Code.INSTRUCTION_ALREADY_PAID} == halted(desk)
    bumped = bump_trip(desk.world, first).to(Stage.PROPOSE)
    approves(desk, bumped)
    assert f"2 at the same payment; it replaces {group(first.proposal.id)}" in " ".join(
        desk.told.replace("\n!", "\n").split()
    )
    assert 0 != desk.decide(desk.request(first), PIN, "approve")
    assert {Code.INSTRUCTION_ALREADY_PAID} == halted(desk)


def test_a_rejected_proposal_binds_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    first = eth_trip(desk.world, nonce=7).to(Stage.PROPOSE)
    other = eth_trip(desk.world, nonce=8)
    other.statements = list(first.of(Instruction))
    assert 0 == desk.decide(desk.request(first), PIN, "reject", "wrong")
    approves(desk, other.to(Stage.PROPOSE))


def test_a_void_is_not_approved(make_desk: MakeDesk) -> None:
    """Nobody approves a void: an approval of its bytes is a signature that no reader asks for."""
    desk = make_desk(person="person:r.singh")
    trip = eth_trip(desk.world).to(Stage.PROPOSE)
    assert 0 == desk.decide(desk.request(trip), PIN, "reject", "no")
    trip.statements.append(desk.world.record(desk.answers()[-1]))
    trip.statements.sort(key=docket_order)
    trip.twin = Twin.VOID
    assert 0 != desk.decide(desk.request(trip), PIN, "approve")
    assert {Code.DOCKET_ORDER} == halted(desk)
    approves(desk, eth_trip(desk.world, nonce=8, sequence=2).to(Stage.PROPOSE))
