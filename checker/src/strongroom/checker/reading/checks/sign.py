"""CLEAR and SIGN: sessions, operators, keys and times of the signature records; spec/docket.md, point 9."""

from __future__ import annotations

from datetime import timedelta

from strongroom.checker.reading.bodies import (
    Approval,
    ClearToSign,
    Proposal,
    Scope,
    SignatureRecord,
    Verification,
)
from strongroom.checker.reading.checks.approve import party_of
from strongroom.checker.reading.checks.sweep import is_sweep
from strongroom.checker.reading.emergency_bodies import KeyState
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import Heard, Journey, orders_of
from strongroom.checker.reading.key_states import may_save
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.rosters import check_overseers
from strongroom.checker.reading.spend import Spend
from strongroom.checker.reading.stages import Stage, Twin
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused


def check_clears(journey: Journey) -> None:
    """Each clear is of the docket's scope, on this log, while every section had its overseer.

    A sweep under a clear for transfers would use up what was cleared for clients; a transfer under one for containment
    would be signed in spite of a freeze.
    """
    found: list[Refusal] = []
    scope = scope_of(journey)
    for each in journey.all(ClearToSign):
        body = each.body
        if body.scope is not scope:
            found.append(_wrong(Code.CLEAR_NOT_FOR_SESSION, f"{each.path}.scope", scope.value, body.scope.value))
        for head in journey.foundation.checkpoints:
            root = f"sha256:{head.root.hex()}"
            if head.size == body.checkpoint_size and root != body.checkpoint_root:
                found.append(
                    _wrong(Code.LOG_NOT_CONSISTENT, f"{each.path}.checkpoint.root", root, body.checkpoint_root)
                )
        with gathered(found):
            roster = journey.foundation.roster_at(each.index, each.path)
            check_overseers(roster, each.moment, f"{each.path}.heads.roster")
    raise_found(found)


def scope_of(journey: Journey) -> Scope:
    """What the clear of a docket must be for."""
    return Scope.CONTAINMENT if is_sweep(journey) else Scope.TRANSFERS


def check_records(journey: Journey, spend: Spend) -> None:
    """Every signature record, with all that is wrong about it."""
    found: list[Refusal] = []
    for record in journey.all(SignatureRecord):
        _check_subject(journey, record, spend, found)
        with gathered(found):
            _check_clear(journey, record, spend)
        if spend.twin is Twin.TRANSFER:
            _check_sign_by(journey, record, found)
        with gathered(found):
            _check_keys(journey, record, spend)
        with gathered(found):
            _check_operators(journey, record)
        if record.body.heads != journey.one(Verification).body.heads:
            path = f"{record.path}.heads"
            found.append(_wrong(Code.HEAD_UNEQUAL, path, "the heads of the verification", "other heads"))
    _check_none_idle(journey, found)
    raise_found(found)


def find_clear(journey: Journey, record: Heard[SignatureRecord]) -> Heard[ClearToSign]:
    """The clear that a record names. Raises CLEAR_MISSING."""
    for clear in journey.all(ClearToSign):
        if clear.statement.id == record.body.clear:
            return clear
    raise refused(Code.CLEAR_MISSING, f"{record.path}.clear", "a clear of the docket", record.body.clear)


def _check_clear(journey: Journey, record: Heard[SignatureRecord], spend: Spend) -> None:
    """The clear that a record names is for this session, for this moment, and for as much as leaves."""
    found: list[Refusal] = []
    clear = find_clear(journey, record)
    with gathered(found):
        _check_session(clear, record)
    with gathered(found):
        _check_time(clear, record)
    with gathered(found):
        _check_budget(journey, clear, spend)
    raise_found(found)


def _check_none_idle(journey: Journey, found: list[Refusal]) -> None:
    """From RELEASE on nobody signs any more, so a clear that no record used has no place in the docket."""
    used = {record.body.clear for record in journey.all(SignatureRecord)}
    if journey.docket.furthest >= Stage.RELEASE:
        found += [
            _wrong(Code.CLEAR_NOT_FOR_SESSION, clear.path, "a record of this session", "none")
            for clear in journey.all(ClearToSign)
            if clear.statement.id not in used
        ]


def _check_session(clear: Heard[ClearToSign], record: Heard[SignatureRecord]) -> None:
    """A clear is for one nonce of one terminal: neither another session's nor an old one opens this one.

    The terminal asked before it signed, so its journal stood lower then.
    """
    found: list[Refusal] = []
    if clear.body.nonce != record.body.nonce:
        got = record.body.nonce.hex()
        found.append(_wrong(Code.CLEAR_NOT_FOR_SESSION, f"{record.path}.nonce", clear.body.nonce.hex(), got))
    if clear.body.terminal != record.body.terminal:
        got = record.body.terminal
        found.append(_wrong(Code.CLEAR_NOT_FOR_SESSION, f"{record.path}.terminal", clear.body.terminal, got))
    if record.body.journal_number <= clear.body.journal_number:
        expected, got = f"above {clear.body.journal_number}", str(record.body.journal_number)
        found.append(_wrong(Code.CLEAR_NOT_FOR_SESSION, f"{record.path}.journal.number", expected, got))
    raise_found(found)


