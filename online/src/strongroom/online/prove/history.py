"""The log as the reconciler reads it: every entry once, who signed it, at which time, under which registers.

What cannot be verified justifies nothing; why is kept, since a row of the ledger may cite it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from strongroom.core.checks.foundation import Entries, prove_checkpoint, prove_delegated
from strongroom.core.checks.signers import check_lift, check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.core.merkle import Tree, leaf_hash
from strongroom.core.policy import Policy
from strongroom.core.registers import Entry, Register, RegisterHead, check_register_head
from strongroom.core.roster import Root, Roster
from strongroom.core.statements import Statement, StatementType, check_context
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import AccountKind
from strongroom.online.transfers.accounts import imply_accounts

REGISTERS_READ = ("addresses", "assets", "clients")
"""What decides on accounts; the others do not touch the ledger."""
_SIGNED_BY_ROLE = frozenset(
    {
        StatementType.INSTRUCTION,
        StatementType.DECISION,
        StatementType.PROPOSAL,
        StatementType.REJECTION,
        StatementType.SETTLEMENT,
        StatementType.DEPOSIT_CREDIT,
        StatementType.DEPOSIT_REVERSAL,
        StatementType.SETTLEMENT_REVERSAL,
        StatementType.ADDRESS_ASSIGNMENT,
    }
)
NOTHING = Entries(clients={}, whitelist={}, keys={}, addresses={}, assets={})


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryAt:
    """An entry of a register with the versions between which it holds. removed_in: None while it is current."""

    register: str
    entry: Entry
    added_in: int
    removed_in: int | None


class Witnessed:
    """Checkpoints that a witness signed, each compared with the entries that were read here; they give the time."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._times: list[datetime] = []

    @property
    def size(self) -> int:
        """How much of the log is witnessed."""
        return self._sizes[-1] if self._sizes else 0

    def take(self, note: str, rules: Rules, tree: Tree) -> None:
        """Verify a checkpoint. Raises CHECKPOINT_INVALID, CHECKPOINT_NOT_WITNESSED, LOG_NOT_CONSISTENT."""
        found = prove_checkpoint(note, rules.root, rules.rosters, "checkpoint")
        size = found.checkpoint.size
        if size > tree.size or tree.root(size) != found.checkpoint.root:
            got = f"{tree.size} entries" if size > tree.size else f"root {tree.root(size).hex()}"
            expected = f"{size} entries with root {found.checkpoint.root.hex()}, as witnessed"
            raise refused(Code.LOG_NOT_CONSISTENT, "evidence.entries", expected, got)
        self._sizes.append(size)
        self._times.append(datetime.fromtimestamp(found.time_s, UTC))

    def time_of(self, index: int, now: datetime) -> datetime:
        """When an entry was first witnessed; now, for one that is not yet."""
        position = bisect_right(self._sizes, index)
        return self._times[position] if position < len(self._times) else now


class Signers:
    """Who was believed at each place of the log: roots, rosters, policy and registers, as they follow each other."""

    def __init__(self) -> None:
        self.entries = NOTHING
        self.accounts: dict[AccountId, tuple[AccountKind, AssetId, str]] = {}
        self.heads: set[Digest] = set()
        self._root: Root | None = None
        self._policy: Policy | None = None

    def take_governance(self, statement: Statement[Any], rules: Rules, held: Sequence[EntryAt]) -> None:
        """Follow a root, policy or register. Raises SIGNER_UNKNOWN, THRESHOLD_NOT_MET, HEAD_MISMATCH."""
        match statement.body:
            case Root() as body:
                # The chain of roots was proved from the pinned one when the rules were loaded.
                self._root = body if any(r.id == statement.id for r in rules.roots) else self._root
            case Policy():
                self._policy = self._delegated(statement, Policy, "policy", rules).body
            case RegisterHead() as body if body.register in REGISTERS_READ:
                head = self._delegated(statement, RegisterHead, body.register, rules).body
                self._take_register(head, held)
                self.heads.add(statement.id)
            case _:
                return

    def _delegated(self, statement: Statement[Any], body_type: type[Any], name: str, rules: Rules) -> Statement[Any]:
        if self._root is None:
            raise refused(Code.STAGE_MISSING, name, "a root before it", "none")
        return prove_delegated(statement.envelope, body_type, self._root.delegation(name), rules.context, name)

    def _take_register(self, head: RegisterHead, held: Sequence[EntryAt]) -> None:
        version = head.version
        entries = {
            str(e.entry.id): e.entry
            for e in held
            if e.register == head.register
            and e.added_in <= version
            and (e.removed_in is None or e.removed_in > version)
        }
        ordered: Register[Any] = Register(name=head.register, entries=tuple(entries[key] for key in sorted(entries)))
        check_register_head(head, ordered)
        named: Mapping[str, Mapping[str, Entry]] = {head.register: entries}
        self.entries = replace(self.entries, **named)  # type: ignore[arg-type]  # the entries of one register by id
        # An account that was opened once stays open, whatever leaves the registers.
        self.accounts |= imply_accounts(self.entries)

    def check(self, statement: Statement[Any], place: int, moment: datetime, rules: Rules) -> None:
        """Raise unless the right people signed, by roster and registers of the statement's place."""
        check_context(statement, rules.context, "statement")
        if statement.type is StatementType.FREEZE_LIFT:
            if self._policy is None:
                raise refused(Code.STAGE_MISSING, "policy", "a policy before it", "none")
            people = self._policy.parameters.freeze_lift_people
            check_lift(statement, roster_at(rules, place), rules.moment_said(statement, place), people, "lift")
        elif statement.type in _SIGNED_BY_ROLE:
            check_statement_signers(statement, roster_at(rules, place), moment, self.entries, statement.type.value)


def roster_at(rules: Rules, place: int) -> Roster:
    """The roster in force at a place of the log. Raises SIGNER_UNKNOWN before the first."""
    before = [roster.body for index, roster in rules.rosters if index < place]
    if not before:
        raise refused(Code.SIGNER_UNKNOWN, "roster", f"a roster before {place}", "none")
    return before[-1]


def digest_entry(statement: str, kind: str, leaf: bytes) -> bytes:
    """What is remembered of an entry, columns included: whoever renames a kind hides a freeze, its leaf intact."""
    return sha256(f"{statement} {kind} ".encode() + leaf_hash(leaf)).digest()


def digest_entries(digests: Iterable[bytes]) -> bytes:
    """One digest of a run of entries."""
    return sha256(b"".join(digests)).digest()
