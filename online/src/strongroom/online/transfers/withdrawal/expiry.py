"""What time ends: `sign_by`, `release_by` and the `until` of approvals. Looked at before every step of a docket.

sign_by: nothing is approved, verified or signed after it. release_by: the gate lets nothing go after it. until: while
nothing is verified, who approved is asked again; after that the docket stands on approvals that lapse, and ends.
"""

from __future__ import annotations

from datetime import datetime

from strongroom.core.bodies import Approval
from strongroom.core.docket import Twin
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.attempts import drop_statement
from strongroom.online.transfers.withdrawal.close import expire, is_free
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    clear_sent,
    load_docket_statements,
    save_docket,
)

_UNSIGNED = frozenset({State.PREPARED, State.PENDING_APPROVAL, State.APPROVED, State.EXPORTED, State.VERIFIED})
_SIGNED = frozenset({State.SIGNED, State.RELEASED})
_APPROVED = frozenset({State.PENDING_APPROVAL, State.APPROVED, State.EXPORTED})
WATCHED = (State.EXPORTED, State.VERIFIED, State.RELEASED)
"""States in which a docket waits for a device, and only time moves it."""


def end_in_time(platform: Platform, rules: Rules, row: DocketRow) -> bool:
    """End what is over, ask again for what lapsed; True when something was done and the docket is to be loaded again.

    Nothing ends a void twin: it moves nothing but its fee, and its nonce is held until it is mined.
    """
    if row.twin is Twin.VOID:
        return False
    now = platform.clock()
    if is_over(row, now):
        expire(platform, rules, row)
        return True
    if row.state in _APPROVED:
        return _ask_again(platform, row, now)
    # A verified docket whose approvals lapsed is signed by no terminal: it ends, where nothing can be signed for it.
    if row.state is State.VERIFIED and has_lapsed(platform, row, now) and is_free(platform, row):
        expire(platform, rules, row)
        return True
    return False


def is_over(row: DocketRow, now: datetime) -> bool:
    """Whether a transfer's time is over in the state that it is in. What has left is the chain's to end."""
    if row.state in _UNSIGNED:
        return now > row.sign_by
    return row.state in _SIGNED and row.txid is None and now > row.release_by


def has_lapsed(platform: Platform, row: DocketRow, now: datetime) -> bool:
    """Whether a transfer stands on an approval whose `until` is over: then no terminal signs it."""
    statements = load_docket_statements(platform.connection, row.proposal)
    return row.twin is Twin.TRANSFER and any(isinstance(s.body, Approval) and s.body.until < now for s in statements)


def _ask_again(platform: Platform, row: DocketRow, now: datetime) -> bool:
    """Lapsed approvals leave the docket, and every device is sent it once more. The log keeps what was said."""
    statements = load_docket_statements(platform.connection, row.proposal)
    lapsed = [s for s in statements if isinstance(s.body, Approval) and s.body.until < now]
    if not lapsed:
        return False
    for statement in lapsed:
        drop_statement(platform.connection, row.proposal, statement.id)
        clear_sent(platform.connection, statement.body.device, row.proposal)
    names = ", ".join(sorted(s.issuer for s in lapsed))
    platform.counted.pop(row.proposal, None)
    save_docket(platform.connection, row.proposal, State.PREPARED, why=f"asked again: the approval of {names} lapsed")
    return True
