"""One payment once: what a proposal binds, and which other proposal may bind it too.

All proposals of one instruction conflict on chain pairwise, because a later one must spend everything that an earlier
one spends. So of all that was ever signed for it, one at most can be mined. Source: spec/docket.md, Replacement and
The void twin; docs/adr/0014.
"""

from __future__ import annotations

import sqlite3

from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import Refusal, RefusedError
from strongroom.vault.terminal.journal.marks import Binding
from strongroom.vault.terminal.journal.queries import query


def save_binding(connection: sqlite3.Connection, entry: int, mark: Binding) -> None:
    """Bind, or raise everything that speaks against it: VOIDED, ALREADY_COMMITTED, INSTRUCTION_ALREADY_PAID."""
    found = [
        *_check_own_twin(connection, mark),
        *(refusal for rival in _find_rivals(connection, mark) for refusal in _check_rival(connection, mark, rival)),
    ]
    if found:
        raise RefusedError(*found)
    values = {"proposal": mark.proposal, "entry": entry}
    if mark.twin.value not in _twins(connection, mark.proposal):
        connection.execute(query("insert_binding"), {**values, "twin": mark.twin.value, "attempt": mark.attempt})
    for spend in mark.commits:
        connection.execute(query("insert_commitment"), {**values, "spend": spend})
    for instruction in mark.instructions:
        connection.execute(query("insert_instruction_use"), {**values, "instruction": instruction})


def _check_own_twin(connection: sqlite3.Connection, mark: Binding) -> list[Refusal]:
    """After the void twin was bound, its own transfer is over."""
    if mark.twin is Twin.TRANSFER and Twin.VOID.value in _twins(connection, mark.proposal):
        return [_refusal(Code.VOIDED, "proposal", f"{mark.proposal} with no void twin signed", "its void twin")]
    return []


def _find_rivals(connection: sqlite3.Connection, mark: Binding) -> list[str]:
    """Every other proposal that shares a spend or an instruction."""
    rivals: set[str] = set()
    for spend in mark.commits:
        rivals |= {str(p) for (p,) in connection.execute(query("commitment"), {"spend": spend})}
    for instruction in mark.instructions:
        rivals |= {str(p) for (p,) in connection.execute(query("instruction_use"), {"instruction": instruction})}
    return sorted(rivals - {mark.proposal})


def _check_rival(connection: sqlite3.Connection, mark: Binding, rival: str) -> list[Refusal]:
    """What speaks against binding this beside an earlier proposal: nothing, exactly when this one replaces it."""
    twins = _twins(connection, rival)
    commits = {str(s) for (s,) in connection.execute(query("commits_of"), {"proposal": rival})}
    instructions = {str(i) for (i,) in connection.execute(query("instructions_of"), {"proposal": rival})}
    is_replacement = (
        set(mark.instructions) == instructions and mark.attempt > max(twins.values()) and commits <= set(mark.commits)
    )
    if Twin.VOID.value in twins:
        # A void that no node takes, since prices rose, must not hold its nonce for good: the void of the next attempt
        # has the same nonce, so of both one at most is mined, and neither pays anybody.
        if is_replacement and mark.twin is Twin.VOID:
            return []
        return [_refusal(Code.VOIDED, "proposal", "nothing beside a void but the next one", f"void of {rival}")]
    if is_replacement:
        return []
    shared = sorted(commits & set(mark.commits))
    paid = sorted(instructions & set(mark.instructions))
    expected = f"bound to {rival}, or a replacement of it that spends all that it spends"
    return [
        *(_refusal(Code.ALREADY_COMMITTED, spend, expected, mark.proposal) for spend in shared),
        *(_refusal(Code.INSTRUCTION_ALREADY_PAID, each, expected, mark.proposal) for each in paid),
    ]


def _twins(connection: sqlite3.Connection, proposal: str) -> dict[str, int]:
    """The twins of a proposal that were bound, each with its attempt."""
    return {str(t): int(a) for t, a in connection.execute(query("bindings"), {"proposal": proposal})}


def _refusal(code: Code, field: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=field, expected=expected, got=got)
