"""The exact bytes of a sweep: everything that an address or a set of coins holds, less the fee, to one address of ours.

Pure. Tokens leave before the coin that pays their gas, each with the next nonce.
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.chains.bitcoin.psbt import Payment, Spend, build_psbt, encode_psbt
from strongroom.chains.bitcoin.transactions import Transaction
from strongroom.chains.ethereum.addresses import chain_id_of, parse_address
from strongroom.chains.ethereum.tokens import TokenTransfer
from strongroom.chains.ethereum.transactions import Transfer, encode_unsigned, max_fee_wei
from strongroom.chains.ethereum.void import encode_void
from strongroom.core.bodies import ChangeOutput
from strongroom.core.canonical import sha256
from strongroom.core.checks.foundation import Entries
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import ChainId
from strongroom.core.registers import AddressEntry
from strongroom.online.transfers.withdrawal.build import (
    DUST_SAT,
    TRANSFER_GAS,
    Built,
    Price,
    build_void_of,
    script_of,
)
from strongroom.online.transfers.withdrawal.platform import EthereumTerms
from strongroom.online.transfers.withdrawal.store import Coin


def build_coin_sweep(
    chain: ChainId, source: AddressEntry, target: AddressEntry, terms: EthereumTerms, balance_wei: int
) -> Built:
    """All ether of an address that the fee leaves. Raises CANNOT_FUND when the fee leaves nothing."""
    left = balance_wei - TRANSFER_GAS * terms.max_fee_per_gas_wei
    if left <= 0:
        raise refused(Code.CANNOT_FUND, source.id, "more than the fee", str(balance_wei))
    transfer = Transfer(
        chain_id=chain_id_of(chain),
        nonce=terms.nonce,
        max_priority_fee_per_gas_wei=terms.max_priority_fee_per_gas_wei,
        max_fee_per_gas_wei=terms.max_fee_per_gas_wei,
        gas_limit=TRANSFER_GAS,
        to=parse_address(target.address),
        value_wei=left,
    )
    return _build_account(chain, source, target, terms, transfer)


def build_token_sweep(
    source: AddressEntry, target: AddressEntry, terms: EthereumTerms, contract: str, units: int, gas_limit: int
) -> Built:
    """All units of a token that an address holds. contract: EIP-55."""
    transfer = Transfer(
        chain_id=chain_id_of(source.chain),
        nonce=terms.nonce,
        max_priority_fee_per_gas_wei=terms.max_priority_fee_per_gas_wei,
        max_fee_per_gas_wei=terms.max_fee_per_gas_wei,
        gas_limit=gas_limit,
        to=parse_address(contract),
        value_wei=0,
        token=TokenTransfer(recipient=parse_address(target.address), units=units),
    )
    return _build_account(source.chain, source, target, terms, transfer)


def _build_account(
    chain: ChainId, source: AddressEntry, target: AddressEntry, terms: EthereumTerms, transfer: Transfer
) -> Built:
    unsigned, twin = encode_unsigned(transfer), build_void_of(chain, source, terms)
    return Built(
        unsigned=unsigned,
        unsigned_digest=sha256(unsigned),
        fee=max_fee_wei(transfer),
        commits=(f"nonce:{chain}:{source.address}:{terms.nonce}",),
        sources=(source.id,),
        outputs=(),
        change=(ChangeOutput(address=target.id, index=0),),
        void=encode_void(twin),
        void_fee=twin.max_fee_wei,
    )


def build_coins_sweep(
    chain: ChainId, target: AddressEntry, coins: Sequence[tuple[Coin, Transaction]], price: Price, entries: Entries
) -> Built:
    """These coins in one output. Raises CANNOT_FUND when the fee leaves less than dust."""
    spends = [
        Spend(
            previous=previous,
            index=coin.output,
            witness_script=script_of(entries.addresses[coin.address], entries)[1],
        )
        for coin, previous in coins
    ]
    total = sum(coin.units for coin, _ in coins)
    script, witness_script = script_of(target, entries)
    draft = build_psbt(spends=spends, payments=[Payment(script=script, value_sat=total, witness_script=witness_script)])
    left = total - price.fee_of(draft.vsize)
    if left < DUST_SAT:
        raise refused(Code.CANNOT_FUND, target.wallet, f"at least {DUST_SAT} after the fee", str(left))
    built = build_psbt(spends=spends, payments=[Payment(script=script, value_sat=left, witness_script=witness_script)])
    return Built(
        unsigned=encode_psbt(built),
        unsigned_digest=sha256(built.unsigned_bytes),
        fee=built.fee_sat,
        commits=tuple(sorted(f"outpoint:{chain}:{coin.txid}:{coin.output}" for coin, _ in coins)),
        sources=tuple(sorted({coin.address for coin, _ in coins})),
        outputs=(),
        change=(ChangeOutput(address=target.id, index=0),),
        void=b"",
        void_fee=0,
    )
