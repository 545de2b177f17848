"""What the statements of a docket say: one frozen record a type, read strictly; spec/statement.md, "Bodies"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from strongroom.checker.reading.emergency_bodies import KeyStateChange, Sweep
from strongroom.checker.reading.fields import Node, check_sorted
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId, WalletId

HEAD_NAMES: Final = ("addresses", "assets", "clients", "keys", "policy", "roster", "root", "whitelist")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The version of one thing that is believed, and the statement that made it."""

    digest: Digest
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The eight heads of whoever signed."""

    addresses: Head
    assets: Head
    clients: Head
    keys: Head
    policy: Head
    roster: Head
    root: Head
    whitelist: Head

    def by_name(self) -> dict[str, Head]:
        """The heads under their names, in the order of HEAD_NAMES."""
        return {
            "addresses": self.addresses,
            "assets": self.assets,
            "clients": self.clients,
            "keys": self.keys,
            "policy": self.policy,
            "roster": self.roster,
            "root": self.root,
            "whitelist": self.whitelist,
        }


class Screening(StrEnum):
    """What the screening of a destination said."""

    PASS = "PASS"
    REVIEW = "REVIEW"
    REJECT = "REJECT"


class Verdict(StrEnum):
    """What the platform decided."""

    ALLOW = "ALLOW"
    REQUIRE_APPROVAL = "REQUIRE_APPROVAL"
    BLOCK = "BLOCK"
    HOLD = "HOLD"


class Scope(StrEnum):
    """What a session may sign."""

    TRANSFERS = "transfers"
    CONTAINMENT = "containment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """So many distinct people of so many groups in a role; spec/roster.md."""

    groups: int
    people: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A client's order. destination_*: the whole address, the whitelist entry and the digest of its bytes."""

    account: AccountId
    amount: int
    asset: AssetId
    chain: ChainId
    client: PartyId
    destination_address: str
    destination_entry: EntryId
    destination_digest: Digest
    fee_ceiling: int
    reason: str
    reference: str
    release_by: datetime
    sequence: int
    sign_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLeft:
    """What the platform says of one window of one rule. hkd_cents: None when a part of it had no price."""

    count: int
    fees: int
    hkd_cents: int | None
    left: int
    rule: EntryId
    used: int
    window_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The platform's decision on one instruction."""

    delay_s: int
    instruction: Digest
    limits: tuple[LimitLeft, ...]
    policy: Head
    prices: Digest | None
    quorums: tuple[Quorum, ...]
    rules: tuple[EntryId, ...]
    screening_provider: str
    screening: Screening
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The builder's claims about one exact transaction.

    change: output index to address id. outputs: output index to instruction.
    """

    attempt: int
    chain: ChainId
    change: dict[int, EntryId]
    commits: tuple[str, ...]
    decisions: tuple[Digest, ...]
    fee: int
    heads: Heads
    instructions: tuple[Digest, ...]
    outputs: dict[int, Digest]
    prev: Digest
    release_by: datetime
    replaces: Digest | None
    sign_by: datetime
    sources: tuple[EntryId, ...]
    unsigned_digest: Digest
    void: Digest | None
    wallet: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's yes, until a time."""

    device: PartyId
    display_digest: Digest
    heads: Heads
    language: str
    prev: Digest
    proposal: Digest
    renderer: str
    unsigned_digest: Digest
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A person's no."""

    device: PartyId
    display_digest: Digest
    heads: Heads
    language: str
    prev: Digest
    proposal: Digest
    reason: str
    renderer: str
    unsigned_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A station's second reading."""

    heads: Heads
    prev: Digest
    proposal: Digest
    reading_digest: Digest
    unsigned_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearToSign:
    """The state of the world, for one session of one terminal. budget: asset to smallest units."""

    budget: dict[AssetId, int]
    checkpoint_root: Digest
    checkpoint_size: int
    heads: Heads
    journal_head: Digest
    journal_number: int
    latches: Digest
    lease: Digest
    life_s: int
    max_count: int
    nonce: bytes
    scope: Scope
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRecord:
    """A terminal signed; the result left it sealed."""

    clear: Digest
    heads: Heads
    journal_head: Digest
    journal_number: int
    keys: tuple[EntryId, ...]
    nonce: bytes
    operators: tuple[PartyId, ...]
    prev: Digest
    proposal: Digest
    sealed_digest: Digest
    terminal: PartyId
    unsigned_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The gate's last comparison."""

    checks: tuple[str, ...]
    heads: Heads
    prev: Digest
    proposal: Digest
    signed_digest: Digest
    txid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """Which nodes took the transaction, as the gate says."""

    nodes: tuple[str, ...]
    prev: Digest
    proposal: Digest
    txid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """In which block it settled, as the watcher says."""

    block_hash: str
    confirmations: int
    fee_paid: int
    height: int
    outcome: str
    prev: Digest
    proposal: Digest
    txid: str


Body = (
    Instruction
    | Decision
    | Proposal
    | Approval
    | Rejection
    | Verification
    | ClearToSign
    | SignatureRecord
    | Release
    | Broadcast
    | Settlement
    | KeyStateChange
    | Sweep
)


def parse_head(node: Node) -> Head:
    """Read H."""
    found = node.members("digest", "version")
    return Head(digest=found["digest"].digest(), version=found["version"].integer(least=1))


def parse_heads(node: Node) -> Heads:
    """Read the eight heads."""
    found = {name: parse_head(member) for name, member in node.members(*HEAD_NAMES).items()}
    return Heads(**found)


def parse_quorum(node: Node) -> Quorum:
    """Read a quorum. None of its numbers may be zero: nobody would have to meet it."""
    found = node.members("groups", "people", "role")
    quorum = Quorum(
        groups=found["groups"].integer(least=1), people=found["people"].integer(least=1), role=found["role"].text()
    )
    if quorum.groups > quorum.people:
        raise found["groups"].invalid(f"at most {quorum.people} groups")
    return quorum


def parse_sorted(node: Node) -> tuple[str, ...]:
    """Texts in ascending order, none twice."""
    values = tuple(item.text() for item in node.items())
    check_sorted(values, node.path)
    return values


def parse_sorted_ids(node: Node, kind: str) -> tuple[EntryId, ...]:
    """Ids of one kind in ascending order, none twice."""
    values = tuple(EntryId(item.own_id(kind)) for item in node.items())
    check_sorted(values, node.path)
    return values


def parse_sorted_digests(node: Node) -> tuple[Digest, ...]:
    """Digests in ascending order, none twice."""
    values = tuple(item.digest() for item in node.items())
    check_sorted(values, node.path)
    return values
