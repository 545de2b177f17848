"""The strict PSBT: the one form in which an unsigned transaction of the Bitcoin family crosses a border.

BIP-174 version 0, with exactly the fields below and no other, in one byte order. A `Psbt` that exists has passed every
check here, so whoever holds one may trust its amounts and scripts; whether they were instructed is for others to judge.

- Global: the unsigned transaction, of the shape that `rules.py` fixes.
- Each input: the full previous transaction, in the stripped serialization so that the txid covers every byte of it;
  the output spent, once more; SIGHASH_ALL; the m-of-n witness script, or none exactly when the output is P2WPKH. Full
  previous transactions defeat the fee attack of 2020 on segwit signers: the amount is proved by a hash that the
  signature covers.
- Each output: nothing, or the m-of-n witness script that it pays to (our change, when it is P2WSH).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from strongroom.chains.bitcoin.fields import (
    GLOBAL_UNSIGNED_TX,
    IN_NON_WITNESS_UTXO,
    IN_SIGHASH_TYPE,
    IN_WITNESS_SCRIPT,
    IN_WITNESS_UTXO,
    OUT_WITNESS_SCRIPT,
    SIGHASH_ALL_VALUE,
    check_global_fields,
    check_input_fields,
    check_output_fields,
)
from strongroom.chains.bitcoin.keymaps import KeyMap, encode_maps, parse_maps
from strongroom.chains.bitcoin.rules import LOCK_TIME, SEQUENCE, VERSION, check_unsigned
from strongroom.chains.bitcoin.scripts import is_p2wpkh, p2wsh_script, parse_multisig_script
from strongroom.chains.bitcoin.sighash import script_code_of, signature_hash
from strongroom.chains.bitcoin.sizes import MAX_VSIZE, vsize_signed
from strongroom.chains.bitcoin.transactions import (
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    encode_output,
    encode_stripped,
    parse_legacy,
    strip_witnesses,
    txid,
    txid_hex,
)
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused, run_checks


@dataclass(frozen=True, slots=True, kw_only=True)
class PsbtInput:
    """What one input spends: the whole previous transaction without witnesses, and the script that must be met.

    witness_script: None for a P2WPKH coin, whose key its output already commits to.
    """

    previous: Transaction
    witness_script: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PsbtOutput:
    """What is said of one output. witness_script: the m-of-n script that it pays to; None when nothing is said."""

    witness_script: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Psbt:
    """An unsigned transaction with the proof of what it spends; it cannot be made without passing every check."""

    unsigned: Transaction
    inputs: tuple[PsbtInput, ...]
    outputs: tuple[PsbtOutput, ...]

    def __post_init__(self) -> None:
        check_unsigned(self.unsigned)
        if (len(self.inputs), len(self.outputs)) != (len(self.unsigned.inputs), len(self.unsigned.outputs)):
            got = f"{len(self.inputs)} and {len(self.outputs)}"
            raise malformed(Code.PSBT_INVALID, "maps", "one for each input and each output", got)
        checks: list[Callable[[], None]] = [partial(_check_input, self, number) for number in range(len(self.inputs))]
        checks += [partial(_check_output, self, number) for number in range(len(self.outputs))]
        run_checks(checks)
        run_checks((partial(_check_fee, self), partial(_check_size, self)))

    @property
    def unsigned_bytes(self) -> bytes:
        """The unsigned transaction as it is signed: what digests and approvals are over, never the PSBT around it."""
        return encode_stripped(self.unsigned)

    @property
    def txid_hex(self) -> str:
        """The transaction's id, final before it is signed, since every input is native segwit."""
        return txid_hex(self.unsigned)

    def spent_output(self, index: int) -> TxOut:
        """The output that input `index` spends, out of the full previous transaction."""
        return self.inputs[index].previous.outputs[self.unsigned.inputs[index].outpoint.index]

    def input_value_sat(self, index: int) -> int:
        """The value that input `index` spends."""
        return self.spent_output(index).value_sat

    @property
    def fee_sat(self) -> int:
        """Inputs minus outputs; never negative."""
        spent = sum(self.input_value_sat(index) for index in range(len(self.inputs)))
        return spent - sum(output.value_sat for output in self.unsigned.outputs)

    @property
    def vsize(self) -> int:
        """The most virtual bytes that the signed transaction can have."""
        return vsize_signed(self.unsigned, [spent.witness_script for spent in self.inputs])

    def signature_hash(self, index: int) -> bytes:
        """The 32 bytes that each key of input `index` signs: BIP-143, SIGHASH_ALL."""
        script_code = script_code_of(self.spent_output(index).script, self.inputs[index].witness_script)
        return signature_hash(self.unsigned, index, script_code, self.input_value_sat(index))


