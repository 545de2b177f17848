"""Undo what a reorganisation took out of the chain: settled withdrawals, and what a lift put to suspense.

The client is credited back and the same units are reserved again, the fee is taken back, and the docket waits for its
transaction as before. When the chain does not take the transaction again by itself, the docket goes to the gate once
more, which sends the very bytes that it kept. Nothing is decided anew, and nothing is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongroom.core.bodies import Instruction, Outcome, Settlement
from strongroom.core.books import SettlementReversal
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import AssetId, ChainId, Digest, WalletId
from strongroom.core.statements import Statement, expect
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import Posting, PostingKind, TransferId
from strongroom.online.ledger.store import load_transfer, lock_accounts, post, reserve
from strongroom.online.transfers.accounts import build_custody_account, build_expense_account
from strongroom.online.transfers.sweep.settled import build_moves
from strongroom.online.transfers.withdrawal import step7_release
from strongroom.online.transfers.withdrawal.attempts import revive_others
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.step2_decide import withdrawal_transfer
from strongroom.online.transfers.withdrawal.step9_settle import build_fee_posting, proposal_of
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    load_docket_statements,
    lock_docket,
    open_alert,
    save_docket,
)

_QUERIES = load_queries("strongroom.online.transfers.withdrawal")


@dataclass(frozen=True, slots=True, kw_only=True)
class GonePayment:
    """A payment that the ledger has and the chain has not.

    proposal: None when a lift posted it. posted_by: that lift.
    """

    chain: ChainId
    txid: str
    block_hash: str
    proposal: Digest | None
    posted_by: Digest | None
    reorganisation: Digest


def undo_gone(platform: Platform, rules: Rules) -> int:
    """Undo every payment that left the chain, each in its own transaction; returns how many.

    One that is refused waits and is told: after a failed transaction the client was free to spend what was reserved,
    and until it has it again nothing can be reserved. Ledger and chain match meanwhile.
    """
    undone = 0
    for gone in load_all(platform.connection, _QUERIES["load_gone"], _gone):
        try:
            with platform.connection.transaction():
                undone += _undo_one(platform, rules, gone)
        except RefusedError as error:
            subject = f"docket {gone.proposal}"
            open_alert(platform.connection, Code.REORG_BELOW_CREDIT.value, "critical", subject, str(error))
    return undone


def _undo_one(platform: Platform, rules: Rules, gone: GonePayment) -> bool:
    # The docket first: whoever settles it holds it too.
    row = lock_docket(platform.connection, gone.proposal) if gone.proposal is not None else None
    if not _is_still_gone(platform.connection, gone):
        return False
    if row is not None:
        reverse_settlement(platform, rules, row, gone)
    else:
        reverse_unexplained(platform, gone)
    return True


def return_forgotten(platform: Platform, rules: Rules) -> int:
    """Hand every docket to the gate again whose transaction the chain forgot; returns how many."""
    returned = 0
    for proposal in load_all(platform.connection, _QUERIES["load_forgotten"], _proposal):
        with platform.connection.transaction():
            row = lock_docket(platform.connection, proposal)
            if row.state is not State.CONFIRMING:
                continue
            step7_release.export(platform, rules, row)
            if lock_docket(platform.connection, proposal).state is State.RELEASED:
                execute(platform.connection, _QUERIES["save_returned"], {"proposal": proposal})
                returned += 1
    return returned


def reverse_settlement(platform: Platform, rules: Rules, row: DocketRow, gone: GonePayment) -> None:
    """Undo one settled docket in the ledger, in the caller's transaction."""
    statements = load_docket_statements(platform.connection, row.proposal)
    (found,) = [s for s in statements if isinstance(s.body, Settlement)]
    settlement = expect(found, Settlement, "settlement")
    said = platform.say(rules, SettlementReversal(reorganisation=gone.reorganisation, settlement=settlement.id))
    instructions = [expect(s, Instruction, "instruction") for s in statements if isinstance(s.body, Instruction)]
    _lock(platform.connection, row, instructions)
    for instruction in instructions:
        _reserve_again(platform, row, settlement, instruction, said)
    if settlement.body.fee_paid:
        post(platform.connection, turned(build_fee_posting(row, settlement), f"fee-reversal:{settlement.id}", said))
    if settlement.body.outcome is Outcome.SUCCESS:
        for move in build_moves(rules, row, proposal_of(statements), settlement):
            post(platform.connection, turned(move, f"reversal:{move.id}", said))
    fields = {"reversal": said.id, "proposal": row.proposal, "settlement": settlement.id}
    execute(platform.connection, _QUERIES["undo_settlement"], fields)
    _save_undone(platform.connection, gone)
    save_docket(platform.connection, row.proposal, State.CONFIRMING, why="its block left the chain")
    revive_others(platform.connection, row, "another attempt's block left the chain")


