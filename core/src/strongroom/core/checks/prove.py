"""From a claimed docket to a proved one. The only way to get a `ProvedDocket`.

1. Foundation: roots from the pinned one, checkpoints, rosters, policy, register entries.
2. Journey: signatures, places in the log, order, `prev`, heads.
3. Instructions and decisions against the registers, or officers' sweep and why (`sweep.py`).
4. The bytes: decoded here, compared with instructions, registers and the builder's claims; policy without windows.
5. Approvals, verification, records, release: each about these bytes and these facts.

A docket about a void twin is proved the same way, but for what nobody asks of a transaction that moves nothing:
amounts, hours, quorums, expiry, and, where nobody approved or rejected the transfer, whom that would have paid. So an
attack's transfer, which every device refuses to show, can be voided too. The policy bounds what it burns all the same.

Windows of the policy, freezes, commitments and the device's own copies are not in a docket: `device.py` and the stages
see to them.
Source: spec/docket.md, "What a reader MUST establish".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from strongroom.core.bodies import Approval, Proposal, Quorum, Rejection
from strongroom.core.checks import approve, instruct, limits, propose, release, sign, sweep, twin
from strongroom.core.checks.answering import check_approvals_cooled
from strongroom.core.checks.foundation import Foundation, Proved, prove_foundation
from strongroom.core.checks.journey import Journey, prove_journey
from strongroom.core.checks.spend import Spend, read_spend
from strongroom.core.checks.states import check_paying_sources, register_states
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage, Twin
from strongroom.core.errors import refused, run_checks
from strongroom.core.facts import Facts
from strongroom.core.policy import Request
from strongroom.core.statements import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedDocket:
    """A docket, proved up to `journey.furthest` from the pinned root. Made by `prove_docket` and nowhere else.

    spend, facts: of the twin that the docket is about. requests, quorums: none for a void twin.
    """

    docket: Docket
    foundation: Foundation
    journey: Journey
    proposal: Proved[Proposal]
    spend: Spend
    facts: Facts
    requests: tuple[Request, ...]
    quorums: tuple[Quorum, ...]

    @property
    def twin(self) -> Twin:
        """Which of the two transactions is signed."""
        return self.docket.transaction.twin

    @property
    def void_requests(self) -> tuple[Request, ...]:
        """What policy judges of a void twin: its transfer's payments with the void's own fee. None for a transfer."""
        if self.twin is Twin.TRANSFER:
            return ()
        return propose.build_requests(self.proposal.body, self.journey, self.spend)

    @property
    def unsigned(self) -> bytes:
        """What is signed, as the docket has it or as it follows from it: bytes on Ethereum, the PSBT elsewhere."""
        return self.docket.transaction.unsigned if self.twin is Twin.TRANSFER else self.spend.unsigned_bytes


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
            lambda: sweep.check_one_kind(journey),
            lambda: instruct.check_instructions(journey, entries),
            lambda: instruct.check_decisions(journey, foundation),
        ]
    )
    proposal = journey.only(Proposal)
    if proposal is None:
        raise refused(Code.STAGE_MISSING, "statements", Stage.PROPOSE.name, journey.furthest.name)
    body = proposal.body
    transfer = read_spend(body.chain, docket.transaction.unsigned, body.sources, body.wallet, entries)
    run_checks(
        [
            lambda: release.check_chain(docket, journey, transfer),
            lambda: propose.check_digest(body, transfer),
            lambda: propose.check_wallets(body, journey, entries),
            lambda: propose.check_claims(body, transfer),
            lambda: propose.check_fee(journey, transfer),
            lambda: propose.check_times(body, journey),
            lambda: twin.check_void(body, transfer),
            *_payment_checks(docket, journey, foundation, proposal, transfer, now),
        ]
    )
    match docket.transaction.twin:
        case Twin.TRANSFER:
            return _prove_transfer(docket, foundation, journey, proposal, transfer, now)
        case Twin.VOID:
            return _prove_void(docket, foundation, journey, proposal, transfer, now)
        case _:
            assert_never(docket.transaction.twin)


Check = Callable[[], None]


def _payment_checks(
    docket: Docket,
    journey: Journey,
    foundation: Foundation,
    proposal: Proved[Proposal],
    transfer: Spend,
    now: datetime | None,
) -> list[Check]:
    """Whom the transfer pays, and by which policy: asked wherever somebody said yes or no to it, or might sign it."""
    body, entries = proposal.body, foundation.entries
    if sweep.is_sweep(journey):
        return [
            lambda: sweep.check_swept(body, journey, transfer, foundation),
            lambda: sweep.check_no_drill_signed(journey),
        ]
    states = register_states(entries.keys)
    always: list[Check] = [
        lambda: check_paying_sources(transfer.sources, states, "transaction.unsigned"),
        lambda: propose.check_instructed(body, journey, transfer),
    ]
    paid: list[Check] = [
        *always,
        lambda: propose.check_payments(body, journey, transfer),
        lambda: propose.check_change(body, transfer, entries),
    ]
    if docket.transaction.twin is Twin.VOID:
        return paid if _is_answered(journey) else always
    requests = propose.build_requests(body, journey, transfer)
    return [*paid, lambda: limits.check_policy(foundation.policy.body, requests, journey, foundation, now)]


def _is_answered(journey: Journey) -> bool:
    return bool(journey.all(Approval) or journey.all(Rejection))


def _prove_transfer(
    docket: Docket,
    foundation: Foundation,
    journey: Journey,
    proposal: Proved[Proposal],
    spend: Spend,
    now: datetime | None,
) -> ProvedDocket:
    requests = propose.build_requests(proposal.body, journey, spend)
    facts = _build_facts(proposal, journey, spend, foundation)
    proved = ProvedDocket(
        docket=docket,
        foundation=foundation,
        journey=journey,
        proposal=proposal,
        spend=spend,
        facts=facts,
        requests=requests,
        quorums=approve.quorums_in_force(journey, foundation.policy.body, requests, foundation.root.floors),
    )
    checks: list[Check] = [
        lambda: approve.check_not_rejected(journey),
        lambda: approve.check_approvals(journey, foundation, proposal.id, proved.facts),
        lambda: approve.check_separated(journey, foundation),
        lambda: check_approvals_cooled(journey, foundation, foundation.policy.body.parameters.device_cool_off_s),
        *_later_checks(proved),
    ]
    moment = approve.approval_moment(journey, now)
    if journey.furthest > Stage.APPROVE and moment is not None:
        checks.append(lambda: approve.check_approved(journey, foundation, proved.quorums, moment))
    run_checks(checks)
    return proved


def _prove_void(
    docket: Docket,
    foundation: Foundation,
    journey: Journey,
    proposal: Proved[Proposal],
    transfer: Spend,
    now: datetime | None,
) -> ProvedDocket:
    void = twin.choose_twin(transfer, docket.transaction.twin)
    proved = ProvedDocket(
        docket=docket,
        foundation=foundation,
        journey=journey,
        proposal=proposal,
        spend=void,
        facts=twin.build_void_facts(proposal.body, journey, void),
        requests=(),
        quorums=(),
    )

    def check_answers() -> None:
        if _is_answered(journey):
            shown = _build_facts(proposal, journey, transfer, foundation)
            approve.check_approvals(journey, foundation, proposal.id, shown)

    run_checks(
        [
            lambda: twin.check_due(journey, now),
            lambda: limits.check_void(foundation.policy.body, proved.void_requests),
            check_answers,
            *_later_checks(proved),
        ]
    )
    return proved


def _build_facts(proposal: Proved[Proposal], journey: Journey, spend: Spend, foundation: Foundation) -> Facts:
    """What people are shown, of a transfer or of a sweep."""
    if sweep.is_sweep(journey):
        return sweep.build_sweep_facts(proposal.body, journey, spend)
    return propose.build_facts(proposal, journey, spend, foundation.entries)


def _later_checks(proved: ProvedDocket) -> list[Check]:
    """What every docket owes from VERIFY on, whichever twin it is about."""
    journey, foundation = proved.journey, proved.foundation
    return [
        lambda: approve.check_verification(journey, proved.proposal.id, proved.facts),
        lambda: sign.check_records(journey, foundation, proved.proposal, proved.spend, proved.twin),
        lambda: sign.check_same_heads(journey),
        lambda: release.check_release(proved.docket, journey, proved.proposal, proved.spend),
    ]


def check_quorum_complete(proved: ProvedDocket, now: datetime) -> None:
    """Raise QUORUM_NOT_MET or STALE_APPROVAL unless all approvals that are needed are there; before leaving APPROVE."""
    approve.check_approved(proved.journey, proved.foundation, proved.quorums, now)
