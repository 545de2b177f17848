"""An approval with a FIDO2 key: made at the device, put into the roster, and believed by both readings."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from authenticator import SoftwareAuthenticator
from ctap_device import CtapKey
from strongroom.approver import fido2_key
from strongroom.approver.flow import MAX_WRONG_PINS
from strongroom.checker.reading.verify import prove_docket as prove_again
from strongroom.core.bodies import Approval
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, docket_order
from strongroom.core.errors import RefusedError
from strongroom.core.statements import check_exact_signers, parse_statement
from world import Edit

from .conftest import Desk, MakeDesk, Tokens, proposed, with_tokens

PIN, RP_ID, PERSON = "2468-fido", "approvals.strongroom.example", "person:m.chan"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> CtapKey:
    """The person's key, in the device's one port."""
    made = CtapKey(SoftwareAuthenticator(name="m.chan", rp_id=RP_ID), PIN)
    monkeypatch.setattr(fido2_key, "list_devices", lambda: [made])
    return made


def roster_with(tokens: Tokens, key: CtapKey) -> dict[str, Edit]:
    return {"roster": with_tokens(replace(tokens, keys={**tokens.keys, PERSON: key.software.key}))}


def enrol(desk: Desk) -> None:
    made = ("make-fido2-key", "--person", PERSON, "--rp-id", RP_ID)
    assert 0 == desk.type(*made, lines=(PIN,))
    root = desk.folder / "root.json"
    root.write_bytes(desk.world.root_file)
    words = ["enroll", "--root", str(root), "--device", desk.device, "--person", PERSON, "--fido2"]
    assert 0 == desk.type(*words, lines=(desk.world.fingerprint,) * 2)
    assert 0 == desk.update()


@pytest.fixture
def desk(make_desk: MakeDesk, tokens: Tokens, key: CtapKey) -> Desk:
    made = make_desk(roster_with(tokens, key), enrolled=False)
    enrol(made)
    return made


def test_what_the_roster_needs_is_told(make_desk: MakeDesk, key: CtapKey) -> None:
    desk = make_desk(enrolled=False)
    assert 0 == desk.type("make-fido2-key", "--person", PERSON, "--rp-id", RP_ID, lines=(PIN,))
    told = json.loads(desk.says)
    assert ("webauthn-p256", key.software.key.public.hex(), key.software.key.key_id) == (
        told["alg"],
        told["public"],
        told["keyid"],
    )
    assert 3 == desk.type("make-fido2-key", "--person", PERSON, "--rp-id", RP_ID, lines=(PIN,))
    assert {Code.ALREADY_EXISTS} == desk.codes


def test_an_approval_proves_in_both_readings(desk: Desk, key: CtapKey) -> None:
    trip = proposed(desk)
    assert 0 == desk.decide(desk.request(trip), PIN, "approve")
    envelope = desk.answers()[-1]
    assert isinstance(parse_statement(envelope).body, Approval)
    check_exact_signers(envelope, [key.software.key], "approval")
    trip.statements.append(desk.world.record(envelope))
    trip.statements.sort(key=docket_order)
    assert Stage.APPROVE is prove_docket(trip.docket(), desk.world.roots, now=desk.world.now).journey.furthest
    # The second reading wants the whole quorum: it counts this person, and misses only the other.
    with pytest.raises(RefusedError) as caught:
        prove_again(trip.docket_bytes(), desk.world.root_file, now=desk.world.now)
    assert {Code.QUORUM_NOT_MET} == caught.value.codes
    assert caught.value.refusals[0].got.startswith("1 people")


def test_wrong_pins_are_counted_by_the_device_too(desk: Desk, key: CtapKey) -> None:
    request = desk.request(proposed(desk))
    for _ in range(MAX_WRONG_PINS):
        assert 3 == desk.decide(request, "0000-wrong", "approve")
        assert {Code.PIN_WRONG} == desk.codes
    tries = key.tries
    assert 3 == desk.decide(request, PIN, "approve")
    assert ({Code.PIN_WRONG}, tries) == (desk.codes, key.tries)


def test_nothing_is_asked_while_no_key_is_plugged_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    request = desk.request(proposed(desk))
    monkeypatch.setattr(fido2_key, "list_devices", list)
    assert 4 == desk.decide(request, PIN, "approve")
    assert {Code.TOKEN_UNAVAILABLE} == desk.codes
    assert [] == desk.answers()


def test_a_key_that_the_roster_does_not_name_signs_no_approval(make_desk: MakeDesk, key: CtapKey) -> None:
    desk = make_desk(enrolled=False)
    enrol(desk)
    assert 3 == desk.decide(desk.request(proposed(desk)), PIN, "approve")
    assert Code.SIGNER_KEY_MISMATCH in desk.codes


def test_enrolling_needs_a_key_that_was_made_or_a_token_with_its_module(make_desk: MakeDesk) -> None:
    desk = make_desk(enrolled=False)
    root = desk.folder / "root.json"
    root.write_bytes(desk.world.root_file)
    words = ["enroll", "--root", str(root), "--device", desk.device, "--person", PERSON]
    for how in (("--fido2",), ("--token", "m.chan")):
        assert 3 == desk.type(*words, *how, lines=(desk.world.fingerprint,) * 2)
        assert desk.codes <= {Code.FILE_UNAVAILABLE, Code.FIELD_INVALID}
        assert not desk.home.is_enrolled()
