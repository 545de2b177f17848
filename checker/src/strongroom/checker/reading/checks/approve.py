"""APPROVE and VERIFY: people and the station say yes to these bytes and facts; spec/docket.md, points 7 and 8."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from strongroom.checker.reading.bodies import (
    Approval,
    Instruction,
    Proposal,
    Quorum,
    Rejection,
    SignatureRecord,
    Verification,
)
from strongroom.checker.reading.checks.answering import check_device
from strongroom.checker.reading.checks.instruct import find_destination
from strongroom.checker.reading.checks.sweep import find_self_approval
from strongroom.checker.reading.envelopes import Envelope
from strongroom.checker.reading.facts import RENDERER, Facts
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import Heard, Journey
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.rosters import Party, check_quorum
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal


def check_answers(journey: Journey, facts: Facts) -> None:
    """Each yes and each no is of this proposal, these bytes and these facts, on a device of theirs."""
    found: list[Refusal] = []
    for approval in journey.all(Approval):
        _check_about(journey, approval, facts, found)
    for rejection in journey.all(Rejection):
        _check_about(journey, rejection, facts, found)
    raise_found(found)


def check_approvals(journey: Journey, facts: Facts) -> None:
    """As `check_answers`; nobody approves what they instructed or listed, and nobody says no."""
    found: list[Refusal] = []
    with gathered(found):
        check_answers(journey, facts)
    initiators = {each for i in journey.all(Instruction) for each in _keys(i.statement.envelope)}
    for approval in journey.all(Approval):
        if initiators & _keys(approval.statement.envelope):
            path = f"{approval.statement.path}.signatures"
            found.append(_wrong(Code.SELF_APPROVAL, path, "nobody who instructed", approval.statement.issuer))
        for order in find_self_approval(journey, frozenset(_keys(approval.statement.envelope))):
            path = f"{approval.statement.path}.signatures"
            found.append(_wrong(Code.SELF_APPROVAL, path, "nobody who ordered the sweep", order))
        _check_offices(journey, approval, found)
    for rejection in journey.all(Rejection):
        got = f"{rejection.statement.issuer}: {rejection.body.reason}"
        found.append(_wrong(Code.REJECTED, rejection.path, "no rejection", got))
    raise_found(found)


def check_quorums(journey: Journey, quorums: Sequence[Quorum], moment: datetime) -> None:
    """Every quorum is met by approvals that still hold at the moment. Raises QUORUM_NOT_MET and STALE_APPROVAL."""
    found: list[Refusal] = []
    approvals = journey.all(Approval)
    live = [party_of(journey, each) for each in approvals if each.body.until >= moment]
    for quorum in quorums:
        with gathered(found):
            check_quorum(quorum, live, "statements")
    if found:
        found += [
            _wrong(
                Code.STALE_APPROVAL,
                f"{each.path}.until",
                f"not before {render_time(moment)}",
                render_time(each.body.until),
            )
            for each in approvals
            if each.body.until < moment
        ]
    raise_found(found)


def check_ages(journey: Journey, moment: datetime) -> None:
    """Every destination has been on the whitelist long enough at the moment of payment (ENTRY_TOO_YOUNG)."""
    found: list[Refusal] = []
    wait = timedelta(seconds=journey.foundation.policy.body.whitelist_min_age_s)
    for each in journey.all(Instruction):
        entry = find_destination(each, journey.foundation)
        if entry.added_at + wait > moment:
            expected = f"payment from {render_time(entry.added_at + wait)}"
            found.append(_wrong(Code.ENTRY_TOO_YOUNG, f"{each.path}.destination.entry", expected, render_time(moment)))
    raise_found(found)


def check_verification(journey: Journey, facts: Facts) -> None:
    """The station read the same facts from the same bytes."""
    each = journey.one(Verification)
    found: list[Refusal] = []
    _check_subject(journey, each, facts, found)
    if each.body.reading_digest != facts.digest:
        path = f"{each.path}.reading_digest"
        found.append(_wrong(Code.READINGS_DISAGREE, path, facts.digest, each.body.reading_digest))
    raise_found(found)


def payment_moment(journey: Journey, now: datetime) -> datetime:
    """When approvals must still hold: at the last signature record's time, before it at the reader's.

    The records are not proved yet when approvals are judged; SIGN proves them, or the docket is refused there.
    """
    records = [
        each.statement.issued_at for each in journey.docket.said if isinstance(each.statement.body, SignatureRecord)
    ]
    return max(records, default=now)


def party_of(journey: Journey, approval: Heard[Approval]) -> Party:
    """The roster entry under which an approval was given."""
    path = f"{approval.statement.path}.payload.issuer"
    return journey.foundation.roster_at(approval.index, path).party(approval.statement.issuer, path)


def _check_about(
    journey: Journey, each: Heard[Approval] | Heard[Rejection], facts: Facts, found: list[Refusal]
) -> None:
    _check_subject(journey, each, facts, found)
    body, path = each.body, each.path
    if body.display_digest != facts.digest:
        found.append(_wrong(Code.DISPLAY_MISMATCH, f"{path}.display_digest", facts.digest, body.display_digest))
    if body.renderer != RENDERER:
        found.append(_wrong(Code.DISPLAY_MISMATCH, f"{path}.renderer", RENDERER, body.renderer))
    with gathered(found):
        check_device(journey, each)


def _check_offices(journey: Journey, approval: Heard[Approval], found: list[Refusal]) -> None:
    """Who lists destinations or names clients does not approve payments: two controls in one hand are one (III.12)."""
    for name in ("clients", "whitelist"):
        office = journey.foundation.chain.last.delegations[name].keys
        keys = {key.id for key in office.values()}
        if approval.statement.issuer in office or keys & _keys(approval.statement.envelope):
            expected = f"nobody of the root's {name} delegation"
            path = f"{approval.statement.path}.payload.issuer"
            found.append(_wrong(Code.SEPARATION, path, expected, approval.statement.issuer))


def _check_subject(
    journey: Journey,
    each: Heard[Approval] | Heard[Rejection] | Heard[Verification],
    facts: Facts,
    found: list[Refusal],
) -> None:
    proposal = journey.one(Proposal).statement.id
    if each.body.proposal != proposal:
        found.append(_wrong(Code.DIGEST_MISMATCH, f"{each.path}.proposal", proposal, each.body.proposal))
    if each.body.unsigned_digest != facts.unsigned_digest:
        path = f"{each.path}.unsigned_digest"
        found.append(_wrong(Code.DIGEST_MISMATCH, path, facts.unsigned_digest, each.body.unsigned_digest))


def _keys(envelope: Envelope) -> set[str]:
    return {each.keyid for each in envelope.signatures}


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
