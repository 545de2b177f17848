"""What a new policy asks less of than the one before: people, groups, delays. It is in force at once, so it is told.

Attack: two delegates are tricked into a policy with a smaller quorum and no delay, and approvals that were collected
before are enough now (Drift, 2026). The root's floors hold whatever a policy says; this is for people to see the rest.
Limits and windows are not compared: raising them is daily work, and the log shows it.
"""

from __future__ import annotations

from strongroom.core.bodies import Quorum
from strongroom.core.policy.model import Effect, Parameters, Policy, Rule

_LESS_IS_WEAKER = (
    "device_cool_off_s",
    "freeze_lift_people",
    "reading_floor_s",
    "sitting_rest_s",
    "whitelist_min_age_s",
)
_MORE_IS_WEAKER = ("approval_life_s", "clear_life_s", "package_max_halts", "price_max_age_s")


def find_loosened(before: Policy, after: Policy) -> tuple[str, ...]:
    """Every quorum and delay that the new policy lowers, in words for people; empty when there is none."""
    rules = {rule.id: rule for rule in after.rules}
    found = [line for rule in before.rules for line in _find_in_rule(rule, rules.get(rule.id))]
    return (*found, *_find_in_parameters(before.parameters, after.parameters))


def _find_in_rule(before: Rule, after: Rule | None) -> list[str]:
    """A rule that is gone or no longer blocks, and of one that stays each quorum that nothing there is as strict as."""
    if after is None:
        return [f"{before.id}: gone"]
    if before.effect is Effect.BLOCK and after.effect is not Effect.BLOCK:
        return [f"{before.id}: blocks no more"]
    return [
        f"{before.id}: {was.people} people of {was.groups} groups as {was.role}, no more"
        for was in before.quorums
        if not any(_is_as_strict(now, was) for now in after.quorums)
    ]


def _is_as_strict(now: Quorum, was: Quorum) -> bool:
    return now.role == was.role and now.people >= was.people and now.groups >= was.groups


def _find_in_parameters(before: Parameters, after: Parameters) -> list[str]:
    values = [(name, getattr(before, name), getattr(after, name)) for name in (*_LESS_IS_WEAKER, *_MORE_IS_WEAKER)]
    return [
        f"{name}: {was} to {now}" for name, was, now in values if (now < was if name in _LESS_IS_WEAKER else now > was)
    ]
