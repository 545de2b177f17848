"""Prove a docket from the pinned root, stage by stage, and say how far it holds; spec/docket.md.

The table of contents of the second reading. Each stage is proved whole before the next is looked at; a stage reports
everything that it refuses. Windows of the policy, freezes, commitments and a device's own copies are not in a docket;
`state`, `station` and `gate` see to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from strongroom.checker.reading.bodies import Body, Proposal
from strongroom.checker.reading.checks import approve, instruct, propose, release, show, sign, sweep, twin
from strongroom.checker.reading.checks.answering import check_cooled
from strongroom.checker.reading.docket import Docket, parse_docket
from strongroom.checker.reading.envelopes import Envelope
from strongroom.checker.reading.facts import Facts
from strongroom.checker.reading.journey import Heard, Journey, check_shape, hear
from strongroom.checker.reading.refusals import DocketRefusedError, Line
from strongroom.checker.reading.roots import parse_root_file
from strongroom.checker.reading.rosters import PlacedRoster
from strongroom.checker.reading.spend import Spend
from strongroom.checker.reading.stages import JOURNEY, Stage, Twin
from strongroom.checker.reading.summary import summarize
from strongroom.checker.reading.trust import Foundation, moment_of, prove_foundation
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A docket that holds, up to `furthest`. Made by `prove_docket` and `prove_parsed` and nowhere else.

    spend, facts: of the twin that the docket is about; None before PROPOSE. txid: None before RELEASE. lines:
    everything that was said, in words.
    """

    docket: Docket
    foundation: Foundation
    journey: Journey
    furthest: Stage
    spend: Spend | None
    facts: Facts | None
    txid: str | None
    lines: tuple[Line, ...]

    def paid(self) -> tuple[Spend, Facts]:
        """What the docket's transaction does. Raises STAGE_MISSING before PROPOSE."""
        if self.spend is None or self.facts is None:
            raise refused(Code.STAGE_MISSING, "statements", Stage.PROPOSE.name, self.furthest.name)
        return self.spend, self.facts


def prove_docket(docket_bytes: bytes, root_bytes: bytes, *, now: datetime | None = None) -> Proof:
    """Prove a docket file with a `root.json` and nothing else.

    now: the reader's time, by which approvals must still hold while nothing is signed; None takes the docket's last
    checkpoint. Raises DocketRefusedError with the stage, every refusal of that stage and the statements proved before
    it.
    """
    with _at(Stage.BYTES, None, ()):
        pinned = parse_root_file(root_bytes)
        docket = parse_docket(docket_bytes)
    return prove_parsed(docket, pinned, now=now)


def prove_parsed(
    docket: Docket, pinned: tuple[Envelope, ...], *, own: Sequence[PlacedRoster] = (), now: datetime | None = None
) -> Proof:
    """As `prove_docket`, for a docket that stood in a package, with the roots and rosters that a device holds."""
    with _at(Stage.BYTES, None, ()):
        check_shape(docket)
    with _at(Stage.TRUST, None, ()):
        foundation = prove_foundation(docket, pinned, own)
    last = moment_of(foundation.checkpoints[-1])
    prover = _Prover(journey=Journey(docket=docket, foundation=foundation), now=max(now or last, last))
    for stage in JOURNEY:
        if stage <= docket.furthest:
            prover.prove(stage)
    prover.prove_due()
    return Proof(
        docket=docket,
        foundation=foundation,
        journey=prover.journey,
        furthest=docket.furthest,
        spend=prover.spend,
        facts=prover.facts,
        txid=prover.txid,
        lines=build_lines(prover.journey.heard),
    )


def build_lines(heard: tuple[Heard[Body], ...]) -> tuple[Line, ...]:
    """The proved statements in words, in docket order."""
    return tuple(
        Line(
            stage=each.stage,
            type=each.statement.type.value,
            id=each.statement.id,
            issuer=each.statement.issuer,
            signers=each.signers,
            issued_at=each.statement.issued_at,
            logged_at=each.moment,
            index=each.index,
            summary=summarize(each.body),
        )
        for each in heard
    )


