"""Step 5, verify: the docket goes to the offline checker station; its verification comes back."""

from __future__ import annotations

from typing import Any

from strongroom.core.docket import STAGE_OF, Stage
from strongroom.core.packages import PackageKind
from strongroom.core.statements import Statement
from strongroom.core.sweeps import Rehearsal, Sweep
from strongroom.online.evidence.store import append
from strongroom.online.exchange.store import load_devices
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.attempts import free_commitments
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.step4_approve import send_docket
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    add_statement,
    load_docket_statements,
    lock_docket,
    save_docket,
)


def export(platform: Platform, rules: Rules, row: DocketRow) -> None:
    """Send the approved docket to the station."""
    with platform.connection.transaction():
        # A rejection that came just now is in the log before the void twin that stands on it is shown.
        statements = load_docket_statements(platform.connection, row.proposal)
        if not all(platform.is_witnessed(s.id) for s in statements if STAGE_OF[s.type] <= Stage.APPROVE):
            return
        docket = platform.assemble(rules, row, up_to=Stage.APPROVE)
        for device in load_devices(platform.connection, "station")[:1]:
            send_docket(platform, rules, device.id, PackageKind.VERIFICATION, row, docket)
            save_docket(platform.connection, row.proposal, State.EXPORTED)


def _end_drill(platform: Platform, row: DocketRow) -> None:
    """A rehearsed sweep has come to its end: what it held is free, and its docket stays as the drill's record."""
    statements = load_docket_statements(platform.connection, row.proposal)
    if any(isinstance(s.body, Sweep) and s.body.rehearsal is Rehearsal.YES for s in statements):
        free_commitments(platform.connection, row.proposal)
        save_docket(platform.connection, row.proposal, State.CANCELLED, why="rehearsed: approved and verified")


def receive(platform: Platform, statement: Statement[Any]) -> None:
    """Take the station's verification, whose signer was checked, into its docket."""
    with platform.connection.transaction():
        row = lock_docket(platform.connection, statement.body.proposal)
        append(platform.connection, statement.envelope)
        # What was verified of one twin says nothing about the other.
        if row.state is State.EXPORTED and statement.body.unsigned_digest == row.unsigned_digest(row.twin):
            add_statement(platform.connection, row.proposal, statement)
            save_docket(platform.connection, row.proposal, State.VERIFIED)
            _end_drill(platform, row)
