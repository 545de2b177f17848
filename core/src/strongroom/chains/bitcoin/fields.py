"""Which fields of BIP-174 our strict PSBT has, and under which name every other one is refused.

Looks at keys and at the hash type only; what the values say is read in `psbt.py`.
Source: BIP-174 "Specification" and its type registry.
"""

from __future__ import annotations

from functools import partial

from strongroom.chains.bitcoin.keymaps import KeyMap
from strongroom.chains.bitcoin.sighash import SIGHASH_ALL
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused, run_checks

GLOBAL_UNSIGNED_TX = b"\x00"
_GLOBAL_VERSION_TYPE = 0xFB
IN_NON_WITNESS_UTXO = b"\x00"
IN_WITNESS_UTXO = b"\x01"
IN_SIGHASH_TYPE = b"\x03"
IN_WITNESS_SCRIPT = b"\x05"
_IN_FIELDS = frozenset({IN_NON_WITNESS_UTXO, IN_WITNESS_UTXO, IN_SIGHASH_TYPE, IN_WITNESS_SCRIPT})
_IN_SIGNED_TYPES = frozenset({0x02, 0x07, 0x08, 0x13, 0x14, 0x1C})
"""Partial signature, final script_sig, final witness, taproot key and script signatures, MuSig2 partial signature."""
OUT_WITNESS_SCRIPT = b"\x01"
SIGHASH_ALL_VALUE = SIGHASH_ALL.to_bytes(4, "little")


def check_global_fields(fields: KeyMap) -> None:
    """Exactly the unsigned transaction. A version field of any value is a second spelling of version 0, or not 0."""
    for key, value in fields.items():
        if key[0] == _GLOBAL_VERSION_TYPE:
            raise refused(Code.PSBT_VERSION_REFUSED, "psbt version", "no version field (version 0)", value.hex())
    for key in fields:
        if key != GLOBAL_UNSIGNED_TX:
            raise refused(Code.PSBT_FIELD_UNKNOWN, "psbt global fields", GLOBAL_UNSIGNED_TX.hex(), key.hex())
    if GLOBAL_UNSIGNED_TX not in fields:
        raise malformed(Code.PSBT_INVALID, "psbt global fields", "an unsigned transaction", "none")


def check_input_fields(fields: KeyMap, field: str) -> None:
    """Our three fields and at most the witness script, everything that is wrong reported at once.

    Whether the witness script must be there depends on the coin, see `psbt.py`.

    Signatures are named first: somebody signed this before us, outside of our stages.
    """
    run_checks(
        (
            partial(_check_not_signed, fields, field),
            partial(_check_fields_known, fields, field),
            partial(_check_fields_present, fields, field),
            partial(_check_sighash_all, fields, field),
        )
    )


def _check_not_signed(fields: KeyMap, field: str) -> None:
    for key in fields:
        if key[0] in _IN_SIGNED_TYPES:
            raise refused(Code.PSBT_ALREADY_SIGNED, field, "no signature", f"field {key.hex()}")


def _check_fields_known(fields: KeyMap, field: str) -> None:
    for key in fields:
        if key not in _IN_FIELDS and key[0] not in _IN_SIGNED_TYPES:
            expected = ", ".join(sorted(known.hex() for known in _IN_FIELDS))
            raise refused(Code.PSBT_FIELD_UNKNOWN, field, expected, key.hex())


def _check_fields_present(fields: KeyMap, field: str) -> None:
    if IN_NON_WITNESS_UTXO not in fields:
        raise refused(Code.PSBT_PREVIOUS_MISSING, field, "the full previous transaction", "none")
    if IN_WITNESS_UTXO not in fields:
        raise malformed(Code.PSBT_INVALID, f"{field}.witness_utxo", "present", "none")


def _check_sighash_all(fields: KeyMap, field: str) -> None:
    """The type must be said, and be ALL: what is not said could be filled in by whoever signs."""
    value = fields.get(IN_SIGHASH_TYPE)
    if value != SIGHASH_ALL_VALUE:
        got = "none" if value is None else value.hex()
        raise refused(Code.SIGHASH_REFUSED, f"{field}.sighash_type", SIGHASH_ALL_VALUE.hex(), got)


def check_output_fields(fields: KeyMap, field: str) -> None:
    """Nothing, or the witness script."""
    for key in fields:
        if key != OUT_WITNESS_SCRIPT:
            raise refused(Code.PSBT_FIELD_UNKNOWN, field, OUT_WITNESS_SCRIPT.hex(), key.hex())
