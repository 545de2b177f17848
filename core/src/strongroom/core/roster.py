"""Root and roster: who may say what. The shape of TUF's root metadata, with people instead of repositories.

The root is pinned by its fingerprint and believed by nobody's word but its holders' threshold. It delegates; the
roster delegation names people, devices and services. Quorums count humans and keys, never entries: one person with
two names, or two names with one key, is still one. Source: spec/roster.md; III.12, III.4, I.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.records import NONE, DigestOrNone, HexBytes, check_sorted

ROLES = {
    "person": frozenset({"approver", "operator", "officer", "overseer", "custodian", "key-officer", "key-witness"}),
    "device": frozenset({"terminal", "station", "gate", "approval-device", "office"}),
    "service": frozenset({"platform", "builder", "reconciler", "watcher", "witness", "log", "assigner"}),
}
APPROVAL_DEVICE, OFFICE = "approval-device", "office"
"""A device for approvals only, in one person's hands; and an office computer, which mail and the web can reach."""
SECTIONS = ("II", "III", "IV", "V", "VI")
"""Sections of circular 25EC44 that need a designated overseer (I.5)."""
REGISTERS = ("addresses", "assets", "clients", "keys", "whitelist")
SEAL_SUITE = "x25519-hkdf-sha256-aes256gcm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A person's key in a delegation."""

    id: PartyId
    key: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """Keys and how many of them must sign."""

    keys: tuple[Holder, ...]
    threshold: int

    def __post_init__(self) -> None:
        check_sorted([h.id for h in self.keys], "delegation.keys")
        check_distinct_keys([h.key for h in self.keys], "delegation.keys")
        if not 1 <= self.threshold <= len(self.keys):
            raise malformed(Code.FIELD_INVALID, "threshold", f"1 to {len(self.keys)}", str(self.threshold))

    def check_threshold(self, signers: Iterable[Digest], field: str) -> None:
        """Raise THRESHOLD_NOT_MET unless enough of these keys are among `signers` (key ids that verified)."""
        mine = {h.key.key_id for h in self.keys} & set(signers)
        if len(mine) < self.threshold:
            raise refused(
                Code.THRESHOLD_NOT_MET, field, f"{self.threshold} of {len(self.keys)} holders", str(len(mine))
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegations:
    """One quorum a kind of governance statement."""

    addresses: Delegation
    assets: Delegation
    clients: Delegation
    keys: Delegation
    policy: Delegation
    prices: Delegation
    roster: Delegation
    whitelist: Delegation


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """At least so many people from so many groups approve, whatever the policy says; only the root quorum lowers it."""

    groups: int
    people: int

    def __post_init__(self) -> None:
        if self.people < 1 or not 1 <= self.groups <= self.people:
            raise malformed(Code.FIELD_INVALID, "floors", "people >= groups >= 1", f"{self.people}, {self.groups}")

    @property
    def quorum(self) -> Quorum:
        """The floors as one more quorum of approvers."""
        return Quorum(role="approver", people=self.people, groups=self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSeal:
    """The public key to which terminals seal what they signed; only the root quorum changes it."""

    device: PartyId
    public: HexBytes
    suite: str

    def __post_init__(self) -> None:
        if self.suite != SEAL_SUITE or len(self.public) != 32:
            raise malformed(Code.FIELD_INVALID, "gate_seal", f"{SEAL_SUITE} with 32 bytes", self.suite)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """The log's origin and key."""

    key: PublicKey
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Body of a `root` statement."""

    delegations: Delegations
    expires: datetime
    floors: Floors
    gate_seal: GateSeal
    holders: Delegation
    log: LogKey
    previous: DigestOrNone
    version: int

    def __post_init__(self) -> None:
        # No quorum can both add a destination and say who the client is, or loosen the limits for it.
        _check_disjoint(self.delegations.clients, self.delegations.whitelist, "clients and whitelist")
        _check_disjoint(self.delegations.whitelist, self.delegations.policy, "whitelist and policy")

    def delegation(self, name: str) -> Delegation:
        """The delegation called `name`: roster, policy, prices, or a register's name."""
        if name not in (*REGISTERS, "roster", "policy", "prices"):
            raise malformed(Code.FIELD_INVALID, "register", " ".join(REGISTERS), name)
        found: Delegation = getattr(self.delegations, name)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A person, device or service.

    staff: the human behind a person's entry, and the one who holds an approval device; `none` for other machines.
    """

    group: str
    id: PartyId
    key: PublicKey
    name: str
    roles: tuple[str, ...]
    staff: str
    valid_from: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        kind = self.id.split(":", 1)[0]
        check_sorted(self.roles, f"{self.id}.roles")
        for role in self.roles:
            if role not in ROLES.get(kind, frozenset()):
                raise malformed(Code.FIELD_INVALID, f"{self.id}.roles", f"a role of a {kind}", role)
        if self.key.alg is Algorithm.WEBAUTHN_P256 and kind != "person":
            raise malformed(Code.FIELD_INVALID, f"{self.id}.key", "a FIDO2 key for persons only", "a machine")
        if (self.staff != NONE) != (kind == "person" or APPROVAL_DEVICE in self.roles):
            expected = "a staff id for persons and approval devices, none for other machines"
            raise malformed(Code.FIELD_INVALID, f"{self.id}.staff", expected, self.staff)

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the entry's validity contains this moment."""
        return self.valid_from <= moment <= self.valid_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Overseer:
    """The person designated to oversee one section of the circular (I.5)."""

    person: PartyId
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Body of a `roster` statement."""

    expires: datetime
    overseers: tuple[Overseer, ...]
    parties: tuple[Party, ...]
    previous: DigestOrNone
    root_version: int
    version: int

    def __post_init__(self) -> None:
        check_sorted([p.id for p in self.parties], "parties")
        check_distinct_keys([p.key for p in self.parties], "parties")
        check_sorted([f"{o.section} {o.person}" for o in self.overseers], "overseers")
        approvers = {p.staff for p in self.parties if "approver" in p.roles}
        operators = {p.staff for p in self.parties if "operator" in p.roles}
        both = sorted(approvers & operators)
        if both:
            raise malformed(Code.SEPARATION, "parties", "nobody both approver and operator", ", ".join(both))

    def find(self, party: PartyId, field: str) -> Party:
        """The entry of a party. Raises SIGNER_UNKNOWN."""
        for entry in self.parties:
            if entry.id == party:
                return entry
        raise refused(Code.SIGNER_UNKNOWN, field, "a party of the roster", party)

    def with_role(self, role: str) -> tuple[Party, ...]:
        """All entries that have a role, whatever their validity."""
        return tuple(p for p in self.parties if role in p.roles)


def check_party(roster: Roster, party: PartyId, role: str, moment: datetime, field: str) -> Party:
    """The entry of a party that has this role at this moment.

    Raises SIGNER_UNKNOWN, ROLE_MISSING, SIGNER_NOT_VALID, or EXPIRED when the roster itself is past its time.
    """
    check_not_expired(roster.expires, moment, "roster")
    entry = roster.find(party, field)
    if role not in entry.roles:
        raise refused(Code.ROLE_MISSING, field, role, ", ".join(entry.roles))
    if not entry.is_valid_at(moment):
        raise refused(Code.SIGNER_NOT_VALID, field, f"{entry.valid_from} to {entry.valid_until}", str(moment))
    return entry


def check_not_expired(expires: datetime, moment: datetime, field: str) -> None:
    """Raise EXPIRED when `moment` is after `expires`."""
    if moment > expires:
        raise refused(Code.EXPIRED, field, f"not after {expires}", str(moment))


def check_quorum(quorum: Quorum, signers: Sequence[Party], field: str) -> None:
    """Raise QUORUM_NOT_MET unless these parties make the quorum.

    Counts distinct staff AND distinct keys, so that neither one person under two names nor one key under two names
    counts twice (attack: a second account for the same employee). III.4, III.12.
    """
    people, groups = count_quorum(quorum, signers)
    if people < quorum.people or groups < quorum.groups:
        wanted = f"{quorum.people} distinct people of {quorum.groups} groups in role {quorum.role}"
        raise refused(Code.QUORUM_NOT_MET, field, wanted, f"{people} of {groups}")


def count_quorum(quorum: Quorum, signers: Sequence[Party]) -> tuple[int, int]:
    """How many distinct people with distinct keys, and how many groups, stand behind a quorum."""
    able = [p for p in signers if quorum.role in p.roles]
    people = min(len({p.staff for p in able}), len({p.key.key_id for p in able}))
    return people, len({p.group for p in able})


def check_overseers(roster: Roster, moment: datetime) -> None:
    """Raise OVERSEER_MISSING unless every section has a valid overseer at this moment (I.5)."""
    for section in SECTIONS:
        people = [roster.find(o.person, "overseers") for o in roster.overseers if o.section == section]
        if not any(p.is_valid_at(moment) and "overseer" in p.roles for p in people):
            raise refused(Code.OVERSEER_MISSING, f"overseers.{section}", "a designated, valid overseer", "nobody")


def check_distinct_keys(keys: Sequence[PublicKey], field: str) -> None:
    """Raise KEY_SHARED when one key stands twice."""
    seen: set[Digest] = set()
    for key in keys:
        if key.key_id in seen:
            raise malformed(Code.KEY_SHARED, field, "each key once", key.key_id)
        seen.add(key.key_id)


def _check_disjoint(left: Delegation, right: Delegation, field: str) -> None:
    shared = {h.key.key_id for h in left.keys} & {h.key.key_id for h in right.keys}
    people = {h.id for h in left.keys} & {h.id for h in right.keys}
    if shared or people:
        raise malformed(Code.SEPARATION, field, "no key and no person in both", ", ".join(sorted({*shared, *people})))
