"""Stage SIGN: clears, sessions, operators, keys. What the signature records of a docket must show.

Requirements: III.6, III.12, V.9b, I.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from strongroom.core.bodies import Approval, ClearToSign, Proposal, Scope, SignatureRecord, Verification
from strongroom.core.checks.approve import approver_of
from strongroom.core.checks.foundation import Foundation, Proved
from strongroom.core.checks.journey import Journey
from strongroom.core.checks.spend import Spend, keys_of, moved_units
from strongroom.core.checks.sweep import is_sweep
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import refused
from strongroom.core.ids import AssetId
from strongroom.core.key_states import may_contain, may_pay
from strongroom.core.registers import KeyState
from strongroom.core.roster import check_overseers


def check_records(
    journey: Journey, foundation: Foundation, proposal: Proved[Proposal], spend: Spend, twin: Twin
) -> None:
    """Each record: its clear, its session, its operators, its keys, in time. A void twin is signed after `sign_by`."""
    moved = moved_units(spend, {change.index for change in proposal.body.change})
    scope = scope_of(journey)
    for proved in journey.all(SignatureRecord):
        clear = _clear_of(proved, journey)
        check_clear_matches(clear.body, proved.body, scope)
        check_clear_covers(clear, proved, moved)
        check_overseers(foundation.roster_at(clear.index), clear.time)
        _check_about(proved, proposal, spend)
        _check_keys(proved.body, foundation, spend, may_contain if is_sweep(journey) else may_pay)
        _check_separation(proved, journey, foundation)
        _check_in_time(proved, clear)
        if twin is Twin.TRANSFER:
            _check_sign_by(proved, proposal.body)
    _check_every_clear_used(journey)
    _check_threshold(journey, spend)


def check_clear_matches(clear: ClearToSign, record: SignatureRecord, scope: Scope) -> None:
    """A clear is for one nonce of one terminal and one scope (attack: another session's clear, or an old one)."""
    if clear.nonce != record.nonce or clear.terminal != record.terminal:
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "signature-record.clear", f"{clear.terminal}", record.terminal)
    if record.journal.number <= clear.journal.number:
        expected = f"above {clear.journal.number}"
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "signature-record.journal", expected, str(record.journal.number))
    check_scope(clear.scope, scope)


def scope_of(journey: Journey) -> Scope:
    """What a clear must be for: containment pays ourselves only, so a transfer's clear never opens it, nor the other.

    Attack: while frozen, a transfer under the scope that a freeze does not stop.
    """
    return Scope.CONTAINMENT if is_sweep(journey) else Scope.TRANSFERS


def check_scope(got: Scope, wanted: Scope) -> None:
    """Raise CLEAR_NOT_FOR_SESSION for a clear of the other scope."""
    if got is not wanted:
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "clear.scope", wanted.value, got.value)


def check_clear_covers(
    clear: Proved[ClearToSign], record: Proved[SignatureRecord], moved: Mapping[AssetId, int]
) -> None:
    """What leaves is inside the clear's budget, signed within its life. The terminal counts the rest of a session.

    moved: smallest units by asset; a token and the fee of its transfer need cover each for itself.
    """
    budget = {b.asset: int(b.units) for b in clear.body.budget}
    if clear.body.max_count < 1:
        raise refused(Code.CLEAR_BUDGET, "clear.max_count", "at least 1", str(clear.body.max_count))
    for asset, units in moved.items():
        if units > budget.get(asset, 0):
            raise refused(Code.CLEAR_BUDGET, "clear.budget", f"at least {units} {asset}", str(budget.get(asset, 0)))
    # Seconds are compared, not moments: a life of 2**53 seconds is no date.
    age_s = (record.statement.issued_at - clear.statement.issued_at) // timedelta(seconds=1)
    if age_s > clear.body.life_s:
        raise refused(Code.CLEAR_EXPIRED, "signature-record.issued_at", f"within {clear.body.life_s} s", f"{age_s} s")


