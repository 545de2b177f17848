"""A small set of books for tests: one asset, a wallet, the house, a suspense account, and clients by name."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.online.db.connect import Connection
from strongroom.online.ledger.rules import Account, AccountKind, Ending, Posting, PostingKind, TransferId
from strongroom.online.ledger.store import open_account

ETH = AssetId("eip155:31337/slip44:60")
LTC = AssetId("bip122:530827f38f93b43ed12af0b3ad25a288/slip44:2")
WALLET = AccountId("account:custody:eth-cold-1")
HOUSE = AccountId("account:house:eth")
EXPENSE = AccountId("account:expense:eth")
SUSPENSE = AccountId("account:suspense:eth")
NOON = datetime(2025, 11, 3, 12, 0, tzinfo=UTC)


def make_digest(words: str) -> Digest:
    """A digest that stands for a signed statement."""
    return Digest("sha256:" + sha256(words.encode()).hexdigest())


def client_account(name: str) -> AccountId:
    """The ETH account of a client."""
    return AccountId(f"account:{name}:eth")


def open_books(connection: Connection, *clients: str) -> None:
    """Open the wallet, the house, the expense and suspense accounts in ETH, and one account for each client."""
    accounts = [
        (WALLET, AccountKind.CUSTODY, "wallet:eth-cold-1"),
        (HOUSE, AccountKind.HOUSE, "house"),
        (EXPENSE, AccountKind.EXPENSE, "house"),
        (SUSPENSE, AccountKind.SUSPENSE, "house"),
        *((client_account(name), AccountKind.CLIENT, f"client:{name}") for name in clients),
    ]
    for account, kind, holder in accounts:
        statement = make_digest(f"open {account}")
        open_account(connection, Account(id=account, kind=kind, asset=ETH, holder=holder, statement=statement))


def build_posting(
    transfer: str, debit: AccountId, credit: AccountId, units: int, kind: PostingKind = PostingKind.CORRECTION
) -> Posting:
    """A posting in ETH whose statement is made from its id."""
    return Posting(
        id=TransferId(transfer),
        kind=kind,
        statement=make_digest(transfer),
        debit=debit,
        credit=credit,
        asset=ETH,
        units=units,
        event_at=NOON,
    )


def build_deposit(transfer: str, client: str, units: int) -> Posting:
    """Units that arrived in the wallet for a client."""
    return build_posting(transfer, WALLET, client_account(client), units, PostingKind.DEPOSIT)


def build_withdrawal(transfer: str, client: str, units: int) -> Posting:
    """Units that are to leave the wallet for a client."""
    return build_posting(transfer, client_account(client), WALLET, units, PostingKind.WITHDRAWAL)


def build_ending(transfer: str) -> Ending:
    """The end of a reservation, with a statement of its own."""
    return Ending(transfer=TransferId(transfer), statement=make_digest(f"end {transfer}"), event_at=NOON)
