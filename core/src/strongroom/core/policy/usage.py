"""What the windows of a policy have let through, counted from a memory of uses by one function.

The platform remembers in its database, the terminal in its journal. Both hand over the same rows, so that neither can
count in a way of its own. Source: spec/policy.md, 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

from strongroom.core.ids import AssetId, Digest, EntryId
from strongroom.core.policy.evaluate import limiting_rules
from strongroom.core.policy.model import Policy, Window
from strongroom.core.policy.request import Request, Usage, UsageTable

LONGEST_S = 100 * 366 * 86_400
"""A window of more than a hundred years counts everything there ever was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An instruction that a rule let through, once, with the highest fee of its attempts.

    amount: 0 for a void. fee: its share, in the native asset of the asset's chain. hkd_cents: None when there was no
    price. at: the moment of the reservation or of the first signature, or of the attempt that last cost more.
    """

    rule: EntryId
    instruction: Digest
    asset: AssetId
    amount: int
    fee: int
    hkd_cents: int | None
    at: datetime


class Memory(Protocol):
    """What was let through, as a place remembers it."""

    def load_uses(self, rules: Sequence[EntryId], since: datetime) -> Sequence[Use]:
        """Every use of these rules from `since` on, those that ended without payment left out."""


def build_usage(
    policy: Policy, request: Request, instruction: Digest, memory: Memory, now: datetime, also: Iterable[Use] = ()
) -> UsageTable:
    """What each window that a request falls into has let through before it.

    also: uses that the memory does not hold yet, of the instructions before this one in the same docket. An earlier
    attempt of the same instruction does not count beside it, but for what its fee or value was higher.
    """
    rules = limiting_rules(policy, request)
    longest = max((w.seconds for rule in rules for w in rule.windows), default=0)
    found = [*memory.load_uses([r.id for r in rules], begin_of(longest, now)), *also]
    return {
        (rule.id, window.seconds): _count_before(
            [u for u in found if u.rule == rule.id], window, request, instruction, now
        )
        for rule in rules
        for window in rule.windows
    }


def build_uses(rules: Iterable[EntryId], request: Request, instruction: Digest, now: datetime) -> tuple[Use, ...]:
    """What a memory takes down when a request was let through by these rules."""
    return tuple(
        Use(
            rule=rule,
            instruction=instruction,
            asset=request.asset,
            amount=request.amount,
            fee=request.fee_share,
            hkd_cents=request.hkd_cents,
            at=now,
        )
        for rule in rules
    )


def merge_use(known: Use, again: Use) -> Use:
    """One use for two attempts of an instruction, or an attempt and its void: highest fee and value.

    What raised the fee counts from its own moment (attack: bumps after the first moment has left every window), and
    takes the rest of the use with it, which is the stricter of the two ways to count one instruction once.
    """
    values = (known.hkd_cents, again.hkd_cents)
    return Use(
        rule=known.rule,
        instruction=known.instruction,
        asset=known.asset,
        amount=known.amount,
        fee=max(known.fee, again.fee),
        # A value that was not known once is not known: the limits in HKD block until the window has passed it.
        hkd_cents=None if None in values else max(v for v in values if v is not None),
        at=max(known.at, again.at) if again.fee > known.fee else known.at,
    )


class Tally:
    """The sums that every count of a window is made of. Uses are added and taken away again, in any order.

    All sums are of whole numbers, so what was added and taken away leaves no trace.
    """

    __slots__ = ("_amounts", "_cents", "_fees", "_paid", "_unpriced")

    def __init__(self, uses: Iterable[Use] = ()) -> None:
        self._amounts: dict[AssetId, int] = {}
        self._fees: dict[str, int] = {}
        self._paid: dict[Digest, int] = {}
        self._cents = 0
        self._unpriced = 0
        for use in uses:
            self.add(use)

    def add(self, use: Use) -> None:
        """Count a use."""
        self._change(use, 1)

    def drop(self, use: Use) -> None:
        """Count a use no longer that was added before."""
        self._change(use, -1)

    def _change(self, use: Use, sign: int) -> None:
        chain = _chain_of(use.asset)
        self._amounts[use.asset] = self._amounts.get(use.asset, 0) + sign * use.amount
        self._fees[chain] = self._fees.get(chain, 0) + sign * use.fee
        if use.hkd_cents is None:
            self._unpriced += sign
        else:
            self._cents += sign * use.hkd_cents
        # A void pays nobody: its fee counts, it does not.
        if use.amount:
            times = self._paid.get(use.instruction, 0) + sign
            if times:
                self._paid[use.instruction] = times
            else:
                del self._paid[use.instruction]

    def usage(self, asset: AssetId) -> Usage:
        """Amounts of one asset, fees of its chain, number and value of everything."""
        return Usage(
            amount=self._amounts.get(asset, 0),
            count=len(self._paid),
            fees=self._fees.get(_chain_of(asset), 0),
            hkd_cents=None if self._unpriced else self._cents,
        )


def count_uses(uses: Iterable[Use], window: Window, asset: AssetId, now: datetime) -> Usage:
    """What a window holds now: amounts of one asset, fees of its chain, number and value of everything."""
    return Tally(_inside(uses, window, now)).usage(asset)


def _count_before(uses: Sequence[Use], window: Window, request: Request, instruction: Digest, now: datetime) -> Usage:
    others = count_uses([u for u in uses if u.instruction != instruction], window, request.asset, now)
    own = _inside([u for u in uses if u.instruction == instruction], window, now)
    return add_own(others, own, request)


def add_own(others: Usage, own: Iterable[Use], request: Request) -> Usage:
    """What stands beside a request: everything else in the window, and by how much its own earlier attempts cost more.

    own: those uses of the request's own instruction that the window holds.
    """
    attempts = [*own]
    return Usage(
        amount=others.amount,
        count=others.count,
        fees=others.fees + max((u.fee - request.fee_share for u in attempts if u.fee > request.fee_share), default=0),
        hkd_cents=_total([others.hkd_cents, *(_above(u.hkd_cents, request.hkd_cents) for u in attempts)]),
    )


def _inside(uses: Iterable[Use], window: Window, now: datetime) -> list[Use]:
    """The uses that a window still holds: one that is `seconds` whole seconds old counts, and its fractions with it."""
    after = begin_of(window.seconds, now)
    return [u for u in uses if u.at > after or window.seconds >= LONGEST_S]


def begin_of(seconds: int, now: datetime) -> datetime:
    """What is later than this is inside a window. A memory may keep fractions, so a second more is taken."""
    if seconds >= LONGEST_S:
        return datetime.min.replace(tzinfo=UTC)
    return now - timedelta(seconds=seconds + 1)


def _above(earlier: int | None, now: int | None) -> int | None:
    """By how much an earlier attempt was worth more; None when the earlier value is not known."""
    if earlier is None:
        return None
    return max(0, earlier - now) if now is not None else 0


def _total(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(v for v in known if v is not None)


@lru_cache(maxsize=1024)
def _chain_of(asset: AssetId) -> str:
    """The chain of a CAIP-19 asset: fees of one chain are one native asset."""
    return asset.split("/", 1)[0]
