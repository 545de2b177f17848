"""Rosters: people, devices and services, what they may do and when; quorums of humans and keys; spec/roster.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.checker.reading.bodies import Quorum, parse_sorted
from strongroom.checker.reading.envelopes import Envelope, Statement, Type
from strongroom.checker.reading.fields import NONE, Node, check_sorted, render_time
from strongroom.checker.reading.governed import check_governed, parse_governed
from strongroom.checker.reading.keys import Algorithm, Key, parse_key
from strongroom.checker.reading.log import Signer
from strongroom.checker.reading.roots import RootChain, check_distinct_keys, check_next
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, malformed, refused
from strongroom.core.ids import Digest, PartyId

SECTIONS: Final = ("II", "III", "IV", "V", "VI")
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "person": ("approver", "operator", "officer", "overseer", "custodian", "key-officer", "key-witness"),
    "device": ("terminal", "station", "gate", "approval-device", "office"),
    "service": ("platform", "builder", "reconciler", "watcher", "witness", "log", "assigner"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One entry. staff: the human behind it, or who holds an approval device; None for other machines."""

    group: str
    id: PartyId
    key: Key
    name: str
    roles: tuple[str, ...]
    staff: str | None
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Everybody at one version. overseers: (section, person)."""

    expires: datetime
    overseers: tuple[tuple[str, PartyId], ...]
    parties: Mapping[PartyId, Party]
    previous: Digest | None
    root_version: int
    version: int

    def party(self, name: PartyId, path: str) -> Party:
        """The entry of that name. Raises SIGNER_UNKNOWN."""
        found = self.parties.get(name)
        if found is None:
            raise refused(Code.SIGNER_UNKNOWN, path, f"a party of roster {self.version}", name)
        return found

    def with_role(self, role: str) -> tuple[Party, ...]:
        """All entries with that role, whether valid or not."""
        return tuple(each for each in self.parties.values() if role in each.roles)


RosterStatement = Statement[Roster]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRoster:
    """A roster and its index in the log; the index is a claim until its inclusion is checked."""

    statement: RosterStatement
    index: int


def parse_roster(envelope: Envelope) -> RosterStatement:
    """Read a roster statement; nothing is verified."""
    return parse_governed(envelope, Type.ROSTER, _parse_roster)


def check_rosters(
    envelopes: Sequence[Envelope], chain: RootChain, known: Sequence[RosterStatement] = ()
) -> tuple[RosterStatement, ...]:
    """Prove rosters that follow `known`, each signed by the delegation of the root that it names.

    A root version never falls from roster to roster. Raises HEAD_ROLLBACK, HEAD_MISMATCH, THRESHOLD_NOT_MET.
    """
    rosters = list(known)
    for envelope in envelopes:
        statement = parse_roster(envelope)
        body, before = statement.body, rosters[-1] if rosters else None
        least = before.body.root_version if before else 1
        if not least <= body.root_version <= len(chain.roots):
            expected = f"{least} to {len(chain.roots)}"
            raise refused(Code.HEAD_ROLLBACK, f"{statement.body_path}.root_version", expected, str(body.root_version))
        check_governed(statement, chain.roots[body.root_version - 1].body.delegations["roster"], chain.context)
        check_next(statement, body.version, body.previous, before, before.body.version + 1 if before else 1)
        rosters.append(statement)
    return tuple(rosters)


def check_current(rosters: Sequence[RosterStatement], chain: RootChain) -> None:
    """Raise HEAD_ROLLBACK unless the last roster names the last root: whom a new root dropped must not live on."""
    last = rosters[-1]
    if last.body.root_version != len(chain.roots):
        path = f"{last.body_path}.root_version"
        raise refused(Code.HEAD_ROLLBACK, path, str(len(chain.roots)), str(last.body.root_version))


def roster_below(rosters: Sequence[PlacedRoster], index: int, path: str) -> Roster:
    """The roster in force at a log index: the highest one below it. Raises SIGNER_UNKNOWN when there is none."""
    return roster_said_below(rosters, index, path).body


def roster_said_below(rosters: Sequence[PlacedRoster], index: int, path: str) -> RosterStatement:
    """As `roster_below`, with who said it and when."""
    below = [each for each in rosters if each.index < index]
    if not below:
        raise refused(Code.SIGNER_UNKNOWN, path, f"a roster below log index {index}", "none")
    return below[-1].statement


def moment_said(said: datetime, roster: RosterStatement) -> datetime:
    """When the signer of a freeze, a lift or a notice must have had the role: the time named, or the roster's if later.

    Both are in the log, so that a device enrolled in a year judges as one that was there.
    """
    return max(roster.issued_at, said)


def witnesses_of(roster: Roster) -> tuple[Signer, ...]:
    """The roster's witnesses as the log's notes name them."""
    return tuple(
        Signer(name=each.id, public_key=each.key.public)
        for each in roster.with_role("witness")
        if each.key.alg is Algorithm.ED25519
    )


def check_valid(party: Party, moment: datetime, path: str) -> None:
    """Raise SIGNER_NOT_VALID when the entry's validity does not contain the moment."""
    if not party.valid_from <= moment <= party.valid_until:
        expected = f"{render_time(party.valid_from)} to {render_time(party.valid_until)}"
        raise refused(Code.SIGNER_NOT_VALID, path, expected, render_time(moment))


