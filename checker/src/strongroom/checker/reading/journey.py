"""What holds for the statements of every stage: place, signatures, order, `prev`, heads; spec/docket.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, Generic, TypeVar, cast

from strongroom.checker.reading.bodies import (
    Approval,
    Body,
    ClearToSign,
    Head,
    Heads,
    Instruction,
    Proposal,
    Rejection,
    Release,
    SignatureRecord,
    Verification,
)
from strongroom.checker.reading.docket import Docket, Said, build_prev
from strongroom.checker.reading.emergency_bodies import Sweep
from strongroom.checker.reading.envelopes import Statement, check_context
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.roots import REGISTERS
from strongroom.checker.reading.signers import check_signers
from strongroom.checker.reading.stages import JOURNEY, Stage, Twin
from strongroom.checker.reading.trust import Foundation, check_place, find_checkpoint, moment_of
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused
from strongroom.core.ids import Digest

_SINGLE: Final = frozenset({Stage.PROPOSE, Stage.VERIFY, Stage.RELEASE, Stage.BROADCAST, Stage.SETTLE})
B = TypeVar("B", bound=Body)
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Generic[T_co]):
    """A statement whose signatures and place are proved. moment: its checkpoint's time. signers: who signed, by id."""

    statement: Statement[T_co]
    stage: Stage
    index: int
    moment: datetime
    signers: tuple[str, ...]

    @property
    def body(self) -> T_co:
        """What was said."""
        return self.statement.body

    @property
    def path(self) -> str:
        """Where the body stood."""
        return self.statement.body_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Everything that is proved so far, in docket order."""

    docket: Docket
    foundation: Foundation
    heard: tuple[Heard[Body], ...] = ()

    def all(self, body: type[B]) -> tuple[Heard[B], ...]:
        """The statements with that body."""
        return tuple(cast("Heard[B]", each) for each in self.heard if isinstance(each.body, body))

    def one(self, body: type[B]) -> Heard[B]:
        """The only statement with that body. Raises STAGE_MISSING."""
        found = self.all(body)
        if len(found) != 1:
            raise refused(Code.STAGE_MISSING, "statements", f"one {body.__name__.lower()}", str(len(found)))
        return found[0]


def orders_of(journey: Journey) -> tuple[Instruction | Sweep, ...]:
    """By whom and until when a docket was ordered: clients' instructions, or officers' sweep."""
    return tuple(each.body for each in journey.heard if isinstance(each.body, Instruction | Sweep))


def check_shape(docket: Docket) -> None:
    """Stages in order and none left out, one statement where there is one, bytes exactly where they belong."""
    found: list[Refusal] = []
    for before, after in pairwise(docket.said):
        if after.stage < before.stage:
            found.append(_wrong(Code.DOCKET_ORDER, after.path, f"{before.stage.name} or later", after.stage.name))
    for stage in JOURNEY:
        count = len(docket.at(stage))
        # Of a transfer that expired unseen nobody said anything; its void twin goes on without.
        may_be_empty = stage is Stage.APPROVE and docket.twin is Twin.VOID
        if not count and stage < docket.furthest and not may_be_empty:
            found.append(_wrong(Code.STAGE_MISSING, "statements", stage.name, "nothing"))
        if count > 1 and stage in _SINGLE:
            found.append(_wrong(Code.DOCKET_ORDER, docket.at(stage)[1].path, f"one {stage.name}", str(count)))
    if (docket.signed is not None) != (docket.furthest >= Stage.RELEASE):
        got = "none" if docket.signed is None else "signed bytes"
        found.append(_wrong(Code.STAGE_MISSING, "transaction.signed", "signed bytes exactly from RELEASE on", got))
    if bool(docket.unsigned) != (docket.furthest >= Stage.PROPOSE):
        got = f"{len(docket.unsigned)} bytes"
        found.append(_wrong(Code.STAGE_MISSING, "transaction.unsigned", "bytes exactly from PROPOSE on", got))
    raise_found(found)


def hear(journey: Journey, stage: Stage) -> Journey:
    """Prove place, signatures, order, `prev` and heads of one stage's statements, and add them to the journey."""
    found: list[Refusal] = []
    heard: list[Heard[Body]] = []
    for said in journey.docket.at(stage):
        with gathered(found):
            heard.append(_hear_one(journey.foundation, said))
    raise_found(found)
    with gathered(found):
        _check_ids_rise(journey.docket.at(stage))
    for each in heard:
        with gathered(found):
            _check_index(journey.heard, each)
        with gathered(found):
            _check_prev(journey.docket, each)
        with gathered(found):
            _check_heads(journey, each)
        with gathered(found):
            _check_same_stage(heard, each)
    raise_found(found)
    return Journey(docket=journey.docket, foundation=journey.foundation, heard=(*journey.heard, *heard))


def heads_of(body: Body) -> Heads | None:
    """The heads that a statement quotes; None for the types that quote none."""
    kinds = (Proposal, Approval, Rejection, Verification, ClearToSign, SignatureRecord, Release)
    return body.heads if isinstance(body, kinds) else None


def check_not_lower(head: Head, known: Head, path: str) -> None:
    """Raise HEAD_ROLLBACK for a lower version, HEAD_UNEQUAL for the same version with another digest."""
    if head.version < known.version:
        raise refused(Code.HEAD_ROLLBACK, path, f"at least version {known.version}", f"version {head.version}")
    check_one_digest(head, known, path)


