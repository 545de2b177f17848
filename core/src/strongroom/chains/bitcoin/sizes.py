"""How large a transaction will be once it is signed, before anybody has signed it."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.chains.bitcoin.reader import encode_compact_size, encode_variable
from strongroom.chains.bitcoin.scripts import parse_multisig_script
from strongroom.chains.bitcoin.transactions import Transaction, encode_stripped

MAX_VSIZE = 100_000
"""Nodes relay no larger transaction (Bitcoin Core, MAX_STANDARD_TX_WEIGHT / 4)."""
_MARKER_AND_FLAG = 2
_SIGNATURE_BYTES = 72
"""The longest signature with low S (71 bytes of DER, since only r can need a padding byte) and its hash type byte."""


def witness_bytes(witness_script: bytes) -> int:
    """The most bytes that the witness of one m-of-n input takes. Raises SCRIPT_UNKNOWN for another script."""
    threshold = parse_multisig_script(witness_script).threshold
    items = len(encode_compact_size(threshold + 2))
    empty_element = 1
    return items + empty_element + threshold * (1 + _SIGNATURE_BYTES) + len(encode_variable(witness_script))


def vsize_signed(unsigned: Transaction, witness_scripts: Sequence[bytes]) -> int:
    """The most virtual bytes of the signed transaction (BIP-141: weight over four, rounded up).

    witness_scripts: one for each input. A signature is a byte or two shorter now and then, never longer.
    """
    witness = _MARKER_AND_FLAG + sum(witness_bytes(script) for script in witness_scripts)
    weight = 4 * len(encode_stripped(unsigned)) + witness
    return (weight + 3) // 4
