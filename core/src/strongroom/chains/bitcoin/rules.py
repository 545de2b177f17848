"""The rules for an unsigned transaction of ours: one shape, so that nothing in it needs to be explained twice.

Version 2, lock time 0, replaceable, no duplicate input, outputs of the closed grammar above the dust limit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from strongroom.chains.bitcoin.networks import BITCOIN
from strongroom.chains.bitcoin.scripts import classify_script, dust_limit_sat
from strongroom.chains.bitcoin.transactions import MAX_MONEY, OutPoint, Transaction, TxIn, TxOut
from strongroom.core.codes import Code
from strongroom.core.errors import refused, run_checks

VERSION = 2
LOCK_TIME = 0
SEQUENCE = 0xFFFFFFFD
"""Replaceable by fee (BIP-125), no relative lock (BIP-68)."""
_NULL_OUTPOINT = OutPoint(txid=bytes(32), index=0xFFFFFFFF)


def check_unsigned(tx: Transaction) -> None:
    """Refuse a transaction that is not of our one shape; every reason is reported, not the first.

    Raises `RefusedError` with TX_VERSION_REFUSED, TX_LOCKTIME_REFUSED, TX_SEQUENCE_REFUSED, TX_DUPLICATE_INPUT,
    TX_FIELD_INVALID, PSBT_ALREADY_SIGNED and the SCRIPT_ codes.
    """
    checks: list[Callable[[], None]] = [
        partial(_check_version, tx),
        partial(_check_lock_time, tx),
        partial(_check_no_duplicate_input, tx),
        partial(_check_no_witness, tx),
        partial(_check_total, tx),
    ]
    checks += [partial(_check_input, i, f"inputs[{number}]") for number, i in enumerate(tx.inputs)]
    checks += [partial(_check_output, output, f"outputs[{number}]") for number, output in enumerate(tx.outputs)]
    run_checks(checks)


def _check_version(tx: Transaction) -> None:
    if tx.version != VERSION:
        raise refused(Code.TX_VERSION_REFUSED, "version", str(VERSION), str(tx.version))


def _check_lock_time(tx: Transaction) -> None:
    """A lock time lets a payment sleep until long after its `release_by`."""
    if tx.lock_time != LOCK_TIME:
        raise refused(Code.TX_LOCKTIME_REFUSED, "lock_time", str(LOCK_TIME), str(tx.lock_time))


def _check_no_duplicate_input(tx: Transaction) -> None:
    seen: set[OutPoint] = set()
    for i in tx.inputs:
        if i.outpoint in seen:
            # Counted twice, one coin would make the fee look higher than it is.
            got = f"{i.outpoint.txid_hex}:{i.outpoint.index} twice"
            raise refused(Code.TX_DUPLICATE_INPUT, "inputs", "each outpoint once", got)
        seen.add(i.outpoint)


def _check_no_witness(tx: Transaction) -> None:
    if tx.witnesses:
        raise refused(Code.PSBT_ALREADY_SIGNED, "witnesses", "none", f"{len(tx.witnesses)} stacks")


def _check_total(tx: Transaction) -> None:
    total = sum(output.value_sat for output in tx.outputs)
    if total > MAX_MONEY:
        raise refused(Code.TX_FIELD_INVALID, "outputs", f"together at most {MAX_MONEY}", str(total))


def _check_input(i: TxIn, field: str) -> None:
    if i.script_sig:
        raise refused(Code.PSBT_ALREADY_SIGNED, f"{field}.script_sig", "empty", i.script_sig.hex())
    if i.outpoint == _NULL_OUTPOINT:
        raise refused(Code.TX_FIELD_INVALID, f"{field}.outpoint", "an output of an earlier transaction", "null")
    if i.sequence != SEQUENCE:
        raise refused(Code.TX_SEQUENCE_REFUSED, f"{field}.sequence", f"{SEQUENCE:#x}", f"{i.sequence:#x}")


def _check_output(output: TxOut, field: str) -> None:
    """Grammar and dust. The limit is Bitcoin's, the lowest of the family: below it no node of any network relays."""
    classify_script(output.script, f"{field}.script")
    limit = dust_limit_sat(output.script, BITCOIN.dust_relay_sat_per_kvb)
    if output.value_sat < limit:
        raise refused(Code.TX_FIELD_INVALID, f"{field}.value_sat", f"at least {limit} (dust)", str(output.value_sat))