@dataclass(slots=True, kw_only=True)
class _Prover:
    """The journey so far, and what follows from it."""

    journey: Journey
    now: datetime
    spend: Spend | None = None
    facts: Facts | None = None
    answered: Facts | None = None
    """What people were shown: the transfer's facts; None for a void twin of a transfer that nobody answered."""
    txid: str | None = None
    steps: dict[Stage, Callable[[], None]] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = {
            Stage.INSTRUCT: self._instruct,
            Stage.DECIDE: self._decide,
            Stage.PROPOSE: self._propose,
            Stage.APPROVE: self._approve,
            Stage.VERIFY: lambda: approve.check_verification(self.journey, self._paid()[1]),
            Stage.CLEAR: lambda: sign.check_clears(self.journey),
            Stage.SIGN: self._sign,
            Stage.RELEASE: self._release,
            Stage.BROADCAST: lambda: release.check_broadcast(self.journey),
            Stage.SETTLE: lambda: release.check_settlement(self.journey),
        }

    def prove(self, stage: Stage) -> None:
        """Hear a stage's statements, then check what they say."""
        furthest = Stage(stage - 1) if stage > Stage.INSTRUCT else None
        with _at(stage, furthest, build_lines(self.journey.heard)):
            self.journey = hear(self.journey, stage)
            self.steps[stage]()

    def prove_due(self) -> None:
        """A void twin stands on a rejection or on time; judged when everything is heard that says when."""
        if self._is_void() and self.journey.docket.furthest >= Stage.PROPOSE:
            furthest = self.journey.docket.furthest
            with _at(min(Stage.VERIFY, furthest), furthest, build_lines(self.journey.heard)):
                twin.check_due(self.journey, self.now)

    def _is_void(self) -> bool:
        return self.journey.docket.twin is Twin.VOID

    def _instruct(self) -> None:
        sweep.check_one_kind(self.journey)
        instruct.check_instructions(self.journey)

    def _decide(self) -> None:
        if sweep.is_sweep(self.journey):
            sweep.check_ordered(self.journey)
        else:
            instruct.check_decisions(self.journey)

    def _propose_sweep(self) -> None:
        """A sweep is judged the same whichever twin is signed: there is no client whose transfer could be voided."""
        journey, swept = self.journey, propose.read_spend(self.journey)
        void = partial(twin.check_void, journey.one(Proposal), swept)
        propose.check_proposal(journey, swept, void, partial(sweep.check_swept, journey, swept))
        self.answered = sweep.build_sweep_facts(journey, swept)
        self.spend = twin.choose_twin(journey, swept)
        self.facts = twin.build_void_facts(journey, self.spend) if self._is_void() else self.answered

    def _propose(self) -> None:
        if sweep.is_sweep(self.journey):
            self._propose_sweep()
            return
        journey, transfer = self.journey, propose.read_spend(self.journey)
        more: list[Callable[[], None]] = [
            partial(twin.check_void, journey.one(Proposal), transfer),
            partial(propose.check_named, journey, transfer),
        ]
        # An attack's transfer that no device shows can be voided; one that people answered is judged as they saw it.
        if not self._is_void() or twin.is_answered(journey):
            more.append(partial(propose.check_paid, journey, transfer))
        if not self._is_void():
            policy = journey.foundation.policy.body
            more.append(partial(propose.check_policy, journey, transfer, policy, self.now, "policy"))
        propose.check_proposal(journey, transfer, *more)
        if not self._is_void() or twin.is_answered(journey):
            self.answered = show.build_facts(journey, transfer)
        self.spend = twin.choose_twin(journey, transfer)
        if self._is_void():
            propose.check_void_fee(journey, self.spend, journey.foundation.policy.body, self.now, "policy")
        self.facts = twin.build_void_facts(journey, self.spend) if self._is_void() else self.answered

    def _approve(self) -> None:
        spend, _ = self._paid()
        if self._is_void():
            if self.answered:
                approve.check_answers(self.journey, self.answered)
            return
        approve.check_approvals(self.journey, self._paid()[1])
        foundation = self.journey.foundation
        check_cooled(self.journey, foundation.policy.body.device_cool_off_s)
        quorums = propose.quorums_in_force(
            self.journey, spend, [foundation.policy.body], [foundation.chain.last.floors], self.now
        )
        approve.check_quorums(self.journey, quorums, approve.payment_moment(self.journey, self.now))

    def _sign(self) -> None:
        spend, _ = self._paid()
        sign.check_records(self.journey, spend)
        if not self._is_void():
            approve.check_ages(self.journey, approve.payment_moment(self.journey, self.now))

    def _release(self) -> None:
        spend, _ = self._paid()
        self.txid = release.check_release(self.journey, spend)

    def _paid(self) -> tuple[Spend, Facts]:
        if self.spend is None or self.facts is None:
            raise refused(Code.STAGE_MISSING, "statements", Stage.PROPOSE.name, "nothing")
        return self.spend, self.facts


@contextmanager
def _at(stage: Stage, furthest: Stage | None, lines: tuple[Line, ...]) -> Iterator[None]:
    """Give refusals of the block the stage at which they stood."""
    try:
        yield
    except (MalformedError, RefusedError) as error:
        raise DocketRefusedError(stage, error.refusals, furthest, lines) from error
