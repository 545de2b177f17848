"""From the record to the transcript: what was recorded step by step becomes the body of a `ceremony` statement."""

from __future__ import annotations

from datetime import datetime

from strongroom.core.ceremonies import (
    Ceremony,
    CeremonyKind,
    CeremonyOutcome,
    CeremonyRole,
    CeremonyStep,
    Drill,
    Interruption,
    KeyList,
    KeyShares,
    Participant,
    TokenIdentity,
    Tool,
)
from strongroom.core.checks.ceremony import NEW_KEY
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import NONE, DigestOrNone, HexBytes, HexOrNone
from strongroom.vault.ceremony.run.assets import parse_drill_keys
from strongroom.vault.ceremony.run.batches import parse_key_lists
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.engine import outcome_of
from strongroom.vault.ceremony.run.record import EntryKind, find_fact
from strongroom.vault.ceremony.run.sets import read_new_shares
from strongroom.vault.ceremony.run.tokens import is_plugged, read_identity

_WITH_TOKEN = frozenset(CeremonyKind) - {CeremonyKind.BACK_UP}


def build_body(desk: Desk, ended: datetime) -> Ceremony:
    """The body of the transcript, from the record, the last transcript and the token as it is now."""
    kind, outcome = desk.options.kind, outcome_of(desk)
    previous = desk.options.previous
    former = HexOrNone(NONE)
    if previous is not None and (kind in NEW_KEY or kind is CeremonyKind.DESTROY):
        former = previous.body.check_value
    return Ceremony(
        check_value=_check_value(desk),
        drills=_drills(desk) if outcome is CeremonyOutcome.COMPLETED else (),
        ended=ended,
        former_check_value=former,
        id=HexBytes(bytes.fromhex(find_fact(desk.record.entries[0].facts, "ceremony", "start"))),
        interruptions=_interruptions(desk),
        key_lists=_key_lists(desk),
        kind=kind,
        outcome=outcome,
        participants=build_participants(desk),
        previous=DigestOrNone(previous.id if previous else NONE),
        shares=_shares(desk),
        started=desk.record.entries[0].at,
        steps=tuple(
            CeremonyStep(actor=_actor(desk, entry.actor), at=entry.at, facts=entry.facts, name=entry.name)
            for entry in desk.record.confirmed()
        ),
        tokens=_tokens(desk),
        tool=Tool(
            digest=Digest(desk.fact("tool", "digest")),
            memory=desk.fact("tool", "memory"),
            version=desk.fact("tool", "version"),
        ),
    )


def build_participants(desk: Desk) -> tuple[Participant, ...]:
    """Everybody in the room, sorted by name."""
    found = [
        Participant(person=desk.person_in(role), role=role)
        for role in (CeremonyRole.KEY_OFFICER, CeremonyRole.KEY_WITNESS)
    ]
    found += [Participant(person=person, role=CeremonyRole.CUSTODIAN) for person, _ in desk.custodians()]
    return tuple(sorted(found, key=lambda each: each.person))


def _actor(desk: Desk, actor: str) -> PartyId:
    """Who led a step. In the first one nobody was named yet: it was the officer, who is named in the second."""
    return PartyId(actor) if actor != NONE else desk.person_in(CeremonyRole.KEY_OFFICER)


def _check_value(desk: Desk) -> HexOrNone:
    if desk.options.kind is CeremonyKind.DESTROY:
        return HexOrNone(NONE)
    if desk.options.kind in NEW_KEY:
        return HexOrNone(desk.fact("wrapping-key", "check value"))
    return desk.previous().body.check_value


def _shares(desk: Desk) -> tuple[KeyShares, ...]:
    if desk.options.kind is CeremonyKind.DESTROY:
        return ()
    return (read_new_shares(desk),) if desk.options.kind in NEW_KEY else desk.previous().body.shares


def _key_lists(desk: Desk) -> tuple[KeyList, ...]:
    for name in ("asset-keys", "re-wrap"):
        for entry in desk.entries(name):
            return parse_key_lists(entry.facts)
    return desk.previous().body.key_lists


def _tokens(desk: Desk) -> tuple[TokenIdentity, ...]:
    """Every token that this wrapping key's ceremonies made, with what each is known to hold; this one is read anew."""
    known = {each.serial: each for each in desk.options.previous.body.tokens} if desk.options.previous else {}
    if desk.options.kind in _WITH_TOKEN and is_plugged(desk):
        identity = read_identity(desk)
        known[identity.serial] = identity
    return tuple(known[serial] for serial in sorted(known))


def _drills(desk: Desk) -> tuple[Drill, ...]:
    return tuple(
        Drill(
            challenge=HexBytes(bytes.fromhex(desk.fact("challenge", "challenge"))),
            first_token=find_fact(entry.facts, "first token", entry.name),
            keys=parse_drill_keys(entry.facts),
            second_token=find_fact(entry.facts, "second token", entry.name),
        )
        for entry in desk.entries("drill")
    )


def _interruptions(desk: Desk) -> tuple[Interruption, ...]:
    """What an interruption cost, and what a failed drill failed at."""
    found = []
    for entry in desk.record.entries:
        if entry.kind in (EntryKind.RETURN, EntryKind.RESTART):
            found.append(Interruption(at=entry.at, said=find_fact(entry.facts, "said", entry.name), step=entry.name))
        if entry.kind is EntryKind.FAIL:
            why = find_fact(entry.facts, "because", entry.name)
            found.append(Interruption(at=entry.at, said=f"the drill was ended as failed: {why}", step=entry.name))
    return tuple(found)
