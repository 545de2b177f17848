"""What a signer signs: structured facts made from the bytes alone, and the same facts in plain words.

Nothing is left out: every byte of the PSBT, changed, is refused by the parser or changes facts and words. Nothing is
taken from a description.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.networks import Network
from strongroom.chains.bitcoin.psbt import Psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, classify_script, parse_multisig_script
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AssetId, ChainId, Digest
from strongroom.core.money import render_units
from strongroom.core.page_values import Line, build_quote

_KEY_LINES = (build_quote("  spending needs one key, the one whose hash is the script's last 20 bytes"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessFacts:
    """An m-of-n witness script: its bytes in hex, how many signatures it wants, and the keys in hex, sorted."""

    script_hex: str
    threshold: int
    public_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    """One coin that is spent. txid_hex: as nodes print it. output_index: which output of that transaction.

    witness: None for a P2WPKH coin, which one key spends.
    """

    index: int
    txid_hex: str
    output_index: int
    value_sat: int
    address: str
    script_hex: str
    witness: WitnessFacts | None
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFacts:
    """One output. witness: the script that it is said, and proved, to pay to; None when none is given."""

    index: int
    value_sat: int
    kind: ScriptKind
    address: str
    script_hex: str
    witness: WitnessFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BitcoinFacts:
    """The whole transaction.

    unsigned_digest: SHA-256 of the unsigned transaction bytes. vsize: the most virtual bytes it has once signed.
    fee_rate_millisat_per_vb: thousandths of a smallest unit for each of those, rounded down.
    """

    network: str
    chain: ChainId
    asset: AssetId
    symbol: str
    decimals: int
    version: int
    lock_time: int
    inputs: tuple[InputFacts, ...]
    outputs: tuple[OutputFacts, ...]
    input_total_sat: int
    output_total_sat: int
    fee_sat: int
    vsize: int
    fee_rate_millisat_per_vb: int
    txid_hex: str
    unsigned_digest: Digest


def describe(psbt: Psbt, network: Network) -> BitcoinFacts:
    """State everything that the bytes say. Refuses with TX_FIELD_INVALID more coins than the network can ever have."""
    inputs = tuple(_describe_input(psbt, number, network) for number in range(len(psbt.inputs)))
    outputs = tuple(_describe_output(psbt, number, network) for number in range(len(psbt.outputs)))
    input_total = sum(spent.value_sat for spent in inputs)
    if input_total > network.max_money_sat:
        raise refused(Code.TX_FIELD_INVALID, "inputs", f"together at most {network.max_money_sat}", str(input_total))
    return BitcoinFacts(
        network=network.name,
        chain=network.chain,
        asset=network.asset,
        symbol=network.symbol,
        decimals=network.decimals,
        version=psbt.unsigned.version,
        lock_time=psbt.unsigned.lock_time,
        inputs=inputs,
        outputs=outputs,
        input_total_sat=input_total,
        output_total_sat=sum(paid.value_sat for paid in outputs),
        fee_sat=psbt.fee_sat,
        vsize=psbt.vsize,
        fee_rate_millisat_per_vb=psbt.fee_sat * 1000 // psbt.vsize,
        txid_hex=psbt.txid_hex,
        unsigned_digest=Digest("sha256:" + hashlib.sha256(psbt.unsigned_bytes).hexdigest()),
    )


def _describe_input(psbt: Psbt, index: int, network: Network) -> InputFacts:
    spending, spent = psbt.unsigned.inputs[index], psbt.spent_output(index)
    witness_script = psbt.inputs[index].witness_script
    return InputFacts(
        index=index,
        txid_hex=spending.outpoint.txid_hex,
        output_index=spending.outpoint.index,
        value_sat=spent.value_sat,
        address=render_address(spent.script, network),
        script_hex=spent.script.hex(),
        witness=None if witness_script is None else _describe_witness(witness_script),
        sequence=spending.sequence,
    )


def _describe_output(psbt: Psbt, index: int, network: Network) -> OutputFacts:
    output, witness_script = psbt.unsigned.outputs[index], psbt.outputs[index].witness_script
    return OutputFacts(
        index=index,
        value_sat=output.value_sat,
        kind=classify_script(output.script),
        address=render_address(output.script, network),
        script_hex=output.script.hex(),
        witness=None if witness_script is None else _describe_witness(witness_script),
    )


def _describe_witness(witness_script: bytes) -> WitnessFacts:
    parsed = parse_multisig_script(witness_script)
    return WitnessFacts(
        script_hex=witness_script.hex(),
        threshold=parsed.threshold,
        public_keys=tuple(key.hex() for key in parsed.public_keys),
    )


def render_grouped(text: str) -> str:
    """An address, whole, in groups of four characters: people compare groups, and lose their place in long runs."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def render_plain(facts: BitcoinFacts) -> tuple[str, ...]:
    """The facts as English lines for a screen or for paper, in the order of the bytes; nothing is shortened."""
    return tuple(line.text for line in build_lines(facts))


