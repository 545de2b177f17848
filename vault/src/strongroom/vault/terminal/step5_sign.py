"""Step 5, sign: bound in the journal first, then each digest computed anew from the same bytes, compared, and signed.

Nothing leaves here but signatures in memory; the next step seals them. III.10, III.16, protocol.md (one payment once).
"""

from __future__ import annotations

from datetime import datetime

from strongroom.core.bodies import Approval
from strongroom.core.canonical import encode_canonical
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import refused, run_checks
from strongroom.core.ids import Digest
from strongroom.core.packages import PartialSignature
from strongroom.core.records import HexBytes, encode_time
from strongroom.vault.hsm.ecdsa import encode_signature
from strongroom.vault.terminal.codes import Meaning
from strongroom.vault.terminal.desk import Desk, KeyUse, Plan, Signed
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import SignedR
from strongroom.vault.terminal.key_store import build_digests
from strongroom.vault.terminal.limits import check_hours
from strongroom.vault.terminal.step3_check import check_in_time


def sign(desk: Desk, plan: Plan) -> Signed:
    """Make every planned signature.

    Raises what `check_still_good` raises; DIGEST_MISMATCH; NONCE_REUSED; ALREADY_COMMITTED; UnavailableError
    TOKEN_UNAVAILABLE or JOURNAL_UNWRITABLE; InvariantError SIGNATURE_INVALID when the token signed with another key or
    wrongly.
    """
    terminal, now = desk.terminal, desk.terminal.now()
    check_still_good(desk, plan, now)
    # Bound before the first signature exists: after a power cut the terminal knows what may be out there.
    terminal.journal.append(EntryKind.COMMITTED, _committed_fields(desk, plan), plan.marks)
    desk.clear.use(plan.proved)
    made = [(use, *_sign_one(desk, plan, use)) for use in plan.uses]
    marks = tuple(
        SignedR(digest=HexBytes(use.digest), key=use.key.key_id, r=HexBytes(r.to_bytes(32, "big")))
        for use, r, _ in made
    )
    # One r under two digests gives the key away, so it is looked up before anything is even sealed.
    terminal.journal.check(marks)
    signatures = [
        PartialSignature(input=use.input, key=use.key.key_id, signature=HexBytes(encode_signature(r, s)))
        for use, r, s in made
    ]
    signatures.sort(key=lambda s: (s.input, s.key))
    return Signed(signatures=tuple(signatures), marks=marks, at=now)


def check_still_good(desk: Desk, plan: Plan, now: datetime) -> None:
    """People took their time at the screen: clear, budget, approvals and instruction must hold now."""
    run_checks(
        [
            lambda: desk.clear.check_alive(desk.terminal),
            lambda: desk.clear.check_budget(plan.proved),
            lambda: check_in_time(plan.proved, now),
            lambda: check_hours(plan.proved, desk.terminal.trust.policy_in_force, now),
            lambda: _check_approvals(plan, now),
        ]
    )


def _check_approvals(plan: Plan, now: datetime) -> None:
    if plan.proved.twin is Twin.VOID:
        return
    stale = [p.statement.issuer for p in plan.proved.journey.all(Approval) if p.body.until < now]
    if stale:
        raise refused(Code.STALE_APPROVAL, "approval.until", f"not before {encode_time(now)}", ", ".join(stale))


def _sign_one(desk: Desk, plan: Plan, use: KeyUse) -> tuple[int, int]:
    """Immediately before the token is called: the bytes are still those that were proved and shown."""
    proved = plan.proved
    unsigned, digests = build_digests(proved)
    _check_same("unsigned_digest", _proposed_digest(proved), unsigned)
    _check_same("facts.unsigned_digest", proved.facts.unsigned_digest, unsigned)
    _check_same(f"inputs[{use.input}]", use.digest.hex(), digests[use.input].hex())
    # Somebody forced gets a session that takes as long and calls the token as often, over bytes that are worth nothing.
    thrown_away = desk.terminal.outside.random(len(use.digest))
    return desk.sign_digest(use.key, use.digest if desk.crew.meaning is Meaning.NORMAL else thrown_away)


def _proposed_digest(proved: ProvedDocket) -> str:
    body = proved.proposal.body
    return body.unsigned_digest if proved.twin is Twin.TRANSFER else body.void


def _check_same(field: str, expected: str, got: str) -> None:
    if expected != got:
        raise refused(Code.DIGEST_MISMATCH, field, expected, got)


def _committed_fields(desk: Desk, plan: Plan) -> bytes:
    clear: Digest = desk.clear.statement.id
    return encode_canonical(
        {
            "clear": clear,
            "count": desk.clear.count + 1,
            "proposal": plan.proposal,
            "twin": plan.proved.twin.value,
            "unsigned_digest": plan.proved.facts.unsigned_digest,
        }
    )
