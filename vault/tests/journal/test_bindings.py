"""Of transfers, replacements and voids that a terminal ever binds, no two can both be mined and pay one instruction."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import RefusedError
from strongroom.vault.terminal.journal.bindings import save_binding
from strongroom.vault.terminal.journal.marks import Binding
from strongroom.vault.terminal.journal.store import memory_database

COINS = tuple(f"outpoint:c:{n}:0" for n in range(4))
ORDERS = tuple(sha256(b"order %d" % n) for n in range(3))


def subsets(of: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(of), min_size=1).map(lambda found: tuple(sorted(found)))


PROPOSALS = st.lists(st.tuples(subsets(COINS), subsets(ORDERS), st.integers(1, 3)), min_size=1, max_size=4)
WALKS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(Twin)), max_size=10)


def accepted(connection: sqlite3.Connection, entry: int, mark: Binding) -> bool:
    """Whether the journal binds it; a refusal leaves nothing behind."""
    connection.execute("SAVEPOINT one")
    try:
        save_binding(connection, entry, mark)
    except RefusedError as error:
        connection.execute("ROLLBACK TO one")
        if error.codes <= {Code.ALREADY_COMMITTED, Code.INSTRUCTION_ALREADY_PAID, Code.VOIDED}:
            return False
        raise
    return True


@given(proposals=PROPOSALS, walk=WALKS)
def test_what_is_bound_for_one_payment_conflicts_on_chain(
    proposals: list[tuple[tuple[str, ...], tuple[str, ...], int]], walk: list[tuple[int, Twin]]
) -> None:
    bound: list[Binding] = []
    with closing(memory_database()) as connection:
        connection.execute("BEGIN")
        for entry, (number, twin) in enumerate(walk, start=1):
            commits, orders, attempt = proposals[number % len(proposals)]
            mark = Binding(
                attempt=attempt,
                commits=commits,
                instructions=orders,  # type: ignore[arg-type]  # digests of the table above
                proposal=sha256(repr((commits, orders, attempt)).encode()),
                twin=twin,
            )
            if accepted(connection, entry, mark):
                bound.append(mark)
    for one, other in itertools.combinations(bound, 2):
        if set(one.instructions) & set(other.instructions):
            assert set(one.commits) & set(other.commits), (one, other)
    for i, mark in enumerate(bound):
        if mark.twin is Twin.VOID:
            after = [b for b in bound[i + 1 :] if set(b.commits) & set(mark.commits)]
            # Nothing that pays; and the void of another proposal only for the same payments, as a later attempt.
            assert all(b.twin is Twin.VOID for b in after)
            assert all(set(b.instructions) == set(mark.instructions) and b.attempt >= mark.attempt for b in after)


@given(walk=st.lists(st.sampled_from(Twin), min_size=1, max_size=6))
def test_a_transfer_is_never_bound_after_its_void(walk: list[Twin]) -> None:
    with closing(memory_database()) as connection:
        connection.execute("BEGIN")
        said = [
            accepted(
                connection,
                entry,
                Binding(attempt=1, commits=COINS[:1], instructions=ORDERS[:1], proposal=sha256(b"one"), twin=twin),
            )
            for entry, twin in enumerate(walk, start=1)
        ]
    first = walk.index(Twin.VOID) if Twin.VOID in walk else len(walk)
    assert said == [i <= first or twin is Twin.VOID for i, twin in enumerate(walk)]
