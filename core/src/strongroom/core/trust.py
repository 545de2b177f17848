"""What a device itself believes: its own root, roster, policy and registers, which never roll back.

Pure state: `apply_update` gives the next state from a package, or refuses. Storing it durably is the device's
business. A device starts from a root whose fingerprint two people typed; everything after that is signed. Source:
spec/airgap.md, spec/registers.md; III.14, III.15, III.A6-GP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from strongroom.core import log
from strongroom.core.bodies import Freeze, FreezeLift, Head, Heads, TreeHead
from strongroom.core.checks.foundation import (
    Entries,
    Proved,
    build_entries,
    prove_checkpoint,
    prove_delegated,
    prove_roots,
    prove_roster_chain,
    roster_in_force,
)
from strongroom.core.checks.notices import (
    Basis,
    build_latches,
    check_notice,
    find_lease,
    key_states_of,
    moment_said,
)
from strongroom.core.checks.signers import check_lift, check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.key_states import check_key_changes, effective_keys
from strongroom.core.leases import Lease
from strongroom.core.packages import DocketBody, Placed, RegisterDelta, SigningBody, UpdateBody
from strongroom.core.placer import Placer
from strongroom.core.policy import Policy
from strongroom.core.records import parse_record
from strongroom.core.registers import (
    ENTRY_TYPES,
    KeyState,
    Register,
    RegisterHead,
    check_entry_age,
    check_register_head,
    entry_digest,
)
from strongroom.core.roster import REGISTERS, Root, Roster
from strongroom.core.statements import (
    Context,
    Envelope,
    Statement,
    expect,
    parse_statement,
)

MAX_TRUST_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """One device's beliefs. `checkpoint` is the last that it saw; None only before the first update.

    first_seen: entry digest to the moment when this device first held it; entries of the enrolment are not in it.
    frozen: ids of freezes that latch here until officers lift them; lifted: ids that they lifted.
    notices: leases and whatever else every device keeps, in the log's order; `time` is when each was proved here.
    """

    roots: tuple[Envelope, ...]
    rosters: tuple[Proved[Roster], ...] = ()
    policy: Proved[Policy] | None = None
    heads: Mapping[str, Proved[RegisterHead]] = field(default_factory=dict)
    registers: Mapping[str, Register[Any]] = field(default_factory=dict)
    first_seen: Mapping[str, datetime] = field(default_factory=dict)
    checkpoint: log.Checkpoint | None = None
    checkpoint_time: datetime | None = None
    frozen: frozenset[Digest] = frozenset()
    lifted: frozenset[Digest] = frozenset()
    notices: tuple[Proved[Any], ...] = ()

    @property
    def root_chain(self) -> tuple[Statement[Root], ...]:
        """The roots, parsed and proved."""
        return _prove_own(self.roots)

    @property
    def root(self) -> Root:
        """The latest root."""
        return self.root_chain[-1].body

    @property
    def context(self) -> Context:
        """Organization and environment of this deployment."""
        first = self.root_chain[0]
        return Context(organization=first.organization, environment=first.environment)

    @property
    def roster(self) -> Proved[Roster]:
        """The latest roster. Raises STAGE_MISSING before the first update."""
        if not self.rosters:
            raise refused(Code.STAGE_MISSING, "trust.rosters", "an imported roster", "none")
        return self.rosters[-1]

    @property
    def policy_in_force(self) -> Policy:
        """The policy. Raises STAGE_MISSING before the first update."""
        if self.policy is None:
            raise refused(Code.STAGE_MISSING, "trust.policy", "an imported policy", "none")
        return self.policy.body

    @property
    def entries(self) -> Entries:
        """All entries of the five registers, by id."""
        held = {
            name: {e.id: e for e in self.registers[name].entries} if name in self.registers else {}
            for name in REGISTERS
        }
        return build_entries(held)

    @property
    def log_head(self) -> TreeHead:
        """Size and root of the last checkpoint seen; size 0 with the empty root before the first."""
        size, root = (self.checkpoint.size, self.checkpoint.root) if self.checkpoint else (0, b"")
        return TreeHead(root=Digest("sha256:" + (root.hex() or "0" * 64)), size=size)

    def build_heads(self) -> Heads:
        """Heads as this device quotes them. Raises STAGE_MISSING while anything is not imported."""
        missing = [name for name in REGISTERS if name not in self.heads]
        if missing or self.policy is None:
            raise refused(
                Code.STAGE_MISSING,
                "trust",
                "roster, policy and all registers",
                f"without {', '.join(missing) or 'policy'}",
            )
        root = self.root_chain[-1]
        heads = {name: Head(version=p.body.version, digest=p.id) for name, p in self.heads.items()}
        return Heads(
            root=Head(version=root.body.version, digest=root.id),
            roster=Head(version=self.roster.body.version, digest=self.roster.id),
            policy=Head(version=self.policy.body.version, digest=self.policy.id),
            **heads,
        )

    def check_age(self, entry_id: str, now: datetime) -> None:
        """Raise ENTRY_TOO_YOUNG while an entry's activation delay runs on this device."""
        entry = self.registers["whitelist"].find(entry_id, "whitelist")
        seen = self.first_seen.get(entry_digest(entry))
        check_entry_age(entry, seen, self.policy_in_force.parameters.whitelist_min_age_s, now)

    def check_not_frozen(self) -> None:
        """Raise FROZEN while any freeze latches."""
        standing = sorted(self.frozen - self.lifted)
        if standing:
            raise refused(Code.FROZEN, "freezes", "none standing", ", ".join(standing))

    @property
    def key_states(self) -> dict[str, KeyState]:
        """What holds for each key of the register: the strictest of its entry and of the statements that latch here."""
        return effective_keys(self.entries.keys, key_states_of(self.notices))

    @property
    def latches(self) -> Digest:
        """One digest of everything that latches here."""
        return build_latches(self.frozen - self.lifted, self.notices)

    def find_lease(self, terminal: PartyId) -> Proved[Lease] | None:
        """The lease in force for a terminal, as this device knows it; None when it knows none."""
        return find_lease(self.notices, terminal, self.root, self.context)


