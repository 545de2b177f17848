"""Both readings and the libraries agree on generated transactions of every kind, and on what is no such transaction.

By default some hundreds; `pytest -m slow` takes 20,000 of them. The rule for changed bytes: both readings refuse, or
both read the same, and that is not what the honest bytes say; and whatever is read, the libraries read it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.describe import describe as describe_bitcoin
from strongroom.chains.bitcoin.networks import NETWORKS
from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.chains.ethereum.describe import describe as describe_ethereum
from strongroom.chains.ethereum.describe import render_plain as render_ethereum
from strongroom.chains.ethereum.transactions import max_fee_wei, parse_unsigned, signing_digest
from strongroom.checker.reading.bitcoin import BitcoinReading, read_psbt
from strongroom.checker.reading.bitcoin_scripts import script_to_address
from strongroom.checker.reading.ethereum import EthereumReading, bytes_to_ethereum_address, read_ethereum_unsigned
from strongroom.core.errors import StrongroomError

from .examples_bitcoin import first_reading as bitcoin_in_words_of_the_second
from .generated import ETHEREUM_KINDS, KINDS, changes, make
from .libraries import read_bitcoin_with_libraries, read_ethereum_with_libraries

DEFAULT_EACH = 60
"""Transactions of each kind by default, with one change of every way."""
ALL_EACH = 4_000
"""Of each of the five kinds, so 20,000 in all."""


def first(kind: str, raw: bytes) -> Any:
    """What core understood, in the words of the second reading; None when it refuses."""
    try:
        if kind not in ETHEREUM_KINDS:
            return bitcoin_in_words_of_the_second(parse_psbt(raw))
        transfer = parse_unsigned(raw)
        return EthereumReading(
            chain_id=transfer.chain_id,
            nonce=transfer.nonce,
            recipient=transfer.recipient,
            units=transfer.units,
            contract=None if transfer.token is None else transfer.to,
            gas_limit=transfer.gas_limit,
            max_fee_per_gas_wei=transfer.max_fee_per_gas_wei,
            max_priority_fee_per_gas_wei=transfer.max_priority_fee_per_gas_wei,
            max_fee_wei=max_fee_wei(transfer),
            signing_digest=signing_digest(raw),
            unsigned_bytes=raw,
        )
    except StrongroomError:
        return None


def second(kind: str, raw: bytes) -> Any:
    """What the checker understood; None when it refuses."""
    try:
        return read_ethereum_unsigned(raw) if kind in ETHEREUM_KINDS else read_psbt(raw)
    except StrongroomError:
        return None


def check_with_libraries(reading: Any, raw: bytes) -> None:
    """The libraries read the same bytes as our readings did."""
    match reading:
        case EthereumReading():
            said = read_ethereum_with_libraries(raw)
            to, value, data = said[5:8]
            assert (reading.chain_id, reading.nonce) == said[:2]
            assert (reading.max_priority_fee_per_gas_wei, reading.max_fee_per_gas_wei, reading.gas_limit) == said[2:5]
            assert ((), reading.signing_digest) == said[8:]
            if reading.contract is None:
                assert (reading.recipient, reading.units, b"") == (to, value, data)
            else:
                call = "a9059cbb" + "00" * 12 + reading.recipient.hex() + f"{reading.units:064x}"
                assert (reading.contract, 0, call) == (to, value, data.hex())
        case BitcoinReading():
            inputs, outputs, fee, txid, version, lock_time = read_bitcoin_with_libraries(raw)
            ours = zip(reading.inputs, reading.sighashes, strict=True)
            assert inputs == tuple((i.txid_hex, i.index, i.value_sat, i.script, i.sequence, d) for i, d in ours)
            assert outputs == tuple((paid.value_sat, paid.script) for paid in reading.outputs)
            assert (fee, txid, version, lock_time) == (
                reading.fee_sat,
                reading.txid_hex,
                reading.version,
                reading.lock_time,
            )
        case _:
            raise AssertionError(reading)


def check_words(kind: str, raw: bytes, reading: Any) -> None:
    """Addresses are spelled alike by both readings, on every network, and the words of the terminal show them."""
    if kind in ETHEREUM_KINDS:
        facts = describe_ethereum(parse_unsigned(raw))
        shown = "\n".join(render_ethereum(facts)).replace(" ", "")
        assert facts.destination == bytes_to_ethereum_address(reading.recipient)
        assert (facts.destination in shown, str(reading.units) in shown) == (True, True)
        return
    for chain, network in NETWORKS.items():
        described = describe_bitcoin(parse_psbt(raw), network)
        for paid, output in zip(described.outputs, reading.outputs, strict=True):
            assert paid.address == script_to_address(output.script, chain) == render_address(output.script, network)


def check_one(kind: str, number: int, each: int) -> Counter[str]:
    """One transaction and its changes; returns how many were refused, and how many read as something else."""
    raw = make(kind, number)
    honest = second(kind, raw)
    assert honest is not None
    assert honest == first(kind, raw)
    check_with_libraries(honest, raw)
    check_words(kind, raw, honest)
    counted: Counter[str] = Counter(agreed=1)
    for change in changes(kind, raw, number, each):
        by_first, by_second = first(kind, change.raw), second(kind, change.raw)
        assert by_first == by_second, (kind, number, change)
        if by_second is None:
            counted["refused"] += 1
            continue
        assert by_second != honest, (kind, number, change)
        check_with_libraries(by_second, change.raw)
        counted["read as another"] += 1
    return counted


@pytest.mark.parametrize("kind", KINDS)
def test_both_readings_and_the_libraries_agree(kind: str) -> None:
    counted = sum((check_one(kind, number, 1) for number in range(DEFAULT_EACH)), Counter[str]())
    assert DEFAULT_EACH == counted["agreed"]
    assert counted["refused"] > DEFAULT_EACH


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_both_readings_and_the_libraries_agree_on_twenty_thousand(
    kind: str, record_property: Callable[[str, object], None]
) -> None:
    counted = sum((check_one(kind, number, 1) for number in range(ALL_EACH)), Counter[str]())
    for name, count in counted.items():
        record_property(name, count)
    assert ALL_EACH == counted["agreed"]
    assert counted["refused"] > 5 * ALL_EACH
