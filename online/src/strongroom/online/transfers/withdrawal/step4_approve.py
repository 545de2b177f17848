"""Step 4, approve: the docket goes to the approval devices, their statements come back, and the quorum is counted."""

from __future__ import annotations

from typing import Any

from strongroom.core.bodies import Rejection
from strongroom.core.checks.prove import check_quorum_complete, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep, Docket, Stage, Twin
from strongroom.core.errors import RefusedError
from strongroom.core.ids import PartyId
from strongroom.core.packages import DocketBody, PackageBody, PackageKind
from strongroom.core.statements import Statement
from strongroom.online.evidence.store import append
from strongroom.online.exchange.outgoing import News, send, send_update
from strongroom.online.exchange.store import has_package, load_devices
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.answering import check_answer
from strongroom.online.transfers.withdrawal.close import reject
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    add_statement,
    load_docket_statements,
    lock_docket,
    open_alert,
    save_docket,
)


def export(platform: Platform, rules: Rules, row: DocketRow) -> None:
    """Send the docket to every approval device, in one transaction; then it waits for people."""
    if not platform.is_witnessed(row.proposal):
        return
    with platform.connection.transaction():
        docket = platform.assemble(rules, row, up_to=Stage.PROPOSE)
        for device in load_devices(platform.connection, "approval-device"):
            if not has_package(platform.connection, device.id, PackageKind.APPROVAL_REQUEST.value, row.proposal):
                send_docket(platform, rules, device.id, PackageKind.APPROVAL_REQUEST, row, docket)
        save_docket(platform.connection, row.proposal, State.PENDING_APPROVAL)


def send_docket(
    platform: Platform, rules: Rules, device: PartyId, kind: PackageKind, row: DocketRow, docket: Docket
) -> None:
    """Send a docket, after the news that it rests on."""
    now = platform.clock()
    send_update(platform.connection, platform.reader, rules, device, now)

    def build(step: CheckpointStep, _size: int, news: News) -> PackageBody:
        return DocketBody(checkpoint=step, docket=docket, freezes=news.freezes, lifts=news.lifts, notices=news.notices)

    send(platform.connection, platform.reader, rules, device, kind, row.proposal, build, now=now)


_ENDED_BY_NO = frozenset(
    {State.PREPARED, State.PENDING_APPROVAL, State.APPROVED, State.EXPORTED, State.VERIFIED, State.SIGNED}
)
"""States of a transfer that one rejection ends; after them it may be in the network."""


def receive(platform: Platform, rules: Rules, statement: Statement[Any]) -> None:
    """Take an approval or a rejection, whose signer was checked, into its docket."""
    check_answer(platform, rules, statement)
    with platform.connection.transaction():
        row = lock_docket(platform.connection, statement.body.proposal)
        append(platform.connection, statement.envelope)
        if isinstance(statement.body, Rejection):
            _refuse(platform, rules, row, statement)
        elif row.state is State.PENDING_APPROVAL:
            add_statement(platform.connection, row.proposal, statement)


def _refuse(platform: Platform, rules: Rules, row: DocketRow, rejection: Statement[Any]) -> None:
    """One rejection ends it, at whatever stage it comes, as long as the gate was not handed it.

    It joins the docket whenever that can still be ended, since a void twin stands on it.
    """
    if row.state in _ENDED_BY_NO and row.twin is Twin.TRANSFER:
        add_statement(platform.connection, row.proposal, rejection)
        reject(platform, rules, row, rejection)
    if row.state in (State.VERIFIED, State.SIGNED, State.RELEASED, State.CONFIRMING):
        detail = f"{rejection.issuer} rejects {row.proposal} in state {row.state.value}"
        open_alert(platform.connection, Code.REJECTED.value, "critical", f"docket {row.proposal}", detail)


_WAITS_FOR_PRICES = {Code.QUORUM_NOT_MET, Code.STALE_APPROVAL, Code.POLICY_NOT_EVALUABLE, Code.PRICE_STALE}


def count(platform: Platform, rules: Rules, row: DocketRow) -> None:
    """Move on when every quorum is met."""
    statements = load_docket_statements(platform.connection, row.proposal)
    known = platform.counted.get(row.proposal)
    if known == len(statements) or not all(platform.is_witnessed(s.id) for s in statements):
        return
    now = platform.clock()
    docket = platform.assemble(rules, row, up_to=Stage.APPROVE)
    try:
        proved = prove_docket(docket, rules.governance.roots, now=now)
        check_quorum_complete(proved, now)
    except RefusedError as error:
        if error.codes <= {Code.QUORUM_NOT_MET, Code.STALE_APPROVAL}:
            # Remembered only when there is nothing to save: a state whose transaction is lost is counted again.
            platform.counted[row.proposal] = len(statements)
            return
        if error.codes <= _WAITS_FOR_PRICES:
            # New prices change nothing about the statements, so that the docket is judged again all the same.
            platform.counted.pop(row.proposal)
            return
        raise
    save_docket(platform.connection, row.proposal, State.APPROVED)