def enroll(roots: Sequence[Envelope], fingerprint: Digest) -> Trust:
    """A new device's trust, from a root file whose fingerprint two people typed. Raises ROOT_MISMATCH."""
    if not roots or roots[0].id != fingerprint:
        raise refused(Code.ROOT_MISMATCH, "root.json", fingerprint, roots[0].id if roots else "an empty file")
    prove_roots(roots, roots[:1])
    return Trust(roots=tuple(roots))


def apply_update(trust: Trust, update: UpdateBody, now: datetime) -> Trust:
    """The next state after an update package, all of it or nothing.

    Raises HEAD_ROLLBACK (an older list is fed), HEAD_UNEQUAL, HEAD_MISMATCH, THRESHOLD_NOT_MET, LOG_NOT_CONSISTENT
    and the rest.
    """
    chain = (*trust.roots, *update.roots)
    roots = prove_roots(chain, trust.roots)
    _check_signed_anew(update)
    base = replace(trust, roots=chain)
    rosters = _claim_rosters(base, update.rosters, roots)
    named = [(r.index, r.statement) for r in rosters]
    witnessed = _extend_checkpoint(trust, update.checkpoint, roots[-1].body, named)
    enrolment = not trust.rosters
    placed = Placer(witnessed=witnessed, context=base.context)
    for fresh, package in zip(rosters[len(trust.rosters) :], update.rosters, strict=True):
        placed.check(package, f"rosters.{fresh.body.version}")
    rosters = tuple(replace(r, time=placed.time) if r.index >= _size(trust) else r for r in rosters)
    policy = _next_policy(trust, update.policies, roots[-1].body, placed)
    heads, registers = dict(trust.heads), dict(trust.registers)
    first_seen = dict(trust.first_seen)
    for delta in update.registers:
        heads[delta.register], registers[delta.register] = _next_register(trust, delta, roots[-1].body, placed)
        if delta.register == "whitelist" and not enrolment:
            before = trust.registers.get("whitelist")
            for entry in registers["whitelist"].entries:
                if before is None or entry not in before.entries:
                    first_seen[entry_digest(entry)] = now
            # What was removed is forgotten: put back, it is a new entry and waits again.
            held = {entry_digest(e) for e in registers["whitelist"].entries}
            first_seen = {digest: seen for digest, seen in first_seen.items() if digest in held}
    after = replace(
        base,
        rosters=rosters,
        policy=policy,
        heads=heads,
        registers=registers,
        first_seen=first_seen,
        checkpoint=witnessed.checkpoint,
        checkpoint_time=placed.time,
    )
    return apply_news(after, update, witnessed)


