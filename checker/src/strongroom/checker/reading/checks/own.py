"""An address of ours, derived again from proved keys; asked of change, of sources and of what a sweep pays."""

from __future__ import annotations

from strongroom.checker.reading.bitcoin_spend import check_bitcoin_address
from strongroom.checker.reading.networks import is_ethereum
from strongroom.checker.reading.registers import Address, Entries
from strongroom.checker.reading.spend import Spend, check_ethereum_address, check_wallet
from strongroom.core.codes import Code
from strongroom.core.ids import WalletId


def check_own_address(
    address: Address, wallet: WalletId, spend: Spend, entries: Entries, code: Code, path: str
) -> bytes:
    """Derive an address again from its proved keys; returns its witness script, if it has one. Raises `code`."""
    check_wallet(address, wallet, spend.chain, code, path)
    if is_ethereum(spend.chain):
        check_ethereum_address(address, entries, code, path)
        return b""
    return check_bitcoin_address(address, entries, code, path)
