"""The bytes of a sweep: everything goes to one address of ours, and what the fee would eat is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut
from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.transactions import parse_unsigned
from strongroom.core.checks.foundation import build_entries
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId
from strongroom.core.roster import REGISTERS
from strongroom.online.transfers.sweep.build import build_coin_sweep, build_coins_sweep, build_token_sweep
from strongroom.online.transfers.withdrawal.build import DUST_SAT, Price, script_of
from strongroom.online.transfers.withdrawal.platform import EthereumTerms
from strongroom.online.transfers.withdrawal.store import Coin
from world import ETH, GWEI, LTC, USD_CONTRACT, safe_world

TERMS = EthereumTerms(nonce=7, max_fee_per_gas_wei=90 * GWEI, max_priority_fee_per_gas_wei=GWEI)
FEE = 21_000 * 90 * GWEI
ENTRIES = build_entries(
    {
        name: {e.id: e for e in register.entries}
        for name, register in safe_world().registers.items()
        if name in REGISTERS
    }
)
SOURCE, TARGET = ENTRIES.addresses["address:eth-1"], ENTRIES.addresses["address:safe-eth"]
LTC_TARGET = ENTRIES.addresses["address:safe-ltc"]


def test_all_ether_that_the_fee_leaves() -> None:
    built = build_coin_sweep(ETH, SOURCE, TARGET, TERMS, FEE + 5)
    transfer = parse_unsigned(built.unsigned)
    assert (5, parse_address(TARGET.address), FEE) == (transfer.value_wei, transfer.to, built.fee)
    assert ((), (TARGET.id,)) == (built.outputs, tuple(c.address for c in built.change))
    with pytest.raises(RefusedError) as caught:
        build_coin_sweep(ETH, SOURCE, TARGET, TERMS, FEE)
    assert {Code.CANNOT_FUND} == caught.value.codes


def test_all_units_of_a_token() -> None:
    built = build_token_sweep(SOURCE, TARGET, replace(TERMS, nonce=8), USD_CONTRACT, 12_345, 65_000)
    transfer = parse_unsigned(built.unsigned)
    assert (12_345, parse_address(TARGET.address), 0) == (transfer.units, transfer.recipient, transfer.value_wei)
    assert (f"nonce:{ETH}:{SOURCE.address}:8",) == built.commits


def coin(units: int) -> tuple[Coin, Transaction]:
    script, _ = script_of(ENTRIES.addresses["address:ltc-1"], ENTRIES)
    previous = Transaction(
        version=2,
        inputs=(TxIn(outpoint=OutPoint(txid=bytes(32), index=0), script_sig=b"", sequence=0),),
        outputs=(TxOut(value_sat=units, script=script),),
        witnesses=(),
        lock_time=0,
    )
    return Coin(txid="11" * 32, output=0, address=EntryId("address:ltc-1"), units=units), previous


def test_all_coins_in_one_output() -> None:
    built = build_coins_sweep(LTC, LTC_TARGET, [coin(10**8)], Price(rate=1_000), ENTRIES)
    psbt = parse_psbt(built.unsigned)
    (output,) = psbt.unsigned.outputs
    assert 10**8 == output.value_sat + built.fee
    assert script_of(LTC_TARGET, ENTRIES)[0] == output.script
    with pytest.raises(RefusedError) as caught:
        build_coins_sweep(LTC, LTC_TARGET, [coin(DUST_SAT)], Price(rate=1_000), ENTRIES)
    assert {Code.CANNOT_FUND} == caught.value.codes