def extend(trust: Trust, checkpoint: CheckpointStep) -> tuple[Trust, log.WitnessedCheckpoint]:
    """Move on to a package's checkpoint, which must extend the last one seen. Raises LOG_NOT_CONSISTENT."""
    named = [(r.index, r.statement) for r in trust.rosters]
    witnessed = _extend_checkpoint(trust, checkpoint, trust.root, named)
    moment = datetime.fromtimestamp(witnessed.time_s, UTC)
    return replace(trust, checkpoint=witnessed.checkpoint, checkpoint_time=moment), witnessed


def apply_freezes(
    trust: Trust, freezes: Sequence[Placed], lifts: Sequence[Placed], witnessed: log.WitnessedCheckpoint
) -> Trust:
    """Latch new freezes, lift what a quorum of officers lifted. Freezes act at once; a lift needs its quorum.

    What latches here already was proved when it came, and is not proved again: every package brings all of them, and
    once the roster of an old one's day has expired, its proof would fail and nothing more could be taken in.
    """
    placed = Placer(witnessed=witnessed, context=trust.context)
    frozen, lifted = set(trust.frozen), set(trust.lifted)
    for i, package in enumerate(freezes):
        if package.envelope.id in frozen:
            continue
        statement = expect(parse_statement(package.envelope), Freeze, f"freezes[{i}]")
        placed.check(package, f"freezes[{i}]")
        roster = roster_in_force(trust.rosters, package.index).statement
        moment = moment_said(statement.issued_at, roster)
        check_statement_signers(statement, roster.body, moment, trust.entries, f"freezes[{i}]")
        frozen.add(statement.id)
    for i, package in enumerate(lifts):
        lift = expect(parse_statement(package.envelope), FreezeLift, f"lifts[{i}]")
        if lift.body.freeze in lifted:
            continue
        placed.check(package, f"lifts[{i}]")
        roster = roster_in_force(trust.rosters, package.index).statement
        people = trust.policy_in_force.parameters.freeze_lift_people
        check_lift(lift, roster.body, moment_said(lift.issued_at, roster), people, f"lifts[{i}]")
        lifted.add(lift.body.freeze)
    return replace(trust, frozen=frozenset(frozen), lifted=frozenset(lifted))


def apply_notices(trust: Trust, notices: Sequence[Placed], witnessed: log.WitnessedCheckpoint) -> Trust:
    """Keep new notices with their places; what is known already is not proved again. Raises what its kind refuses."""
    placed = Placer(witnessed=witnessed, context=trust.context)
    held = {notice.id: notice for notice in trust.notices}
    for i, package in enumerate(notices):
        path = f"notices[{i}]"
        if package.envelope.id in held:
            continue
        statement = parse_statement(package.envelope, path)
        placed.check(package, path)
        check_notice(statement, build_basis(trust, statement, package.index), path)
        held[statement.id] = Proved(statement=statement, index=package.index, time=placed.time)
    return replace(trust, notices=tuple(sorted(held.values(), key=lambda notice: notice.index)))


def build_basis(trust: Trust, statement: Statement[Any], index: int) -> Basis:
    """What this device judges a notice at a log index by."""
    roster = roster_in_force(trust.rosters, index).statement
    return Basis(
        context=trust.context,
        roots=trust.root_chain,
        roster=roster.body,
        policy=trust.policy.body if trust.policy else None,
        moment=moment_said(statement.issued_at, roster),
    )


def apply_news(trust: Trust, body: UpdateBody | DocketBody | SigningBody, witnessed: log.WitnessedCheckpoint) -> Trust:
    """Take in what every package brings beside its own matter: freezes, lifts and notices."""
    return apply_notices(apply_freezes(trust, body.freezes, body.lifts, witnessed), body.notices, witnessed)


def check_clear_place(trust: Trust, placed: Placed, witnessed: log.WitnessedCheckpoint, path: str) -> None:
    """Prove that a statement is in the log under a package's checkpoint, and of this deployment."""
    Placer(witnessed=witnessed, context=trust.context).check(placed, path)


@lru_cache(maxsize=4)
def _prove_own(roots: tuple[Envelope, ...]) -> tuple[Statement[Root], ...]:
    """Proved once for exactly these bytes: a device asks for its root many times a docket, and nothing else decides."""
    return prove_roots(roots, roots[:1])


def _size(trust: Trust) -> int:
    return trust.checkpoint.size if trust.checkpoint else 0