def _check_input(psbt: Psbt, index: int) -> None:
    """The previous transaction is the one spent, and the witness script is the one that its output commits to.

    Without a witness script, the output must be P2WPKH: everything else would be spent by a script that nobody saw.
    """
    field, spent, outpoint = f"inputs[{index}]", psbt.inputs[index], psbt.unsigned.inputs[index].outpoint
    if spent.previous.witnesses:
        raise malformed(Code.PSBT_INVALID, f"{field}.previous", "no witnesses", f"{len(spent.previous.witnesses)}")
    if txid(spent.previous) != outpoint.txid:
        raise refused(Code.PSBT_PREVIOUS_MISMATCH, f"{field}.previous", outpoint.txid_hex, txid_hex(spent.previous))
    if outpoint.index >= len(spent.previous.outputs):
        expected = f"an output number below {len(spent.previous.outputs)}"
        raise refused(Code.PSBT_PREVIOUS_MISMATCH, f"{field}.outpoint", expected, str(outpoint.index))
    script = psbt.spent_output(index).script
    if spent.witness_script is not None:
        _check_witness_script(spent.witness_script, script, field)
    elif not is_p2wpkh(script):
        raise malformed(Code.PSBT_INVALID, f"{field}.witness_script", "present, or a P2WPKH coin", script.hex())


def _check_output(psbt: Psbt, index: int) -> None:
    witness_script = psbt.outputs[index].witness_script
    if witness_script is not None:
        _check_witness_script(witness_script, psbt.unsigned.outputs[index].script, f"outputs[{index}]")


def _check_witness_script(witness_script: bytes, script: bytes, field: str) -> None:
    if p2wsh_script(witness_script) != script:
        expected = f"the witness script of {script.hex()}"
        raise refused(Code.PSBT_INVALID, f"{field}.witness_script", expected, witness_script.hex())
    parse_multisig_script(witness_script, f"{field}.witness_script")


def _check_fee(psbt: Psbt) -> None:
    if psbt.fee_sat < 0:
        raise refused(Code.TX_FIELD_INVALID, "fee_sat", "0 or more", str(psbt.fee_sat))


def _check_size(psbt: Psbt) -> None:
    if psbt.vsize > MAX_VSIZE:
        raise refused(Code.TOO_LARGE, "vsize", f"at most {MAX_VSIZE}, or no node relays it", str(psbt.vsize))


def parse_psbt(raw: bytes) -> Psbt:
    """Read our PSBT, whole and in its one byte form.

    Raises PSBT_INVALID, PSBT_VERSION_REFUSED, PSBT_FIELD_UNKNOWN, PSBT_ALREADY_SIGNED, PSBT_PREVIOUS_MISSING,
    PSBT_PREVIOUS_MISMATCH, SIGHASH_REFUSED, and the TX_ and SCRIPT_ codes of the transactions inside.
    Source: BIP-174; spec/docket.md; vectors/bitcoin/bip174.json.
    """
    maps = parse_maps(raw)
    check_global_fields(maps[0] if maps else {})
    unsigned = parse_legacy(maps[0][GLOBAL_UNSIGNED_TX], "unsigned transaction")
    inputs_end = 1 + len(unsigned.inputs)
    wanted = inputs_end + len(unsigned.outputs)
    if len(maps) != wanted:
        raise malformed(Code.PSBT_INVALID, "psbt", f"{wanted} maps", f"{len(maps)} maps")
    input_maps, output_maps = maps[1:inputs_end], maps[inputs_end:]
    checks: list[Callable[[], None]] = [partial(check_unsigned, unsigned)]
    checks += [partial(check_input_fields, fields, f"inputs[{n}]") for n, fields in enumerate(input_maps)]
    checks += [partial(check_output_fields, fields, f"outputs[{n}]") for n, fields in enumerate(output_maps)]
    run_checks(checks)
    psbt = Psbt(
        unsigned=unsigned,
        inputs=tuple(_parse_input(fields, f"inputs[{n}]") for n, fields in enumerate(input_maps)),
        outputs=tuple(PsbtOutput(witness_script=fields.get(OUT_WITNESS_SCRIPT)) for fields in output_maps),
    )
    for number, fields in enumerate(input_maps):
        _check_witness_utxo(psbt, number, fields)
    if encode_psbt(psbt) != raw:
        raise malformed(Code.PSBT_INVALID, "psbt", encode_psbt(psbt).hex(), raw.hex())
    return psbt


