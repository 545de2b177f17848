"""Transcripts of ceremonies that never were, signed by software keys: what tests change one thing in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
    Fact,
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
from strongroom.core.statements import (
    Context,
    Environment,
    Statement,
    build_payload,
    parse_envelope_bytes,
    parse_statement,
    sign_payload,
)
from world import ETH, chain_key, signer_of, sorted_by_id

NOW = datetime(2027, 3, 14, 9, 0, tzinfo=UTC)
OFFICER, WITNESS = "person:k.officer", "person:w.witness"
CUSTODIANS = ("person:c.ann", "person:c.bob", "person:c.cyd")
ROLES = {OFFICER: "key-officer", WITNESS: "key-witness", **dict.fromkeys(CUSTODIANS, "custodian")}
FIRST, SECOND = "5e0001", "5e0002"


def party(name: str, role: str, staff: str = "") -> Party:
    return Party(
        group="keys",
        id=PartyId(name),
        key=signer_of(name).key,
        name=name,
        roles=(role,),
        staff=staff or f"staff {name}",
        valid_from=NOW - timedelta(days=1),
        valid_until=NOW + timedelta(days=1),
    )


def roster(**staff: str) -> Roster:
    return Roster(
        expires=NOW + timedelta(days=90),
        overseers=(),
        parties=sorted_by_id([party(name, role, staff.get(name.split(".")[1], "")) for name, role in ROLES.items()]),
        previous=DigestOrNone("none"),
        root_version=1,
        version=1,
    )


def share(number: int, person: str, site: str) -> KeyShare:
    return KeyShare(
        commitment=sha256(person.encode()),
        custodian=PartyId(person),
        number=number,
        salt=HexBytes(bytes(32)),
        seal=f"BAG-{number}",
        site=site,
    )


def token(serial: str, check_value: str = "aabbcc") -> TokenIdentity:
    return TokenIdentity(
        check_value=HexOrNone(check_value), firmware="2.6", label="v", manufacturer="m", model="t", serial=serial
    )


def steps(kind: CeremonyKind, actor: str = OFFICER) -> tuple[CeremonyStep, ...]:
    return tuple(
        CeremonyStep(
            actor=PartyId(actor), at=NOW + timedelta(minutes=n), facts=(Fact(name="n", value=str(n)),), name=name
        )
        for n, name in enumerate(STEPS[kind])
    )


def people(*names: str) -> tuple[Participant, ...]:
    return tuple(Participant(person=PartyId(each), role=CeremonyRole(ROLES[each])) for each in sorted(names))


def birth() -> Ceremony:
    kind = CeremonyKind.GENERATE
    shares = tuple(share(n, person, f"Site {n}") for n, person in enumerate(CUSTODIANS, start=1))
    return Ceremony(
        check_value=HexOrNone("aabbcc"),
        drills=(),
        ended=NOW + timedelta(hours=1),
        former_check_value=HexOrNone("none"),
        id=HexBytes(bytes(16)),
        interruptions=(),
        key_lists=(KeyList(blobs=sha256(b"b"), count=1, digest=sha256(b"l"), wallet=WalletId("wallet:eth")),),
        kind=kind,
        outcome=CeremonyOutcome.COMPLETED,
        participants=people(*ROLES),
        previous=DigestOrNone("none"),
        shares=(KeyShares(identifier=1, shares=shares, threshold=2),),
        started=NOW,
        steps=steps(kind),
        tokens=(token(FIRST),),
        tool=Tool(digest=sha256(b"t"), memory="", version="1"),
    )


def drill() -> Drill:
    key, challenge = chain_key("drill"), bytes(range(32))
    public = key.public_key.format()
    address = derive_attested_address(ETH, 1, [public], "key")
    recoverable = key.sign_recoverable(build_drill_text(ETH, address, challenge, SECOND), hasher=None)
    drilled = DrillKey(
        address=address, chain=ETH, id=EntryId("key:e1"), proof=HexBytes(recoverable[:64]), public=HexBytes(public)
    )
    return Drill(challenge=HexBytes(challenge), first_token=FIRST, keys=(drilled,), second_token=SECOND)


def restored() -> Ceremony:
    kind = CeremonyKind.RESTORE
    return replace(
        birth(),
        kind=kind,
        steps=steps(kind),
        previous=DigestOrNone("sha256:" + "1" * 64),
        drills=(drill(),),
        participants=people(OFFICER, WITNESS, *CUSTODIANS[:2]),
        tokens=(token(FIRST), token(SECOND)),
    )


def rotated() -> Ceremony:
    kind = CeremonyKind.ROTATE
    previous = DigestOrNone("sha256:" + "1" * 64)
    return replace(
        birth(),
        kind=kind,
        steps=steps(kind),
        previous=previous,
        check_value=HexOrNone("ddeeff"),
        former_check_value=HexOrNone("aabbcc"),
    )


CONTEXT = Context(organization="test-custody", environment=Environment.DEVELOPMENT)


def signed(body: Ceremony, signers: Iterable[str] | None = None, issuer: str = OFFICER) -> Statement[Ceremony]:
    kind, payload = build_payload(body, context=CONTEXT, issuer=PartyId(issuer), issued_at=body.ended)
    names = [each.person for each in body.participants] if signers is None else list(signers)
    envelope = sign_payload(kind, payload, [(signer_of(n).key, signer_of(n).sign) for n in names])
    return parse_statement(parse_envelope_bytes(envelope.encode()))