def _clear_of(proved: Proved[SignatureRecord], journey: Journey) -> Proved[ClearToSign]:
    for clear in journey.all(ClearToSign):
        if clear.id == proved.body.clear:
            if clear.index >= proved.index:
                raise refused(Code.DOCKET_ORDER, "signature-record.index", f"above {clear.index}", str(proved.index))
            return clear
    raise refused(Code.CLEAR_MISSING, "signature-record.clear", proved.body.clear, "no such clear in the docket")


def _check_about(proved: Proved[SignatureRecord], proposal: Proved[Proposal], spend: Spend) -> None:
    body = proved.body
    if body.proposal != proposal.id or body.unsigned_digest != spend.unsigned_digest:
        raise refused(Code.DIGEST_MISMATCH, "signature-record", spend.unsigned_digest, body.unsigned_digest)


def _check_keys(
    record: SignatureRecord, foundation: Foundation, spend: Spend, may_sign: Callable[[KeyState], bool]
) -> None:
    ours = {
        key.id: key for source in spend.sources for key in keys_of(source, foundation.entries, "signature-record.keys")
    }
    if not record.keys:
        raise refused(Code.SIGNATURES_MISSING, "signature-record.keys", "at least one key", "none")
    for name in record.keys:
        key = ours.get(name)
        if key is None or key.terminal != record.terminal:
            raise refused(Code.SIGNER_KEY_MISMATCH, "signature-record.keys", f"a key of {record.terminal}", name)
        if not may_sign(key.state):
            got = f"{name} is {key.state.value}"
            raise refused(Code.SIGNER_KEY_MISMATCH, "signature-record.keys", "a key that may sign this", got)


def _check_separation(proved: Proved[SignatureRecord], journey: Journey, foundation: Foundation) -> None:
    approvers = {approver_of(p, foundation).staff for p in journey.all(Approval)}
    roster = foundation.roster_at(proved.index)
    for operator in proved.body.operators:
        if roster.find(operator, "operators").staff in approvers:
            raise refused(Code.SEPARATION, "signature-record.operators", "nobody who approved", operator)


def _check_sign_by(proved: Proved[SignatureRecord], proposal: Proposal) -> None:
    signed_at = proved.statement.issued_at
    if signed_at > proposal.sign_by:
        raise refused(
            Code.INSTRUCTION_EXPIRED, "signature-record.issued_at", f"not after {proposal.sign_by}", str(signed_at)
        )


def _check_in_time(proved: Proved[SignatureRecord], clear: Proved[ClearToSign]) -> None:
    signed_at = proved.statement.issued_at
    # A terminal's time never precedes a checkpoint that it has seen, so a record cannot claim to be older than its
    # clear.
    if signed_at < clear.statement.issued_at or signed_at > proved.time:
        raise refused(
            Code.CLOCK_BEHIND,
            "signature-record.issued_at",
            f"from {clear.statement.issued_at} to {proved.time}",
            str(signed_at),
        )


def _check_every_clear_used(journey: Journey) -> None:
    used = {p.body.clear for p in journey.all(SignatureRecord)}
    idle = [c.id for c in journey.all(ClearToSign) if c.id not in used]
    if used and idle and journey.furthest > 7:
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "clear-to-sign", "a record for each clear", ", ".join(idle))


def _check_threshold(journey: Journey, spend: Spend) -> None:
    """From RELEASE on, every source has at least its threshold of keys among the records."""
    if journey.furthest < 8:
        return
    signed = {key for p in journey.all(SignatureRecord) for key in p.body.keys}
    for source in spend.sources:
        count = len(signed & set(source.keys))
        if count < source.threshold:
            raise refused(
                Code.SIGNATURES_MISSING, "signature-record.keys", f"{source.threshold} keys of {source.id}", str(count)
            )


def check_same_heads(journey: Journey) -> None:
    """Station and terminal believed the same registers, fed by different people and media (HEAD_UNEQUAL)."""
    verification = journey.only(Verification)
    for proved in journey.all(SignatureRecord):
        if verification is None or proved.body.heads != verification.body.heads:
            raise refused(Code.HEAD_UNEQUAL, "signature-record.heads", "the heads of the verification", "other heads")
