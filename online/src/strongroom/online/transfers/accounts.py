"""Which ledger accounts there are: one a client and asset, one a wallet, and a chain's expense and suspense."""

from __future__ import annotations

from strongroom.core.checks.spend import native_asset_of
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, PartyId, WalletId
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import Account, AccountKind
from strongroom.online.ledger.store import open_account

HOUSE = PartyId("client:house")
"""The operator's own entry in the client register: its money pays network fees and is kept apart in the ledger."""


def build_custody_account(wallet: WalletId) -> AccountId:
    """The ledger account of a wallet; a wallet holds its chain's native asset only."""
    return AccountId(f"account:custody:{wallet.split(':', 1)[1]}")


def build_expense_account(chain: ChainId) -> AccountId:
    """The house's network fees on one chain."""
    return AccountId(f"account:expense:{chain.replace(':', '-')}")


def build_suspense_account(chain: ChainId) -> AccountId:
    """What moved on one chain and nobody has explained yet."""
    return AccountId(f"account:suspense:{chain.replace(':', '-')}")


def open_accounts(connection: Connection, rules: Rules) -> None:
    """Open every account that the registers imply; those that are open stay as they are."""
    because = rules.heads["clients"][1].id
    for client in rules.entries.clients.values():
        for account in client.accounts:
            kind = AccountKind.HOUSE if client.id == HOUSE else AccountKind.CLIENT
            holder = "house" if client.id == HOUSE else client.id
            _open(connection, account.id, kind, account.asset, holder, because)
    keys = rules.heads["addresses"][1].id
    for wallet, chain in sorted({(a.wallet, a.chain) for a in rules.entries.addresses.values()}):
        _open(connection, build_custody_account(wallet), AccountKind.CUSTODY, native_asset_of(chain), wallet, keys)
    assets = rules.heads["assets"][1].id
    for asset in rules.entries.assets.values():
        _open(connection, build_expense_account(asset.chain), AccountKind.EXPENSE, asset.id, "house", assets)
        _open(connection, build_suspense_account(asset.chain), AccountKind.SUSPENSE, asset.id, "house", assets)


def _open(
    connection: Connection, account: AccountId, kind: AccountKind, asset: AssetId, holder: str, statement: Digest
) -> None:
    open_account(connection, Account(id=account, kind=kind, asset=asset, holder=holder, statement=statement))