def _extend_checkpoint(
    trust: Trust, step: CheckpointStep, root: Root, rosters: Sequence[tuple[int, Statement[Roster]]]
) -> log.WitnessedCheckpoint:
    witnessed = prove_checkpoint(step.note, root, rosters, "checkpoint")
    if trust.checkpoint is None:
        if step.consistency:
            raise refused(Code.LOG_NOT_CONSISTENT, "checkpoint.consistency", "no proof for the first", "one")
        return witnessed
    if witnessed.checkpoint == trust.checkpoint:
        # The same package again, after an interruption: there is nothing to extend.
        return witnessed
    log.check_extends(older=trust.checkpoint, newer=witnessed.checkpoint, proof=step.consistency, field="checkpoint")
    if trust.checkpoint_time and witnessed.time_s < int(trust.checkpoint_time.timestamp()):
        raise refused(Code.CLOCK_BEHIND, "checkpoint.time", f"from {trust.checkpoint_time}", str(witnessed.time_s))
    return witnessed


def _claim_rosters(
    trust: Trust, packages: Sequence[Placed], roots: Sequence[Statement[Root]]
) -> tuple[Proved[Roster], ...]:
    """Old rosters and new ones, the chain proved under the roots; the new ones' places are proved by the caller."""
    envelopes = [*(r.statement.envelope for r in trust.rosters), *(p.envelope for p in packages)]
    if not envelopes:
        raise refused(Code.STAGE_MISSING, "rosters", "a roster", "none")
    chain = prove_roster_chain(envelopes, roots, trust.context)
    fresh = chain[len(trust.rosters) :]
    added = [Proved(statement=s, index=p.index, time=s.issued_at) for s, p in zip(fresh, packages, strict=True)]
    return (*trust.rosters, *added)


def _check_signed_anew(update: UpdateBody) -> None:
    """A new root comes with a policy and registers that its delegates signed, or delegates whom it dropped live on."""
    missing = sorted(set(REGISTERS) - {d.register for d in update.registers})
    if update.roots and (missing or not update.policies):
        got = f"without {', '.join(missing) or 'policy'}"
        raise refused(Code.STAGE_MISSING, "update", "a new root with policy and all registers signed under it", got)


def _next_policy(trust: Trust, packages: Sequence[Placed], root: Root, placed: Placer) -> Proved[Policy] | None:
    current = trust.policy
    for i, package in enumerate(packages):
        path = f"policies[{i}]"
        statement = prove_delegated(package.envelope, Policy, root.delegation("policy"), placed.context, path)
        placed.check(package, path)
        _check_next(statement.body.version, statement.body.previous, current, path)
        current = Proved(statement=statement, index=package.index, time=placed.time)
    return current


def _next_register(
    trust: Trust, delta: RegisterDelta, root: Root, placed: Placer
) -> tuple[Proved[RegisterHead], Register[Any]]:
    path = f"registers.{delta.register}"
    delegation = root.delegation(delta.register)
    if delta.register not in REGISTERS:
        raise refused(Code.FIELD_INVALID, path, " ".join(REGISTERS), delta.register)
    statement = prove_delegated(delta.head.envelope, RegisterHead, delegation, placed.context, path)
    placed.check(delta.head, path)
    known = trust.heads.get(delta.register)
    if known is not None and statement.body.version <= known.body.version:
        code = (
            Code.HEAD_ROLLBACK
            if statement.body.version < known.body.version or statement.id == known.id
            else Code.HEAD_UNEQUAL
        )
        raise refused(code, f"{path}.version", f"above {known.body.version}", str(statement.body.version))
    current = trust.registers.get(delta.register, Register(name=delta.register, entries=()))
    added = [parse_record(ENTRY_TYPES[delta.register], entry, f"{path}.added") for entry in delta.added]
    fresh = current.changed(added, delta.removed)
    check_register_head(statement.body, fresh)
    if delta.register == "keys" and known is not None:
        check_key_changes({e.id: e for e in current.entries}, {e.id: e for e in fresh.entries})
    return Proved(statement=statement, index=delta.head.index, time=placed.time), fresh


def _check_next(version: int, previous: str, current: Proved[Any] | None, path: str) -> None:
    if current is None:
        return
    if version <= current.body.version:
        raise refused(Code.HEAD_ROLLBACK, f"{path}.version", f"above {current.body.version}", str(version))
    if version == current.body.version + 1 and previous != current.id:
        raise refused(Code.HEAD_MISMATCH, f"{path}.previous", current.id, previous)
