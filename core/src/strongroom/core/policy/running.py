"""The windows of one memory, kept as sums while it grows: a package of many payments is not counted anew for each.

Nothing is counted here in a way of its own: the sums are `Tally`'s, a window begins where `begin_of` says, and a use is
read again from the memory whenever the memory says that it changed. What comes out equals `build_usage` over the same
memory; a property test holds them together (vault/tests/journal/test_running_windows.py). Source: spec/policy.md, 5;
ADR 0015.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from strongroom.core.ids import Digest, EntryId
from strongroom.core.policy.evaluate import limiting_rules
from strongroom.core.policy.model import Policy, Window
from strongroom.core.policy.request import Request, Usage, UsageTable
from strongroom.core.policy.usage import Memory, Tally, Use, add_own, begin_of


class ChangingMemory(Memory, Protocol):
    """A memory that can be asked for single uses again."""

    def load_uses_of(self, rules: Sequence[EntryId], instructions: Sequence[Digest]) -> Sequence[Use]:
        """What these rules let through of these instructions, as it stands now."""


@dataclass(slots=True)
class _Running:
    """The sums of what is later than `after`."""

    after: datetime
    tally: Tally


@dataclass(slots=True)
class _Rule:
    """One rule's uses from `since` on, by time, and the sums of each of its windows by its length."""

    since: datetime
    uses: list[Use]
    own: dict[Digest, Use]
    windows: dict[int, _Running] = field(default_factory=dict)

    def move(self, seconds: int, now: datetime) -> _Running:
        """The sums of a window as it stands now. A clock that was set back takes back in what had left."""
        after = begin_of(seconds, now)
        running = self.windows.get(seconds)
        if running is None:
            running = self.windows[seconds] = _Running(after, Tally(self.uses[self._place(after) :]))
            return running
        for use in self.uses[self._place(running.after) : self._place(after)]:
            running.tally.drop(use)
        for use in self.uses[self._place(after) : self._place(running.after)]:
            running.tally.add(use)
        running.after = after
        return running

    def put(self, use: Use) -> None:
        """Take a use in, in the place of what was known of its instruction."""
        known = self.own.pop(use.instruction, None)
        if known is not None:
            self.uses.remove(known)
        insort(self.uses, use, key=_time_of)
        self.own[use.instruction] = use
        for running in self.windows.values():
            if known is not None and known.at > running.after:
                running.tally.drop(known)
            if use.at > running.after:
                running.tally.add(use)

    def _place(self, after: datetime) -> int:
        return bisect_right(self.uses, after, key=_time_of)


class RunningUses:
    """What a memory's windows hold, moved along instead of counted anew. The memory stays the only record.

    load_memory: gives the memory, or raises what it raises when it is closed.
    """

    def __init__(self, load_memory: Callable[[], ChangingMemory]) -> None:
        self._load_memory = load_memory
        self._rules: dict[EntryId, _Rule] = {}
        self._changed: set[tuple[EntryId, Digest]] = set()

    def note_change(self, rule: EntryId, instruction: Digest) -> None:
        """The memory changed what it knows of an instruction under a rule: it is read again before the next count."""
        self._changed.add((rule, instruction))

    def build_usage(
        self, policy: Policy, request: Request, instruction: Digest, now: datetime, also: Iterable[Use] = ()
    ) -> UsageTable:
        """`strongroom.core.policy.usage.build_usage` over this memory."""
        rules = limiting_rules(policy, request)
        longest = max((w.seconds for rule in rules for w in rule.windows), default=0)
        self._load([r.id for r in rules], begin_of(longest, now))
        beside = [*also]
        return {
            (rule.id, window.seconds): self._count_before(
                self._rules[rule.id], [u for u in beside if u.rule == rule.id], window, request, instruction, now
            )
            for rule in rules
            for window in rule.windows
        }

    def _load(self, rules: Sequence[EntryId], since: datetime) -> None:
        memory = self._load_memory()
        missing = [r for r in rules if r not in self._rules or self._rules[r].since > since]
        # What is read whole now needs no single reading; the rest of what changed is read in one go.
        stale = {(r, i) for r, i in self._changed if r in self._rules and r not in missing}
        found = [*memory.load_uses(missing, since)] if missing else []
        if stale:
            found += memory.load_uses_of(sorted({r for r, _ in stale}), sorted({i for _, i in stale}))
        # Nothing is put down before everything was read: a fault of the disk must not leave a window empty.
        for rule in missing:
            self._rules[rule] = _Rule(since, [], {})
        for use in found:
            self._rules[use.rule].put(use)
        self._changed.clear()

    def _count_before(
        self,
        held: _Rule,
        beside: Sequence[Use],
        window: Window,
        request: Request,
        instruction: Digest,
        now: datetime,
    ) -> Usage:
        running = held.move(window.seconds, now)
        known = held.own.get(instruction)
        inside = [u for u in beside if u.at > running.after]
        own = [u for u in inside if u.instruction == instruction]
        others = [u for u in inside if u.instruction != instruction]
        earlier = [known] if known is not None and known.at > running.after else []
        for use in others:
            running.tally.add(use)
        for use in earlier:
            running.tally.drop(use)
        counted = running.tally.usage(request.asset)
        for use in others:
            running.tally.drop(use)
        for use in earlier:
            running.tally.add(use)
        return add_own(counted, [*earlier, *own], request)


def _time_of(use: Use) -> datetime:
    return use.at
