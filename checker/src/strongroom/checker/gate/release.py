"""Release a signed transaction: prove, unseal, combine, compare, keep, send, tell. The table of contents of the gate.

1. News: the package's checkpoint and freezes, kept even when the rest is refused.
2. What was released before for this proposal is only sent again, byte for byte: one twin of it, never the other,
   but for the void of a transfer that no node took in time.
3. The docket is proved up to SIGN and held against the gate's own copies.
4. Sealed results are opened, and the SOC gets a page of each package. What somebody was forced to sign stays here
   (`hold.py`). The rest is combined; the signed bytes are read anew and compared with the unsigned ones.
5. Nothing of it was used before, but by what this replaces: outpoints, nonces, instructions; no signature's `r` at all.
6. The release is kept durably, then sent, then told. Whatever is refused is kept in quarantine and told as a halt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from strongroom.checker.gate.compare import Signed, build_signed
from strongroom.checker.gate.hold import Away, HeldError, freeze_when_due, hold, network_for
from strongroom.checker.gate.leases import check_leases
from strongroom.checker.gate.memory import build_use, check_rivals, check_same_twin
from strongroom.checker.gate.nodes import Network, NodeAnswer, Took, judge_answers
from strongroom.checker.gate.paging import build_page, keep_page, load_soc_key, seal_page
from strongroom.checker.gate.seal import Result, check_seal_key, load_seal_key, open_results
from strongroom.checker.reading.bodies import Proposal, SignatureRecord
from strongroom.checker.reading.canonical import Json, parse_canonical
from strongroom.checker.reading.docket import build_prev, prev_of
from strongroom.checker.reading.envelopes import MAX_PAYLOAD_BYTES, Type
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import orders_of
from strongroom.checker.reading.refusals import DocketRefusedError, gathered
from strongroom.checker.reading.stages import Stage, Twin
from strongroom.checker.reading.verify import Proof
from strongroom.checker.state.device import Clock, Run, hand_out, opened, package_digest
from strongroom.checker.state.home import load_bytes, save_bytes
from strongroom.checker.state.own import claimed_proposal, pays_nobody, prove_with_own
from strongroom.checker.state.packages import (
    MAX_PACKAGE_BYTES,
    DocketBody,
    Kind,
    Package,
    encode_release_result,
    parse_package,
    parse_release,
)
from strongroom.checker.state.speak import broadcast_body, build_statement, halt_body, release_body
from strongroom.checker.state.store import Answer, StoredRelease
from strongroom.checker.state.update import apply_news
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, refused
from strongroom.core.ids import ChainId, Digest, PartyId

QUARANTINE: Final = "quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A package by its digest, and who handed it in."""

    name: Digest
    sender: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a package. txid: None when nothing was released. answers: what each node said this time.

    written: the `release-result` package.
    """

    written: Path
    txid: str | None
    answers: tuple[NodeAnswer, ...] = ()
    stage: Stage | None = None
    refusals: tuple[Refusal, ...] = ()


def release_package(folder: Path, package_file: Path, out: Path, network: Network, clock: Clock) -> Outcome:
    """Answer a `release` package. One that comes again sends the same bytes again and repeats the answer.

    Raises the refusals of a package that is not for this gate or cannot be read, which are not answered, and
    UnavailableError when no node could be reached: the release is kept, and the same call sends it.
    """
    raw = load_bytes(package_file, MAX_PACKAGE_BYTES)
    name = package_digest(raw)
    with opened(folder, clock) as run:
        freeze_when_due(run, out)
        known = run.store.load_answer(name)
        if known is not None:
            return _repeat(run, known, raw, out, network_for(run, network))
        package = run.open_package(raw, Kind.RELEASE)
        body = parse_release(package.body)
        run.trust = apply_news(run.trust, body.news)
        run.store.save_trust(run.trust)
        # The package may prove that it is later than this clock says: a clock set back must not outlive `release_by`.
        run.trust.check_clock(run.now)
        try:
            stored = _stored_or_released(run, body, Carried(name=name, sender=package.sender))
        except HeldError:
            # Whoever carries this package must see what they would see on a day when the nodes are away.
            judge_answers(Away(names=network.names).send(ChainId(""), b"", ""), "")
            raise
        except (MalformedError, RefusedError) as error:
            stage = error.stage if isinstance(error, DocketRefusedError) else Stage.RELEASE
            save_bytes(folder / QUARANTINE / f"{name.removeprefix('sha256:')}.package.json", raw)
            halt = _halt(run, claimed_proposal(body.docket), stage, error.refusals)
            answer = _seal(run, package.sender, None, [halt], accepted=False)
            run.count_received(package)
            run.store.save_answer(name, answer, run.trust)
            return Outcome(written=hand_out(answer, out), txid=None, stage=stage, refusals=error.refusals)
        return _send(run, package, name, stored, out, network_for(run, network))


def _stored_or_released(run: Run, body: DocketBody, carried: Carried) -> StoredRelease:
    """What this gate released for the proposal before, or what it releases now; either way it is kept durably."""
    claimed = claimed_proposal(body.docket)
    kept = run.store.load_releases(claimed) if claimed else {}
    if kept and not pays_nobody(body.docket):
        run.trust.check_not_frozen()
    check_same_twin(kept, body.docket.twin, run.now)
    stored = kept.get(body.docket.twin)
    if stored is None:
        return _release(run, body, carried)
    if stored.broadcast is None and stored.twin is Twin.TRANSFER:
        _check_in_time(run, stored.release_by)
    return stored


def _release(run: Run, body: DocketBody, carried: Carried) -> StoredRelease:
    """Steps 3 to 5, and the release kept. Raises everything that is refused, and HeldError."""
    soc = load_soc_key(run.folder)
    private = load_seal_key(run.folder)
    check_seal_key(private, run.trust.device, run.trust.chain.last)
    proof = prove_with_own(run.trust, body.docket, furthest=Stage.SIGN, now=run.now)
    found: list[Refusal] = []
    results = open_results(body.sealed, proof.journey.all(SignatureRecord), private, found)
    _page(run, proof, carried, results, soc)
    signed = _compare(run, proof, results, found)
    release_by = _release_by(proof)
    _, facts = proof.paid()
    use = build_use(proof)
    proposal = use.proposal
    said = release_body(
        checks=signed.checks,
        heads=run.trust.heads(),
        prev=build_prev(proof.docket.said, Stage.RELEASE),
        proposal=proposal,
        signed=signed.digest,
        txid=signed.reading.txid,
    )
    envelope = build_statement(run.voice, Type.RELEASE, said, run.now)
    stored = StoredRelease(
        proposal=proposal,
        twin=use.twin,
        attempt=use.attempt,
        chain=facts.chain,
        txid=signed.reading.txid,
        release_by=release_by,
        signed=signed.content,
        release=envelope.leaf,
        broadcast_prev=prev_of([*(each.statement.id for each in proof.docket.said), envelope.id]),
        broadcast=None,
    )
    run.store.save_release(stored, use, signed.reading.r_values)
    return stored


def _page(run: Run, proof: Proof, carried: Carried, results: Sequence[Result], soc: bytes) -> None:
    """Tell the SOC what was sealed, and remember what must not leave, before anything else is looked at.

    Whatever could be opened counts: a courier who leaves out one terminal's result silences no other's.
    """
    use = build_use(proof)
    number = run.store.number_page(carried.name)
    page = build_page(run.trust.device, number, run.now, use.proposal, use.twin.value, results)
    if page.outcome.is_held:
        hold(run, carried.sender, use, page.outcome)
    keep_page(run.folder, carried.name, seal_page(page, run.voice.secret, soc))


def _compare(run: Run, proof: Proof, results: tuple[Result, ...], found: list[Refusal]) -> Signed:
    """The signed bytes, after everything that this gate has against them was looked at; all of it is told at once.

    found: what was wrong before. Raises HeldError for what must not leave and has nothing else against it.
    """
    use = build_use(proof)
    with gathered(found):
        # A void twin leaves because it is late for its transfer.
        if use.twin is Twin.TRANSFER:
            _check_in_time(run, _release_by(proof))
    with gathered(found):
        check_leases(run.trust, proof.journey)
    with gathered(found):
        check_rivals(use, run.store.load_rivals(use))
    is_held = run.store.is_held(use.proposal, use.twin)
    if is_held and not found:
        raise HeldError
    signed: Signed | None = None
    if not found and not is_held:
        with gathered(found):
            signed = build_signed(proof, results)
            run.store.check_r_values(signed.reading.r_values)
    if signed is None or found:
        raise DocketRefusedError(Stage.RELEASE, found, proof.furthest, proof.lines)
    return signed


def _release_by(proof: Proof) -> datetime:
    """The earliest of the proposal's and the instructions' times."""
    proposal = proof.journey.one(Proposal).body.release_by
    return min(proposal, *(each.release_by for each in orders_of(proof.journey)))


def _check_in_time(run: Run, release_by: datetime) -> None:
    if run.now > release_by:
        expected = f"not after {render_time(release_by)}"
        raise refused(Code.RELEASE_EXPIRED, "release_by", expected, render_time(run.now))


def _send(run: Run, package: Package, name: Digest, stored: StoredRelease, out: Path, network: Network) -> Outcome:
    """Step 6: send what is kept, then sign who took it. Nodes that disagree are told as a halt beside it."""
    answers = network.send(stored.chain, stored.signed, stored.txid)
    refusals = judge_answers(answers, stored.txid)
    taken = [each.node for each in answers if each.took is Took.TAKEN]
    halts = [_halt(run, stored.proposal, Stage.BROADCAST, refusals)] if refusals else []
    if not taken:
        # Nobody has the bytes: they stay here, and the package is not answered for good, so that it can come again.
        answer = _seal(run, package.sender, None, halts, accepted=False)
        run.store.save_trust(run.trust)
        return Outcome(
            written=hand_out(answer, out), txid=stored.txid, answers=answers, stage=Stage.BROADCAST, refusals=refusals
        )
    broadcast = stored.broadcast or _say_broadcast(run, stored, taken)
    run.store.save_broadcast(stored, broadcast)
    statements = [_value(stored.release), _value(broadcast), *halts]
    answer = _seal(run, package.sender, stored.signed, statements, accepted=True)
    run.count_received(package)
    run.store.save_answer(name, answer, run.trust)
    stage = Stage.BROADCAST if refusals else None
    written = hand_out(answer, out)
    return Outcome(written=written, txid=stored.txid, answers=answers, stage=stage, refusals=refusals)


def _say_broadcast(run: Run, stored: StoredRelease, taken: Sequence[str]) -> bytes:
    body = broadcast_body(nodes=taken, prev=stored.broadcast_prev, proposal=stored.proposal, txid=stored.txid)
    return build_statement(run.voice, Type.BROADCAST, body, run.now).leaf


def _repeat(run: Run, known: Answer, raw: bytes, out: Path, network: Network) -> Outcome:
    """The same package again: the same answer, after the same bytes were sent again, for a chain that forgot them."""
    written = hand_out(known, out)
    docket = parse_release(parse_package(raw).body).docket
    claimed = claimed_proposal(docket)
    stored = run.store.load_releases(claimed).get(docket.twin) if claimed and known.accepted else None
    if stored is None:
        return Outcome(written=written, txid=None, stage=Stage.RELEASE)
    if not pays_nobody(docket):
        run.trust.check_not_frozen()
    answers = network.send(stored.chain, stored.signed, stored.txid)
    refusals = judge_answers(answers, stored.txid)
    stage = Stage.BROADCAST if refusals else None
    return Outcome(written=written, txid=stored.txid, answers=answers, stage=stage, refusals=refusals)


def _halt(run: Run, proposal: Digest | None, stage: Stage, refusals: Sequence[Refusal]) -> Json:
    body = halt_body(proposal=proposal, refusals=refusals, stage=stage)
    return build_statement(run.voice, Type.HALT, body, run.now).value


def _seal(run: Run, to: PartyId, signed: bytes | None, statements: Sequence[Json], *, accepted: bool) -> Answer:
    return run.seal_answer(to, Kind.RELEASE_RESULT, encode_release_result(signed, statements), accepted=accepted)


def _value(envelope: bytes) -> Json:
    return parse_canonical(envelope, limit=2 * MAX_PAYLOAD_BYTES, path="statement")
