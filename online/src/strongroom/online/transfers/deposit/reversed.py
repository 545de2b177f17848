"""Take back the credit of a deposit that left the chain, and hold the account while the client owes what it spent.

What the client still has is taken back at once. The rest goes to suspense with a critical alert, and the account takes
no new orders until it is recovered out of whatever the client has again: most often the same deposit, in another block.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from strongroom.core.books import DepositReversal
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AccountId, Digest
from strongroom.core.statements import Statement
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import AccountKind, Posting, PostingKind, TransferId
from strongroom.online.ledger.store import load_balance, lock_accounts, post
from strongroom.online.transfers.accounts import build_custody_account, build_suspense_account
from strongroom.online.transfers.deposit.store import (
    GoneDeposit,
    Shortfall,
    add_shortfall,
    is_held,
    is_still_gone,
    load_gone,
    load_shortfalls,
    lock_shortfall,
    save_recovered,
    save_reversed,
)
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import open_alert


def reverse_gone(platform: Platform, rules: Rules) -> int:
    """Take back every credit whose deposit left the chain, each in its own transaction; returns how many."""
    taken = 0
    for gone in load_gone(platform.connection):
        with platform.connection.transaction():
            if is_still_gone(platform.connection, gone):
                reverse(platform, rules, gone)
                taken += 1
    return taken


def reverse(platform: Platform, rules: Rules, gone: GoneDeposit) -> None:
    """Take one credit back, in the caller's transaction: from the client, and what the client lacks from suspense."""
    connection = platform.connection
    custody = build_custody_account(gone.wallet, gone.asset)
    suspense = build_suspense_account(gone.chain, gone.asset)
    lock_accounts(connection, sorted({gone.account, custody, suspense}))
    balance = load_balance(connection, gone.account)
    # The operator's own account has no floor: it owes itself.
    is_floored = balance.kind is AccountKind.CLIENT
    taken = min(gone.units, max(balance.available, 0)) if is_floored else gone.units
    said = platform.say(rules, DepositReversal(credit=gone.credit, reorganisation=gone.reorganisation))
    name = f"deposit-reversal:{gone.credit}"
    if taken:
        post(connection, _posting(name, gone, said, (gone.account, custody), taken))
    if taken < gone.units:
        short = gone.units - taken
        post(connection, _posting(f"{name}:shortfall", gone, said, (suspense, custody), short))
        add_shortfall(connection, said.id, gone, short)
        detail = f"{gone.units} of {gone.asset} left the chain in {gone.txid}; {gone.account} had spent {short} of it"
        open_alert(connection, Code.REORG_BELOW_CREDIT.value, "critical", gone.account, detail)
    save_reversed(connection, gone)


def recover_shortfalls(platform: Platform) -> int:
    """Take what clients owe out of what they have again; returns how many debts are paid."""
    paid = 0
    for owed in load_shortfalls(platform.connection):
        with platform.connection.transaction():
            paid += _recover(platform.connection, owed, platform.clock())
    return paid


def check_no_hold(connection: Connection, instruction: Digest) -> None:
    """Raise REORG_BELOW_CREDIT while the account of an instruction owes what a reorganisation took, or is about to."""
    if is_held(connection, instruction):
        raise refused(Code.REORG_BELOW_CREDIT, "instruction.account", "an account that owes nothing", "a shortfall")


def _recover(connection: Connection, listed: Shortfall, now: datetime) -> bool:
    """The whole of a debt at once, so that one posting and one statement tell it."""
    suspense = build_suspense_account(listed.chain, listed.asset)
    lock_accounts(connection, sorted({listed.account, suspense}))
    owed = lock_shortfall(connection, listed.reversal)
    if owed.is_recovered or load_balance(connection, owed.account).available < owed.units:
        return False
    recovery = Posting(
        id=TransferId(f"recovery:{owed.reversal}"),
        kind=PostingKind.RECOVERY,
        statement=owed.reversal,
        debit=owed.account,
        credit=suspense,
        asset=owed.asset,
        units=owed.units,
        event_at=now,
    )
    post(connection, recovery)
    save_recovered(connection, owed.reversal)
    return True


def _posting(
    name: str, gone: GoneDeposit, said: Statement[Any], sides: tuple[AccountId, AccountId], units: int
) -> Posting:
    return Posting(
        id=TransferId(name),
        kind=PostingKind.REVERSAL,
        statement=said.id,
        debit=sides[0],
        credit=sides[1],
        asset=gone.asset,
        units=units,
        event_at=said.issued_at,
    )
