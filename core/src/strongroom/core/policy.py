"""Policy: default deny, strictest of all matching rules, and a rule that cannot be evaluated blocks.

Pure: what was used of a window is handed in. The same function runs on the platform and in the terminal, each with
its own memory. Source: spec/policy.md; III.13, III.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.bodies import LimitUse, Quorum
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, malformed
from strongroom.core.ids import AssetId, EntryId, PartyId, WalletId
from strongroom.core.records import DigestOrNone, Units, check_sorted


class Effect(StrEnum):
    """What a matching rule does."""

    LIMIT = "LIMIT"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rolling limit: at most so much and so many in the last `seconds`."""

    max_amount: Units
    max_count: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Empty selectors match anything; bounds are inclusive; `above` is strict."""

    above: Units
    assets: tuple[AssetId, ...]
    clients: tuple[PartyId, ...]
    effect: Effect
    id: EntryId
    max_amount: Units
    max_fee: Units
    quorum: Quorum
    wallets: tuple[WalletId, ...]
    windows: tuple[Window, ...]

    def __post_init__(self) -> None:
        seconds = [w.seconds for w in self.windows]
        if seconds != sorted(set(seconds)):
            raise malformed(Code.FIELD_INVALID, f"{self.id}.windows", "sorted by seconds, none twice", str(seconds))

    def matches(self, request: Request) -> bool:
        """Whether this rule speaks about the request."""
        return (
            (not self.assets or request.asset in self.assets)
            and (not self.clients or request.client in self.clients)
            and (not self.wallets or request.wallet in self.wallets)
            and request.amount > self.above
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Times and counts that hold for everything."""

    approval_life_s: int
    clear_life_s: int
    clear_max_count: int
    freeze_lift_people: int
    whitelist_min_age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Body of a `policy` statement."""

    parameters: Parameters
    previous: DigestOrNone
    rules: tuple[Rule, ...]
    version: int

    def __post_init__(self) -> None:
        check_sorted([r.id for r in self.rules], "rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the policy judges: one instruction and the fee of its transaction, in smallest units."""

    asset: AssetId
    client: PartyId
    wallet: WalletId
    amount: int
    fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one rule has let through in one window, before this request."""

    amount: int
    count: int


UsageTable = Mapping[tuple[str, int], Usage]
"""(rule id, window seconds) to what was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the policy requires of an allowed request."""

    rules: tuple[EntryId, ...]
    quorums: tuple[Quorum, ...]
    limits: tuple[LimitUse, ...]


def evaluate(policy: Policy, request: Request, usage: UsageTable) -> Evaluation:
    """Judge a request with its windows. Raises RefusedError with every rule that says no."""
    rules = _matching(policy, request)
    found: list[Refusal] = []
    limits: list[LimitUse] = []
    for rule in rules:
        found += _over_transaction_limits(rule, request)
        for window in rule.windows:
            found += _over_window(rule, window, request, usage, limits)
    if found:
        raise RefusedError(*found)
    return Evaluation(rules=tuple(r.id for r in rules), quorums=required_quorums(policy, request), limits=tuple(limits))


def check_transaction_limits(policy: Policy, request: Request) -> None:
    """Judge a request without windows, where no memory of signing is kept (approver, verifier)."""
    found: list[Refusal] = []
    for rule in _matching(policy, request):
        found += _over_transaction_limits(rule, request)
    if found:
        raise RefusedError(*found)


def required_quorums(policy: Policy, request: Request) -> tuple[Quorum, ...]:
    """The quorums of all matching rules; each must be met. Sorted, none twice."""
    quorums = {r.quorum for r in _matching(policy, request)}
    return tuple(sorted(quorums, key=lambda q: (q.role, q.people, q.groups)))


def _matching(policy: Policy, request: Request) -> list[Rule]:
    matching = [r for r in policy.rules if r.matches(request)]
    blocking = [r for r in matching if r.effect is Effect.BLOCK]
    if blocking:
        raise RefusedError(
            *(Refusal(code=Code.POLICY_BLOCKED, field=r.id, expected="no blocking rule", got=r.id) for r in blocking)
        )
    if not matching:
        what = f"{request.amount} of {request.asset} from {request.wallet} by {request.client}"
        raise RefusedError(
            Refusal(code=Code.POLICY_NO_RULE, field="policy", expected="a rule that allows it", got=what)
        )
    return matching


def _over_transaction_limits(rule: Rule, request: Request) -> list[Refusal]:
    found = []
    if request.amount > rule.max_amount:
        found.append(_over(Code.LIMIT_TRANSACTION, f"{rule.id}.max_amount", rule.max_amount, request.amount))
    if request.fee > rule.max_fee:
        found.append(_over(Code.FEE_CEILING, f"{rule.id}.max_fee", rule.max_fee, request.fee))
    return found


def _over_window(
    rule: Rule, window: Window, request: Request, usage: UsageTable, limits: list[LimitUse]
) -> list[Refusal]:
    field = f"{rule.id}.windows.{window.seconds}"
    used = usage.get((rule.id, window.seconds))
    if used is None:
        # Never assume zero: whoever can hide the history would otherwise lift the limit.
        return [Refusal(code=Code.POLICY_NOT_EVALUABLE, field=field, expected="known usage of the window", got="none")]
    found = []
    total = used.amount + request.amount
    if total > window.max_amount:
        found.append(_over(Code.LIMIT_WINDOW, field, window.max_amount, total))
    if used.count + 1 > window.max_count:
        found.append(_over(Code.LIMIT_COUNT, field, window.max_count, used.count + 1))
    if not found:
        left = Units(window.max_amount - total)
        limits.append(LimitUse(rule=rule.id, window_s=window.seconds, used=Units(used.amount), left=left))
    return found


def _over(code: Code, field: str, bound: int, value: int) -> Refusal:
    return Refusal(code=code, field=field, expected=f"at most {bound}", got=str(value))
