"""The restore drills that count, out of the log's ceremonies, each verified again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.core.ceremonies import Ceremony
from strongroom.core.checks.ceremony import check_ceremony
from strongroom.core.checks.issue import RestoreDrill, fold_drills
from strongroom.core.ids import Digest, PartyId
from strongroom.core.statements import Statement, check_context, expect
from strongroom.online.governance.store import Rules
from strongroom.online.prove.history import roster_at


def find_drills(transcripts: Sequence[tuple[int, Statement[Any]]], rules: Rules) -> Mapping[PartyId, RestoreDrill]:
    """The newest drill of each terminal that counts.

    transcripts: all ceremonies of the log with their places. The people in the room are judged by the roster at the
    transcript's place, when they signed it. Raises what `check_ceremony` raises: a forged transcript stops all issuing,
    and is not passed over.
    """
    said: list[tuple[Digest, Ceremony]] = []
    for place, each in transcripts:
        statement = expect(each, Ceremony, "ceremony")
        check_context(statement, rules.context, "ceremony")
        check_ceremony(statement, roster_at(rules, place), statement.issued_at)
        said.append((statement.id, statement.body))
    return fold_drills(said, rules.entries.keys)
