"""Which freezes stand, computed from the log: every freeze, less those that a quorum of officers lifted.

The table of freezes is for people; a database role that edits it gains nothing. What lacks its signatures counts for
nothing, as at every device: an entry that anybody could append would otherwise stop all of them. V.5, rule: a freeze
latches.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from strongroom.core.bodies import Freeze, FreezeLift
from strongroom.core.checks.signers import check_lift, check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError
from strongroom.core.ids import Digest
from strongroom.core.statements import (
    Envelope,
    Statement,
    StatementType,
    check_context,
    expect,
    parse_statement,
)
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import append, load_readable
from strongroom.online.governance.store import Rules, load_rules
from strongroom.online.watch import store

KINDS = (StatementType.FREEZE, StatementType.FREEZE_LIFT)


def load_standing_freezes(connection: Connection, rules: Rules) -> tuple[Digest, ...]:
    """Freezes that stand, oldest first, by the log as the database shows it."""
    return find_standing(load_readable(connection, *KINDS), rules)


def find_standing(said: Sequence[tuple[int, Statement[Any]]], rules: Rules) -> tuple[Digest, ...]:
    """Freezes that stand, oldest first: each signed by a role that may freeze, and not lifted by officers' quorum."""
    counted = [statement for place, statement in said if is_freeze_or_lift(statement, rules, place)]
    lifted = {s.body.freeze for s in counted if isinstance(s.body, FreezeLift)}
    return tuple(s.id for s in counted if isinstance(s.body, Freeze) and s.id not in lifted)


def accept_freeze(connection: Connection, envelope: Envelope, now: datetime) -> Statement[Freeze]:
    """Take in a freeze that an officer signed: one person is enough to stop. Raises ROLE_MISSING and the like."""
    rules = load_rules(connection)
    statement = expect(parse_statement(envelope, "freeze"), Freeze, "freeze")
    check_context(statement, rules.context, "freeze")
    check_statement_signers(statement, rules.roster, now, rules.entries, "freeze")
    keep_freeze(connection, statement)
    return statement


def keep_freeze(connection: Connection, statement: Statement[Freeze]) -> None:
    """Log a freeze whose signer was checked, and tell the SOC."""
    said = f"{statement.issuer}: {statement.body.reason}"
    with connection.transaction():
        append(connection, statement.envelope)
        store.add_freeze(connection, statement.id, said)
        store.open_alert(connection, Code.FROZEN.value, "critical", subject_of(statement.id), said)


def subject_of(freeze: Digest) -> str:
    """What the alert of a freeze is about."""
    return f"freeze {freeze}"


def is_freeze_or_lift(statement: Statement[Any], rules: Rules, place: int) -> bool:
    """Whether those signed it who may, by the roster of its place in the log and the time at which they said so."""
    roster, moment = rules.roster_at(place), rules.moment_said(statement, place)
    people = rules.policy[1].body.parameters.freeze_lift_people
    try:
        check_context(statement, rules.context, "freeze")
        if statement.type is StatementType.FREEZE:
            check_statement_signers(statement, roster, moment, rules.entries, "freeze")
        else:
            check_lift(expect(statement, FreezeLift, "lift"), roster, moment, people, "lift")
    except (MalformedError, RefusedError):
        # A lift without its quorum lifts nothing, and a freeze that nobody signed who may freezes nothing: no device
        # takes either, and a package that brought one would be refused whole.
        return False
    return True
