"""The void twin in core: what it is, when it is due, what nobody asks of it; each refusal beside its honest twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from plain_pages import render_docket
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.chains.ethereum.void import Void, encode_signed_void, encode_void, render_void, strip_signed_void
from strongroom.core.bodies import Destination, Instruction, Outcome, PaymentOutput, Proposal
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin
from strongroom.core.facts import Facts
from strongroom.core.ids import AccountId
from strongroom.core.records import DigestOrNone, encode_time
from strongroom.core.registers import WhitelistEntry, entry_digest
from world import (
    ETH,
    ETH_ASSET,
    ETH_WALLET,
    GWEI,
    LTC,
    LTC_ASSET,
    Trip,
    World,
    eth_trip,
    ltc_trip,
    priced_trip,
    usd_trip,
    void_trip,
)

from .refusals import change, change_party, later, prove, refuse

SOURCE = bytes.fromhex("11" * 20)
VOID = Void(chain_id=1, nonce=7, max_priority_fee_per_gas_wei=1, max_fee_per_gas_wei=90, source=SOURCE)


def test_the_void_twin_pays_nothing_to_itself() -> None:
    """`0x02 || rlp([1, 7, 1, 90, 21000, source, 0, "", []])`, spelled by hand."""
    assert "02df010701" + "5a" + "825208" + "94" + SOURCE.hex() + "80" + "80" + "c0" == encode_void(VOID).hex()
    assert 21_000 * 90 == VOID.max_fee_wei
    assert any("pays nothing" in line for line in render_void(VOID))


def test_a_signed_void_is_the_unsigned_one_and_a_signature() -> None:
    signed = encode_signed_void(VOID, 1, 5, 6)
    assert encode_void(VOID) == strip_signed_void(signed)[0]
    refuse(Code.SIGNATURE_HIGH_S, lambda: encode_signed_void(VOID, 1, 5, 2**255))
    refuse(Code.SIGNATURE_INVALID, lambda: encode_signed_void(VOID, 1, 0, 6))
    refuse(Code.TX_TYPE_REFUSED, lambda: strip_signed_void(b"\x01" + signed[1:]))
    refuse(Code.TX_FIELD_INVALID, lambda: strip_signed_void(encode_void(VOID)))


def test_a_proposal_names_its_void_twin_and_no_other() -> None:
    assert Twin.TRANSFER is prove(eth_trip(World()).to(Stage.PROPOSE)).twin
    other = change(void=DigestOrNone(sha256(b"other bytes")))
    refuse(Code.VOID_MISMATCH, lambda: prove(eth_trip(World(), {"propose": other}).to(Stage.PROPOSE)))
    refuse(Code.VOID_MISMATCH, lambda: prove(eth_trip(World(), {"propose": change(void="none")}).to(Stage.PROPOSE)))
    refuse(Code.VOID_MISMATCH, lambda: prove(ltc_trip(World(), {"propose": other}).to(Stage.PROPOSE)))


def test_a_rejected_transfer_is_voided_to_the_end() -> None:
    trip = void_trip(World()).to(Stage.SETTLE)
    proved = prove(trip)
    assert (Stage.SETTLE, Twin.VOID) == (proved.journey.furthest, proved.twin)
    assert ("void", 0, "address:eth-1") == only(proved.facts)
    assert encode_void(trip.void()) == proved.spend.unsigned_bytes == proved.unsigned
    assert (trip.proposal.body.commits, trip.proposal.body.void) == (proved.spend.commits, proved.facts.unsigned_digest)


def only(facts: Facts) -> tuple[str, int, str]:
    """Kind, units and entry of the one output."""
    (output,) = facts.outputs
    return output.kind, output.units, output.entry


def test_the_same_docket_is_no_transfer() -> None:
    trip = void_trip(World()).to(Stage.APPROVE)
    prove(trip)
    trip.twin = Twin.TRANSFER
    refuse(Code.REJECTED, lambda: prove(trip))


def test_nobody_voids_what_is_neither_rejected_nor_expired() -> None:
    trip = eth_trip(World()).to(Stage.APPROVE)
    trip.twin = Twin.VOID
    refuse(Code.VOID_NOT_DUE, lambda: prove(trip))
    trip.world.now = trip.proposal.body.sign_by
    refuse(Code.VOID_NOT_DUE, lambda: prove(trip))
    trip.world.now += timedelta(seconds=1)
    assert Twin.VOID is prove(trip).twin


def test_a_void_is_due_by_its_verification_s_checkpoint() -> None:
    """Attack: verified early by a station whose clock runs ahead; the witness's time decides, not the reader's."""
    early, late = (eth_trip(World()).to(Stage.APPROVE) for _ in range(2))
    for trip, moment in ((early, timedelta(0)), (late, timedelta(hours=9))):
        trip.twin = Twin.VOID
        trip.world.now += moment
        trip.to(Stage.VERIFY)
        trip.world.now += timedelta(hours=24)
    refuse(Code.VOID_NOT_DUE, lambda: prove(early))
    assert Twin.VOID is prove(late).twin


def test_an_expired_transfer_that_nobody_answered_is_voided() -> None:
    trip = eth_trip(World()).to(Stage.PROPOSE)
    trip.twin = Twin.VOID
    trip.world.now += timedelta(hours=9)
    trip.verify()
    trip.to(Stage.SETTLE)
    assert Stage.SETTLE is prove(trip).journey.furthest
    trip.twin = Twin.TRANSFER
    refuse(Code.STAGE_MISSING, lambda: prove(trip))


def test_an_attack_s_transfer_can_be_voided() -> None:
    """The builder pays a stranger: no device shows it, so nobody answers it; its nonce is not held for good."""

    def steal(raw: bytes) -> bytes:
        return encode_unsigned(replace(parse_unsigned(raw), to=b"\x66" * 20))

    trip = eth_trip(World(), {"unsigned": steal}).to(Stage.PROPOSE)
    refuse(Code.DEST_NOT_INSTRUCTED, lambda: prove(trip))
    trip.twin = Twin.VOID
    trip.world.now += timedelta(hours=9)
    assert ("void", 0, "address:eth-1") == only(prove(trip).facts)


def test_a_token_s_transfer_is_voided_in_ether() -> None:
    trip = usd_trip(World()).to(Stage.APPROVE)
    assert 65_000 * 90 * GWEI == prove(trip).facts.fee.units
    trip.twin = Twin.VOID
    trip.world.now += timedelta(hours=9)
    void = prove(trip.to(Stage.SETTLE))
    assert (21_000 * 90 * GWEI, ETH_ASSET) == (void.facts.fee.units, void.facts.outputs[0].asset)
    assert {"gas_limit", "max_fee_per_gas_wei", "max_priority_fee_per_gas_wei"} == set(void.facts.terms)


def test_the_bitcoin_family_has_no_void_twin() -> None:
    trip = ltc_trip(World()).to(Stage.APPROVE)
    prove(trip)
    trip.twin = Twin.VOID
    trip.world.now += timedelta(hours=9)
    refuse(Code.VOID_NOT_DUE, lambda: prove(trip))


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (change(display_digest=sha256(b"another screen")), Code.DISPLAY_MISMATCH),
        (change(unsigned_digest=sha256(b"other bytes")), Code.DIGEST_MISMATCH),
        (change(proposal=sha256(b"another proposal")), Code.DIGEST_MISMATCH),
        (change(device="device:station-1"), Code.ROLE_MISSING),
    ],
)
def test_a_rejection_is_judged_like_an_approval(edit: object, code: Code) -> None:
    prove(void_trip(World()))
    refuse(code, lambda: prove(void_trip(World(), edits={"reject": edit})))


def test_only_an_approver_rejects() -> None:
    plain = World(edits={"roster": change_party("person:r.singh", roles=("operator",))})
    refuse(Code.ROLE_MISSING, lambda: prove(void_trip(plain)))


def test_a_void_is_verified_signed_and_released_as_a_void() -> None:
    """What later stages say is about the void's bytes; the transfer's are refused there."""
    for step, code in (("verify", Code.DIGEST_MISMATCH), ("sign", Code.DIGEST_MISMATCH)):
        trip = void_trip(World(), edits={step: lambda body: replace(body, unsigned_digest=sha256(b"the transfer"))})
        refuse(code, lambda trip=trip: prove(trip.to(Stage.SIGN)))
    signed = eth_trip(World()).to(Stage.RELEASE).signed
    refuse(
        Code.SIGNED_MISMATCH, lambda: prove(void_trip(World(), edits={"signed": lambda _: signed}).to(Stage.RELEASE))
    )
    assert prove(void_trip(World()).to(Stage.RELEASE)).twin is Twin.VOID


def test_a_settlement_calls_a_void_one() -> None:
    """Whoever reads only the log must not take a void for a payment, nor a payment for a void."""
    for make, outcome in ((void_trip, Outcome.SUCCESS), (eth_trip, Outcome.VOIDED)):
        trip = make(World(), edits={"settle": change(outcome=outcome)}).to(Stage.SETTLE)
        refuse(Code.FIELD_INVALID, lambda trip=trip: prove(trip))
    assert Twin.TRANSFER is prove(eth_trip(World()).to(Stage.SETTLE)).twin


def test_a_void_says_what_it_is() -> None:
    lines = "\n".join(render_docket(prove(void_trip(World()))))
    assert "pays NOTHING" in lines
    assert "nonce 7" in lines
    assert "rejected by person:r.singh" in lines
    assert "not what the client told me" in lines
    late = eth_trip(World()).to(Stage.PROPOSE)
    late.twin = Twin.VOID
    late.world.now += timedelta(hours=9)
    assert "expired" in "\n".join(render_docket(prove(late)))


def test_attempts_and_what_they_replace_fit() -> None:
    honest = eth_trip(World()).to(Stage.PROPOSE).proposal.body
    assert isinstance(honest, Proposal)
    first = DigestOrNone(sha256(b"first"))
    assert 2 == replace(honest, attempt=2, replaces=first).attempt
    refuse(Code.FIELD_INVALID, lambda: replace(honest, attempt=2))
    refuse(Code.FIELD_INVALID, lambda: replace(honest, replaces=first))
    refuse(Code.FIELD_INVALID, lambda: replace(honest, attempt=0, replaces=first))


def test_prices_above_what_fits_are_refused() -> None:
    refuse(Code.TX_FIELD_INVALID, lambda: replace(VOID, max_priority_fee_per_gas_wei=91))
    refuse(Code.TX_FIELD_INVALID, lambda: replace(VOID, source=b"\x11" * 19))
    assert 90 * GWEI == replace(VOID, max_fee_per_gas_wei=90 * GWEI).max_fee_per_gas_wei


MOST = 10**16 // 21_000
"""The highest price of gas whose void stays inside `max_fee` of `rule:eth`."""


def test_a_void_burns_no_more_than_the_policy_lets_a_transfer_pay() -> None:
    """Attack: platform and client write a ceiling of 400 ETH and let the transfer expire; a block's builder gets it."""
    for price, code in ((400 * 10**18 // 21_000, Code.FEE_CEILING), (MOST + 1, Code.FEE_CEILING), (MOST, None)):
        trip = priced_trip(World(), price).to(Stage.PROPOSE)
        trip.twin = Twin.VOID
        trip.world.now += timedelta(hours=9)
        if code is None:
            assert 21_000 * price == prove(trip).facts.fee.units
        else:
            refuse(code, lambda trip=trip: prove(trip))


def test_a_void_that_no_rule_bounds_is_refused() -> None:
    other = World(
        edits={"policy": lambda body: replace(body, rules=tuple(r for r in body.rules if r.id != "rule:eth"))}
    )
    for world, code in ((other, Code.POLICY_NO_RULE), (World(), None)):
        trip = eth_trip(world).to(Stage.PROPOSE)
        trip.twin = Twin.VOID
        world.now += timedelta(hours=9)
        if code is None:
            assert Twin.VOID is prove(trip).twin
        else:
            refuse(code, lambda trip=trip: prove(trip))


def test_a_builder_makes_no_void_due() -> None:
    """Attack: `sign_by` of the proposal lies in the past; what counts is the time that the client signed."""
    for make in (eth_trip, void_trip):
        trip = make(World(), edits={"propose": later("sign_by", days=-30)}).to(Stage.APPROVE)
        trip.twin = Twin.VOID
        if make is eth_trip:
            refuse(Code.VOID_NOT_DUE, lambda trip=trip: prove(trip))
            trip.world.now = trip.of(Instruction)[0].body.sign_by + timedelta(seconds=1)
            shown = "\n".join(render_docket(prove(trip)))
            assert encode_time(trip.of(Instruction)[0].body.sign_by) in shown
        assert Twin.VOID is prove(trip).twin


def crowd(world: World, *, many: bool) -> Trip:
    """One Ethereum transfer for one client, or for three of which two have no output."""
    payments = (("client:harbour", 10**18), ("client:lantau", 10**18), ("client:peak", 10**18))[: 3 if many else 1]

    def claim(body: Proposal) -> Proposal:
        return replace(
            body, outputs=tuple(PaymentOutput(index=i, instruction=x) for i, x in enumerate(body.instructions))
        )

    trip = Trip(world=world, chain=ETH, payments=payments, edits={"propose": claim}).to(Stage.PROPOSE)
    trip.twin = Twin.VOID
    world.now += timedelta(hours=9)
    return trip


def test_a_void_ends_one_payment() -> None:
    """Attack: three instructions on one output, so that one void takes three ceilings and ends three payments."""
    refuse(Code.OUTPUT_UNEXPLAINED, lambda: prove(crowd(World(), many=True)))
    assert Twin.VOID is prove(crowd(World(), many=False)).twin


def one_wallet(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """Every account of every client in the Ethereum wallet."""
    return tuple(replace(e, accounts=tuple(replace(a, wallet=ETH_WALLET) for a in e.accounts)) for e in entries)


def test_a_void_takes_no_instruction_of_another_chain() -> None:
    """What the second reading refused alone: the ceiling of a Litecoin instruction counted in ether."""

    def trip(clients: tuple[str, ...]) -> Trip:
        world = World(edits={"clients": one_wallet})

        def cross(body: Instruction) -> Instruction:
            if body.client != "client:peak":
                return body
            entry = world.registers["whitelist"].find("entry:peak-ltc", "whitelist")
            assert isinstance(entry, WhitelistEntry)
            there = Destination(address=entry.address, entry=entry.id, entry_digest=entry_digest(entry))
            account = AccountId("account:peak:ltc")
            return replace(body, account=account, asset=LTC_ASSET, chain=LTC, destination=there)

        payments = tuple((client, 10**8) for client in clients)
        made = Trip(world=world, chain=ETH, payments=payments, edits={"instruct": cross}).to(Stage.PROPOSE)
        made.twin = Twin.VOID
        world.now += timedelta(hours=9)
        return made

    refuse(Code.TX_WRONG_CHAIN, lambda: prove(trip(("client:harbour", "client:peak"))))
    assert Twin.VOID is prove(trip(("client:harbour",))).twin


def test_a_proposal_names_its_decisions() -> None:
    refuse(Code.STAGE_MISSING, lambda: prove(eth_trip(World(), {"propose": change(decisions=())}).to(Stage.PROPOSE)))
    assert prove(eth_trip(World()).to(Stage.PROPOSE)).proposal.body.decisions


def test_a_record_names_a_key() -> None:
    refuse(Code.SIGNATURES_MISSING, lambda: prove(eth_trip(World(), {"sign": change(keys=())}).to(Stage.SIGN)))
    assert Stage.SIGN is prove(eth_trip(World()).to(Stage.SIGN)).journey.furthest
