"""A rejection in the log withholds the clear, wherever the platform leaves it out of a package.

A docket proves what is in it, not what the log holds beside it: whoever packs it could leave one person's no away. Both
who sign clears look into the log that they proved themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.core.bodies import Rejection
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.statements import Statement, check_context
from strongroom.online.governance.store import Rules


def find_rejections(said: Sequence[tuple[int, Statement[Any]]], rules: Rules) -> Mapping[Digest, PartyId]:
    """Every proposal that somebody said no to, with one who did; as approvals, by the roster of the place."""
    return {
        s.body.proposal: s.issuer for place, s in said if isinstance(s.body, Rejection) and _is_signed(s, rules, place)
    }


def check_not_rejected(twins: Mapping[Digest, Twin], rejections: Mapping[Digest, PartyId]) -> None:
    """Raise REJECTED for a session with a rejected docket, unless it signs void twins only.

    A void twin is what a rejected docket is ended with. Its session moves no more than fees, so that no transfer fits
    into the budget; beside transfers it would.
    """
    if Twin.TRANSFER not in twins.values():
        return
    for proposal in sorted(twins.keys() & rejections.keys()):
        raise refused(Code.REJECTED, "session.dockets", "no rejected docket", f"{proposal} by {rejections[proposal]}")


def _is_signed(statement: Statement[Any], rules: Rules, place: int) -> bool:
    try:
        check_context(statement, rules.context, "rejection")
        check_statement_signers(statement, rules.roster_at(place), statement.issued_at, rules.entries, "rejection")
    except (MalformedError, RefusedError):
        # Whoever only writes to the log stops nobody's payment.
        return False
    return True
