"""From a claimed docket to a proved one. The only way to get a `ProvedDocket`.

1. Foundation: roots from the pinned one, checkpoints, rosters, policy, register entries.
2. Journey: signatures, places in the log, order, `prev`, heads.
3. Instructions and decisions against the registers.
4. The bytes: decoded here, compared with instructions, registers and the builder's claims; policy without windows.
5. Approvals, verification, records, release: each about these bytes and these facts.

Windows of the policy, freezes, commitments and the device's own copies are not in a docket: `device.py` and the stages
see to them.
Source: spec/docket.md, "What a reader MUST establish".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.bodies import Proposal, Quorum
from strongroom.core.checks import approve, instruct, propose, release, sign
from strongroom.core.checks.foundation import Foundation, Proved, prove_foundation
from strongroom.core.checks.journey import Journey, prove_journey
from strongroom.core.checks.spend import Spend, read_spend
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage
from strongroom.core.errors import refused, run_checks
from strongroom.core.facts import Facts
from strongroom.core.policy import Request
from strongroom.core.statements import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedDocket:
    """A docket, proved up to `journey.furthest` from the pinned root. Made by `prove_docket` and nowhere else."""

    docket: Docket
    foundation: Foundation
    journey: Journey
    proposal: Proved[Proposal]
    spend: Spend
    facts: Facts
    requests: tuple[Request, ...]
    quorums: tuple[Quorum, ...]


def prove_docket(docket: Docket, pin: Sequence[Envelope], *, now: datetime | None = None) -> ProvedDocket:
    """Prove a docket that has come at least to PROPOSE.

    pin: the root envelopes that this reader was enrolled with. now: the reader's time, by which approvals must still
    hold while nothing is signed yet; None judges them at the records' own time or not at all.
    Raises RefusedError with every refusal of the stages, or the first of the foundation or the journey.
    """
    foundation = prove_foundation(docket, pin)
    journey = prove_journey(docket, foundation)
    entries = foundation.entries
    run_checks(
        [
            lambda: instruct.check_instructions(journey, entries),
            lambda: instruct.check_decisions(journey, foundation),
        ]
    )
    proposal = journey.only(Proposal)
    if proposal is None:
        raise refused(Code.STAGE_MISSING, "statements", Stage.PROPOSE.name, journey.furthest.name)
    body = proposal.body
    spend = read_spend(body.chain, docket.transaction.unsigned, body.sources, body.wallet, entries)
    requests = propose.build_requests(body, journey, spend)
    run_checks(
        [
            lambda: release.check_chain(docket, journey, spend),
            lambda: propose.check_digest(body, spend),
            lambda: propose.check_instructed(body, journey),
            lambda: propose.check_payments(body, journey, spend),
            lambda: propose.check_change(body, spend, entries),
            lambda: propose.check_wallets(body, journey, entries),
            lambda: propose.check_claims(body, spend),
            lambda: propose.check_fee(journey, spend),
            lambda: propose.check_times(body, journey),
            lambda: propose.check_policy_without_windows(foundation.policy.body, requests),
        ]
    )
    facts = propose.build_facts(proposal, journey, spend, entries)
    quorums = approve.quorums_in_force(journey, foundation.policy.body, requests)
    proved = ProvedDocket(
        docket=docket,
        foundation=foundation,
        journey=journey,
        proposal=proposal,
        spend=spend,
        facts=facts,
        requests=requests,
        quorums=quorums,
    )
    _check_later_stages(proved, now)
    return proved


def _check_later_stages(proved: ProvedDocket, now: datetime | None) -> None:
    journey, foundation = proved.journey, proved.foundation
    checks = [
        lambda: approve.check_not_rejected(journey),
        lambda: approve.check_approvals(journey, foundation, proved.proposal.id, proved.facts),
        lambda: approve.check_separated(journey, foundation),
        lambda: approve.check_verification(journey, proved.proposal.id, proved.facts),
        lambda: sign.check_records(journey, foundation, proved.proposal, proved.spend),
        lambda: sign.check_same_heads(journey),
        lambda: release.check_release(proved.docket, journey, proved.proposal, proved.spend),
    ]
    moment = approve.approval_moment(journey, now)
    if journey.furthest > Stage.APPROVE and moment is not None:
        checks.append(lambda: approve.check_approved(journey, foundation, proved.quorums, moment))
    run_checks(checks)


def check_quorum_complete(proved: ProvedDocket, now: datetime) -> None:
    """Raise QUORUM_NOT_MET or STALE_APPROVAL unless all approvals that are needed are there; before leaving APPROVE."""
    approve.check_approved(proved.journey, proved.foundation, proved.quorums, now)