def build_lines(facts: BitcoinFacts) -> tuple[Line, ...]:
    """The same lines as message values, which a catalogue says in another language."""
    coins, outputs = len(facts.inputs), len(facts.outputs)
    head = "Unsigned transaction on {network} ({chain}), asset {asset}."
    spends = "It spends 1 coin, together {amount}." if coins == 1 else "It spends {count} coins, together {amount}."
    makes = "It makes 1 output, together {amount}." if outputs == 1 else "It makes {count} outputs, together {amount}."
    rate = render_units(facts.fee_rate_millisat_per_vb, 3)
    size = "Size once signed: at most {size} virtual bytes; fee rate at least {rate} smallest units each."
    version = "Transaction version {version}, lock time {lock}."
    return (
        build_quote(head, network=facts.network, chain=facts.chain, asset=facts.asset),
        build_quote(spends, count=str(coins), amount=_amount(facts.input_total_sat, facts)),
        *(line for spent in facts.inputs for line in _input_lines(spent, facts)),
        build_quote(makes, count=str(outputs), amount=_amount(facts.output_total_sat, facts)),
        *(line for paid in facts.outputs for line in _output_lines(paid, facts)),
        build_quote("Network fee: {amount}.", amount=_amount(facts.fee_sat, facts)),
        build_quote(size, size=str(facts.vsize), rate=rate),
        build_quote(version, version=str(facts.version), lock=str(facts.lock_time)),
        build_quote("Transaction id: {txid}", txid=facts.txid_hex),
        build_quote("Digest of the unsigned bytes: {digest}", digest=facts.unsigned_digest),
    )


def _input_lines(spent: InputFacts, facts: BitcoinFacts) -> list[Line]:
    place, total = str(spent.index + 1), str(len(facts.inputs))
    amount = _amount(spent.value_sat, facts)
    source = "  output number {index} of transaction {txid}"
    return [
        build_quote("Coin {place} of {total}: {amount}", place=place, total=total, amount=amount),
        build_quote("  from address {address}", address=render_grouped(spent.address)),
        build_quote(source, index=str(spent.output_index), txid=spent.txid_hex),
        build_quote("  script {script}, sequence {sequence}", script=spent.script_hex, sequence=str(spent.sequence)),
        *(_KEY_LINES if spent.witness is None else _witness_lines(spent.witness)),
    ]


def _output_lines(paid: OutputFacts, facts: BitcoinFacts) -> list[Line]:
    place, total = str(paid.index + 1), str(len(facts.outputs))
    amount = _amount(paid.value_sat, facts)
    lines = [
        build_quote("Output {place} of {total}: {amount}", place=place, total=total, amount=amount),
        build_quote("  to address {address}", address=render_grouped(paid.address)),
        build_quote("  script {script} ({kind})", script=paid.script_hex, kind=paid.kind.value),
    ]
    if paid.witness is None:
        return [*lines, build_quote("  no spending script is given: not claimed as change")]
    claimed = "  claimed as our change by the spending script given; only the key register can confirm it:"
    return [*lines, build_quote(claimed), *_witness_lines(paid.witness)]


def _witness_lines(witness: WitnessFacts) -> list[Line]:
    count, threshold = len(witness.public_keys), str(witness.threshold)
    needs = "  spending needs {threshold} of 1 key:" if count == 1 else "  spending needs {threshold} of {count} keys:"
    return [
        build_quote(needs, threshold=threshold, count=str(count)),
        *(build_quote("    {key}", key=render_grouped(key)) for key in witness.public_keys),
        build_quote("  spending script {script}", script=witness.script_hex),
    ]


def _amount(units: int, facts: BitcoinFacts) -> str:
    return f"{render_units(units, facts.decimals)} {facts.symbol} ({units} smallest units)"
