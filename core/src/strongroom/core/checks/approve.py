"""Stages APPROVE and VERIFY: people and the station agree, to these bytes and to what was shown.

Requirements: III.12, III.18, III.21, III.23, VI.5.
"""

from __future__ import annotations

from datetime import datetime

from strongroom.core.bodies import (
    Approval,
    Decision,
    Instruction,
    Quorum,
    Rejection,
    SignatureRecord,
    Verification,
    sorted_quorums,
)
from strongroom.core.checks.answering import check_answering_devices
from strongroom.core.checks.foundation import Foundation, Proved
from strongroom.core.checks.journey import Journey
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.facts import Facts
from strongroom.core.ids import Digest
from strongroom.core.key_states import KeyStateChange
from strongroom.core.policy import Policy, Request, required_quorums
from strongroom.core.roster import Floors, Party, check_quorum
from strongroom.core.sweeps import Sweep

RENDERER = "strongroom-display/1"


def check_not_rejected(journey: Journey) -> None:
    """One rejection ends it; it takes a new proposal to try again."""
    for proved in journey.all(Rejection):
        raise refused(Code.REJECTED, "rejection", "no rejection", f"{proved.statement.issuer}: {proved.body.reason}")


def check_approvals(journey: Journey, foundation: Foundation, proposal: Digest, facts: Facts) -> None:
    """Each yes and each no is of this proposal, these bytes and these facts, and was given on a device of who gave it.

    A no is judged like a yes: it is what a void twin stands on.
    """
    answers: tuple[Proved[Approval] | Proved[Rejection], ...] = (*journey.all(Approval), *journey.all(Rejection))
    shown = facts.digest
    for proved in answers:
        body, path = proved.body, f"{proved.statement.type.value} of {proved.statement.issuer}"
        if body.proposal != proposal or body.unsigned_digest != facts.unsigned_digest:
            raise refused(Code.DIGEST_MISMATCH, path, facts.unsigned_digest, body.unsigned_digest)
        if body.display_digest != shown or body.renderer != RENDERER:
            raise refused(Code.DISPLAY_MISMATCH, path, shown, body.display_digest)
    check_answering_devices(journey, foundation)


def check_separated(journey: Journey, foundation: Foundation) -> None:
    """Nobody approves what they instructed, and no approver holds a key of the whitelist's or the clients' office.

    Keys and ids are compared: who can also list destinations or name clients would be two controls in one (III.12).
    """
    ordered: tuple[Proved[Instruction] | Proved[Sweep] | Proved[KeyStateChange], ...]
    ordered = (*journey.all(Instruction), *journey.all(Sweep), *journey.all(KeyStateChange))
    initiators = {s.keyid for p in ordered for s in p.statement.envelope.signatures}
    offices = [foundation.root.delegation(name) for name in ("clients", "whitelist")]
    keys = {h.key.key_id for d in offices for h in d.keys}
    people = {h.id for d in offices for h in d.keys}
    for proved in journey.all(Approval):
        who = proved.statement.issuer
        signed = {s.keyid for s in proved.statement.envelope.signatures}
        if signed & initiators:
            raise refused(Code.SELF_APPROVAL, f"approval of {who}", "nobody who instructed", who)
        if who in people or signed & keys:
            raise refused(Code.SEPARATION, f"approval of {who}", "nobody of the clients' or whitelist office", who)


def quorums_in_force(
    journey: Journey, policy: Policy, requests: tuple[Request, ...], floors: Floors
) -> tuple[Quorum, ...]:
    """The union of what the decisions required, what this policy requires now, and the root's floors.

    Attack: the policy's own signers lower every rule to one person; the floors are not theirs to lower.
    """
    decided = {q for p in journey.all(Decision) for q in p.body.quorums}
    required = {q for request in requests for q in required_quorums(policy, request)}
    return sorted_quorums({*decided, *required, floors.quorum})


def check_approved(journey: Journey, foundation: Foundation, quorums: tuple[Quorum, ...], moment: datetime) -> None:
    """Every quorum is met by approvals that still hold at `moment`. Raises QUORUM_NOT_MET, STALE_APPROVAL."""
    live = [p for p in journey.all(Approval) if p.body.until >= moment]
    stale = [p.statement.issuer for p in journey.all(Approval) if p.body.until < moment]
    if stale:
        raise refused(Code.STALE_APPROVAL, "approval.until", f"not before {moment}", ", ".join(stale))
    people = [approver_of(p, foundation) for p in live]
    for quorum in quorums:
        check_quorum(quorum, people, "approvals")


def approver_of(proved: Proved[Approval], foundation: Foundation) -> Party:
    """The roster entry under which an approval was given."""
    return foundation.roster_at(proved.index).find(proved.statement.issuer, "approval.issuer")


def check_verification(journey: Journey, proposal: Digest, facts: Facts) -> None:
    """The station's second reading has the digest of our facts: two readings agree on every field."""
    proved = journey.only(Verification)
    if proved is None:
        return
    if proved.body.proposal != proposal or proved.body.unsigned_digest != facts.unsigned_digest:
        raise refused(Code.DIGEST_MISMATCH, "verification", facts.unsigned_digest, proved.body.unsigned_digest)
    if proved.body.reading_digest != facts.digest:
        raise refused(Code.READINGS_DISAGREE, "verification.reading_digest", facts.digest, proved.body.reading_digest)


def approval_moment(journey: Journey, now: datetime | None) -> datetime | None:
    """When approvals must still hold: at signing, as the records say; before signing at the reader's time."""
    records = journey.all(SignatureRecord)
    if records:
        return max(p.statement.issued_at for p in records)
    return now
