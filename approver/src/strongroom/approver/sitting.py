"""A sitting: so many approvals without a rest, and no more. The tired eye passes over what it has seen too often.

Rejection and doubt are not counted: no must stay cheap. III.23, VI.4.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from strongroom.approver.store import Counters, Home
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.policy import Parameters


def check_sitting(home: Home, now: datetime) -> None:
    """Raise SITTING_FULL when this person has approved as many as this device's policy allows without a rest.

    Asked before the docket is read, so that it is no answer to the docket: after the rest it is decided as any other.
    """
    policy = home.load_trust().policy
    if policy is None:
        return
    parameters = policy.body.parameters
    count = count_sitting(home.load_counters(), parameters, now)
    if count >= parameters.sitting_max_count:
        expected = f"at most {parameters.sitting_max_count} without a rest of {parameters.sitting_rest_s} s"
        raise refused(Code.SITTING_FULL, "sitting", expected, str(count))


def count_approval(home: Home, parameters: Parameters, now: datetime) -> None:
    """Count one more, before anything is signed: a power cut may cost a count and never give one away."""
    counters = home.load_counters()
    count = count_sitting(counters, parameters, now) + 1
    home.save_counters(replace(counters, approved=count, approved_at=now))


def count_sitting(counters: Counters, parameters: Parameters, now: datetime) -> int:
    """How many were approved since the last rest."""
    is_rested = now - counters.approved_at >= timedelta(seconds=parameters.sitting_rest_s)
    return 0 if is_rested else counters.approved