def _parse_input(fields: KeyMap, field: str) -> PsbtInput:
    previous = parse_legacy(fields[IN_NON_WITNESS_UTXO], f"{field}.previous")
    return PsbtInput(previous=previous, witness_script=fields.get(IN_WITNESS_SCRIPT))


def _check_witness_utxo(psbt: Psbt, index: int, fields: KeyMap) -> None:
    """The output repeated beside the previous transaction is the same; a tool that reads only this one sees no lie."""
    expected = encode_output(psbt.spent_output(index))
    if fields[IN_WITNESS_UTXO] != expected:
        got = fields[IN_WITNESS_UTXO].hex()
        raise refused(Code.PSBT_PREVIOUS_MISMATCH, f"inputs[{index}].witness_utxo", expected.hex(), got)


def encode_psbt(psbt: Psbt) -> bytes:
    """The one byte form: keys ascending, lengths in their shortest spelling."""
    inputs = (_input_map(psbt, number) for number in range(len(psbt.inputs)))
    outputs = (_output_map(paid) for paid in psbt.outputs)
    return encode_maps(({GLOBAL_UNSIGNED_TX: psbt.unsigned_bytes}, *inputs, *outputs))


def _input_map(psbt: Psbt, index: int) -> KeyMap:
    spent = psbt.inputs[index]
    fields = {
        IN_NON_WITNESS_UTXO: encode_stripped(spent.previous),
        IN_WITNESS_UTXO: encode_output(psbt.spent_output(index)),
        IN_SIGHASH_TYPE: SIGHASH_ALL_VALUE,
    }
    return fields if spent.witness_script is None else {**fields, IN_WITNESS_SCRIPT: spent.witness_script}


def _output_map(paid: PsbtOutput) -> KeyMap:
    return {} if paid.witness_script is None else {OUT_WITNESS_SCRIPT: paid.witness_script}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """One coin to spend: its whole transaction (witnesses are dropped), output number and witness script.

    witness_script: None for a P2WPKH coin.
    """

    previous: Transaction
    index: int
    witness_script: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One output to make. witness_script: its m-of-n script when it is our own P2WSH change, else None."""

    value_sat: int
    script: bytes
    witness_script: bytes | None = None


def build_psbt(*, spends: Sequence[Spend], payments: Sequence[Payment]) -> Psbt:
    """Make the PSBT that spends these coins into these outputs, in the order given. The fee is what is left over.

    Raises as `parse_psbt` does: what this returns, `parse_psbt` accepts.
    """
    unsigned = Transaction(
        version=VERSION,
        inputs=tuple(
            TxIn(outpoint=OutPoint(txid=txid(s.previous), index=s.index), script_sig=b"", sequence=SEQUENCE)
            for s in spends
        ),
        outputs=tuple(TxOut(value_sat=p.value_sat, script=p.script) for p in payments),
        witnesses=(),
        lock_time=LOCK_TIME,
    )
    return Psbt(
        unsigned=unsigned,
        inputs=tuple(PsbtInput(previous=strip_witnesses(s.previous), witness_script=s.witness_script) for s in spends),
        outputs=tuple(PsbtOutput(witness_script=p.witness_script) for p in payments),
    )
