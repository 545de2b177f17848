"""A family in the database: all attempts at one payment, what they hold, and which twin each is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.ids import Digest
from strongroom.core.statements import Statement
from strongroom.online.db.connect import Connection, execute, load_all, load_first, translated_errors
from strongroom.online.db.queries import load_queries
from strongroom.online.transfers.withdrawal.store import DocketRow, State, add_statement, build_docket_row

_QUERIES = load_queries("strongroom.online.transfers.withdrawal")
LEFT = frozenset({State.RELEASED, State.CONFIRMING, State.COMPLETED, State.RECONCILED})
"""States of a docket that was handed to the gate: it may be in the network, and only the chain can end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocket:
    """The bytes of a new docket. family: the first attempt's proposal; None for a first attempt. void: may be empty."""

    unsigned: bytes
    void: bytes
    void_fee: int
    family: Digest | None


def add_docket(
    connection: Connection, statement: Statement[Any], made: NewDocket, earlier: Sequence[Statement[Any]]
) -> None:
    """A new docket: its bytes, statements so far, commitments, and its instructions bound to it.

    Raises ALREADY_COMMITTED when a docket of another family has one of its outpoints or its nonce.
    """
    body = statement.body
    family = made.family or statement.id
    fields = {
        "proposal": statement.id,
        "chain": body.chain,
        "wallet": body.wallet,
        "unsigned": made.unsigned,
        "attempt": body.attempt,
        "family": family,
        "void": made.void or None,
        "void_fee": made.void_fee,
        "fee": body.fee,
        "sign_by": body.sign_by,
        "release_by": body.release_by,
    }
    execute(connection, _QUERIES["add_docket"], fields)
    for each in (*earlier, statement):
        add_statement(connection, statement.id, each)
    for commitment in body.commits:
        held = {"commitment": commitment, "proposal": statement.id, "family": family}
        with translated_errors({"commitments_of_one_family": Code.ALREADY_COMMITTED}):
            execute(connection, _QUERIES["commit_to_family"], {"commitment": commitment, "family": family})
            connection.execute(_QUERIES["add_commitment"].text, held)
    execute(connection, _QUERIES["bind_instructions"], {"proposal": statement.id, "ids": list(body.instructions)})


def free_commitments(connection: Connection, proposal: Digest) -> None:
    """Give back what this docket alone holds. Only for a docket that no terminal was ever handed."""
    execute(connection, _QUERIES["free_commitments"], {"proposal": proposal})


def load_own_commitments(connection: Connection, proposal: Digest) -> tuple[str, ...]:
    """What one docket holds."""
    fields = {"proposal": proposal}
    return load_all(connection, _QUERIES["load_own_commitments"], _commitment, fields)


def load_family(connection: Connection, family: Digest) -> tuple[DocketRow, ...]:
    """All attempts at one payment, the first one first."""
    return load_all(connection, _QUERIES["load_family"], build_docket_row, {"family": family})


def is_exported(connection: Connection, proposal: Digest) -> bool:
    """Whether a terminal was ever handed this docket."""
    return bool(load_first(connection, _QUERIES["is_exported"], _found, {"proposal": proposal}))


def is_mined(connection: Connection, family: Digest) -> bool:
    """Whether a transaction of this family is in the chain."""
    return bool(load_first(connection, _QUERIES["is_mined"], _found, {"family": family}))


def save_twin(connection: Connection, proposal: Digest, twin: Twin, closing: State | None) -> None:
    """From now on the docket is about this twin. closing: what it becomes when a void twin is final."""
    fields = {"proposal": proposal, "twin": twin.value, "closing": closing.value if closing else ""}
    execute(connection, _QUERIES["save_twin"], fields)


def save_docket_alone(connection: Connection, proposal: Digest, state: State, why: str = "") -> None:
    """Move a docket on whose instructions follow another attempt."""
    execute(connection, _QUERIES["save_docket_alone"], {"proposal": proposal, "state": state.value, "why": why})


def revive_others(connection: Connection, row: DocketRow, why: str) -> None:
    """The mined attempt left the chain: whichever of the family is mined now settles."""
    execute(connection, _QUERIES["revive_others"], {"family": row.family, "proposal": row.proposal, "why": why})


def rebind_instructions(connection: Connection, row: DocketRow, state: State, why: str = "") -> None:
    """Let a family's instructions follow this attempt."""
    fields = {"proposal": row.proposal, "family": row.family, "state": state.value, "why": why}
    execute(connection, _QUERIES["rebind_instructions"], fields)


def drop_statement(connection: Connection, proposal: Digest, statement: Digest) -> None:
    """Take a lapsed approval out of its docket; the log keeps it."""
    execute(connection, _QUERIES["drop_statement"], {"proposal": proposal, "statement": statement})


def _commitment(commitment: str) -> str:
    return commitment


def _found(found: int) -> int:
    return found
