"""The one shape of our transactions on the Bitcoin family, checked on what BDK read, signed or not.

Version 2, lock time 0, replaceable, nothing spent twice, outputs of the five kinds above the dust limit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from bdkpython import Transaction, TxIn, TxOut  # type: ignore[import-untyped]

from strongroom.checker.reading.bitcoin_scripts import dust_of
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused, run_checks

VERSION: Final = 2
LOCK_TIME: Final = 0
SEQUENCE: Final = 0xFFFFFFFD
"""Replaceable (BIP-125) and without a relative lock (BIP-68)."""
MOST_COINS_SAT: Final = 84_000_000 * 100_000_000
"""As many as Litecoin will ever have, the most of the family."""


def check_shape(tx: Transaction) -> None:
    """The one shape of our transactions, signed or not; every reason is reported.

    Raises TX_VERSION_REFUSED, TX_LOCKTIME_REFUSED, TX_SEQUENCE_REFUSED, TX_DUPLICATE_INPUT, TX_FIELD_INVALID,
    PSBT_ALREADY_SIGNED (a script_sig) and the SCRIPT_ codes.
    """
    checks: list[Callable[[], None]] = [partial(_check_whole, tx)]
    checks += [partial(_check_spending, spending, f"inputs[{n}]") for n, spending in enumerate(tx.input())]
    checks += [partial(_check_paying, paying, f"outputs[{n}]") for n, paying in enumerate(tx.output())]
    run_checks((partial(_check_version, tx), partial(_check_lock_time, tx), *checks))


def _check_version(tx: Transaction) -> None:
    if tx.version() != VERSION:
        raise refused(Code.TX_VERSION_REFUSED, "version", str(VERSION), str(tx.version()))


def _check_lock_time(tx: Transaction) -> None:
    if tx.lock_time() != LOCK_TIME:
        raise refused(Code.TX_LOCKTIME_REFUSED, "lock_time", str(LOCK_TIME), str(tx.lock_time()))


def _check_whole(tx: Transaction) -> None:
    """Something spent, something paid, nothing spent twice, no more paid than there is."""
    if not tx.input() or not tx.output():
        raise malformed(Code.TX_FIELD_INVALID, "inputs and outputs", "at least one of each", "none")
    spent = [(str(i.previous_output.txid), i.previous_output.vout) for i in tx.input()]
    if len(set(spent)) != len(spent):
        raise refused(Code.TX_DUPLICATE_INPUT, "inputs", "each outpoint once", str(spent))
    total = sum(output.value.to_sat() for output in tx.output())
    if total > MOST_COINS_SAT:
        raise refused(Code.TX_FIELD_INVALID, "outputs", f"together at most {MOST_COINS_SAT}", str(total))


def _check_spending(spending: TxIn, field: str) -> None:
    if spending.script_sig.to_bytes():
        raise refused(Code.PSBT_ALREADY_SIGNED, f"{field}.script_sig", "empty", spending.script_sig.to_bytes().hex())
    if spending.sequence != SEQUENCE:
        raise refused(Code.TX_SEQUENCE_REFUSED, f"{field}.sequence", hex(SEQUENCE), hex(spending.sequence))


def _check_paying(paying: TxOut, field: str) -> None:
    least = dust_of(paying.script_pubkey.to_bytes(), f"{field}.script")
    if paying.value.to_sat() < least:
        raise refused(Code.TX_FIELD_INVALID, f"{field}.value_sat", f"at least {least}", str(paying.value.to_sat()))
