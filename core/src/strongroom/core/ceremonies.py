"""The transcript of a key ceremony: who was there, what was done in which order, and what came of it.

A transcript is one `ceremony` statement signed by exactly the people who were present. It tells everything about keys
but the keys: check values, commitments, seals, digests, and openly where a key was in memory. `STEPS` is the shape of
every run book, so that a transcript with a step left out or moved is refused by whoever reads it, not only by the
program that led the people. What makes a transcript true is in `checks/ceremony.py`.
Source: spec/ceremony.md; II.1, II.2, Guidelines 10.8 and 10.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from strongroom.core.ids import ChainId, Digest, EntryId, PartyId, WalletId
from strongroom.core.records import DigestOrNone, HexBytes, HexOrNone, check_sorted


class CeremonyKind(StrEnum):
    """Every ceremony that exists."""

    GENERATE = "generate"
    BACK_UP = "back-up"
    RESTORE = "restore"
    ROTATE = "rotate"
    ADD_CUSTODIAN = "add-custodian"
    REMOVE_CUSTODIAN = "remove-custodian"
    SUSPEND = "suspend"
    COMPROMISE = "compromise"
    DESTROY = "destroy"


class CeremonyRole(StrEnum):
    """What a person does in the room; the roster gives each of them the role of this name."""

    KEY_OFFICER = "key-officer"
    KEY_WITNESS = "key-witness"
    CUSTODIAN = "custodian"


class CeremonyOutcome(StrEnum):
    """How it ended. A drill that failed is a result, too: it says that the backup does not work."""

    COMPLETED = "completed"
    FAILED = "failed"


_BEGIN = ("room", "people", "tool")
_NEW_SET = ("take-in", "entropy", "hand-out", "wrapping-key", "re-wrap", "old-papers")
STEPS: Mapping[CeremonyKind, tuple[str, ...]] = MappingProxyType(
    {
        CeremonyKind.GENERATE: (*_BEGIN, "token", "entropy", "hand-out", "wrapping-key", "asset-keys", "close"),
        CeremonyKind.BACK_UP: (*_BEGIN, "seals", "copy", "close"),
        CeremonyKind.RESTORE: (*_BEGIN, "second-token", "challenge", "take-in", "wrapping-key", "drill", "close"),
        CeremonyKind.ROTATE: (*_BEGIN, *_NEW_SET, "close"),
        CeremonyKind.ADD_CUSTODIAN: (*_BEGIN, *_NEW_SET, "close"),
        CeremonyKind.REMOVE_CUSTODIAN: (*_BEGIN, *_NEW_SET, "close"),
        CeremonyKind.SUSPEND: (*_BEGIN, "reason", "take-out", "close"),
        CeremonyKind.COMPROMISE: (*_BEGIN, "reason", "take-out", "sweep", "told", "close"),
        CeremonyKind.DESTROY: (*_BEGIN, "reason", "wipe-token", "wipe-files", "papers", "copies", "close"),
    }
)
"""The steps of each kind, in their order."""
REPEATED = frozenset({"hand-out", "take-in", "seals", "copy", "papers"})
"""Steps that stand once for each custodian or medium, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody in the room, in one role."""

    person: PartyId
    role: CeremonyRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that a step recorded, by its name in the run book."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CeremonyStep:
    """One step that was confirmed."""

    actor: PartyId
    at: datetime
    facts: tuple[Fact, ...]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """The program was stopped before this step and went on; said: what was lost, asked again or destroyed."""

    at: datetime
    said: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIdentity:
    """What a token says of itself. check_value: of its wrapping key after the ceremony, `none` without one."""

    check_value: HexOrNone
    firmware: str
    label: str
    manufacturer: str
    model: str
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """The program that led the ceremony. digest: over all its installed files and the token's module."""

    digest: Digest
    memory: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShare:
    """One share of the wrapping key. commitment: over `salt`, custodian, site and words; seal: of the bag."""

    commitment: Digest
    custodian: PartyId
    number: int
    salt: HexBytes
    seal: str
    site: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShares:
    """The shares in force after the ceremony: any `threshold` of them rebuild the key."""

    identifier: int
    shares: tuple[KeyShare, ...]
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList:
    """A list of public keys. digest: SHA-256 of the file `keys.json`; blobs: over all key files, sorted by name."""

    blobs: Digest
    count: int
    digest: Digest
    wallet: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillKey:
    """A restored key that signed the challenge. proof: `r || s`, 64 bytes; address: what chain and key give."""

    address: str
    chain: ChainId
    id: EntryId
    proof: HexBytes
    public: HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A restore into a second token. challenge: 32 bytes of the platform's; first_token, second_token: serials."""

    challenge: HexBytes
    first_token: str
    keys: tuple[DrillKey, ...]
    second_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """Body of a `ceremony` statement.

    check_value: of the wrapping key that is in force afterwards, `none` after its destruction; former_check_value: of
    the key that it replaced or destroyed. previous: the last ceremony of the same wrapping key. drills: one for a
    restore that succeeded, else none. key_lists, shares: as they stand afterwards, carried on from `previous`; shares
    holds one set, or none after a destruction.
    """

    check_value: HexOrNone
    drills: tuple[Drill, ...]
    ended: datetime
    former_check_value: HexOrNone
    id: HexBytes
    interruptions: tuple[Interruption, ...]
    key_lists: tuple[KeyList, ...]
    kind: CeremonyKind
    outcome: CeremonyOutcome
    participants: tuple[Participant, ...]
    previous: DigestOrNone
    shares: tuple[KeyShares, ...]
    started: datetime
    steps: tuple[CeremonyStep, ...]
    tokens: tuple[TokenIdentity, ...]
    tool: Tool

    def __post_init__(self) -> None:
        check_sorted([each.person for each in self.participants], "participants")
        check_sorted([each.serial for each in self.tokens], "tokens")
        check_sorted([each.wallet for each in self.key_lists], "key_lists")

    def people(self, role: CeremonyRole) -> tuple[PartyId, ...]:
        """Who was there in a role."""
        return tuple(each.person for each in self.participants if each.role is role)
