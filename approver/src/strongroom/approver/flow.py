"""An approval, step by step: receive, read, check, show, ask, sign. Each step only if the one before did not refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TypeVar

from strongroom.approver.memory import Approved, build_approved, check_replaces, remember
from strongroom.approver.person_key import PersonKey, check_plugged_in, open_person_key
from strongroom.approver.release import Say, check_release, print_line
from strongroom.approver.sitting import count_approval
from strongroom.approver.store import Config, Home
from strongroom.approver.update import Accept
from strongroom.core.bodies import Approval, Halt, HaltReason, Rejection
from strongroom.core.checks.answering import TimedRoster, check_cooled, check_device
from strongroom.core.checks.approve import RENDERER
from strongroom.core.checks.device import check_against_trust
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin, build_prev
from strongroom.core.errors import RefusedError, StrongroomError, refused, run_checks
from strongroom.core.ids import PartyId
from strongroom.core.keys import PublicKey, Sign
from strongroom.core.packages import (
    DocketBody,
    Package,
    PackageKind,
    StatementsBody,
    UpdateBody,
    check_addressed,
    encode_package,
    parse_package,
)
from strongroom.core.page_values import Page
from strongroom.core.pages import build_pages
from strongroom.core.records import NONE, DigestOrNone, encode_time
from strongroom.core.roster import check_not_expired, check_party
from strongroom.core.statements import Body, Envelope, build_payload, sign_payload
from strongroom.core.trust import Trust, apply_news, apply_update, extend
from strongroom.devices.measure.judge import MeasureStart
from strongroom.devices.measure.start import measure_start
from strongroom.devices.screens.console import REJECT, UNSURE
from strongroom.devices.screens.language import Language

B = TypeVar("B")
PLATFORM = PartyId("service:platform")
MAX_WRONG_PINS = 5
"""So many wrong PINs in a row, and the token rests."""
REST_S = 900
"""Seconds for which it rests."""


class Answer(StrEnum):
    """What the person says. Doubt is as easy as consent."""

    APPROVE = "approve"
    REJECT = REJECT.word
    UNSURE = UNSURE.word


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the person said, why, and in which language they had read it. reason: empty for a yes."""

    answer: Answer
    reason: str = ""
    language: Language = Language.ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A docket that waits for this person: proved, compared with this device's own copies, and as pages.

    raw: the package that brought it.
    """

    raw: bytes
    proved: ProvedDocket
    trust: Trust
    pages: tuple[Page, ...]


def receive_update(
    home: Home, raw: bytes, now: datetime, accept: Accept, measure: MeasureStart = measure_start, say: Say = print_line
) -> Trust:
    """Take an update package: new roster, registers, policy. HEAD_ROLLBACK for an older one, and nothing changes."""
    package, body = _open(home, raw, PackageKind.UPDATE, UpdateBody)
    known = home.load_trust()
    check_clock(known, now)
    trust = apply_update(known, body, now)
    check_clock(trust, now)
    check_release(home, measure, say, now, known, trust)
    accept(known, trust)
    home.save_trust(trust)
    home.save_counters(replace(home.load_counters(), received=package.sequence))
    return trust


def read_docket(home: Home, raw: bytes, now: datetime) -> Waiting:
    """Prove a docket and compare it with this device's own copies. Raises with every reason to refuse."""
    _, body = _open(home, raw, PackageKind.APPROVAL_REQUEST, DocketBody)
    known = home.load_trust()
    check_clock(known, now)
    trust, witnessed = extend(known, body.checkpoint)
    trust = apply_news(trust, body, witnessed)
    home.save_trust(trust)
    # The package may prove that it is later than this clock says: a clock set back must not outlive `sign_by`.
    check_clock(trust, now)
    check_unexpired(trust, now)
    config = home.load_config()
    check_device(trust.roster.body, config.device, config.person, now, "device")
    if body.docket.checkpoints[-1].note != body.checkpoint.note:
        raise refused(Code.LOG_NOT_CONSISTENT, "docket.checkpoints", "the package's checkpoint last", "another")
    if body.docket.transaction.twin is Twin.VOID:
        # A void has no approvers; an approval of its bytes would be a signature that nothing asks for.
        raise refused(Code.DOCKET_ORDER, "transaction.twin", Twin.TRANSFER.value, Twin.VOID.value)
    proved = prove_docket(body.docket, trust.roots, now=now)
    if proved.journey.furthest > Stage.APPROVE:
        raise refused(Code.DOCKET_ORDER, "docket", "a docket at PROPOSE or APPROVE", proved.journey.furthest.name)
    check_against_trust(proved, trust, now)
    check_in_time(proved, now)
    wanted = build_approved(proved)
    known_before = [each for name in wanted.instructions for each in home.load_payment(name).approved]
    run_checks([partial(check_replaces, wanted, each) for each in known_before])
    return Waiting(raw=raw, proved=proved, trust=trust, pages=build_pages(proved))


