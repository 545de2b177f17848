"""The restore drills that count, out of the log's ceremonies, each verified again."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.core.ceremonies import Ceremony
from strongroom.core.checks.ceremony import check_ceremony
from strongroom.core.checks.issue import RestoreDrill, fold_drills
from strongroom.core.ids import Digest, PartyId
from strongroom.core.statements import StatementType, check_context, expect
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_by_kind
from strongroom.online.governance.store import Rules
from strongroom.online.prove.history import roster_at


def load_drills(connection: Connection, rules: Rules) -> Mapping[PartyId, RestoreDrill]:
    """The newest drill of each terminal that counts.

    The people in the room are judged by the roster at the transcript's place, when they signed it. Raises what
    `check_ceremony` raises: a forged transcript stops all issuing, and is not passed over.
    """
    said: list[tuple[Digest, Ceremony]] = []
    for place, each in load_by_kind(connection, StatementType.CEREMONY):
        statement = expect(each, Ceremony, "ceremony")
        check_context(statement, rules.context, "ceremony")
        check_ceremony(statement, roster_at(rules, place), statement.issued_at)
        said.append((statement.id, statement.body))
    return fold_drills(said, rules.entries.keys)
