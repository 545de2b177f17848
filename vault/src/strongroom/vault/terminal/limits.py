"""The windows of the policy, counted from what this terminal itself has signed, never from what it is told.

Each instruction counts once, whatever the number of dockets or sessions in which its proposal comes back. Source:
spec/policy.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from strongroom.core.bodies import Instruction
from strongroom.core.checks.limits import price_moment, value_requests
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.errors import Refusal, RefusedError, run_checks
from strongroom.core.policy import Policy, check_transaction_limits, evaluate, evaluate_void
from strongroom.core.policy.usage import Use, build_uses
from strongroom.core.records import Units
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import LimitUse


def check_windows(proved: ProvedDocket, policy: Policy, journal: Journal, now: datetime) -> tuple[LimitUse, ...]:
    """Judge every instruction with the windows and hours of our own policy; what is used of them once this is signed.

    The instructions of one docket count one after the other (attack: many small payments in one transaction).
    Raises RefusedError with LIMIT_WINDOW, LIMIT_COUNT, LIMIT_FEES, LIMIT_HKD, OUTSIDE_HOURS and the rest.
    """
    uses: list[Use] = []
    found: list[Refusal] = []
    moment = price_moment(proved.journey, proved.foundation, now)
    valued = value_requests(policy, proved.requests, proved.foundation, moment)
    for instruction, request in zip(proved.journey.all(Instruction), valued, strict=True):
        usage = journal.windows.build_usage(policy, request, instruction.id, now, also=uses)
        try:
            evaluation = evaluate(policy, replace(request, at=now), usage)
        except RefusedError as error:
            found += [r for r in error.refusals if r not in found]
            continue
        uses += build_uses(evaluation.rules, request, instruction.id, now)
    if found:
        raise RefusedError(*found)
    return build_limit_marks(uses)


def check_void_windows(proved: ProvedDocket, policy: Policy, journal: Journal, now: datetime) -> tuple[LimitUse, ...]:
    """Judge the fee of a void twin with the windows that bound fees; what is used of them once this is signed.

    It pays nobody, so no amount and no number is counted, and what its transfer counted stays counted. Attack: many
    voids, each inside its own ceiling, that burn the wallet together. Raises FEE_CEILING, LIMIT_FEES, POLICY_NO_RULE.
    """
    uses: list[Use] = []
    for instruction, request in zip(proved.journey.all(Instruction), proved.void_requests, strict=True):
        usage = journal.windows.build_usage(policy, request, instruction.id, now, also=uses)
        rules = evaluate_void(policy, request, usage)
        uses += build_uses(rules, replace(request, amount=0, hkd_cents=0), instruction.id, now)
    return build_limit_marks(uses)


def check_hours(proved: ProvedDocket, policy: Policy, now: datetime) -> None:
    """Judge everything but windows at this terminal's own time; it holds for what was committed before as well.

    Attack: power is cut after the commitment, so that the signature is made at night without being asked again.
    Raises RefusedError with OUTSIDE_HOURS and whatever else our own policy says without a memory.
    """
    moment = price_moment(proved.journey, proved.foundation, now)
    valued = value_requests(policy, proved.requests, proved.foundation, moment)
    run_checks([partial(check_transaction_limits, policy, replace(request, at=now)) for request in valued])


def build_limit_marks(uses: Iterable[Use]) -> tuple[LimitUse, ...]:
    """What the journal takes down of uses."""
    return tuple(
        LimitUse(
            asset=use.asset,
            fee=Units(use.fee),
            hkd_cents=None if use.hkd_cents is None else Units(use.hkd_cents),
            instruction=use.instruction,
            rule=use.rule,
            units=Units(use.amount),
        )
        for use in uses
    )
