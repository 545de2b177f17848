"""The digest that a signature of ours signs: BIP-143, and of its hash types SIGHASH_ALL alone.

The other types leave outputs or inputs open for somebody else to fill in after the signature; there is no function for
them here, so no mistake can reach one.
"""

from __future__ import annotations

import hashlib

from strongroom.chains.bitcoin.reader import encode_variable
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, script_payload
from strongroom.chains.bitcoin.transactions import MAX_MONEY, Transaction, encode_outpoint, encode_output
from strongroom.core.codes import Code
from strongroom.core.errors import malformed

SIGHASH_ALL = 1


def _double_sha256(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def script_code_of(script: bytes, witness_script: bytes | None) -> bytes:
    """The script that the digest of an input covers: the witness script, or for P2WPKH that of its key's hash.

    script: of the output that is spent. witness_script: None exactly for P2WPKH. Source: BIP-143.
    """
    if witness_script is not None:
        return witness_script
    return build_script(ScriptKind.P2PKH, script_payload(script))


def signature_hash(tx: Transaction, index: int, script_code: bytes, value_sat: int) -> bytes:
    """The 32 bytes to sign for one input.

    index: of the input in `tx`. script_code: see `script_code_of`, without a length. value_sat: of the output that is
    spent; the digest covers it, so a lie about the amount makes a signature that no node accepts.
    Raises TX_FIELD_INVALID when the index or the value is out of range. Source: BIP-143; vectors/bitcoin/bip143.json.
    """
    if not 0 <= index < len(tx.inputs):
        raise malformed(Code.TX_FIELD_INVALID, "index", f"0 to {len(tx.inputs) - 1}", str(index))
    if not 0 <= value_sat <= MAX_MONEY:
        raise malformed(Code.TX_FIELD_INVALID, "value_sat", f"0 to {MAX_MONEY}", str(value_sat))
    spending = tx.inputs[index]
    preimage = (
        tx.version.to_bytes(4, "little")
        + _double_sha256(b"".join(encode_outpoint(i.outpoint) for i in tx.inputs))
        + _double_sha256(b"".join(i.sequence.to_bytes(4, "little") for i in tx.inputs))
        + encode_outpoint(spending.outpoint)
        + encode_variable(script_code)
        + value_sat.to_bytes(8, "little")
        + spending.sequence.to_bytes(4, "little")
        + _double_sha256(b"".join(encode_output(output) for output in tx.outputs))
        + tx.lock_time.to_bytes(4, "little")
        + SIGHASH_ALL.to_bytes(4, "little")
    )
    return _double_sha256(preimage)
