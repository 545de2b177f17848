"""What a gate ever lets go: of one payment's attempts and their voids, no two can both be mined."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from strongroom.checker.gate.memory import check_rivals
from strongroom.checker.reading.stages import Twin
from strongroom.checker.state.store import Use
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import Digest

NAMES = st.sets(st.sampled_from("abcd"), min_size=1).map(frozenset)
USES = st.lists(
    st.builds(
        lambda commits, orders, attempt, twin: Use(
            proposal=Digest(f"{sorted(commits)}{sorted(orders)}{attempt}"),
            twin=twin,
            attempt=attempt,
            commits=frozenset(f"nonce:{c}" for c in commits),
            instructions=frozenset(Digest(o) for o in orders),
        ),
        NAMES,
        NAMES,
        st.integers(1, 3),
        st.sampled_from(Twin),
    ),
    max_size=8,
)


def released(asked: list[Use]) -> list[Use]:
    """What a gate with a memory lets go of these, in this order; one twin a proposal, as `check_same_twin` has it."""
    gone: list[Use] = []
    for use in asked:
        others = [g for g in gone if g.commits & use.commits or g.instructions & use.instructions]
        if any(g.proposal == use.proposal for g in gone):
            continue
        try:
            check_rivals(use, others)
        except RefusedError as error:
            codes = {Code.ALREADY_COMMITTED, Code.INSTRUCTION_ALREADY_PAID, Code.VOIDED, Code.ALREADY_RELEASED}
            if error.codes <= codes:
                continue
            raise
        gone.append(use)
    return gone


@given(asked=USES)
def test_what_leaves_for_one_payment_conflicts_on_chain(asked: list[Use]) -> None:
    gone = released(asked)
    for one, other in itertools.combinations(gone, 2):
        if one.instructions & other.instructions:
            assert one.commits & other.commits
        if Twin.VOID in (one.twin, other.twin) and one.commits & other.commits:
            assert one.twin is other.twin
            assert one.instructions == other.instructions
            assert one.attempt < other.attempt
