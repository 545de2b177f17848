"""Which freezes stand, computed from the log: every freeze, less those that a quorum of officers lifted.

The table of freezes is for people; a database role that edits it gains nothing. V.5, rule: a freeze latches.
"""

from __future__ import annotations

from strongroom.core.bodies import FreezeLift
from strongroom.core.checks.signers import check_lift
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import Digest
from strongroom.core.statements import Statement, StatementType, expect
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_by_kind
from strongroom.online.governance.store import Rules


def load_standing_freezes(connection: Connection, rules: Rules) -> tuple[Digest, ...]:
    """Freezes that stand, oldest first. Whoever signed one, it counts; a lift counts only with its officers' quorum."""
    freezes: list[Digest] = []
    lifted: set[Digest] = set()
    for place, statement in load_by_kind(connection, StatementType.FREEZE, StatementType.FREEZE_LIFT):
        if statement.type is StatementType.FREEZE:
            freezes.append(statement.id)
        elif _is_lift(statement, rules, place):
            lifted.add(statement.body.freeze)
    return tuple(f for f in freezes if f not in lifted)


def _is_lift(statement: Statement[FreezeLift], rules: Rules, place: int) -> bool:
    """Whether officers really lifted it, by the roster of its place in the log and the time at which they said so."""
    roster = rules.roster_at(place)
    people = rules.policy[1].body.parameters.freeze_lift_people
    try:
        check_lift(expect(statement, FreezeLift, "lift"), roster, statement.issued_at, people, "lift")
    except (MalformedError, RefusedError):
        # A lift without its quorum lifts nothing: the freeze stands, which is the safe side.
        return False
    return True