def check_party(roster: Roster, name: PartyId, roles: Sequence[str], moment: datetime, path: str) -> Party:
    """The entry of a party that has one of these roles at that moment.

    Raises EXPIRED for the roster itself, SIGNER_UNKNOWN, ROLE_MISSING or SIGNER_NOT_VALID.
    """
    if moment > roster.expires:
        raise refused(
            Code.EXPIRED, path, f"roster {roster.version} until {render_time(roster.expires)}", render_time(moment)
        )
    party = roster.party(name, path)
    if not any(role in party.roles for role in roles):
        raise refused(Code.ROLE_MISSING, path, " or ".join(roles), " ".join(party.roles))
    check_valid(party, moment, path)
    return party


def check_quorum(quorum: Quorum, parties: Iterable[Party], path: str) -> None:
    """Raise QUORUM_NOT_MET unless so many humans with as many keys of so many groups stand behind it.

    One person under two names and two names with one key each count once (attack 5).
    """
    able = [each for each in parties if quorum.role in each.roles]
    people = min(len({each.staff for each in able}), len({each.key.id for each in able}))
    groups = len({each.group for each in able})
    if people < quorum.people or groups < quorum.groups:
        expected = f"{quorum.people} people of {quorum.groups} groups in role {quorum.role}"
        raise refused(Code.QUORUM_NOT_MET, path, expected, f"{people} people of {groups} groups")


def check_overseers(roster: Roster, moment: datetime, path: str) -> None:
    """Raise OVERSEER_MISSING for each section of the circular without a valid, designated overseer."""
    found: list[Refusal] = []
    for section in SECTIONS:
        people = [
            roster.parties[person] for each, person in roster.overseers if each == section and person in roster.parties
        ]
        if not any("overseer" in p.roles and p.valid_from <= moment <= p.valid_until for p in people):
            found.append(
                Refusal(
                    code=Code.OVERSEER_MISSING, field=path, expected=f"an overseer of section {section}", got="nobody"
                )
            )
    if found:
        raise RefusedError(*found)


def _parse_roster(node: Node) -> Roster:
    found = node.members("expires", "overseers", "parties", "previous", "root_version", "version")
    parties = [_parse_party(item) for item in found["parties"].items()]
    check_sorted([each.id for each in parties], found["parties"].path)
    check_distinct_keys((each.key for each in parties), found["parties"].path)
    _check_separate(parties, found["parties"].path)
    return Roster(
        expires=found["expires"].time(),
        overseers=tuple(_parse_overseer(item) for item in found["overseers"].items()),
        parties={each.id: each for each in parties},
        previous=found["previous"].digest_or_none(),
        root_version=found["root_version"].integer(least=1),
        version=found["version"].integer(least=1),
    )


def _parse_party(node: Node) -> Party:
    found = node.members("group", "id", "key", "name", "roles", "staff", "valid_from", "valid_until")
    name = found["id"].party()
    kind = name.split(":", 1)[0]
    roles = parse_sorted(found["roles"])
    strange = [role for role in roles if role not in _ROLES.get(kind, ())]
    if strange or kind not in _ROLES:
        raise found["roles"].invalid(f"roles of a {kind}")
    staff = found["staff"].text()
    if (staff == NONE) == (kind == "person" or "approval-device" in roles) or not staff:
        raise found["staff"].invalid("the staff number of a person or of who holds the device, none for other machines")
    key = parse_key(found["key"])
    if key.alg is Algorithm.WEBAUTHN_P256 and kind != "person":
        raise found["key"].invalid("a key that works without a person")
    return Party(
        group=found["group"].text(),
        id=name,
        key=key,
        name=found["name"].text(),
        roles=roles,
        staff=None if staff == NONE else staff,
        valid_from=found["valid_from"].time(),
        valid_until=found["valid_until"].time(),
    )


def _parse_overseer(node: Node) -> tuple[str, PartyId]:
    found = node.members("person", "section")
    return found["section"].word(*SECTIONS), found["person"].party_of("person")


def _check_separate(parties: Sequence[Party], path: str) -> None:
    """Raise SEPARATION when one human both approves and operates."""
    approvers = {each.staff for each in parties if "approver" in each.roles}
    for each in parties:
        if "operator" in each.roles and each.staff in approvers:
            raise malformed(Code.SEPARATION, path, "nobody both approver and operator", f"{each.id} ({each.staff})")
