"""What the libraries alone read in unsigned bytes: no rule of ours, and no code of either reading.

A reading of ours may refuse what a library takes; it may never read something else than the library does.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import rlp  # type: ignore[import-untyped]
from bdkpython import Psbt  # type: ignore[import-untyped]
from embit.psbt import PSBT  # type: ignore[import-untyped]
from embit.transaction import SIGHASH  # type: ignore[import-untyped]
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes


def read_ethereum_with_libraries(raw: bytes) -> tuple[Any, ...]:
    """Chain, nonce, both prices, gas, to, value, data and the digest to be signed, by eth-account."""
    items = rlp.decode(raw[1:], strict=True)
    found = TypedTransaction.from_bytes(HexBytes(raw[:1] + rlp.encode([*items, b"", b"\x01", b"\x01"])))
    said = found.as_dict()
    return (
        said["chainId"],
        said["nonce"],
        said["maxPriorityFeePerGas"],
        said["maxFeePerGas"],
        said["gas"],
        bytes(said["to"]),
        said["value"],
        bytes(said["data"]),
        tuple(said["accessList"]),
        bytes(found.hash()),
    )


def read_bitcoin_with_libraries(raw: bytes) -> tuple[Any, ...]:
    """Inputs with value and script, outputs, fee and id by BDK (rust-bitcoin); what is signed by embit."""
    psbt, other = Psbt(b64encode(raw).decode()), PSBT.parse(raw)
    tx = psbt.extract_tx_unchecked_fee_rate()
    inputs = []
    for number, (spending, source) in enumerate(zip(tx.input(), psbt.input(), strict=True)):
        spent = source.non_witness_utxo.output()[spending.previous_output.vout]
        inputs.append(
            (
                str(spending.previous_output.txid),
                spending.previous_output.vout,
                spent.value.to_sat(),
                bytes(spent.script_pubkey.to_bytes()),
                spending.sequence,
                bytes(other.sighash(number, sighash=SIGHASH.ALL)),
            )
        )
    outputs = [(paid.value.to_sat(), bytes(paid.script_pubkey.to_bytes())) for paid in tx.output()]
    embit_outputs = [(paid.value, bytes(paid.script_pubkey.data)) for paid in other.tx.vout]
    assert outputs == embit_outputs
    return (tuple(inputs), tuple(outputs), psbt.fee(), str(tx.compute_txid()), tx.version(), tx.lock_time())
