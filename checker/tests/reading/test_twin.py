"""The void twin in the second reading, built with other libraries; each refusal beside its honest twin."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.checker.reading.canonical import encode_canonical
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.bodies import Outcome, PaymentOutput
from strongroom.core.canonical import sha256
from strongroom.core.checks.prove import prove_docket as prove_first
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin
from strongroom.core.records import DigestOrNone
from world import ETH, Trip, World, bump_trip, eth_trip, ltc_trip, priced_trip, usd_trip, void_trip

from .crooked import crooked, prove, refused


def late(trip: Trip, hours: int = 9) -> Trip:
    """The trip's void twin, when its transfer has expired."""
    trip.twin = Twin.VOID
    trip.world.now += timedelta(hours=hours)
    return trip


@pytest.mark.parametrize("make", [eth_trip, usd_trip])
def test_both_readings_see_one_void(make: Any) -> None:
    trip = late(make(World()).to(Stage.APPROVE)).to(Stage.SETTLE)
    proof = prove_docket(trip.docket_bytes(), trip.world.root_file)
    first = prove_first(trip.docket(), trip.world.roots)
    spend, facts = proof.paid()
    assert (first.facts.digest, first.spend.unsigned_bytes) == (facts.digest, spend.unsigned_bytes)
    assert (trip.txid, "SETTLE") == (proof.txid, proof.furthest.name)
    assert ("void", 0) == (facts.outputs[0].kind, facts.outputs[0].units)


def test_a_proposal_names_its_void_twin_and_no_other() -> None:
    prove(crooked(World()).to(Stage.PROPOSE))
    for other in (sha256(b"other bytes"), "none"):
        edits = {"propose": lambda body, other=other: replace(body, void=DigestOrNone(other))}
        refused(crooked(World(), edits=edits).to(Stage.PROPOSE), "PROPOSE", Code.VOID_MISMATCH)


def test_a_void_is_due_after_a_rejection_or_after_its_time() -> None:
    early = eth_trip(World()).to(Stage.APPROVE)
    refused(late(early, 0), "APPROVE", Code.VOID_NOT_DUE)
    assert "APPROVE" == prove(late(eth_trip(World()).to(Stage.APPROVE))).name
    assert "APPROVE" == prove(void_trip(World())).name
    assert "PROPOSE" == prove(late(eth_trip(World()).to(Stage.PROPOSE))).name
    refused(late(ltc_trip(World()).to(Stage.APPROVE)), "PROPOSE", Code.VOID_NOT_DUE)


def test_the_verification_s_checkpoint_says_when() -> None:
    trip = eth_trip(World()).to(Stage.APPROVE)
    trip.twin = Twin.VOID
    trip.to(Stage.VERIFY)
    trip.world.now += timedelta(hours=24)
    refused(trip, "VERIFY", Code.VOID_NOT_DUE)
    assert "VERIFY" == prove(late(eth_trip(World()).to(Stage.APPROVE)).to(Stage.VERIFY)).name


def test_what_nobody_answered_may_have_paid_anybody() -> None:
    def steal(raw: bytes) -> bytes:
        return raw.replace(raw[20:40], raw[20:30] + bytes(10))

    edits: dict[str, Any] = {"unsigned": steal}
    refused(eth_trip(World(), edits).to(Stage.PROPOSE), "PROPOSE", Code.DEST_NOT_INSTRUCTED)
    assert "PROPOSE" == prove(late(eth_trip(World(), edits).to(Stage.PROPOSE))).name


def test_a_rejection_is_about_what_was_shown() -> None:
    edits = {"reject": lambda body: replace(body, display_digest=sha256(b"another screen"))}
    refused(void_trip(World(), edits=edits), "APPROVE", Code.DISPLAY_MISMATCH)
    assert "APPROVE" == prove(void_trip(World())).name


