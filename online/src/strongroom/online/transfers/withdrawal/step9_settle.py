"""Step 9, settle: the watcher's settlement is posted. The reservation becomes a payment, the house pays the fee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from strongroom.core.bodies import Instruction, Outcome, Proposal, Settlement
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.statements import Statement, expect
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import Ending, Posting, PostingKind, TransferId
from strongroom.online.ledger.store import find_reservation, post, settle
from strongroom.online.transfers.accounts import build_custody_account, build_expense_account
from strongroom.online.transfers.sweep.settled import build_moves
from strongroom.online.transfers.withdrawal.attempts import load_family, rebind_instructions, save_docket_alone
from strongroom.online.transfers.withdrawal.close import close_unpaid
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.step2_decide import withdrawal_transfer
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    load_docket_statements,
    load_last_run,
    save_docket,
    save_outflow_settled,
)


def complete(platform: Platform, rules: Rules, row: DocketRow) -> None:
    """Post a settled docket, in one transaction: each payment, the network fee, and the outflow as posted.

    Whichever attempt was mined settles the payment; the others are replaced. A void twin, or a transaction that failed,
    paid nobody: what was reserved is free again, and the fee is paid all the same.
    """
    statements = load_docket_statements(platform.connection, row.proposal)
    found = [s for s in statements if isinstance(s.body, Settlement)]
    if not found:
        return
    settlement = expect(found[0], Settlement, "settlement")
    with platform.connection.transaction():
        match settlement.body.outcome:
            case Outcome.SUCCESS:
                rebind_instructions(platform.connection, row, row.state)
                settle(platform.connection, *_endings(platform, statements, settlement))
                for move in build_moves(rules, row, proposal_of(statements), settlement):
                    post(platform.connection, move)
                save_docket(platform.connection, row.proposal, State.COMPLETED)
            case Outcome.FAILED:
                rebind_instructions(platform.connection, row, row.state)
                close_unpaid(platform, row, settlement, State.FAILED)
            case Outcome.VOIDED:
                rebind_instructions(platform.connection, row, row.state)
                close_unpaid(platform, row, settlement, row.closing or State.CANCELLED)
            case other:
                assert_never(other)
        if settlement.body.fee_paid:
            post(platform.connection, build_fee_posting(row, settlement))
        save_outflow_settled(platform.connection, row.proposal, settlement.body.block_hash)
        _replace_others(platform, row)


def proposal_of(statements: Sequence[Statement[Any]]) -> Proposal:
    """The proposal among a docket's statements; every docket begins with one."""
    return next(s.body for s in statements if isinstance(s.body, Proposal))


def _endings(
    platform: Platform, statements: tuple[Statement[Any], ...], settlement: Statement[Settlement]
) -> list[Ending]:
    return [
        Ending(
            transfer=find_reservation(platform.connection, withdrawal_transfer(s.id)),
            statement=settlement.id,
            event_at=settlement.issued_at,
        )
        for s in statements
        if isinstance(s.body, Instruction)
    ]


def _replace_others(platform: Platform, row: DocketRow) -> None:
    """Every other attempt spends what this one has spent: the chain can never take it."""
    for other in load_family(platform.connection, row.family):
        if other.proposal != row.proposal and other.state not in _ENDED:
            save_docket_alone(platform.connection, other.proposal, State.REPLACED, why=f"{row.proposal} was mined")


_ENDED = frozenset({State.REJECTED, State.EXPIRED, State.CANCELLED, State.FAILED})


def build_fee_posting(row: DocketRow, settlement: Statement[Settlement]) -> Posting:
    """The network fee: the house's expense, out of the wallet."""
    asset = native_asset_of(row.chain)
    return Posting(
        id=TransferId(f"fee:{settlement.id}"),
        kind=PostingKind.NETWORK_FEE,
        statement=settlement.id,
        debit=build_expense_account(row.chain),
        credit=build_custody_account(row.wallet, asset),
        asset=asset,
        units=settlement.body.fee_paid,
        event_at=settlement.issued_at,
    )


def reconcile(platform: Platform, _rules: Rules, row: DocketRow) -> None:
    """A completed docket is done when the ledger matched the chain at or after its block."""
    statements: list[Statement[Any]] = [
        s for s in load_docket_statements(platform.connection, row.proposal) if isinstance(s.body, Settlement)
    ]
    run = load_last_run(platform.connection, row.chain)
    if statements and run and run[0] == "MATCHED" and run[1] >= statements[0].body.height:
        save_docket(platform.connection, row.proposal, State.RECONCILED)
