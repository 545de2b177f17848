"""The statements of a docket in their stages: order, signatures, `prev`, heads. What each says is judged elsewhere.

Source: spec/docket.md, Stages, `prev`, Heads; III.10, III.11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from strongroom.core.bodies import (
    HEAD_NAMES,
    Broadcast,
    Head,
    Heads,
    Instruction,
    Proposal,
    Release,
    Settlement,
    Verification,
)
from strongroom.core.checks.foundation import Foundation, Proved, place
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.docket import STAGE_OF, Docket, Stage, Twin, build_prev, docket_order
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest
from strongroom.core.statements import Body, check_context, parse_statement

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """All statements of a docket, each with its signatures and place proved."""

    statements: tuple[Proved[Any], ...]
    furthest: Stage
    _by_type: dict[type, tuple[Proved[Any], ...]] = field(repr=False)

    def all(self, body_type: type[B]) -> tuple[Proved[B], ...]:
        """Every statement with this body, in docket order."""
        return self._by_type.get(body_type, ())

    def only(self, body_type: type[B]) -> Proved[B] | None:
        """The one statement with this body; None when the docket has not come so far."""
        found = self.all(body_type)
        return found[0] if found else None

    def instruction(self, statement: Digest) -> Proved[Instruction]:
        """An instruction by its id. Raises STAGE_MISSING."""
        for proved in self.all(Instruction):
            if proved.id == statement:
                return proved
        raise refused(Code.STAGE_MISSING, "statements", f"instruction {statement}", "none")


def prove_journey(docket: Docket, foundation: Foundation) -> Journey:
    """Prove each statement's context, place and signatures, then their order. Raises at the first that fails."""
    proved: list[Proved[Any]] = []
    for i, located in enumerate(docket.statements):
        path = f"statements[{i}]"
        statement = parse_statement(located.envelope, path)
        if statement.type not in STAGE_OF:
            raise malformed(Code.TYPE_MISMATCH, path, "a statement of the journey", statement.type.value)
        check_context(statement, foundation.context, path)
        placed = place(statement, located, foundation.checkpoints, path)
        roster = foundation.roster_at(placed.index)
        check_statement_signers(statement, roster, placed.time, foundation.entries, path)
        proved.append(placed)
    check_order(proved, docket.transaction.twin)
    check_prev(proved)
    check_heads(proved, foundation)
    by_type: dict[type, tuple[Proved[Any], ...]] = {}
    for placed in proved:
        kind = type(placed.body)
        by_type[kind] = (*by_type.get(kind, ()), placed)
    furthest = max(STAGE_OF[p.statement.type] for p in proved)
    return Journey(statements=tuple(proved), furthest=furthest, _by_type=by_type)


_SINGLE = (Proposal, Verification, Release, Broadcast, Settlement)


def check_order(proved: Sequence[Proved[Any]], twin: Twin) -> None:
    """Stages in order, none skipped, log indexes rising from stage to stage, one statement where only one may be.

    A record may stand before another terminal's clear, since terminals of an m-of-n wallet sign in parallel. A void
    twin may have nothing at APPROVE: of a transfer that expired unseen, nobody said anything.
    """
    keys = [docket_order(p.statement) for p in proved]
    if keys != sorted(set(keys)):
        raise refused(Code.DOCKET_ORDER, "statements", "stages in order, ids sorted, none twice", "another order")
    stages = {STAGE_OF[p.statement.type] for p in proved}
    for stage in Stage:
        if stage is Stage.APPROVE and twin is Twin.VOID:
            continue
        if stage < max(stages) and stage not in stages:
            raise refused(Code.STAGE_MISSING, "statements", stage.name, "nothing")
    for body_type in _SINGLE:
        count = sum(isinstance(p.body, body_type) for p in proved)
        if count > 1:
            raise refused(Code.DOCKET_ORDER, "statements", f"one {body_type.__name__.lower()}", str(count))
    for later in proved:
        stage = STAGE_OF[later.statement.type]
        for earlier in proved:
            before = STAGE_OF[earlier.statement.type]
            if before < stage and not (stage is Stage.SIGN and before is Stage.CLEAR) and earlier.index >= later.index:
                raise refused(Code.DOCKET_ORDER, f"{stage.name}.index", f"above {earlier.index}", str(later.index))


def check_prev(proved: Sequence[Proved[Any]]) -> None:
    """Every `prev` is the digest of the ids of all earlier stages: nothing taken out, added or swapped."""
    statements = [p.statement for p in proved]
    for i, statement in enumerate(statements):
        claimed = getattr(statement.body, "prev", None)
        if claimed is None:
            continue
        expected = build_prev(statements, STAGE_OF[statement.type])
        if claimed != expected:
            raise refused(Code.PREV_MISMATCH, f"statements[{i}].prev", expected, claimed)


def check_heads(proved: Sequence[Proved[Any]], foundation: Foundation) -> None:
    """Heads never fall along the docket, and are those that the docket proves.

    The proposal's register and policy heads are the docket's (HEAD_MISMATCH); every quoted roster and root is in the
    docket.
    """
    seen: dict[str, Head] = {}
    for placed in sorted(proved, key=lambda p: p.index):
        heads = getattr(placed.body, "heads", None)
        if heads is None:
            continue
        if isinstance(placed.body, Proposal):
            _check_proposal_heads(heads, placed, foundation)
        _check_chain_heads(heads, foundation)
        for name in HEAD_NAMES:
            check_head_not_lower(getattr(heads, name), seen.get(name), f"{placed.statement.type.value}.heads.{name}")
            seen[name] = getattr(heads, name)


def check_head_not_lower(head: Head, known: Head | None, path: str) -> None:
    """Raise HEAD_ROLLBACK for a lower version, HEAD_UNEQUAL for the same version with another digest."""
    if known is None:
        return
    if head.version < known.version:
        raise refused(Code.HEAD_ROLLBACK, path, f"at least {known.version}", str(head.version))
    if head.version == known.version and head.digest != known.digest:
        raise refused(Code.HEAD_UNEQUAL, path, known.digest, head.digest)


def _check_proposal_heads(heads: Heads, placed: Proved[Any], foundation: Foundation) -> None:
    for name in ("policy", "clients", "whitelist", "keys", "addresses", "assets"):
        if getattr(heads, name) != foundation.head(name):
            expected, got = foundation.head(name), getattr(heads, name)
            raise refused(
                Code.HEAD_MISMATCH, f"proposal.heads.{name}", f"version {expected.version}", f"version {got.version}"
            )
    in_force = foundation.roster_at(placed.index)
    if heads.roster.version != in_force.version:
        raise refused(Code.HEAD_MISMATCH, "proposal.heads.roster", str(in_force.version), str(heads.roster.version))


def _check_chain_heads(heads: Heads, foundation: Foundation) -> None:
    rosters = {r.body.version: r.id for r in foundation.rosters}
    if rosters.get(heads.roster.version) != heads.roster.digest:
        raise refused(Code.HEAD_MISMATCH, "heads.roster", "a roster of the docket", f"version {heads.roster.version}")
    roots = {r.body.version: r.id for r in foundation.roots}
    if roots.get(heads.root.version) != heads.root.digest:
        raise refused(Code.HEAD_MISMATCH, "heads.root", "a root of the docket", f"version {heads.root.version}")
