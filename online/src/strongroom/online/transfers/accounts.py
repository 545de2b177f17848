"""Which ledger accounts there are: one a client and asset, one a wallet and asset, a chain's expense and suspense."""

from __future__ import annotations

from strongroom.core.checks.foundation import Entries
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, PartyId, WalletId
from strongroom.core.records import NONE
from strongroom.core.registers import AddressEntry
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import Account, AccountKind
from strongroom.online.ledger.store import open_account

HOUSE = PartyId("client:house")
"""The operator's own entry in the client register: its money pays network fees and is kept apart in the ledger."""


def build_custody_account(wallet: WalletId, asset: AssetId) -> AccountId:
    """What a wallet holds of an asset: `account:custody:name`, for a token `account:custody.0x...:name`."""
    return AccountId(f"account:custody{_of_token(asset)}:{wallet.split(':', 1)[1]}")


def build_expense_account(chain: ChainId) -> AccountId:
    """The house's network fees on one chain."""
    return AccountId(f"account:expense:{chain.replace(':', '-')}")


def build_suspense_account(chain: ChainId, asset: AssetId) -> AccountId:
    """What moved of an asset on one chain and nobody has explained yet."""
    return AccountId(f"account:suspense{_of_token(asset)}:{chain.replace(':', '-')}")


def treasury_transfer(settlement: Digest, output: int, custody: AccountId) -> str:
    """The ledger's name of what one output moved between own wallets. custody: of the wallet that received it."""
    return f"treasury:{settlement}:{output}:{custody}"


def _of_token(asset: AssetId) -> str:
    """The part of an account's name that tells a token from the chain's own coin, which has none."""
    namespace, _, reference = asset.partition("/")[2].partition(":")
    return f".{reference.lower()}" if namespace == "erc20" else ""


def find_credited(entries: Entries, address: AddressEntry, asset: AssetId, assigned: str) -> str:
    """The account that a payment of an asset to an address is for, or `none`. assigned: as the log's assignment says.

    The assigned account, when it holds that asset; else the one account in it that the same client has in the same
    wallet. Where that is not one account, or the address register names another, it is nobody's until people say whose.
    """
    if address.account not in (NONE, assigned):
        return NONE
    for client in entries.clients.values():
        if assigned in {str(account.id) for account in client.accounts}:
            held = [str(a.id) for a in client.accounts if (a.asset, a.wallet) == (asset, address.wallet)]
            if assigned in held:
                return assigned
            return held[0] if len(held) == 1 else NONE
    return NONE


def imply_accounts(entries: Entries) -> dict[AccountId, tuple[AccountKind, AssetId, str]]:
    """Every account that these registers imply, with its kind, asset and holder. Pure; the prover asks it too."""
    implied: dict[AccountId, tuple[AccountKind, AssetId, str]] = {}
    for client in entries.clients.values():
        for account in client.accounts:
            is_house = client.id == HOUSE
            kind, holder = (AccountKind.HOUSE, "house") if is_house else (AccountKind.CLIENT, str(client.id))
            implied[account.id] = (kind, account.asset, holder)
    for asset in entries.assets.values():
        for wallet in sorted({a.wallet for a in entries.addresses.values() if a.chain == asset.chain}):
            implied[build_custody_account(wallet, asset.id)] = (AccountKind.CUSTODY, asset.id, wallet)
        implied[build_suspense_account(asset.chain, asset.id)] = (AccountKind.SUSPENSE, asset.id, "house")
        # Fees are paid in the chain's own coin, whatever is moved.
        implied[build_expense_account(asset.chain)] = (AccountKind.EXPENSE, native_asset_of(asset.chain), "house")
    return implied


BECAUSE = {AccountKind.CUSTODY: "addresses", AccountKind.EXPENSE: "assets", AccountKind.SUSPENSE: "assets"}
"""The register whose head justifies opening an account of a kind; the clients' for all others."""


def open_accounts(connection: Connection, rules: Rules) -> None:
    """Open every account that the registers imply; those that are open stay as they are."""
    for name, (kind, asset, holder) in imply_accounts(rules.entries).items():
        because = rules.heads[BECAUSE.get(kind, "clients")][1].id
        open_account(connection, Account(id=name, kind=kind, asset=asset, holder=holder, statement=because))
