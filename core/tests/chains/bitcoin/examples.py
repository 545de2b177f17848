"""Values that several test files of this room start from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from strongroom.chains.bitcoin.psbt import Payment, Psbt, Spend, build_psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, multisig_script, p2wsh_script
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut

VECTORS = Path(__file__).parents[4] / "vectors" / "bitcoin"
SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"
"""Published data that is too large for the repository; tests that need it skip where it is absent."""

KEYS = (b"\x02" + b"\x11" * 32, b"\x03" + b"\x22" * 32, b"\x02" + b"\x33" * 32)
CHANGE_KEYS = (b"\x02" + b"\x44" * 32, b"\x03" + b"\x55" * 32, b"\x02" + b"\x66" * 32)
WITNESS_SCRIPT = multisig_script(2, KEYS)
CHANGE_WITNESS_SCRIPT = multisig_script(2, CHANGE_KEYS)
STRANGER = build_script(ScriptKind.P2WPKH, b"\x77" * 20)

PREVIOUS = Transaction(
    version=1,
    inputs=(TxIn(outpoint=OutPoint(txid=b"\x99" * 32, index=3), script_sig=b"\x51", sequence=0xFFFFFFFF),),
    outputs=(
        TxOut(value_sat=7_000, script=STRANGER),
        TxOut(value_sat=500_000_000, script=p2wsh_script(WITNESS_SCRIPT)),
        TxOut(value_sat=700_000_000, script=p2wsh_script(WITNESS_SCRIPT)),
    ),
    witnesses=(),
    lock_time=9,
)
SPEND = Spend(previous=PREVIOUS, index=1, witness_script=WITNESS_SCRIPT)
PAYMENT = Payment(value_sat=300_000_000, script=STRANGER)
CHANGE = Payment(
    value_sat=199_990_000, script=p2wsh_script(CHANGE_WITNESS_SCRIPT), witness_script=CHANGE_WITNESS_SCRIPT
)


def load_vectors(name: str) -> Any:
    """A file of official or own vectors; each test parses what it needs."""
    return json.loads((VECTORS / name).read_text())


def honest_psbt() -> Psbt:
    """One coin of 5, 3 to a stranger, 1.9999 back to us, a fee of 10,000."""
    return build_psbt(spends=[SPEND], payments=[PAYMENT, CHANGE])


def altered(tx: Transaction, **changes: Any) -> Transaction:
    """A transaction with some fields changed."""
    return replace(tx, **changes)
