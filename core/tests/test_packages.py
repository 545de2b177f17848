"""Packages that cross the gap, and the padded result that only the gate can read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.core.assemble import build_placed
from strongroom.core.bodies import ClearToSign, JournalPlace, TreeHead
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import PartyId
from strongroom.core.packages import (
    MAX_PACKAGE_BYTES,
    RESULT_FORMAT,
    SEALED_PLAINTEXT_BYTES,
    Package,
    PackageBody,
    PackageKind,
    PartialSignature,
    ReleaseResultBody,
    ResultOutcome,
    SealedResult,
    SessionRequestBody,
    SigningBody,
    StatementsBody,
    TerminalResult,
    TerminalResultBody,
    build_seal_info,
    check_addressed,
    encode_package,
    encode_result,
    parse_package,
    parse_result,
)
from strongroom.core.records import Base64Bytes, HexBytes, HexOrNone
from strongroom.core.sessions import SessionRequest
from world import World, eth_trip

from .refusals import refuse

ME = PartyId("device:terminal-1")


def bodies() -> dict[PackageKind, PackageBody]:
    """A body of each kind."""
    world = World()
    trip = eth_trip(world).to(Stage.SIGN)
    place = trip.docket_body()
    clear = trip.of(ClearToSign)[0]
    asked = SessionRequest(
        checkpoint=TreeHead(root=sha256(b"root"), size=1),
        heads=world.current_heads(),
        journal=JournalPlace(head=sha256(b"journal"), number=1),
        lease=sha256(b"lease"),
        nonce=HexBytes(bytes(32)),
        operators=(PartyId("person:c.lam"), PartyId("person:p.wu")),
        terminal=ME,
    )
    session = SessionRequestBody(request=world.sign(asked, ME, (ME,)))
    signing = SigningBody(
        checkpoint=place.checkpoint,
        clear=build_placed(world.log, clear.envelope, world.log.last_checkpoint().size),
        dockets=(place.docket,),
        freezes=(),
        lifts=(),
        nonce=HexBytes(bytes(32)),
        notices=(),
    )
    record = trip.statements[-1].envelope
    sealed = Base64Bytes(trip.sealed[ME])
    return {
        PackageKind.UPDATE: world.update_body(),
        PackageKind.VERIFICATION: place,
        PackageKind.APPROVAL_REQUEST: place,
        PackageKind.SESSION_REQUEST: session,
        PackageKind.SIGNING: signing,
        PackageKind.TERMINAL_RESULT: TerminalResultBody(
            halts=(), results=(SealedResult(proposal=trip.proposal.id, record=record, sealed=sealed),)
        ),
        PackageKind.STATEMENTS: StatementsBody(statements=(record,)),
        PackageKind.RELEASE: trip.release_body(),
        PackageKind.RELEASE_RESULT: ReleaseResultBody(signed=HexOrNone("none"), statements=(record,)),
    }


BODIES = bodies()


def package(kind: PackageKind = PackageKind.STATEMENTS, **fields: Any) -> Package:
    """A package to this device."""
    known: dict[str, Any] = {
        "kind": kind,
        "sender": PartyId("service:platform"),
        "to": ME,
        "sequence": 7,
        "created_at": World().now,
        "body": BODIES[kind],
    }
    return Package(**{**known, **fields})


@pytest.mark.parametrize("kind", PackageKind)
def test_every_kind_goes_there_and_back(kind: PackageKind) -> None:
    raw = encode_package(package(kind))
    assert package(kind) == parse_package(raw)
    assert raw == encode_package(parse_package(raw))
    assert f"000007-{kind.value}.package.json" == package(kind).file_name


TEXTS = (
    ("another format", '"format":"strongroom-package/1"', '"format":"strongroom-package/2"', Code.FIELD_INVALID),
    ("an unknown kind", '"kind":"statements"', '"kind":"script"', Code.FIELD_INVALID),
    ("another kind's body", '"kind":"statements"', '"kind":"update"', Code.FIELD_UNKNOWN),
    ("no sender", '"from":"service:platform",', "", Code.FIELD_MISSING),
    ("a sender by another name", '"from":', '"frum":', Code.FIELD_MISSING),
    ("two senders", '"sequence":7,', '"sender":"service:platform","sequence":7,', Code.FIELD_MISSING),
    ("a field too many", '"format":', '"exec":"x","format":', Code.FIELD_UNKNOWN),
    ("a negative number", '"sequence":7', '"sequence":-7', Code.JSON_SYNTAX),
    ("a space", '"format":', '"format": ', Code.JSON_NOT_CANONICAL),
)


@pytest.mark.parametrize(("old", "new", "code"), [r[1:] for r in TEXTS], ids=[r[0].replace(" ", "_") for r in TEXTS])
def test_other_text_is_refused(old: str, new: str, code: Code) -> None:
    text = encode_package(package()).decode()
    assert old in text
    refuse(code, lambda: parse_package(text.replace(old, new, 1).encode()))
    assert parse_package(text.encode())


def test_a_package_is_an_object_and_ends_somewhere() -> None:
    refuse(Code.FIELD_MISSING, lambda: parse_package(b"[]"))
    refuse(Code.TOO_LARGE, lambda: parse_package(b" " * (MAX_PACKAGE_BYTES + 1)))
    assert parse_package(encode_package(package()))


ADDRESSES = (
    ("the next", {}, 6, None),
    ("one that skips a number", {}, 3, None),
    ("one that was seen", {}, 7, Code.PACKAGE_SEQUENCE),
    ("an older one", {}, 8, Code.PACKAGE_SEQUENCE),
    ("one for another device", {"to": PartyId("device:terminal-2")}, 6, Code.PACKAGE_NOT_FOR_US),
    ("one of another kind", {"kind": PackageKind.UPDATE}, 6, Code.TYPE_MISMATCH),
)


@pytest.mark.parametrize(
    ("fields", "last", "code"), [r[1:] for r in ADDRESSES], ids=[r[0].replace(" ", "_") for r in ADDRESSES]
)
def test_a_device_takes_its_own_next_package(fields: dict[str, Any], last: int, code: Code | None) -> None:
    found = replace(package(), **fields)
    if code:
        refuse(code, lambda: check_addressed(found, ME, PackageKind.STATEMENTS, last))
    else:
        check_addressed(found, ME, PackageKind.STATEMENTS, last)


# The sealed result

SIGNED = TerminalResult(
    format=RESULT_FORMAT,
    outcome=ResultOutcome.SIGNED,
    proposal=sha256(b"proposal"),
    signatures=(PartialSignature(input=0, key="key:eth-1", signature=HexBytes(bytes(64))),),
    terminal=ME,
)
WITHOUT = [outcome for outcome in ResultOutcome if outcome is not ResultOutcome.SIGNED]


def test_all_outcomes_have_one_size() -> None:
    for result in (SIGNED, *(replace(SIGNED, outcome=outcome, signatures=()) for outcome in WITHOUT)):
        raw = encode_result(result)
        assert SEALED_PLAINTEXT_BYTES == len(raw)
        assert result == parse_result(raw)


@pytest.mark.parametrize("outcome", WITHOUT)
def test_signatures_come_with_signed_and_with_nothing_else(outcome: ResultOutcome) -> None:
    refuse(Code.FIELD_INVALID, lambda: replace(SIGNED, outcome=outcome))
    refuse(Code.FIELD_INVALID, lambda: replace(SIGNED, signatures=()))
    forged = encode_result(SIGNED).replace(b'"signed"', b'"' + outcome.value.encode() + b'"')
    size = len(forged[4:].rstrip(b"\0"))
    forged = (size.to_bytes(4, "big") + forged[4 : 4 + size]).ljust(SEALED_PLAINTEXT_BYTES, b"\0")
    refuse(Code.FIELD_INVALID, lambda: parse_result(forged))


def test_the_padding_is_zeros_and_the_length_is_true() -> None:
    raw = encode_result(SIGNED)
    length = int.from_bytes(raw[:4], "big")
    for wrong in (
        raw[:-1],
        raw + b"\0",
        raw[:-1] + b"\1",
        (SEALED_PLAINTEXT_BYTES - 3).to_bytes(4, "big") + raw[4:],
        (length - 1).to_bytes(4, "big") + raw[4:],
    ):
        refuse(Code.FIELD_INVALID, lambda wrong=wrong: parse_result(wrong))
    refuse(Code.JSON_SYNTAX, lambda: parse_result((length + 1).to_bytes(4, "big") + raw[4:]))
    assert SIGNED == parse_result(raw)


def test_a_result_fits_its_padding() -> None:
    refuse(Code.TOO_LARGE, lambda: encode_result(replace(SIGNED, signatures=SIGNED.signatures * 400)))
    assert encode_result(replace(SIGNED, signatures=SIGNED.signatures * 300))


def test_a_seal_is_bound_to_its_proposal_and_terminal() -> None:
    one = build_seal_info(sha256(b"a"), ME)
    assert 3 == len(
        {one, build_seal_info(sha256(b"b"), ME), build_seal_info(sha256(b"a"), PartyId("device:terminal-2"))}
    )
    assert b"strongroom-terminal-result/1\n" + sha256(b"a").encode() + b"\ndevice:terminal-1" == one
