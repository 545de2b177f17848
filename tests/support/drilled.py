"""Ceremonies of the world's wrapping keys: a restore drill of a terminal's, signed by whoever was in the room."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from strongroom.core.attested import build_drill_text
from strongroom.core.canonical import sha256
from strongroom.core.ceremonies import (
    STEPS,
    Ceremony,
    CeremonyKind,
    CeremonyOutcome,
    CeremonyRole,
    CeremonyStep,
    Drill,
    DrillKey,
    KeyList,
    KeyShare,
    KeyShares,
    Participant,
    TokenIdentity,
    Tool,
)
from strongroom.core.checks.attest import derive_attested_address
from strongroom.core.ids import EntryId, PartyId, WalletId
from strongroom.core.records import DigestOrNone, HexBytes, HexOrNone
from strongroom.core.roster import Party, Roster
from world import ETH, START, chain_key, signer_of, sorted_by_id

LEADER = "person:k.officer"
ROLES = {
    "person:c.ann": CeremonyRole.CUSTODIAN,
    "person:c.bob": CeremonyRole.CUSTODIAN,
    LEADER: CeremonyRole.KEY_OFFICER,
    "person:w.witness": CeremonyRole.KEY_WITNESS,
}
CHALLENGE = bytes(range(32))


def with_room(roster: Roster) -> Roster:
    """An edit of the roster: the people of the ceremony room are in it."""
    people = [
        Party(
            group="keys",
            id=PartyId(name),
            key=signer_of(name).key,
            name=name,
            roles=(role.value,),
            staff=f"staff {name}",
            valid_from=START - timedelta(days=1),
            valid_until=START + timedelta(days=60),
        )
        for name, role in ROLES.items()
    ]
    return replace(roster, parties=sorted_by_id([*roster.parties, *people]))


def restore_of(name: str, check_value: str, at: datetime, **changes: Any) -> Ceremony:
    """A drill in which this key of the world signed in a second token. check_value: of its wrapping key, in hex."""
    kind = CeremonyKind.RESTORE
    custodians = [n for n, role in ROLES.items() if role is CeremonyRole.CUSTODIAN]
    shares = tuple(
        KeyShare(
            commitment=sha256(person.encode()),
            custodian=PartyId(person),
            number=number,
            salt=HexBytes(bytes(32)),
            seal=f"BAG-{number}",
            site=f"Site {number}",
        )
        for number, person in enumerate(custodians, start=1)
    )
    body = Ceremony(
        check_value=HexOrNone(check_value),
        drills=(_drill(name),),
        ended=at,
        former_check_value=HexOrNone("none"),
        id=HexBytes(sha256(f"{name} {at}".encode()).encode()[7:23]),
        interruptions=(),
        key_lists=(KeyList(blobs=sha256(b"b"), count=1, digest=sha256(b"l"), wallet=WalletId("wallet:eth")),),
        kind=kind,
        outcome=CeremonyOutcome.COMPLETED,
        participants=tuple(Participant(person=PartyId(n), role=role) for n, role in sorted(ROLES.items())),
        previous=DigestOrNone("sha256:" + "1" * 64),
        shares=(KeyShares(identifier=1, shares=shares, threshold=2),),
        started=at - timedelta(hours=1),
        steps=tuple(CeremonyStep(actor=PartyId(LEADER), at=at, facts=(), name=step) for step in STEPS[kind]),
        tokens=(_token("first", check_value), _token("second", check_value)),
        tool=Tool(digest=sha256(b"t"), memory="", version="1"),
    )
    return replace(body, **changes)


def rotated(body: Ceremony, check_value: str, at: datetime) -> Ceremony:
    """After a restore, the wrapping key is replaced by another."""
    kind = CeremonyKind.ROTATE
    return replace(
        body,
        check_value=HexOrNone(check_value),
        drills=(),
        ended=at,
        former_check_value=body.check_value,
        id=HexBytes(bytes(16)),
        kind=kind,
        started=at - timedelta(hours=1),
        steps=tuple(CeremonyStep(actor=PartyId(LEADER), at=at, facts=(), name=step) for step in STEPS[kind]),
        tokens=(_token("first", check_value),),
    )


def _token(serial: str, check_value: str) -> TokenIdentity:
    return TokenIdentity(
        check_value=HexOrNone(check_value), firmware="2.6", label="v", manufacturer="m", model="t", serial=serial
    )


def _drill(name: str) -> Drill:
    key = chain_key(name)
    public = key.public_key.format()
    address = derive_attested_address(ETH, 1, [public], name)
    proof = key.sign_recoverable(build_drill_text(ETH, address, CHALLENGE, "second"), hasher=None)[:64]
    drilled = DrillKey(
        address=address, chain=ETH, id=EntryId(f"key:{name}"), proof=HexBytes(proof), public=HexBytes(public)
    )
    return Drill(challenge=HexBytes(CHALLENGE), first_token="first", keys=(drilled,), second_token="second")
