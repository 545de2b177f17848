"""Windows kept as running sums against windows counted anew from the same journal: never a different answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import MONDAY, REQUEST, RULE, policy_of
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.policy import Policy, Request, Usage
from strongroom.core.policy.usage import LONGEST_S, Use, build_usage, build_uses
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.limits import build_limit_marks
from world import ETH_ASSET, LTC_ASSET, USD_ASSET

LENGTHS = (60, 300, 1000, LONGEST_S)


@dataclass(slots=True)
class Clock:
    """The journal's clock."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A payment, so many seconds after the last. again: another attempt of an earlier one; ahead: asked, never signed.

    shifted_s: the moment of the question, beside that of the journal: a device's clock may be set back.
    """

    request: Request
    later_s: int
    again: int | None
    shifted_s: int
    is_signed: bool
    lengths: frozenset[int]
    before: tuple[int, ...]


STEPS = st.lists(
    st.builds(
        Step,
        request=st.builds(
            replace,
            st.just(REQUEST),
            asset=st.sampled_from([ETH_ASSET, USD_ASSET, LTC_ASSET]),
            amount=st.integers(0, 8),
            fee=st.integers(0, 9),
            fee_share=st.integers(0, 9),
            hkd_cents=st.none() | st.integers(0, 9),
        ),
        later_s=st.sampled_from([0, 1, 59, 60, 61, 299, 300, 301, 1000]),
        again=st.none() | st.integers(0, 5),
        shifted_s=st.sampled_from([0, 0, 0, -61, -1000, 500]),
        is_signed=st.sampled_from([True, True, True, False]),
        lengths=st.frozensets(st.sampled_from(LENGTHS), min_size=1, max_size=3),
        before=st.lists(st.integers(1, 8), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=20,
)


def policy_with(lengths: frozenset[int]) -> Policy:
    """Two rules that both count; their windows may differ from one question to the next, as after a new policy."""
    windows = tuple(replace(RULE.windows[0], seconds=s) for s in sorted(lengths))
    return policy_of(replace(RULE, above=0, windows=windows), replace(RULE, above=0, windows=windows[:1]))


@contextmanager
def journal_at(clock: Clock) -> Iterator[Journal]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.create(Path(folder) / "journal", clock, PartyId("device:terminal-1")) as journal,
    ):
        yield journal


def both(
    journal: Journal, policy: Policy, request: Request, order: Digest, now: datetime, also: tuple[Use, ...] = ()
) -> dict[tuple[EntryId, int], Usage]:
    """The running answer, after it was compared with a full count."""
    running = journal.windows.build_usage(policy, request, order, now, also)
    assert build_usage(policy, request, order, journal.state, now, also) == running
    return dict(running)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_running_sums_are_what_a_full_count_says(steps: list[Step]) -> None:
    clock = Clock(MONDAY)
    with journal_at(clock) as journal:
        signed: list[tuple[Digest, Request]] = []
        for number, step in enumerate(steps):
            clock.now += timedelta(seconds=step.later_s)
            request, order, policy = step.request, sha256(b"order %d" % number), policy_with(step.lengths)
            rules = [rule.id for rule in policy.rules if rule.windows]
            if step.again is not None and step.again < len(signed):
                order, first = signed[step.again]
                request = replace(request, asset=first.asset, amount=first.amount)
            now = clock.now + timedelta(seconds=step.shifted_s)
            also = tuple(
                use
                for i, amount in enumerate(step.before)
                for use in build_uses(rules, replace(request, amount=amount), sha256(b"%d %d" % (number, i)), now)
            )
            both(journal, policy, request, order, now, also)
            if step.is_signed:
                marks = build_limit_marks(build_uses(rules, request, order, clock.now))
                journal.append(EntryKind.COMMITTED, encode_canonical({"number": number}), marks)
                signed.append((order, request))
        both(journal, policy_with(frozenset(LENGTHS)), REQUEST, sha256(b"last"), clock.now)


def test_what_was_asked_and_not_signed_leaves_no_trace() -> None:
    """In numbers, what the generated steps rest on; and a journal that is closed answers nothing from memory."""
    clock, policy = Clock(MONDAY), policy_with(frozenset({60}))
    rule = policy.rules[0].id
    key = (rule, 60)
    request = replace(REQUEST, amount=10, fee=3, fee_share=3, hkd_cents=7)
    with journal_at(clock) as journal:
        assert (
            Usage(amount=0, count=0, fees=0, hkd_cents=0) == both(journal, policy, request, sha256(b"a"), MONDAY)[key]
        )
        marks = build_limit_marks(build_uses([rule], request, sha256(b"a"), MONDAY))
        journal.check(marks)
        assert 0 == both(journal, policy, request, sha256(b"b"), MONDAY)[key].count
        journal.append(EntryKind.COMMITTED, encode_canonical({}), marks)
        also = build_uses([rule], request, sha256(b"c"), MONDAY)
        assert 20 == both(journal, policy, request, sha256(b"b"), MONDAY, also)[key].amount
        assert (
            Usage(amount=10, count=1, fees=3, hkd_cents=7) == both(journal, policy, request, sha256(b"b"), MONDAY)[key]
        )
        later = MONDAY + timedelta(seconds=61)
        assert 0 == both(journal, policy, request, sha256(b"b"), later)[key].count
        assert 1 == both(journal, policy, request, sha256(b"b"), MONDAY)[key].count
        journal.close()
        with pytest.raises(UnavailableError) as caught:
            journal.windows.build_usage(policy, request, sha256(b"b"), MONDAY)
        assert {Code.JOURNAL_UNWRITABLE} == caught.value.codes
