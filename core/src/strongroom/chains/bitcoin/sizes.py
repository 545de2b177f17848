"""How large a transaction will be once it is signed, before anybody has signed it."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.chains.bitcoin.reader import encode_compact_size, encode_variable
from strongroom.chains.bitcoin.scripts import parse_multisig_script
from strongroom.chains.bitcoin.transactions import Transaction, encode_stripped

MAX_VSIZE = 100_000
"""Nodes relay no larger transaction (Bitcoin Core, MAX_STANDARD_TX_WEIGHT / 4)."""
_MARKER_AND_FLAG = 2
_KEY_BYTES = 33
_SIGNATURE_BYTES = 72
"""The longest signature with low S (71 bytes of DER, since only r can need a padding byte) and its hash type byte."""


def witness_bytes(witness_script: bytes | None) -> int:
    """The most bytes that the witness of one input takes. Raises SCRIPT_UNKNOWN for a script that is not m-of-n.

    witness_script: None for P2WPKH, whose witness is a signature and a key.
    """
    if witness_script is None:
        return 1 + (1 + _SIGNATURE_BYTES) + (1 + _KEY_BYTES)
    threshold = parse_multisig_script(witness_script).threshold
    items = len(encode_compact_size(threshold + 2))
    empty_element = 1
    return items + empty_element + threshold * (1 + _SIGNATURE_BYTES) + len(encode_variable(witness_script))


def vsize_signed(unsigned: Transaction, witness_scripts: Sequence[bytes | None]) -> int:
    """The most virtual bytes of the signed transaction (BIP-141: weight over four, rounded up).

    witness_scripts: one for each input, None for P2WPKH. A signature is a byte or two shorter now and then, never
    longer.
    """
    witness = _MARKER_AND_FLAG + sum(witness_bytes(script) for script in witness_scripts)
    weight = 4 * len(encode_stripped(unsigned)) + witness
    return (weight + 3) // 4
