"""Credit what is confirmed: a statement, a posting and the deposit's state, in one transaction.

The account is the assignment's, signed by the assigner and in the log, and where the address register names one it is
the same: a database row cannot redirect a deposit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from strongroom.core.books import DepositCredit
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import AccountId, ChainId, Digest, PartyId
from strongroom.core.records import NONE, Units
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules
from strongroom.online.keys.assigned import find_assigned
from strongroom.online.ledger.rules import Posting, PostingKind, TransferId
from strongroom.online.ledger.store import post
from strongroom.online.transfers.accounts import HOUSE, build_custody_account, find_credited
from strongroom.online.transfers.deposit.store import (
    Deposit,
    count_taken_back,
    is_creditable,
    is_matched,
    load_confirmed,
    load_tip,
    save_credited,
)
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import open_alert


def credit_confirmed(platform: Platform, rules: Rules, confirmations: Mapping[ChainId, int]) -> int:
    """Credit every deposit with enough confirmations; returns how many.

    One that is refused waits and is told; it stops no other (III.A7-GP).
    """
    return sum(credit_chain(platform, rules, chain, needed) for chain, needed in sorted(confirmations.items()))


def credit_chain(platform: Platform, rules: Rules, chain: ChainId, needed: int) -> int:
    """Credit every deposit of one chain with enough confirmations; returns how many."""
    tip = load_tip(platform.connection, chain)
    if tip is None:
        return 0
    credited = 0
    is_trusted = is_matched(platform.connection, chain)
    for deposit in load_confirmed(platform.connection, chain, tip - needed + 1):
        if deposit.asset != native_asset_of(chain) and not is_trusted:
            # A token whose contract changed breaks the reconciliation: until it matches, no token's word is taken.
            continue
        try:
            credit(platform, rules, deposit, tip - deposit.height + 1)
        except RefusedError as error:
            subject = f"deposit {chain} {deposit.txid} {deposit.output}"
            open_alert(platform.connection, error.code.value, "critical", subject, str(error))
            continue
        credited += 1
    return credited


def credit(platform: Platform, rules: Rules, deposit: Deposit, confirmations: int) -> None:
    """Say the credit, post it, mark the deposit.

    Raises ADDRESS_NOT_ASSIGNED for an address that the log gives to nobody, NOT_IN_REGISTER when it is another's.
    """
    entry = rules.entries.addresses.get(deposit.address)
    given = find_assigned(platform.connection, rules, [entry]).get(entry.id) if entry else None
    if given is None:
        raise refused(Code.ADDRESS_NOT_ASSIGNED, f"deposit {deposit.txid}", "an assignment in the log", "none")
    paid_to = find_credited(rules.entries, entry, deposit.asset, given.account) if entry else NONE
    if paid_to != deposit.account:
        raise refused(Code.NOT_IN_REGISTER, f"deposit {deposit.txid}", paid_to, deposit.account)
    client = find_client(rules, deposit.account)
    body = DepositCredit(
        account=deposit.account,
        address=deposit.address,
        amount=Units(deposit.units),
        asset=deposit.asset,
        block_hash=deposit.block_hash,
        chain=deposit.chain,
        client=client,
        confirmations=confirmations,
        height=deposit.height,
        output=deposit.output,
        txid=deposit.txid,
    )
    with platform.connection.transaction():
        if not is_creditable(platform.connection, deposit):
            # Another worker was here meanwhile.
            return
        statement = platform.say(rules, body)
        kind = PostingKind.FUNDING if client == HOUSE else PostingKind.DEPOSIT
        name = name_credit(platform.connection, deposit)
        post(platform.connection, _posting(name, deposit, statement.id, kind, platform.clock()))
        save_credited(platform.connection, deposit, statement.id)


def find_client(rules: Rules, account: AccountId) -> PartyId:
    """Whose account it is. Raises NOT_IN_REGISTER."""
    for client in rules.entries.clients.values():
        if any(a.id == account for a in client.accounts):
            return client.id
    raise refused(Code.NOT_IN_REGISTER, "account", "a client's account", account)


def name_credit(connection: Connection, deposit: Deposit) -> TransferId:
    """The ledger's name of a credit: of the payment in its block, so that a row that is set back credits nobody twice.

    The ledger itself counts how often the same one was taken back.
    """
    name = f"deposit:{deposit.chain}:{deposit.block_hash}:{deposit.txid}:{deposit.output}"
    taken_back = count_taken_back(connection, TransferId(name))
    return TransferId(f"{name}:{taken_back}" if taken_back else name)


def _posting(name: TransferId, deposit: Deposit, statement: Digest, kind: PostingKind, now: datetime) -> Posting:
    return Posting(
        id=name,
        kind=kind,
        statement=statement,
        debit=build_custody_account(deposit.wallet, deposit.asset),
        credit=deposit.account,
        asset=deposit.asset,
        units=deposit.units,
        event_at=now,
    )
