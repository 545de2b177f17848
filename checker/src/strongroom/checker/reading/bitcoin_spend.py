"""What a PSBT of the Bitcoin family does, tied to proved registers: the Bitcoin half of `spend.py`."""

from __future__ import annotations

from strongroom.checker.reading.bitcoin import BitcoinReading, InputReading, read_psbt
from strongroom.checker.reading.bitcoin_scripts import own_script_of, script_to_address
from strongroom.checker.reading.facts import FactsInput
from strongroom.checker.reading.networks import native_asset_of
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.registers import Address, Entries
from strongroom.checker.reading.spend import Spend, SpendOutput, keys_of, prefixed
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused
from strongroom.core.ids import ChainId


def read_bitcoin_spend(chain: ChainId, unsigned: bytes, entries: Entries, path: str) -> Spend:
    """Read a PSBT and find the proved address behind every input. Raises SOURCE_NOT_OURS for coins of nobody known."""
    asset = native_asset_of(chain)
    with prefixed(path):
        reading = read_psbt(unsigned)
    known = {each.address: each for each in entries.addresses.values() if each.chain == chain}
    found: list[Refusal] = []
    spent: list[Address] = []
    for i, each in enumerate(reading.inputs):
        with gathered(found):
            spent.append(_find_source(each, known, entries, chain, f"{path}.inputs[{i}]"))
    raise_found(found)
    return Spend(
        chain=chain,
        asset=asset,
        fee_asset=asset,
        unsigned_bytes=reading.unsigned_bytes,
        inputs=tuple(_input(each, address) for each, address in zip(reading.inputs, spent, strict=True)),
        outputs=tuple(
            SpendOutput(
                index=i,
                address=script_to_address(each.script, chain),
                units=each.value_sat,
                witness_script=each.witness_script or b"",
            )
            for i, each in enumerate(reading.outputs)
        ),
        fee=reading.fee_sat,
        terms=_terms(reading),
        commits=tuple(sorted(f"outpoint:{chain}:{each.txid_hex}:{each.index}" for each in reading.inputs)),
        spent=tuple(spent),
    )


def check_bitcoin_address(address: Address, entries: Entries, code: Code, path: str) -> bytes:
    """Raise `code` unless the address follows from its proved keys; returns its witness script, empty for P2WPKH."""
    points = [key.public for key in keys_of(address, entries, code, path)]
    script, witness_script = own_script_of(address.threshold, points)
    derived = script_to_address(script, address.chain)
    if derived != address.address:
        raise refused(code, path, derived, address.address)
    return witness_script or b""


def _find_source(each: InputReading, known: dict[str, Address], entries: Entries, chain: ChainId, path: str) -> Address:
    name = script_to_address(each.script, chain)
    address = known.get(name)
    if address is None:
        raise refused(Code.SOURCE_NOT_OURS, path, "a proved address of ours", name)
    script, carried = check_bitcoin_address(address, entries, Code.SOURCE_NOT_OURS, path), each.witness_script or b""
    if script != carried:
        raise refused(Code.SOURCE_NOT_OURS, f"{path}.witness_script", script.hex(), carried.hex())
    return address


def _input(each: InputReading, address: Address) -> FactsInput:
    return FactsInput(
        address=address.address,
        entry=address.id,
        index=str(each.index),
        kind="outpoint",
        txid=each.txid_hex,
        units=str(each.value_sat),
    )


def _terms(reading: BitcoinReading) -> dict[str, str]:
    """What else the bytes fix. There is one sequence: inputs that differ in it cannot be shown, so they are refused."""
    sequences = {each.sequence for each in reading.inputs}
    if len(sequences) != 1:
        got = " ".join(str(each) for each in sorted(sequences))
        raise refused(Code.TX_SEQUENCE_REFUSED, "transaction.unsigned.inputs", "one sequence on every input", got)
    return {
        "lock_time": str(reading.lock_time),
        "sequences": str(sequences.pop()),
        "version": str(reading.version),
    }
