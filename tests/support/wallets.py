"""The world's wallets, as its delegates for addresses sign them."""

from __future__ import annotations

from strongroom.core.ids import ChainId, WalletId
from strongroom.core.records import ClientOrNone, DigestOrNone, Units
from strongroom.core.wallets import Issue, Segregation, Wallet, WalletKind, WalletState
from world import ETH, ETH_WALLET, LTC, LTC_WALLET

CEILING = Units(10**24)


def _wallet(wallet: WalletId, chain: ChainId, kind: WalletKind, threshold: int, keys: int) -> Wallet:
    return Wallet(
        ceiling=CEILING,
        chain=chain,
        client=ClientOrNone("none"),
        drill_age_s=366 * 86_400,
        issue=Issue.PER_DEPOSIT,
        keys=keys,
        kind=kind,
        previous=DigestOrNone("none"),
        segregation=Segregation.OMNIBUS,
        state=WalletState.ACTIVE,
        threshold=threshold,
        wallet=wallet,
    )


ETH_COLD = _wallet(ETH_WALLET, ETH, WalletKind.EOA, 1, 1)
LTC_COLD = _wallet(LTC_WALLET, LTC, WalletKind.P2WSH, 2, 3)
