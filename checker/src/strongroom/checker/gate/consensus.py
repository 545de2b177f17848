"""The network's own verdict: Bitcoin Core's script verification, through its kernel library.

Run at the gate after our own reading, never instead of it: consensus accepts high s and trailing bytes, which
`strongroom.checker.reading.bitcoin_signed` refuses. Litecoin verifies scripts as Bitcoin does outside its extension
blocks, whose transactions our reading refuses.
"""

from __future__ import annotations

from collections.abc import Sequence

import pbk  # type: ignore[import-untyped]
from pbk.script import PrecomputedTransactionData  # type: ignore[import-untyped]

from strongroom.checker.reading.bitcoin import InputReading
from strongroom.core.codes import Code
from strongroom.core.errors import refused


def verify_by_consensus(signed_raw: bytes, previous: Sequence[InputReading]) -> None:
    """Verify every input of a signed transaction with all script rules.

    previous: the coins that it spends, in the order of its inputs (`BitcoinReading.inputs`). Raises CONSENSUS_REFUSED.
    """
    try:
        tx = pbk.Transaction(signed_raw)
    except RuntimeError as error:
        raise refused(Code.CONSENSUS_REFUSED, "transaction", "a transaction", signed_raw.hex()) from error
    count = len(tx.inputs)
    if count != len(previous):
        raise refused(Code.CONSENSUS_REFUSED, "inputs", str(len(previous)), str(count))
    scripts = [pbk.ScriptPubkey(coin.script) for coin in previous]
    outputs = [pbk.TransactionOutput(script, coin.value_sat) for script, coin in zip(scripts, previous, strict=True)]
    data = PrecomputedTransactionData(tx, outputs)
    for index, coin in enumerate(previous):
        _verify_input(tx, data, index, scripts[index], coin.value_sat)


def _verify_input(
    tx: pbk.Transaction, data: PrecomputedTransactionData, index: int, script: pbk.ScriptPubkey, value_sat: int
) -> None:
    try:
        # The library says bool and returns an int: only 1 is a yes.
        accepted = script.verify(value_sat, tx, data, index, pbk.ScriptVerificationFlags.ALL)
    except pbk.ScriptVerifyException as error:
        raise refused(Code.CONSENSUS_REFUSED, f"inputs[{index}]", "accepted by consensus", str(error)) from error
    if accepted != 1:
        raise refused(Code.CONSENSUS_REFUSED, f"inputs[{index}]", "accepted by consensus", "refused")
