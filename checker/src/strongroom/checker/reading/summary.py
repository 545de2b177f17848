"""One line of words for each statement of a docket, for an auditor's listing. Nothing is decided by them."""

from __future__ import annotations

from typing import assert_never

from strongroom.checker.reading.bodies import (
    Approval,
    Body,
    Broadcast,
    ClearToSign,
    Decision,
    Instruction,
    Proposal,
    Rejection,
    Release,
    Settlement,
    SignatureRecord,
    Verification,
)
from strongroom.checker.reading.checks.sweep import describe
from strongroom.checker.reading.emergency_bodies import KeyStateChange, Sweep
from strongroom.checker.reading.fields import render_time


def summarize(body: Body) -> str:
    """What a statement says, whole values, in one line."""
    match body:
        case Instruction():
            words = f"pay {body.amount} of {body.asset} to {body.destination_address} ({body.destination_entry})"
        case Decision():
            quorums = ", ".join(f"{q.people} {q.role} of {q.groups} groups" for q in body.quorums) or "no quorum"
            words = (
                f"{body.verdict.value}, screening {body.screening.value}, by {' '.join(body.rules)}; needs {quorums}"
            )
        case Proposal():
            words = f"transaction {body.unsigned_digest} from {body.wallet}, fee at most {body.fee}"
        case Approval():
            words = f"yes on {body.device}, until {render_time(body.until)}"
        case Rejection():
            words = f"no on {body.device}: {body.reason}"
        case Verification():
            words = f"second reading agrees: {body.reading_digest}"
        case ClearToSign():
            words = f"{body.terminal} may sign: {body.scope.value}, at most {body.max_count}"
        case SignatureRecord():
            keys, people = " ".join(body.keys), " and ".join(body.operators)
            words = f"signed with {keys}, operated by {people}, journal {body.journal_number}"
        case KeyStateChange():
            words = f"{' '.join(body.keys)} {body.state.value}: {body.reason}"
        case Sweep():
            words = describe(body)
        case _:
            words = _summarize_end(body)
    return words


def _summarize_end(body: Release | Broadcast | Settlement) -> str:
    match body:
        case Release():
            words = f"released {body.txid}: {', '.join(body.checks)}"
        case Broadcast():
            words = f"sent {body.txid} to {', '.join(body.nodes)}"
        case Settlement():
            block = f"{body.height} ({body.block_hash})"
            words = f"in block {block}, {body.confirmations} confirmations, fee paid {body.fee_paid}"
        case _:
            assert_never(body)
    return words