def check_one_digest(head: Head, known: Head, path: str) -> None:
    """Raise HEAD_UNEQUAL when one version has two digests."""
    if head.version == known.version and head.digest != known.digest:
        raise refused(Code.HEAD_UNEQUAL, path, known.digest, head.digest)


def _hear_one(foundation: Foundation, said: Said) -> Heard[Body]:
    """A changed statement is told as such even where its place in the log no longer holds either."""
    statement, index = said.statement, said.place.index
    moment = moment_of(find_checkpoint(said.place, foundation.checkpoints, said.path))
    found: list[Refusal] = []
    signers: tuple[str, ...] = ()
    with gathered(found):
        check_context(statement, foundation.chain.context)
    with gathered(found):
        roster = foundation.roster_at(index, said.path)
        signers = check_signers(statement, roster, moment, foundation.entries)
    with gathered(found):
        check_place(statement.envelope, said.place, foundation.checkpoints, said.path)
    raise_found(found)
    return Heard(statement=statement, stage=said.stage, index=index, moment=moment, signers=signers)


def _check_ids_rise(said: Sequence[Said]) -> None:
    for before, after in pairwise(said):
        if before.statement.id >= after.statement.id:
            raise refused(Code.DOCKET_ORDER, after.path, f"an id above {before.statement.id}", after.statement.id)


def _check_index(earlier: Sequence[Heard[Body]], each: Heard[Body]) -> None:
    """Every index is above those of earlier stages; of the clears, a record's needs to be above its own only."""
    for before in earlier:
        if not _is_parallel(before, each) and before.index >= each.index:
            expected = f"above {before.index}, where {before.stage.name} stands"
            raise refused(
                Code.DOCKET_ORDER, each.statement.path.removesuffix(".envelope") + ".index", expected, str(each.index)
            )


def _is_parallel(before: Heard[Body], each: Heard[Body]) -> bool:
    """Is `before` the clear of another terminal than that of the record `each`? Terminals sign side by side."""
    return (
        isinstance(each.body, SignatureRecord)
        and before.stage is Stage.CLEAR
        and before.statement.id != each.body.clear
    )


def _check_same_stage(heard: Sequence[Heard[Body]], each: Heard[Body]) -> None:
    """Within one stage nobody comes before the other, but one version still has one digest."""
    heads = heads_of(each.body)
    for other in heard:
        theirs = heads_of(other.body)
        if heads and theirs:
            for name, head in heads.by_name().items():
                check_one_digest(head, theirs.by_name()[name], f"{each.path}.heads.{name}")


def _check_prev(docket: Docket, each: Heard[Body]) -> None:
    claimed: Digest | None = getattr(each.body, "prev", None)
    if claimed is None:
        return
    expected = build_prev(docket.said, each.stage)
    if claimed != expected:
        raise refused(Code.PREV_MISMATCH, f"{each.path}.prev", expected, claimed)


def _check_heads(journey: Journey, each: Heard[Body]) -> None:
    """The heads that a statement quotes: known roots and rosters, none below those of earlier stages."""
    heads = heads_of(each.body)
    if heads is None:
        return
    found: list[Refusal] = []
    with gathered(found):
        _check_root_head(journey.foundation, each, heads)
    with gathered(found):
        _check_roster_head(journey.foundation, each, heads)
    if isinstance(each.body, Proposal):
        for name in ("policy", *REGISTERS):
            ours, theirs = journey.foundation.head(name), heads.by_name()[name]
            if ours != theirs:
                expected, got = f"{ours.version} {ours.digest}", f"{theirs.version} {theirs.digest}"
                found.append(_wrong(Code.HEAD_MISMATCH, f"{each.path}.heads.{name}", expected, got))
    for before in journey.heard:
        known = None if _is_parallel(before, each) else heads_of(before.body)
        for name, head in known.by_name().items() if known else ():
            with gathered(found):
                check_not_lower(heads.by_name()[name], head, f"{each.path}.heads.{name}")
    raise_found(found)


def _check_root_head(foundation: Foundation, each: Heard[Body], heads: Heads) -> None:
    path = f"{each.path}.heads.root"
    quoted = next((r for r in foundation.chain.roots if r.body.version == heads.root.version), None)
    if quoted is None or quoted.id != heads.root.digest:
        raise refused(Code.HEAD_MISMATCH, path, "a root of the docket", f"{heads.root.version} {heads.root.digest}")
    if each.moment > quoted.body.expires:
        expected = f"root {quoted.body.version} until {render_time(quoted.body.expires)}"
        raise refused(Code.EXPIRED, path, expected, render_time(each.moment))


def _check_roster_head(foundation: Foundation, each: Heard[Body], heads: Heads) -> None:
    path, quoted = f"{each.path}.heads.roster", heads.roster
    known = {r.statement.body.version: r.statement.id for r in foundation.rosters}
    if known.get(quoted.version) != quoted.digest:
        raise refused(Code.HEAD_MISMATCH, path, "a roster of the docket", f"{quoted.version} {quoted.digest}")
    in_force = foundation.roster_at(each.index, path).version
    if isinstance(each.body, Proposal) and quoted.version != in_force:
        raise refused(Code.HEAD_MISMATCH, path, f"version {in_force}, in force there", f"version {quoted.version}")


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
