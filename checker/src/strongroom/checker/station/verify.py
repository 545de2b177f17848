"""Verify a docket in the vault: prove it anew with the station's own copies, then sign a `verification` or a `halt`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom.checker.reading.bodies import Proposal
from strongroom.checker.reading.docket import Docket, build_prev
from strongroom.checker.reading.envelopes import Type
from strongroom.checker.reading.facts import Facts
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import orders_of
from strongroom.checker.reading.pages import build_pages
from strongroom.checker.reading.refusals import DocketRefusedError
from strongroom.checker.reading.stages import Stage, Twin
from strongroom.checker.reading.verify import Proof
from strongroom.checker.state.device import Clock, Run, hand_out, opened, package_digest
from strongroom.checker.state.home import load_bytes
from strongroom.checker.state.own import claimed_proposal, prove_with_own
from strongroom.checker.state.packages import MAX_PACKAGE_BYTES, Kind, encode_statements, parse_verification
from strongroom.checker.state.speak import build_statement, halt_body, verification_body
from strongroom.checker.state.store import Answer
from strongroom.checker.state.update import apply_news
from strongroom.checker.station.release import check_release
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.ids import PartyId
from strongroom.devices.measure.judge import MeasureStart
from strongroom.devices.measure.start import measure_start
from strongroom.devices.screens.console import Console, StreamConsole
from strongroom.devices.screens.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the station said. written: the `statements` package. facts: None after a halt or a repeated answer.

    pages: of what was verified. refusals, stage: empty and None unless it halted just now.
    """

    accepted: bool
    written: Path
    facts: Facts | None = None
    stage: Stage | None = None
    refusals: tuple[Refusal, ...] = ()
    pages: tuple[Page, ...] = ()


def verify_package(
    folder: Path,
    package_file: Path,
    out: Path,
    clock: Clock,
    measure: MeasureStart = measure_start,
    console: Console | None = None,
) -> Outcome:
    """Answer a `verification` package; one that comes again gets the same answer, byte for byte.

    Raises the refusals of a package that is not for this station or cannot be read; those are not answered.
    """
    raw = load_bytes(package_file, MAX_PACKAGE_BYTES)
    name = package_digest(raw)
    with opened(folder, clock) as run:
        # Beside the answer, which may be for a machine.
        check_release(run, measure, console or StreamConsole(source=sys.stdin, screen=sys.stderr))
        known = run.store.load_answer(name)
        if known is not None:
            return Outcome(accepted=known.accepted, written=hand_out(known, out))
        package = run.open_package(raw, Kind.VERIFICATION)
        body = parse_verification(package.body)
        # News is kept even when the docket is refused: a freeze latches whatever it travels with. The package's number
        # is counted with the answer, so that a run that was cut off can be repeated.
        run.trust = apply_news(run.trust, body.news)
        run.store.save_trust(run.trust)
        # The package may prove that it is later than this clock says: a clock set back must not outlive `sign_by`.
        run.trust.check_clock(run.now)
        run.count_received(package)
        try:
            proof = prove_with_own(run.trust, body.docket, furthest=Stage.APPROVE, now=run.now)
            if proof.docket.twin is Twin.TRANSFER:
                check_in_time(run.now, proof)
        except DocketRefusedError as error:
            answer = _halt(run, package.sender, body.docket, error.stage, error.refusals)
            run.store.save_answer(name, answer, run.trust)
            return Outcome(accepted=False, written=hand_out(answer, out), stage=error.stage, refusals=error.refusals)
        answer = _agree(run, package.sender, proof)
        run.store.save_answer(name, answer, run.trust)
        return Outcome(accepted=True, written=hand_out(answer, out), facts=proof.paid()[1], pages=build_pages(proof))


def check_in_time(now: datetime, proof: Proof) -> None:
    """Nothing is verified that may not be signed any more."""
    last = min(proof.journey.one(Proposal).body.sign_by, *(each.sign_by for each in orders_of(proof.journey)))
    if now > last:
        late = Refusal(
            code=Code.INSTRUCTION_EXPIRED,
            field="sign_by",
            expected=f"not after {render_time(last)}",
            got=render_time(now),
        )
        raise DocketRefusedError(Stage.VERIFY, [late], proof.furthest, proof.lines)


def _agree(run: Run, to: PartyId, proof: Proof) -> Answer:
    _, facts = proof.paid()
    body = verification_body(
        heads=run.trust.heads(),
        prev=build_prev(proof.docket.said, Stage.VERIFY),
        proposal=proof.journey.one(Proposal).statement.id,
        reading=facts.digest,
        unsigned=facts.unsigned_digest,
    )
    envelope = build_statement(run.voice, Type.VERIFICATION, body, run.now)
    return run.seal_answer(to, Kind.STATEMENTS, encode_statements([envelope.value]), accepted=True)


def _halt(run: Run, to: PartyId, docket: Docket, stage: Stage, refusals: Sequence[Refusal]) -> Answer:
    body = halt_body(proposal=claimed_proposal(docket), refusals=refusals, stage=stage)
    envelope = build_statement(run.voice, Type.HALT, body, run.now)
    return run.seal_answer(to, Kind.STATEMENTS, encode_statements([envelope.value]), accepted=False)
