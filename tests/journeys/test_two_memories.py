"""Windows counted from the platform's database and from the terminal's journal: the same orders, the same answers.

Real PostgreSQL and a real journal. Generated orders come one after the other, some as another attempt of an earlier
one, some voided at the platform before anybody signed them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import AMOUNTS, MONDAY, REQUEST, RULE, policy_of, rules, windows
from postgres import fresh_database
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest, PartyId
from strongroom.core.policy import Evaluation, Policy, Request, Rule, evaluate
from strongroom.core.policy.usage import Memory, build_usage, build_uses
from strongroom.online.db.connect import Connection, connect
from strongroom.online.transfers.withdrawal.usage import UsageStore, void_usage
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.limits import build_limit_marks
from world import ETH_ASSET, LTC_ASSET

TERMINAL = PartyId("device:terminal-1")
Answer = Evaluation | frozenset[Code]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An order, so many seconds after the last. again: another attempt of an earlier one. voided: nobody signs it."""

    request: Request
    later_s: int
    again: int | None
    voided: bool


@dataclass(slots=True)
class Clock:
    """The one clock of both memories."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@st.composite
def counted_rules(draw: st.DrawFn) -> Rule:
    """A rule that lets most orders through, until its windows are full."""
    found = draw(st.lists(windows(), min_size=1, max_size=2))
    lengths = sorted(draw(st.sets(st.sampled_from([60, 300, 1000]), min_size=len(found), max_size=len(found))))
    counted = tuple(
        replace(window, seconds=length, max_amount=window.max_amount * 4)  # type: ignore[arg-type]
        for window, length in zip(found, lengths, strict=True)
    )
    return replace(draw(rules()), above=0, clients=(), hours=(), windows=counted)  # type: ignore[arg-type]


STEPS = st.lists(
    st.builds(
        Step,
        request=st.builds(
            replace,
            st.just(REQUEST),
            asset=st.sampled_from([ETH_ASSET, LTC_ASSET]),
            amount=st.integers(1, 8),
            fee=AMOUNTS,
            fee_share=AMOUNTS,
            hkd_cents=st.none() | AMOUNTS,
        ),
        later_s=st.sampled_from([0, 1, 59, 60, 61, 299, 300, 301, 1000]),
        again=st.none() | st.integers(0, 5),
        voided=st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """The platform's own role on a fresh database."""
    with fresh_database() as made, connect(made.admin_conninfo()) as opened:
        yield opened


def ask(policy: Policy, step: Step, order: Digest, memory: Memory, now: datetime) -> Answer:
    """What the policy says with this memory."""
    request = replace(step.request, at=now)
    try:
        return evaluate(policy, request, build_usage(policy, request, order, memory, now))
    except RefusedError as error:
        return error.codes


def take_order(connection: Connection, order: Digest, number: int, request: Request) -> None:
    """The row that usage refers to."""
    connection.execute(
        "insert into transfers.instructions (id, client, sequence, account, wallet, asset, chain, amount, state)"
        " values (%s, %s, %s, 'account:x', %s, %s, 'x', %s, 'SUBMITTED') on conflict do nothing",
        (order, request.client, number + 1, request.wallet, request.asset, request.amount),
    )


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(counted_rules(), min_size=1, max_size=3), steps=STEPS)
def test_both_memories_give_the_same_answers(connection: Connection, found: list[Rule], steps: list[Step]) -> None:
    policy, clock = policy_of(*found), Clock(MONDAY)
    connection.execute("truncate transfers.instructions cascade")
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.create(Path(folder) / "journal", clock, TERMINAL) as journal,
    ):
        signed: list[tuple[Digest, Request]] = []
        for number, planned in enumerate(steps):
            clock.now += timedelta(seconds=planned.later_s)
            step, order = planned, sha256(b"order %d" % number)
            if planned.again is not None and planned.again < len(signed):
                # Another attempt pays the same amount of the same asset; its fee and its value may differ.
                order, first = signed[planned.again]
                step = replace(planned, request=replace(step.request, asset=first.asset, amount=first.amount))
            take_order(connection, order, number, step.request)
            with connection.transaction():
                usage = UsageStore(connection)
                online = ask(policy, step, order, usage, clock.now)
                offline = ask(policy, step, order, journal.state, clock.now)
                running = journal.windows.build_usage(policy, replace(step.request, at=clock.now), order, clock.now)
                assert online == offline
                assert build_usage(policy, step.request, order, usage, clock.now) == running
                if not isinstance(online, Evaluation):
                    continue
                usage.add(online.rules, order, step.request, clock.now)
                is_new = all(order != known for known, _ in signed)
                if step.voided and is_new:
                    void_usage(connection, order)
                    continue
            marks = build_limit_marks(build_uses(online.rules, step.request, order, clock.now))
            journal.append(EntryKind.COMMITTED, encode_canonical({"number": number}), marks)
            signed += [(order, step.request)] if is_new else []


def test_another_attempt_counts_once_with_its_highest_fee(connection: Connection) -> None:
    """What the generated orders rest on, in numbers: three attempts of one order are one order."""
    policy, clock = policy_of(RULE), Clock(MONDAY)
    connection.execute("truncate transfers.instructions cascade")
    order, other = sha256(b"one"), sha256(b"another")
    with tempfile.TemporaryDirectory() as folder, Journal.create(Path(folder) / "j", clock, TERMINAL) as journal:
        for fee in (2, 9, 4):
            request = replace(REQUEST, amount=10, fee=fee, fee_share=fee, hkd_cents=1)
            take_order(connection, order, 0, request)
            with connection.transaction():
                UsageStore(connection).add([policy.rules[0].id], order, request, clock.now)
            marks = build_limit_marks(build_uses([policy.rules[0].id], request, order, clock.now))
            journal.append(EntryKind.COMMITTED, encode_canonical({}), marks)
            clock.now += timedelta(seconds=10)
        with connection.transaction():
            for memory in (UsageStore(connection), journal.state):
                table = build_usage(policy, REQUEST, other, memory, clock.now)
                (used,) = table.values()
                assert (10, 1, 9, 1) == (used.amount, used.count, used.fees, used.hkd_cents)
                again = replace(REQUEST, amount=10, fee=5, fee_share=5, hkd_cents=1)
                (own,) = build_usage(policy, again, order, memory, clock.now).values()
                assert (0, 0, 4, 0) == (own.amount, own.count, own.fees, own.hkd_cents)
