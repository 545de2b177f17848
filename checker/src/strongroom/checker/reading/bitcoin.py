"""The second reading of our PSBT: BDK (rust-bitcoin) takes it apart, embit computes what is signed, our rules judge.

Written from BIP-174, BIP-143 and spec/docket.md, not from `strongroom.chains`. BDK reads more than we accept (trailing
bytes, fields that it drops, other orders), so two comparisons close the reading: BDK must write the bytes that it read,
and a PSBT put together from nothing but the fields below must be those bytes too.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from bdkpython import Input, Output, Psbt, PsbtParseError, TxIn, TxOut  # type: ignore[import-untyped]
from bdkpython import Script as BdkScript
from bdkpython import Transaction as BdkTransaction
from embit import compact  # type: ignore[import-untyped]
from embit.script import Script  # type: ignore[import-untyped]
from embit.transaction import SIGHASH  # type: ignore[import-untyped]
from embit.transaction import Transaction as EmbitTransaction

from strongroom.checker.reading.bitcoin_rules import MOST_COINS_SAT, check_shape
from strongroom.checker.reading.bitcoin_scripts import key_hash_of, p2wsh_of, read_multisig
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused, run_checks

_MOST_BYTES: Final = 16_000_000
_MOST_VBYTES: Final = 100_000
_SIGNED_FIELDS: Final = ("partial_sigs", "final_script_sig", "final_script_witness", "tap_key_sig", "tap_script_sigs")
# The witness script is there for P2WSH and must not be for P2WPKH, see `_check_witness_scripts`.
_INPUT_FIELDS: Final = ("non_witness_utxo", "witness_utxo", "sighash_type", "witness_script")
_SIGHASH_ALL: Final = "{'inner': 1}"
"""How BDK's JSON says SIGHASH_ALL."""
_PARSE_FAULTS: Final = {
    "version error": Code.PSBT_VERSION_REFUSED,
    "has script sigs": Code.PSBT_ALREADY_SIGNED,
    "has script witnesses": Code.PSBT_ALREADY_SIGNED,
}
"""What BDK says of bytes that it refuses, where we have a name for it; the rest is PSBT_INVALID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputReading:
    """A coin that is spent. txid_hex: as nodes print it. value_sat, script: out of the previous transaction.

    witness_script: None for a P2WPKH coin, which one key spends.
    """

    txid_hex: str
    index: int
    value_sat: int
    script: bytes
    witness_script: bytes | None
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReading:
    """An output. witness_script: what it is said, and proved, to pay to; None when nothing is said."""

    value_sat: int
    script: bytes
    witness_script: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinReading:
    """An unsigned transaction as this reading understands it.

    unsigned_bytes: the transaction without the PSBT around it. sighashes: what the keys of each input sign (BIP-143,
    SIGHASH_ALL). vsize: the most virtual bytes that it has once signed.
    """

    inputs: tuple[InputReading, ...]
    outputs: tuple[OutputReading, ...]
    fee_sat: int
    version: int
    lock_time: int
    vsize: int
    txid_hex: str
    unsigned_bytes: bytes
    sighashes: tuple[bytes, ...]


def read_psbt(raw: bytes) -> BitcoinReading:
    """Read our PSBT, whole and in its one byte form.

    Raises PSBT_INVALID, PSBT_VERSION_REFUSED, PSBT_FIELD_UNKNOWN, PSBT_ALREADY_SIGNED, PSBT_PREVIOUS_MISSING,
    PSBT_PREVIOUS_MISMATCH, SIGHASH_REFUSED, the TX_ and SCRIPT_ codes, TOO_LARGE. Reasons of one step come together.
    """
    psbt = _parse(raw)
    _check_fields(psbt)
    sources, targets = psbt.input(), psbt.output()
    # Nothing in it is signed, so what BDK extracts is the unsigned transaction.
    tx = psbt.extract_tx_unchecked_fee_rate()
    check_shape(tx)
    pairs = enumerate(zip(tx.input(), sources, strict=True))
    run_checks(partial(_check_previous, spending, source, f"inputs[{n}]") for n, (spending, source) in pairs)
    reading = _reading_of(tx, sources, targets)
    run_checks((partial(_check_witness_scripts, reading), partial(_check_amounts, reading)))
    if _rebuild(reading, sources) != raw:
        raise malformed(Code.PSBT_INVALID, "psbt", _rebuild(reading, sources).hex(), raw.hex())
    return reading


def _parse(raw: bytes) -> Psbt:
    if len(raw) > _MOST_BYTES:
        raise malformed(Code.TOO_LARGE, "psbt", f"at most {_MOST_BYTES} bytes", str(len(raw)))
    text = b64encode(raw).decode()
    try:
        psbt = Psbt(text)
    except PsbtParseError as error:
        code = next((code for said, code in _PARSE_FAULTS.items() if said in str(error)), Code.PSBT_INVALID)
        raise malformed(code, "psbt", "a PSBT of version 0", str(error)) from error
    if psbt.serialize() != text:
        raise malformed(Code.PSBT_INVALID, "psbt", psbt.serialize(), text)
    return psbt


def _check_fields(psbt: Psbt) -> None:
    """The maps hold our fields and no other.

    Read from BDK's JSON: only there are the global fields, and its objects cannot hold fields that it does not know.
    """
    said = json.loads(psbt.json_serialize())
    checks: list[Callable[[], None]] = [partial(_check_global_fields, _present_in(said))]
    for number, part in enumerate(said["inputs"]):
        field, names = f"inputs[{number}]", _present_in(part)
        checks += [
            partial(_check_not_signed, names, field),
            partial(_check_known, names, (*_INPUT_FIELDS, *_SIGNED_FIELDS), field),
            partial(_check_present, names, field),
            partial(_check_sighash_all, str(part["sighash_type"]), field),
        ]
    for number, part in enumerate(said["outputs"]):
        checks.append(partial(_check_known, _present_in(part), ("witness_script",), f"outputs[{number}]"))
    run_checks(checks)


def _present_in(part: Mapping[str, object]) -> frozenset[str]:
    """The names of fields that were written down. An empty script is a field, an empty list or map is none."""
    return frozenset(name for name, value in part.items() if value is not None and value not in ([], {}))


def _check_global_fields(names: frozenset[str]) -> None:
    _check_known(names, ("unsigned_tx", "version", "inputs", "outputs"), "psbt global fields")


def _check_not_signed(names: frozenset[str], field: str) -> None:
    """Somebody who signed this before us did it outside of our stages."""
    signed = names.intersection(_SIGNED_FIELDS)
    if signed:
        raise refused(Code.PSBT_ALREADY_SIGNED, field, "no signature", ", ".join(sorted(signed)))


def _check_known(names: frozenset[str], known: tuple[str, ...], field: str) -> None:
    foreign = names.difference(known)
    if foreign:
        raise refused(Code.PSBT_FIELD_UNKNOWN, field, ", ".join(known), ", ".join(sorted(foreign)))


def _check_present(names: frozenset[str], field: str) -> None:
    if "non_witness_utxo" not in names:
        raise refused(Code.PSBT_PREVIOUS_MISSING, field, "the full previous transaction", "none")
    if "witness_utxo" not in names:
        raise malformed(Code.PSBT_INVALID, f"{field}.witness_utxo", "present", "none")


def _check_sighash_all(said: str, field: str) -> None:
    """The type must be said, and be ALL: what is not said could be filled in by whoever signs."""
    if said != _SIGHASH_ALL:
        raise refused(Code.SIGHASH_REFUSED, f"{field}.sighash_type", _SIGHASH_ALL, said)


def _check_previous(spending: TxIn, source: Input, field: str) -> None:
    """The previous transaction is the one that the outpoint names, whole, and says what the repeated output says."""
    previous, outpoint = source.non_witness_utxo, spending.previous_output
    if any(spent.witness for spent in previous.input()):
        # With witnesses, the txid would not cover every byte of it.
        raise malformed(Code.TX_NOT_CANONICAL, f"{field}.previous", "no witnesses", "witnesses")
    if str(previous.compute_txid()) != str(outpoint.txid):
        got = str(previous.compute_txid())
        raise refused(Code.PSBT_PREVIOUS_MISMATCH, f"{field}.previous", str(outpoint.txid), got)
    if outpoint.vout >= len(previous.output()):
        expected = f"an output number below {len(previous.output())}"
        raise refused(Code.PSBT_PREVIOUS_MISMATCH, f"{field}.outpoint", expected, str(outpoint.vout))
    proved, repeated = _write_output(previous.output()[outpoint.vout]), _write_output(source.witness_utxo)
    if proved != repeated:
        raise refused(Code.PSBT_PREVIOUS_MISMATCH, f"{field}.witness_utxo", proved.hex(), repeated.hex())


def _reading_of(tx: BdkTransaction, sources: list[Input], targets: list[Output]) -> BitcoinReading:
    inputs = tuple(_read_input(spending, source) for spending, source in zip(tx.input(), sources, strict=True))
    outputs = tuple(_read_output(paying, target) for paying, target in zip(tx.output(), targets, strict=True))
    unsigned = bytes(tx.serialize())
    return BitcoinReading(
        inputs=inputs,
        outputs=outputs,
        fee_sat=sum(i.value_sat for i in inputs) - sum(o.value_sat for o in outputs),
        version=tx.version(),
        lock_time=tx.lock_time(),
        vsize=_vsize_signed(unsigned, inputs),
        txid_hex=str(tx.compute_txid()),
        unsigned_bytes=unsigned,
        sighashes=sighashes_of(unsigned, inputs),
    )


def _read_input(spending: TxIn, source: Input) -> InputReading:
    spent = source.non_witness_utxo.output()[spending.previous_output.vout]
    return InputReading(
        txid_hex=str(spending.previous_output.txid),
        index=spending.previous_output.vout,
        value_sat=spent.value.to_sat(),
        script=bytes(spent.script_pubkey.to_bytes()),
        witness_script=_script_bytes(source.witness_script),
        sequence=spending.sequence,
    )


def _read_output(paying: TxOut, target: Output) -> OutputReading:
    return OutputReading(
        value_sat=paying.value.to_sat(),
        script=bytes(paying.script_pubkey.to_bytes()),
        witness_script=_script_bytes(target.witness_script),
    )


def _script_bytes(script: BdkScript | None) -> bytes | None:
    return None if script is None else bytes(script.to_bytes())


def _check_witness_scripts(reading: BitcoinReading) -> None:
    """Every witness script is an m-of-n of ours and is the one that its output commits to; a coin without is P2WPKH."""
    for number, spent in enumerate(reading.inputs):
        if spent.witness_script is None and key_hash_of(spent.script) is None:
            expected = "present, or a coin of one key (P2WPKH)"
            raise malformed(Code.PSBT_INVALID, f"inputs[{number}].witness_script", expected, spent.script.hex())
    for field, script, witness_script in _witness_scripts(reading):
        if p2wsh_of(witness_script) != script:
            expected = f"the witness script of {script.hex()}"
            raise refused(Code.PSBT_INVALID, f"{field}.witness_script", expected, witness_script.hex())
        read_multisig(witness_script, f"{field}.witness_script")


def _witness_scripts(reading: BitcoinReading) -> Iterator[tuple[str, bytes, bytes]]:
    for number, spent in enumerate(reading.inputs):
        if spent.witness_script is not None:
            yield f"inputs[{number}]", spent.script, spent.witness_script
    for number, paid in enumerate(reading.outputs):
        if paid.witness_script is not None:
            yield f"outputs[{number}]", paid.script, paid.witness_script


def _check_amounts(reading: BitcoinReading) -> None:
    total = sum(spent.value_sat for spent in reading.inputs)
    if total > MOST_COINS_SAT:
        raise refused(Code.TX_FIELD_INVALID, "inputs", f"together at most {MOST_COINS_SAT}", str(total))
    if reading.fee_sat < 0:
        raise refused(Code.TX_FIELD_INVALID, "fee_sat", "0 or more", str(reading.fee_sat))
    if reading.vsize > _MOST_VBYTES:
        raise refused(Code.TOO_LARGE, "vsize", f"at most {_MOST_VBYTES}", str(reading.vsize))


def sighashes_of(unsigned: bytes, inputs: tuple[InputReading, ...]) -> tuple[bytes, ...]:
    """What the keys of each input sign, by embit: BIP-143 with SIGHASH_ALL over the script code and the value."""
    tx = EmbitTransaction.parse(unsigned)
    return tuple(
        bytes(tx.sighash_segwit(number, _script_code(spent), spent.value_sat, sighash=SIGHASH.ALL))
        for number, spent in enumerate(inputs)
    )


def _script_code(spent: InputReading) -> Script:
    """The witness script; for one key, the P2PKH script of the same hash (BIP-143)."""
    if spent.witness_script is not None:
        return Script(spent.witness_script)
    return Script(b"\x76\xa9\x14" + spent.script[2:] + b"\x88\xac")


def _vsize_signed(unsigned: bytes, inputs: tuple[InputReading, ...]) -> int:
    """Weight over four, rounded up (BIP-141). A signature takes at most 71 bytes, and two for hash type and length."""
    weight = 4 * len(unsigned) + 2
    for spent in inputs:
        # A count, then one signature and its key; or a count, the empty item, the signatures and the script.
        if spent.witness_script is None:
            weight += 1 + 73 + 34
            continue
        signatures = max(spent.witness_script[0] - 0x50, 0) if spent.witness_script else 0
        script = len(spent.witness_script)
        weight += 2 + signatures * 73 + len(compact.to_bytes(script)) + script
    return -(-weight // 4)


def _rebuild(reading: BitcoinReading, sources: list[Input]) -> bytes:
    """The only PSBT that says what this reading understood: our fields in ascending order, and no other byte."""
    parts = [b"psbt\xff", _entry(0x00, reading.unsigned_bytes), b"\x00"]
    for spent, source in zip(reading.inputs, sources, strict=True):
        output = spent.value_sat.to_bytes(8, "little") + _with_length(spent.script)
        parts += [_entry(0x00, bytes(source.non_witness_utxo.serialize())), _entry(0x01, output)]
        script = b"" if spent.witness_script is None else _entry(0x05, spent.witness_script)
        parts += [_entry(0x03, b"\x01\x00\x00\x00"), script, b"\x00"]
    for paid in reading.outputs:
        parts += [b"" if paid.witness_script is None else _entry(0x01, paid.witness_script), b"\x00"]
    return b"".join(parts)


def _entry(kind: int, value: bytes) -> bytes:
    return bytes([1, kind]) + _with_length(value)


def _with_length(data: bytes) -> bytes:
    return bytes(compact.to_bytes(len(data))) + data


def _write_output(output: TxOut) -> bytes:
    script = bytes(output.script_pubkey.to_bytes())
    return int(output.value.to_sat()).to_bytes(8, "little") + _with_length(script)