def test_a_settlement_calls_a_void_one() -> None:
    for make, outcome in ((void_trip, Outcome.SUCCESS), (eth_trip, Outcome.VOIDED)):
        edits = {"settle": lambda body, outcome=outcome: replace(body, outcome=outcome)}
        refused(make(World(), edits=edits).to(Stage.SETTLE), "SETTLE", Code.FIELD_INVALID)
    assert "SETTLE" == prove(void_trip(World()).to(Stage.SETTLE)).name


def test_the_rejected_transfer_itself_stays_rejected() -> None:
    trip = void_trip(World()).to(Stage.APPROVE)
    trip.twin = Twin.TRANSFER
    refused(trip, "APPROVE", Code.REJECTED)


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_a_replacement_is_proved_like_any_docket(make: Any) -> None:
    world = World()
    trip = bump_trip(world, make(world).to(Stage.BROADCAST)).to(Stage.SETTLE)
    assert "SETTLE" == prove(trip).name


@pytest.mark.parametrize(("attempt", "replaces"), [(2, "none"), (1, sha256(b"first"))])
def test_an_attempt_names_what_it_replaces(attempt: int, replaces: str) -> None:
    found = eth_trip(World()).to(Stage.PROPOSE)
    refused(
        found,
        "BYTES",
        Code.FIELD_INVALID,
        change=lambda docket: _rewrite(docket, found, attempt=attempt, replaces=replaces),
    )


def _rewrite(docket: dict[str, Any], trip: Trip, **fields: Any) -> None:
    """Put other fields into the proposal's payload; its signature breaks too, but it cannot even be read."""
    for each in docket["statements"]:
        payload = json.loads(b64decode(each["envelope"]["payload"]))
        if payload["type"] == "proposal":
            payload["body"] |= fields
            each["envelope"]["payload"] = b64encode(encode_canonical(payload)).decode()


def test_a_void_burns_no_more_than_the_policy_lets_a_transfer_pay() -> None:
    most = 10**16 // 21_000
    refused(late(priced_trip(World(), most + 1).to(Stage.PROPOSE)), "PROPOSE", Code.FEE_CEILING)
    assert "PROPOSE" == prove(late(priced_trip(World(), most).to(Stage.PROPOSE))).name


def test_a_void_that_no_rule_bounds_is_refused() -> None:
    def drop(body: Any) -> Any:
        return replace(body, rules=tuple(rule for rule in body.rules if rule.id != "rule:eth"))

    refused(late(eth_trip(World(edits={"policy": drop})).to(Stage.PROPOSE)), "PROPOSE", Code.POLICY_NO_RULE)
    assert "PROPOSE" == prove(late(eth_trip(World()).to(Stage.PROPOSE))).name


def test_a_builder_makes_no_void_due() -> None:
    """Attack: the proposal's own `sign_by` lies in the past; the client's does not."""
    edits = {"propose": lambda body: replace(body, sign_by=body.sign_by - timedelta(days=30))}
    refused(late(eth_trip(World(), edits).to(Stage.PROPOSE), 0), "PROPOSE", Code.VOID_NOT_DUE)
    assert "PROPOSE" == prove(late(eth_trip(World(), edits).to(Stage.PROPOSE))).name


def test_a_void_ends_one_payment() -> None:
    """Attack: two instructions for the one output of an Ethereum transfer."""

    def claim(body: Any) -> Any:
        return replace(
            body, outputs=tuple(PaymentOutput(index=i, instruction=x) for i, x in enumerate(body.instructions))
        )

    def trip(*clients: str) -> Trip:
        payments = tuple((client, 10**18) for client in clients)
        made = Trip(world=World(), chain=ETH, payments=payments, edits={"propose": claim})
        return late(made.to(Stage.PROPOSE))

    refused(trip("client:harbour", "client:lantau"), "PROPOSE", Code.OUTPUT_UNEXPLAINED)
    assert "PROPOSE" == prove(trip("client:harbour")).name