def check_clock(trust: Trust, now: datetime) -> None:
    """Raise CLOCK_BEHIND when the clock stands before the last checkpoint: expired orders would come to life again."""
    seen = trust.checkpoint_time
    if seen is not None and now < seen:
        raise refused(Code.CLOCK_BEHIND, "clock", f"{encode_time(seen)} or later", encode_time(now))


def check_in_time(proved: ProvedDocket, now: datetime) -> None:
    """Raise INSTRUCTION_EXPIRED when nobody may sign it any more; asked again when the person has answered."""
    until = proved.proposal.body.sign_by
    if now > until:
        raise refused(Code.INSTRUCTION_EXPIRED, "proposal.sign_by", f"not after {encode_time(until)}", encode_time(now))


def check_unexpired(trust: Trust, now: datetime) -> None:
    """Raise EXPIRED for this device's own root and roster, before a docket's own refusals would hide them."""
    root, roster = trust.root, trust.roster.body
    run_checks(
        [
            lambda: check_not_expired(root.expires, now, f"root version {root.version}"),
            lambda: check_not_expired(roster.expires, now, f"roster version {roster.version}"),
        ]
    )


@contextmanager
def open_counted(home: Home, ask_pin: Callable[[], str], now: datetime) -> Iterator[PersonKey]:
    """The person's open key; every attempt is written down first. Raises PIN_WRONG without asking while it rests.

    SoftHSM never locks, and a key that does lock may be asked elsewhere, so this device counts by itself.
    """
    counters = home.load_counters()
    until = counters.wrong_at + timedelta(seconds=REST_S)
    if counters.wrong_pins >= MAX_WRONG_PINS and now < until:
        got = f"{counters.wrong_pins} wrong in a row"
        raise refused(Code.PIN_WRONG, "token", f"no attempt before {until}", got)
    check_plugged_in(home)
    pin = ask_pin()
    # Counted first: a power cut or a full disk at the right moment would make attempts free.
    home.save_counters(replace(counters, wrong_at=now, wrong_pins=counters.wrong_pins + 1))
    with ExitStack() as stack:
        try:
            person = stack.enter_context(open_person_key(home, pin))
        except RefusedError as error:
            if Code.PIN_WRONG in error.codes:
                raise _wrong_pin(counters.wrong_pins + 1) from error
            raise
        home.save_counters(replace(counters, wrong_pins=0))
        yield person


def _wrong_pin(wrong: int) -> RefusedError:
    left = MAX_WRONG_PINS - wrong
    after = f"{left} left before it rests" if left > 0 else f"it rests for {REST_S} s"
    return refused(Code.PIN_WRONG, "token", "the PIN of this token", f"{wrong} wrong in a row, {after}")


def decide(home: Home, waiting: Waiting, answered: Answered, signer: tuple[PublicKey, Sign], now: datetime) -> Package:
    """Sign the person's answer and wrap it for the platform. The key must be the person's in this device's roster."""
    config = home.load_config()
    person = check_party(waiting.trust.roster.body, config.person, "approver", now, "person")
    if person.key.key_id != signer[0].key_id:
        raise refused(Code.SIGNER_KEY_MISMATCH, "token", person.key.key_id, signer[0].key_id)
    body: Approval | Rejection = _rejection(waiting, config, answered)
    if answered.answer is Answer.APPROVE:
        _check_cooled(waiting, config, now)
        check_in_time(waiting.proved, now)
        _remember(home, build_approved(waiting.proved))
        count_approval(home, waiting.trust.policy_in_force.parameters, now)
        body = _approval(waiting, config, answered, now)
    return _hand_over(home, waiting.raw, _sign(waiting.trust, config.person, body, signer, now), now)


