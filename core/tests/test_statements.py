"""Statements: the pre-authentication encoding, ids, envelopes, who must have signed; vectors in vectors/statement."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.bodies import Broadcast, Freeze, FreezeScope, Halt
from strongroom.core.canonical import sha256
from strongroom.core.checks.signers import check_lift, check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import InvariantError, StrongroomError
from strongroom.core.ids import Digest, PartyId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import Base64Bytes, DigestOrNone, HexBytes
from strongroom.core.statements import (
    MAX_SIGNATURES,
    Context,
    Envelope,
    Environment,
    Signature,
    StatementType,
    add_signature,
    build_pae,
    build_payload,
    check_context,
    check_exact_signers,
    check_signers,
    expect,
    parse_envelope_bytes,
    parse_statement,
    payload_type,
    sign_payload,
)
from strongroom.core.trust import Trust
from world import START, World, eth_trip, signer_of

from .refusals import refuse

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/statement/statements.json").read_text("utf-8"))
KEYS = [PublicKey(alg=Algorithm(k["alg"]), public=HexBytes(bytes.fromhex(k["public"]))) for k in VECTORS["keys"]]
FREEZE = Freeze(evidence="tx", reason="unexplained outflow", scope=FreezeScope.VAULT)
CONTEXT = Context(organization="test-custody", environment=Environment.DEVELOPMENT)


def test_the_examples_of_dsse() -> None:
    """Source: secure-systems-lab/dsse, protocol.md, test vectors."""
    assert b"DSSEv1 29 http://example.com/HelloWorld 11 hello world" == build_pae(
        "http://example.com/HelloWorld", b"hello world"
    )
    assert b"DSSEv1 0  0 " == build_pae("", b"")


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40))
def test_two_statements_never_have_one_encoding(kind: str, payload: bytes, other: str, other_payload: bytes) -> None:
    same = (kind, payload) == (other, other_payload)
    assert same == (build_pae(kind, payload) == build_pae(other, other_payload))


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=[v["name"] for v in VECTORS["accepted"]])
def test_accepted_envelopes(vector: dict[str, str]) -> None:
    envelope = parse_envelope_bytes(vector["envelope"].encode())
    assert vector["pae"] == envelope.pae.hex()
    assert vector["id"] == envelope.id == sha256(bytes.fromhex(vector["pae"]))
    assert (vector["payload_type"], vector["payload"].encode()) == (envelope.payloadType, envelope.payload)
    assert vector["envelope"].encode() == envelope.encode()
    statement = parse_statement(envelope)
    assert {s.keyid for s in envelope.signatures} == check_signers(envelope, KEYS, "vector")
    kind, payload = build_payload(
        statement.body, context=CONTEXT, issuer=statement.issuer, issued_at=statement.issued_at
    )
    assert (envelope.payloadType, bytes(envelope.payload)) == (kind, payload)


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=[v["name"] for v in VECTORS["refused"]])
def test_refused_envelopes(vector: dict[str, str]) -> None:
    def read() -> None:
        envelope = parse_envelope_bytes(vector["envelope"].encode())
        check_signers(envelope, KEYS, "vector")
        parse_statement(envelope)

    def parse_only() -> None:
        parse_statement(parse_envelope_bytes(vector["envelope"].encode()))

    with pytest.raises(StrongroomError) as caught:
        read()
    about_bytes = {Code.SIGNATURE_INVALID, Code.SIGNATURE_HIGH_S, Code.SIGNER_UNKNOWN}
    if Code(vector["code"]) in about_bytes:
        assert {Code(vector["code"])} == caught.value.codes
    else:
        # A changed payload breaks its signature too, so the reader's own verdict is asked for alone.
        refuse(Code(vector["code"]), parse_only)


def test_key_ids() -> None:
    for known, key in zip(VECTORS["keys"], KEYS, strict=True):
        assert known["key_id"] == key.key_id


def freeze_by(*names: str) -> Envelope:
    """A freeze signed by these."""
    kind, payload = build_payload(FREEZE, context=CONTEXT, issuer=PartyId("service:watcher"), issued_at=START)
    return sign_payload(kind, payload, [(signer_of(n).key, signer_of(n).sign) for n in names])


def test_exactly_the_right_keys() -> None:
    one, two = signer_of("service:watcher"), signer_of("person:r.ho")
    envelope = freeze_by("service:watcher", "person:r.ho")
    check_exact_signers(envelope, [one.key, two.key], "freeze")
    refuse(Code.SIGNER_UNKNOWN, lambda: check_exact_signers(envelope, [one.key], "freeze"))
    refuse(
        Code.SIGNATURES_MISSING,
        lambda: check_exact_signers(freeze_by("service:watcher"), [one.key, two.key], "freeze"),
    )
    added = add_signature(freeze_by("service:watcher"), two.key, two.sign)
    check_exact_signers(added, [one.key, two.key], "freeze")
    assert envelope.id == added.id == freeze_by("service:watcher").id
    assert added.signatures == tuple(sorted(added.signatures, key=lambda s: s.keyid))


def test_adding_a_signature_twice_changes_nothing() -> None:
    one = signer_of("service:watcher")
    envelope = freeze_by("service:watcher")
    assert envelope == add_signature(envelope, one.key, one.sign)


def test_an_envelope_has_one_to_32_signatures() -> None:
    def signed(count: int) -> Envelope:
        ids = sorted(sha256(bytes([i])) for i in range(count))
        signatures = tuple(Signature(keyid=i, sig=Base64Bytes(bytes(64))) for i in ids)
        return Envelope(payload=Base64Bytes(b"{}"), payloadType="x", signatures=signatures)

    assert signed(1)
    assert signed(MAX_SIGNATURES)
    refuse(Code.FIELD_INVALID, lambda: signed(0))
    refuse(Code.FIELD_INVALID, lambda: signed(MAX_SIGNATURES + 1))


def test_the_other_algorithm_of_the_same_bytes_is_another_key() -> None:
    """The roster fixes the algorithm, never the envelope."""
    key = signer_of("service:watcher").key
    assert key.key_id != Digest("sha256:" + "00" * 32)
    envelope = freeze_by("service:watcher")
    stranger = signer_of("service:reconciler").key
    forged = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=stranger.key_id),))
    refuse(Code.SIGNATURE_INVALID, lambda: check_signers(forged, [stranger], "freeze"))
    check_signers(envelope, [key], "freeze")


def test_context() -> None:
    statement = parse_statement(freeze_by("service:watcher"))
    check_context(statement, CONTEXT, "freeze")
    refuse(Code.WRONG_ORGANIZATION, lambda: check_context(statement, replace(CONTEXT, organization="other"), "freeze"))
    production = replace(CONTEXT, environment=Environment.PRODUCTION)
    refuse(Code.ENVIRONMENT_MISMATCH, lambda: check_context(statement, production, "freeze"))


def test_a_statement_is_what_was_expected() -> None:
    statement = parse_statement(freeze_by("service:watcher"))
    assert statement is expect(statement, Freeze, "freeze")
    refuse(Code.TYPE_MISMATCH, lambda: expect(statement, Broadcast, "freeze"))
    assert "application/vnd.strongroom.clear-to-sign.v1+json" == payload_type(StatementType.CLEAR_TO_SIGN)


def test_a_body_that_is_no_statement_is_our_own_fault() -> None:
    with pytest.raises(InvariantError) as caught:
        build_payload("words", context=CONTEXT, issuer=PartyId("person:a"), issued_at=START)  # type: ignore[arg-type]
    assert Code.INVARIANT in caught.value.codes


# Who may say what that stands in no docket


HALT = Halt(proposal=DigestOrNone("none"), refusals=(), stage="APPROVE")
SPEAKERS = (
    (FREEZE, "service:watcher", None),
    (FREEZE, "service:reconciler", None),
    (FREEZE, "person:r.ho", None),
    (FREEZE, "person:m.chan", Code.ROLE_MISSING),
    (FREEZE, "service:platform", Code.ROLE_MISSING),
    (FREEZE, "person:nobody", Code.SIGNER_UNKNOWN),
    (HALT, "device:station-1", None),
    (HALT, "device:terminal-1", None),
    (HALT, "device:gate-1", None),
    (HALT, "person:m.chan", None),
    (HALT, "person:c.lam", Code.ROLE_MISSING),
)


@pytest.mark.parametrize(("body", "issuer", "code"), SPEAKERS)
def test_who_freezes_and_halts(body: Freeze | Halt, issuer: str, code: Code | None) -> None:
    world = World()
    roster = parse_statement(world.rosters[0]).body
    statement = parse_statement(world.sign(body, issuer, [issuer]))

    def ask() -> None:
        check_statement_signers(statement, roster, world.now, Trust(roots=tuple(world.roots)).entries, "statement")

    if code:
        refuse(code, ask)
    else:
        ask()


def test_governance_is_no_word_of_the_roster() -> None:
    world = World()
    roster = parse_statement(world.rosters[0])
    entries = Trust(roots=tuple(world.roots)).entries
    refuse(Code.TYPE_MISMATCH, lambda: check_statement_signers(roster, roster.body, world.now, entries, "statement"))
    order = eth_trip(world).to(Stage.INSTRUCT).statements[0]
    refuse(Code.NOT_IN_REGISTER, lambda: check_statement_signers(order, roster.body, world.now, entries, "statement"))


LIFTS = (
    (("person:r.ho", "person:s.lee"), 2, None),
    (("person:r.ho",), 2, Code.QUORUM_NOT_MET),
    (("person:r.ho",), 1, Code.QUORUM_NOT_MET),
    (("person:r.ho", "person:s.lee"), 3, Code.QUORUM_NOT_MET),
    (("person:m.chan", "person:r.ho"), 2, Code.ROLE_MISSING),
    (("person:r.ho", "person:m.chan"), 2, Code.SIGNER_UNKNOWN),
)


@pytest.mark.parametrize(("officers", "people", "code"), LIFTS)
def test_a_freeze_is_lifted_by_two_officers_at_least(officers: tuple[str, ...], people: int, code: Code | None) -> None:
    world = World()
    roster = parse_statement(world.rosters[0]).body
    lift = world.lift(world.freeze().id, officers)

    def ask() -> None:
        check_lift(lift, roster, world.now, people, "lift")

    if code:
        refuse(code, ask)
    else:
        ask()
