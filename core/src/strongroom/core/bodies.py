"""What each statement says: one record a type, exactly the fields of spec/statement.md.

Governance bodies (root, roster, register, policy) stand in `roster.py`, `registers.py` and `policy.py`, beside their
rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId, WalletId
from strongroom.core.records import NONE, DigestOrNone, HexBytes, Units, check_sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The version of a roster, register, root or policy, and the id of the statement that made it."""

    version: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Everything that a device believed when it signed; versions never fall, on a device or along a docket."""

    root: Head
    roster: Head
    policy: Head
    clients: Head
    whitelist: Head
    keys: Head
    addresses: Head
    assets: Head


HEAD_NAMES = ("root", "roster", "policy", "clients", "whitelist", "keys", "addresses", "assets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a client wants to be paid: the whole address and the whitelist entry that holds it."""

    address: str
    entry: EntryId
    entry_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A client's order to pay. Amounts in smallest units; `fee_ceiling` in the chain's native asset."""

    account: AccountId
    amount: Units
    asset: AssetId
    chain: ChainId
    client: PartyId
    destination: Destination
    fee_ceiling: Units
    reason: str
    reference: str
    release_by: datetime
    sequence: int
    sign_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """At least `people` distinct humans with distinct keys, from at least `groups` groups, in one role."""

    role: str
    people: int
    groups: int

    def __post_init__(self) -> None:
        # m = 0 would be a quorum that nobody has to meet.
        if self.people < 1 or not 1 <= self.groups <= self.people:
            raise malformed(Code.FIELD_INVALID, "quorum", "people >= groups >= 1", f"{self.people}, {self.groups}")


def sorted_quorums(quorums: Iterable[Quorum]) -> tuple[Quorum, ...]:
    """Quorums by role, people and groups, none twice."""
    return tuple(sorted(set(quorums), key=lambda q: (q.role, q.people, q.groups)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """What a rule's window held before this instruction, and how much of its amount is left after it.

    hkd_cents: None when a part of it had no price.
    """

    count: int
    fees: Units
    hkd_cents: Units | None
    left: Units
    rule: EntryId
    used: Units
    window_s: int


class ScreeningVerdict(StrEnum):
    """What the screening of the destination said."""

    PASS = "PASS"
    REVIEW = "REVIEW"
    REJECT = "REJECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """Who screened the destination, and the verdict."""

    provider: str
    verdict: ScreeningVerdict


class Verdict(StrEnum):
    """Outcome of the policy, in the field's words."""

    ALLOW = "ALLOW"
    REQUIRE_APPROVAL = "REQUIRE_APPROVAL"
    BLOCK = "BLOCK"
    HOLD = "HOLD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The platform's decision on one instruction: rules matched, quorums required, limits, prices, screening."""

    delay_s: int
    instruction: Digest
    limits: tuple[LimitUse, ...]
    policy: Head
    prices: DigestOrNone
    quorums: tuple[Quorum, ...]
    rules: tuple[EntryId, ...]
    screening: Screening
    verdict: Verdict

    def __post_init__(self) -> None:
        check_sorted(self.rules, "rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOutput:
    """An output that comes back to us, and the address entry that it pays."""

    address: EntryId
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOutput:
    """Which output pays which instruction."""

    index: int
    instruction: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The builder's claim about one exact unsigned transaction; every later statement signs its id."""

    attempt: int
    chain: ChainId
    change: tuple[ChangeOutput, ...]
    commits: tuple[str, ...]
    decisions: tuple[Digest, ...]
    fee: Units
    heads: Heads
    instructions: tuple[Digest, ...]
    outputs: tuple[PaymentOutput, ...]
    prev: Digest
    release_by: datetime
    replaces: DigestOrNone
    sign_by: datetime
    sources: tuple[EntryId, ...]
    unsigned_digest: Digest
    void: DigestOrNone
    wallet: WalletId

    def __post_init__(self) -> None:
        for name in ("commits", "decisions", "instructions", "sources"):
            check_sorted(getattr(self, name), name)
        if self.attempt < 1 or (self.attempt == 1) != (self.replaces == NONE):
            # A second attempt that names nothing would slip past the memory of what it conflicts with.
            raise malformed(
                Code.FIELD_INVALID, "proposal.attempt", "1 exactly when replaces is none", str(self.attempt)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's yes, to these bytes, these facts, until then."""

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
    """A person's no, with the reason; one is enough."""

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
    """The checker station's second reading agrees."""

    heads: Heads
    prev: Digest
    proposal: Digest
    reading_digest: Digest
    unsigned_digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of an asset one session may move."""

    asset: AssetId
    units: Units


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """Size and root of the log."""

    root: Digest
    size: int


class Scope(StrEnum):
    """What a session may sign."""

    TRANSFERS = "transfers"
    CONTAINMENT = "containment"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPlace:
    """Number and hash of a terminal's journal entry."""

    head: Digest
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearToSign:
    """Reconciler and watcher say: matched, not frozen, overseen. For one session nonce of one terminal.

    journal: where the terminal's journal stood when it asked; never quoted twice, so that of two copies of a terminal
    one is refused. lease: the one in force. latches: digest of every freeze and key state in force.
    """

    budget: tuple[Budget, ...]
    checkpoint: TreeHead
    heads: Heads
    journal: JournalPlace
    latches: Digest
    lease: Digest
    life_s: int
    max_count: int
    nonce: HexBytes
    scope: Scope
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRecord:
    """A terminal signed, with which keys and operators; the result left sealed, with this digest."""

    clear: Digest
    heads: Heads
    journal: JournalPlace
    keys: tuple[EntryId, ...]
    nonce: HexBytes
    operators: tuple[PartyId, ...]
    prev: Digest
    proposal: Digest
    sealed_digest: Digest
    terminal: PartyId
    unsigned_digest: Digest

    def __post_init__(self) -> None:
        check_sorted(self.keys, "keys")
        check_sorted(self.operators, "operators")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The gate compared signed with unsigned and lets these bytes go."""

    checks: tuple[str, ...]
    heads: Heads
    prev: Digest
    proposal: Digest
    signed_digest: Digest
    txid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """The gate's claim: these nodes took the transaction."""

    nodes: tuple[str, ...]
    prev: Digest
    proposal: Digest
    txid: str


class Outcome(StrEnum):
    """How a transaction ended on chain. One that failed moved nothing, but its fee is paid; so with a void twin."""

    SUCCESS = "success"
    FAILED = "failed"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The watcher's claim: in this block, with so many confirmations. `fee_paid` in the native asset."""

    block_hash: str
    confirmations: int
    fee_paid: Units
    height: int
    outcome: Outcome
    prev: Digest
    proposal: Digest
    txid: str


class FreezeScope(StrEnum):
    """What a freeze stops."""

    VAULT = "vault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Stop signing. Latches in every device until lifted by a quorum of officers."""

    evidence: str
    reason: str
    scope: FreezeScope


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeLift:
    """Officers end one freeze."""

    freeze: Digest
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltReason:
    """One refusal, as a stage saw it."""

    code: str
    expected: str
    field: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A device stopped, and says why. Pages the SOC."""

    proposal: DigestOrNone
    refusals: tuple[HaltReason, ...]
    stage: str