def reverse_unexplained(platform: Platform, gone: GonePayment) -> None:
    """Take back what a lift put to suspense, in the caller's transaction: the chain did not lose it after all."""

    def build(wallet: str, asset: str) -> tuple[WalletId, AssetId]:
        return WalletId(wallet), AssetId(asset)

    fields = {"chain": gone.chain, "txid": gone.txid, "hash": gone.block_hash}
    for wallet, asset in load_all(platform.connection, _QUERIES["load_gone_wallets"], build, fields):
        place = f"{gone.posted_by}:{build_custody_account(wallet, asset)}"
        posted = load_transfer(platform.connection, TransferId(f"unexplained:{place}"))
        if posted is not None:
            back = Posting(
                id=TransferId(f"unexplained-reversal:{place}"),
                kind=PostingKind.REVERSAL,
                statement=posted.statement,
                debit=posted.credit,
                credit=posted.debit,
                asset=posted.asset,
                units=posted.units,
                event_at=platform.clock(),
            )
            post(platform.connection, back)
    _save_undone(platform.connection, gone)


def turned(posting: Posting, name: str, said: Statement[Any]) -> Posting:
    """The same units the other way, justified by a reversal."""
    return Posting(
        id=TransferId(name),
        kind=PostingKind.REVERSAL,
        statement=said.id,
        debit=posting.credit,
        credit=posting.debit,
        asset=posting.asset,
        units=posting.units,
        event_at=said.issued_at,
    )


def _reserve_again(
    platform: Platform,
    row: DocketRow,
    settlement: Statement[Settlement],
    instruction: Statement[Instruction],
    said: Statement[SettlementReversal],
) -> None:
    """One payment back to what it was before its settlement: reserved."""
    custody = build_custody_account(row.wallet, instruction.body.asset)
    again = Posting(
        id=TransferId(f"{withdrawal_transfer(instruction.id)}:{settlement.id}"),
        kind=PostingKind.WITHDRAWAL,
        statement=said.id,
        debit=instruction.body.account,
        credit=custody,
        asset=instruction.body.asset,
        units=instruction.body.amount,
        event_at=said.issued_at,
    )
    if settlement.body.outcome is Outcome.SUCCESS:
        post(platform.connection, turned(again, f"withdrawal-reversal:{settlement.id}:{instruction.id}", said))
    reserve(platform.connection, again)


def _lock(connection: Connection, row: DocketRow, instructions: list[Statement[Instruction]]) -> None:
    """All accounts of all batches first: spec/ledger.md, batches."""
    accounts = {s.body.account for s in instructions}
    accounts |= {build_custody_account(row.wallet, s.body.asset) for s in instructions}
    accounts |= {build_custody_account(row.wallet, native_asset_of(row.chain)), build_expense_account(row.chain)}
    lock_accounts(connection, sorted(accounts))


def _is_still_gone(connection: Connection, gone: GonePayment) -> bool:
    """Whether it waits still; a block may have come back, another worker may have been here. Locks its rows."""
    fields = {"chain": gone.chain, "txid": gone.txid, "hash": gone.block_hash}
    return load_first(connection, _QUERIES["lock_outflow"], lambda gone: bool(gone), fields) is True  # noqa: PLW0108


def _save_undone(connection: Connection, gone: GonePayment) -> None:
    fields = {"chain": gone.chain, "txid": gone.txid, "hash": gone.block_hash}
    execute(connection, _QUERIES["save_outflow_undone"], fields)


def _gone(
    chain: str, txid: str, block_hash: str, proposal: str | None, posted_by: str | None, reorganisation: str
) -> GonePayment:
    return GonePayment(
        chain=ChainId(chain),
        txid=txid,
        block_hash=block_hash,
        proposal=Digest(proposal) if proposal else None,
        posted_by=Digest(posted_by) if posted_by else None,
        reorganisation=Digest(reorganisation),
    )


def _proposal(proposal: str) -> Digest:
    return Digest(proposal)
