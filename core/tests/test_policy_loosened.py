"""What a new policy asks less of is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from policies import OFFICER, RULE, THREE, TWO, policy_of
from strongroom.core.policy import Effect, Policy
from strongroom.core.policy.loosened import find_loosened
from strongroom.core.records import Units

BEFORE = policy_of(replace(RULE, quorums=(THREE,)), replace(RULE, effect=Effect.BLOCK))


def parameters(**changes: int) -> Callable[[Policy], Policy]:
    return lambda policy: replace(policy, parameters=replace(policy.parameters, **changes))


def first_rule(**changes: object) -> Callable[[Policy], Policy]:
    return lambda policy: replace(policy, rules=(replace(policy.rules[0], **changes), *policy.rules[1:]))  # type: ignore[arg-type]  # fields of a table


CASES: list[tuple[Callable[[Policy], Policy], int]] = [
    (lambda policy: policy, 0),
    (first_rule(max_amount=Units(10**9)), 0),
    (first_rule(quorums=(THREE, OFFICER)), 0),
    (first_rule(quorums=(TWO,)), 1),
    (first_rule(quorums=(OFFICER,)), 1),
    (first_rule(effect=Effect.BLOCK), 0),
    (lambda policy: replace(policy, rules=policy.rules[:1]), 1),
    (lambda policy: replace(policy, rules=(policy.rules[0], replace(policy.rules[1], effect=Effect.LIMIT))), 1),
    (parameters(whitelist_min_age_s=0), 1),
    (parameters(device_cool_off_s=0, freeze_lift_people=1), 2),
    (parameters(approval_life_s=10**7), 1),
    (parameters(approval_life_s=60, whitelist_min_age_s=10**7), 0),
]


@pytest.mark.parametrize(("edit", "count"), CASES)
def test_what_is_asked_less_of_is_found(edit: Callable[[Policy], Policy], count: int) -> None:
    found = find_loosened(BEFORE, edit(BEFORE))
    assert count == len(found), found
    assert all(found)
