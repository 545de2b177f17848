"""End a docket that pays nobody. Its reservations are released; its commitments stay till the chain makes them moot."""

from __future__ import annotations

from typing import Any

from strongroom.core.bodies import Instruction
from strongroom.core.statements import Statement
from strongroom.online.ledger.rules import Ending
from strongroom.online.ledger.store import find_reservation, void
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.step2_decide import withdrawal_transfer
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    load_docket_statements,
    save_docket,
)
from strongroom.online.transfers.withdrawal.usage import void_usage


def close_unpaid(platform: Platform, row: DocketRow, because: Statement[Any], state: State) -> None:
    """Void what was reserved for a docket that paid nobody, in the caller's transaction."""
    now = platform.clock()
    for statement in load_docket_statements(platform.connection, row.proposal):
        if isinstance(statement.body, Instruction):
            reserved = find_reservation(platform.connection, withdrawal_transfer(statement.id))
            ending = Ending(transfer=reserved, statement=because.id, event_at=now)
            void(platform.connection, ending)
            void_usage(platform.connection, statement.id)
    save_docket(platform.connection, row.proposal, state, why=f"{because.type.value} by {because.issuer}")