def _check_sign_by(journey: Journey, record: Heard[SignatureRecord], found: list[Refusal]) -> None:
    signed_at, path = record.statement.issued_at, f"{record.statement.path}.payload.issued_at"
    last = min(journey.one(Proposal).body.sign_by, *(each.sign_by for each in orders_of(journey)))
    if signed_at > last:
        expected = f"not after {render_time(last)}"
        found.append(_wrong(Code.INSTRUCTION_EXPIRED, path, expected, render_time(signed_at)))


def _check_time(clear: Heard[ClearToSign], record: Heard[SignatureRecord]) -> None:
    """Signed in time. The record's own time is bounded by its clear and its checkpoint, or it could claim any."""
    found: list[Refusal] = []
    signed_at, path = record.statement.issued_at, f"{record.statement.path}.payload.issued_at"
    if not clear.statement.issued_at <= signed_at <= record.moment:
        expected = f"{render_time(clear.statement.issued_at)} to {render_time(record.moment)}"
        found.append(_wrong(Code.CLOCK_BEHIND, path, expected, render_time(signed_at)))
    # Seconds are counted, since a life of any length need not end at a date that exists.
    if (signed_at - clear.statement.issued_at) // timedelta(seconds=1) > clear.body.life_s:
        expected = f"within {clear.body.life_s} s of {render_time(clear.statement.issued_at)}"
        found.append(_wrong(Code.CLEAR_EXPIRED, path, expected, render_time(signed_at)))
    raise_found(found)


def _check_budget(journey: Journey, clear: Heard[ClearToSign], spend: Spend) -> None:
    """What leaves, the most that the fee can be included, is within what reconciler and watcher cleared.

    Asset by asset: a token's transfer pays its fee in another coin. A docket knows only itself: what other dockets of
    the session used is the terminal's to count.
    """
    found: list[Refusal] = []
    for asset, units in spend.moved(journey.one(Proposal).body.outputs).items():
        left = clear.body.budget.get(asset, 0)
        if units > left:
            expected = f"at least {units} of {asset}"
            found.append(_wrong(Code.CLEAR_BUDGET, f"{clear.path}.budget", expected, str(left)))
    if clear.body.max_count < 1:
        got = str(clear.body.max_count)
        found.append(_wrong(Code.CLEAR_BUDGET, f"{clear.path}.max_count", "at least 1", got))
    raise_found(found)


def _check_subject(journey: Journey, record: Heard[SignatureRecord], spend: Spend, found: list[Refusal]) -> None:
    proposal = journey.one(Proposal).statement.id
    if record.body.proposal != proposal:
        found.append(_wrong(Code.DIGEST_MISMATCH, f"{record.path}.proposal", proposal, record.body.proposal))
    if record.body.unsigned_digest != spend.unsigned_digest:
        path = f"{record.path}.unsigned_digest"
        found.append(_wrong(Code.DIGEST_MISMATCH, path, spend.unsigned_digest, record.body.unsigned_digest))


def _check_keys(journey: Journey, record: Heard[SignatureRecord], spend: Spend) -> None:
    """Each key is one of the addresses spent from, active, and in this terminal."""
    found: list[Refusal] = []
    path = f"{record.path}.keys"
    spending = {name for address in spend.sources for name in address.keys}
    if not record.body.keys:
        found.append(_wrong(Code.SIGNATURES_MISSING, path, "at least one key", "none"))
    for name in record.body.keys:
        key = journey.foundation.entries.keys.get(name)
        if key is None or name not in spending or key.terminal != record.body.terminal:
            expected = f"a key of {record.body.terminal} that spends here"
            found.append(_wrong(Code.SIGNER_KEY_MISMATCH, path, expected, name))
        elif not (may_save(key.state) if is_sweep(journey) else key.state is KeyState.ACTIVE):
            got = f"{name} is {key.state.value}"
            found.append(_wrong(Code.SIGNER_KEY_MISMATCH, path, "a key that may sign this", got))
    raise_found(found)


def _check_operators(journey: Journey, record: Heard[SignatureRecord]) -> None:
    """Nobody who approved this docket operates the terminal that signs it, counted by staff."""
    found: list[Refusal] = []
    path = f"{record.path}.operators"
    approvers = {party_of(journey, each).staff for each in journey.all(Approval)}
    roster = journey.foundation.roster_at(record.index, path)
    found += [
        _wrong(Code.SEPARATION, path, "nobody who approved", name)
        for name in record.body.operators
        if roster.party(name, path).staff in approvers
    ]
    raise_found(found)


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
