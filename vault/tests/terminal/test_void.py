"""Voids and replacements at the terminal: what is shown, what is signed, and what the journal refuses afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import world
from strongroom.core.bodies import PaymentOutput
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin
from strongroom.core.ids import EntryId
from strongroom.core.statements import parse_statement
from strongroom.vault.terminal.journal.entry import EntryKind


def twins(firm: Any) -> tuple[Any, Any]:
    """One proposal, verified both ways: as a transfer, and as its void twin after a rejection."""
    transfer = world.eth_trip(firm.world).to(Stage.APPROVE)
    void = replace(transfer, statements=list(transfer.statements), sealed={})
    transfer.to(Stage.VERIFY)
    void.reject()
    void.twin = Twin.VOID
    return transfer, void.to(Stage.VERIFY)


def test_a_void_is_shown_as_one_and_signed_with_the_same_key(firm: Any, stand: Any) -> None:
    _, void = twins(firm)
    assert set() == stand.refusals(firm.turn(trips=[void]), "sign")
    screen = stand.screen.getvalue()
    for words in ("Void of a transfer", "pays NOTHING", "nonce 7", "rejected by person:r.singh", "pays nobody"):
        assert words in screen, words
    (result,) = stand.result().results
    record = parse_statement(result.record).body
    assert (void.proposal.body.void, void.proposal.id) == (record.unsigned_digest, record.proposal)
    with stand.open() as terminal:
        assert {Twin.VOID} == terminal.journal.state.twins_bound(void.proposal.id)
        signed = [e.fields for e in terminal.journal.entries_of_kind(EntryKind.SIGNED)]
    assert b'"twin":"void"' in signed[0]


def test_after_a_void_its_transfer_is_refused(firm: Any, stand: Any) -> None:
    transfer, void = twins(firm)
    assert set() == stand.refusals(firm.turn(trips=[void]), "sign")
    assert {Code.VOIDED} == stand.refusals(firm.turn(trips=[transfer]), "sign")
    replacement = world.bump_trip(firm.world, void).to(Stage.VERIFY)
    assert {Code.VOIDED} == stand.refusals(firm.turn(trips=[replacement]), "sign")


def test_after_its_transfer_a_void_is_signed_once(firm: Any, stand: Any) -> None:
    """Both may exist sealed; the gate lets one of them go."""
    transfer, void = twins(firm)
    assert set() == stand.refusals(firm.turn(trips=[transfer]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[void]), "sign")
    assert {Code.ALREADY_COMMITTED} == stand.refusals(firm.turn(trips=[void]), "sign")


def test_a_void_that_is_not_due_is_not_signed(firm: Any, stand: Any) -> None:
    trip = world.eth_trip(firm.world).to(Stage.APPROVE)
    trip.twin = Twin.VOID
    trip.to(Stage.VERIFY)
    assert {Code.VOID_NOT_DUE} == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_an_expired_transfer_is_voided_after_its_time(firm: Any, stand: Any) -> None:
    trip = world.eth_trip(firm.world).to(Stage.APPROVE)
    until = {"approve": lambda body: replace(body, until=body.until + timedelta(hours=24))}
    late = world.eth_trip(firm.world, until, nonce=8, sequence=2).to(Stage.APPROVE)
    trip.twin = Twin.VOID
    firm.world.now += timedelta(hours=9)
    assert set() == stand.refusals(firm.turn(trips=[trip.to(Stage.VERIFY)]), "sign")
    assert {Code.INSTRUCTION_EXPIRED} == stand.refusals(firm.turn(trips=[late.to(Stage.VERIFY)]), "sign")


def test_a_session_counts_voids_and_their_fees(firm: Any, stand: Any) -> None:
    _, void = twins(firm)

    def narrow(body: Any) -> Any:
        return replace(body, budget=tuple(replace(b, units=21000 * 90 * world.GWEI - 1) for b in body.budget))

    assert {Code.CLEAR_BUDGET} == stand.refusals(firm.turn(trips=[void], clear=narrow), "sign")
    none = firm.turn(trips=[void], clear=lambda body: replace(body, max_count=0))
    assert {Code.CLEAR_BUDGET} == stand.refusals(none, "sign")
    assert set() == stand.refusals(firm.turn(trips=[void]), "sign")


def test_a_replacement_is_signed_beside_its_first_attempt(firm: Any, stand: Any) -> None:
    first = firm.trip()
    second = world.bump_trip(firm.world, first).to(Stage.VERIFY)
    lone = world.bump_trip(firm.world, first)
    lone.nonce = 8
    assert set() == stand.refusals(firm.turn(trips=[first]), "sign")
    assert {Code.INSTRUCTION_ALREADY_PAID} == stand.refusals(firm.turn(trips=[lone.to(Stage.VERIFY)]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[second]), "sign")
    assert Code.ALREADY_COMMITTED in stand.refusals(firm.turn(trips=[first]), "sign")


def expired(firm: Any, price: int, nonce: int = 7, sequence: int = 1) -> Any:
    """A transfer of this price of gas whose time will be over; its void twin is signed then."""
    trip = world.priced_trip(firm.world, price, nonce=nonce, sequence=sequence).to(Stage.PROPOSE)
    trip.twin = Twin.VOID
    return trip


def test_the_fee_of_a_void_is_bounded_by_this_terminal_s_own_policy(firm: Any, stand: Any) -> None:
    """Attack: a client's key and the platform burn 400 ETH by a void, which no quorum is asked about."""
    dear, most = expired(firm, 400 * 10**18 // 21_000), expired(firm, 10**16 // 21_000, nonce=8, sequence=2)
    firm.world.now += timedelta(hours=9)
    dear.verify()
    most.verify()
    assert Code.FEE_CEILING in stand.refusals(firm.turn(trips=[dear]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[most]), "sign")
    assert "Its FEE is burnt" in stand.screen.getvalue()


def test_windows_count_the_fees_of_voids(firm: Any, stand: Any) -> None:
    """Attack: many voids, each with a fee that one transaction may pay, burn the wallet together."""
    voids = [expired(firm, 10**16 // 21_000, nonce=7 + i, sequence=1 + i) for i in range(2)]
    firm.world.now += timedelta(hours=9)
    for each in voids:
        each.verify()
    assert set() == stand.refusals(firm.turn(trips=voids[:1]), "sign")
    with stand.open() as terminal:
        used = terminal.journal.state.load_uses([EntryId("rule:eth")], firm.world.now - timedelta(hours=1))
    assert [(0, 10**16 // 21_000 * 21_000)] == [(use.amount, use.fee) for use in used]


def test_many_clients_are_not_ended_by_one_void(firm: Any, stand: Any) -> None:
    """Attack: three instructions on the one output; the void took three ceilings and ended three payments."""
    w = firm.world

    def claim(body: Any) -> Any:
        outputs = tuple(PaymentOutput(index=i, instruction=x) for i, x in enumerate(body.instructions))
        return replace(body, outputs=outputs)

    payments = (("client:harbour", 10**18), ("client:lantau", 10**18))
    crowd = world.Trip(world=w, chain=world.ETH, payments=payments, edits={"propose": claim}).to(Stage.PROPOSE)
    crowd.twin = Twin.VOID
    alone = expired(firm, 10**10, nonce=8, sequence=2)
    w.now += timedelta(hours=9)
    crowd.verify()
    alone.verify()
    assert {Code.OUTPUT_UNEXPLAINED} == stand.refusals(firm.turn(trips=[crowd]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[alone]), "sign")


def test_a_void_that_no_node_takes_is_followed_by_the_next_one(firm: Any, stand: Any) -> None:
    """A void at no price is signed, and no node ever mines it: its nonce must not be held for good."""
    free = expired(firm, 0)
    dearer = world.bump_trip(firm.world, free).to(Stage.PROPOSE)
    stranger = expired(firm, 10**10, sequence=2)
    dearer.twin = Twin.VOID
    firm.world.now += timedelta(hours=9)
    for each in (free, dearer, stranger):
        each.verify()
    assert set() == stand.refusals(firm.turn(trips=[free]), "sign")
    assert {Code.VOIDED} == stand.refusals(firm.turn(trips=[stranger]), "sign")
    assert set() == stand.refusals(firm.turn(trips=[dearer]), "sign")
    assert {Code.VOIDED} <= stand.refusals(firm.turn(trips=[free]), "sign")
