"""The windows of the policy, counted from what this terminal itself has signed, never from what it is told.

Each instruction counts once, whatever the number of dockets or sessions in which its proposal comes back. Source:
spec/policy.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from strongroom.core.bodies import Instruction
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.errors import Refusal, RefusedError
from strongroom.core.policy import Policy, Request, Usage, UsageTable, evaluate
from strongroom.core.records import Units
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import LimitUse


def check_windows(proved: ProvedDocket, policy: Policy, journal: Journal, now: datetime) -> tuple[LimitUse, ...]:
    """Judge every instruction with the windows of our own policy; what is used of them once this is signed.

    The instructions of one docket count one after the other (attack: many small payments in one transaction).
    Raises RefusedError with LIMIT_WINDOW, LIMIT_COUNT, POLICY_NO_RULE and the rest.
    """
    uses: list[LimitUse] = []
    found: list[Refusal] = []
    earlier: list[Request] = []
    for instruction, request in zip(proved.journey.all(Instruction), proved.requests, strict=True):
        usage = build_usage(policy, request, earlier, journal, now)
        try:
            evaluation = evaluate(policy, request, usage)
        except RefusedError as error:
            found += [r for r in error.refusals if r not in found]
            continue
        uses += [
            LimitUse(asset=request.asset, instruction=instruction.id, rule=rule, units=Units(request.amount))
            for rule in evaluation.rules
        ]
        earlier.append(request)
    if found:
        raise RefusedError(*found)
    return tuple(uses)


def build_usage(
    policy: Policy, request: Request, earlier: list[Request], journal: Journal, now: datetime
) -> UsageTable:
    """What each window has let through: from the journal, and from the instructions before this one in its docket."""
    table: dict[tuple[str, int], Usage] = {}
    for rule in policy.rules:
        if not rule.matches(request):
            continue
        same = [r for r in earlier if r.asset == request.asset and rule.matches(r)]
        for window in rule.windows:
            since = now - timedelta(seconds=window.seconds)
            amount = journal.state.units_used(rule.id, request.asset, since) + sum(r.amount for r in same)
            count = journal.state.uses_counted(rule.id, request.asset, since) + len(same)
            table[(rule.id, window.seconds)] = Usage(amount=amount, count=count)
    return table