def _check_cooled(waiting: Waiting, config: Config, now: datetime) -> None:
    """Raise CREDENTIAL_TOO_YOUNG here, before a signature that every later stage would refuse; a no needs no wait."""
    rosters = [TimedRoster(roster=r.body, time=r.time) for r in waiting.proved.foundation.rosters]
    cool_off_s = waiting.trust.policy_in_force.parameters.device_cool_off_s
    check_cooled(rosters, (config.person, config.device), cool_off_s, now, "approval")


def _remember(home: Home, wanted: Approved) -> None:
    for name in wanted.instructions:
        home.save_payment(name, remember(home.load_payment(name), wanted))


def halt(home: Home, raw: bytes, error: StrongroomError, signer: tuple[PublicKey, Sign], now: datetime) -> Package:
    """Tell the platform, signed, why this device refused a docket. It pages the SOC."""
    config = home.load_config()
    reasons = tuple(
        HaltReason(code=r.code.value, expected=r.expected[:1024], field=r.field[:1024], got=r.got[:1024])
        for r in error.refusals
    )
    body = Halt(proposal=DigestOrNone(NONE), refusals=reasons, stage="APPROVE")
    return _hand_over(home, raw, _sign(home.load_trust(), config.person, body, signer, now), now)


def _open(home: Home, raw: bytes, kind: PackageKind, body_type: type[B]) -> tuple[Package, B]:
    package = parse_package(raw)
    check_addressed(package, home.load_config().device, kind, home.load_counters().received)
    if not isinstance(package.body, body_type):
        raise refused(Code.TYPE_MISMATCH, "package.body", kind.value, package.kind.value)
    return package, package.body


def _approval(waiting: Waiting, config: Config, answered: Answered, now: datetime) -> Approval:
    proved = waiting.proved
    life = timedelta(seconds=waiting.trust.policy_in_force.parameters.approval_life_s)
    return Approval(
        device=config.device,
        display_digest=proved.facts.digest,
        heads=waiting.trust.build_heads(),
        language=answered.language.value,
        prev=build_prev([p.statement for p in proved.journey.statements], Stage.APPROVE),
        proposal=proved.proposal.id,
        renderer=RENDERER,
        unsigned_digest=proved.facts.unsigned_digest,
        until=min(now + life, proved.proposal.body.sign_by),
    )


def _rejection(waiting: Waiting, config: Config, answered: Answered) -> Rejection:
    proved = waiting.proved
    return Rejection(
        device=config.device,
        display_digest=proved.facts.digest,
        heads=waiting.trust.build_heads(),
        language=answered.language.value,
        prev=build_prev([p.statement for p in proved.journey.statements], Stage.APPROVE),
        proposal=proved.proposal.id,
        reason=f"{answered.answer.value}: {answered.reason}",
        renderer=RENDERER,
        unsigned_digest=proved.facts.unsigned_digest,
    )


def _sign(trust: Trust, issuer: PartyId, body: Body, signer: tuple[PublicKey, Sign], now: datetime) -> Envelope:
    kind, payload = build_payload(body, context=trust.context, issuer=issuer, issued_at=now)
    return sign_payload(kind, payload, [signer])


def _hand_over(home: Home, request: bytes, envelope: Envelope, now: datetime) -> Package:
    """Keep the answer, then count it; from here on the same request gets the same answer, whatever a medium does."""
    package = Package(
        kind=PackageKind.STATEMENTS,
        sender=home.load_config().device,
        to=PLATFORM,
        sequence=home.load_counters().sent + 1,
        created_at=now,
        body=StatementsBody(statements=(envelope,)),
    )
    home.save_answer(request, encode_package(package))
    _count(home, request, package)
    return package


def repeat(home: Home, request: bytes) -> Package | None:
    """The answer that was given to this very request before; None for a new one. It needs no PIN: nothing is signed."""
    known = home.load_answer(request)
    if known is None:
        return None
    package = parse_package(known)
    _count(home, request, package)
    return package


def _count(home: Home, request: bytes, answer: Package) -> None:
    """Neither number is used again. Told twice it is the same: a power cut may come between an answer and its count."""
    counters = home.load_counters()
    received = max(parse_package(request).sequence, counters.received)
    home.save_counters(replace(counters, received=received, sent=max(answer.sequence, counters.sent)))
