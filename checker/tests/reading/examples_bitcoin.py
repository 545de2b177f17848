"""Keys that really sign, coins, payments and PSBTs, made with the first reading for the second to judge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from coincurve import PrivateKey
from hypothesis import strategies as st

from strongroom.chains.bitcoin.psbt import Payment, Psbt, Spend, build_psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, multisig_script, p2wpkh_script, p2wsh_script
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut
from strongroom.checker.reading.bitcoin import BitcoinReading, InputReading, OutputReading

VECTORS = Path(__file__).parents[3] / "vectors" / "bitcoin"
COIN = 100_000_000
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@cache
def load_vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


@cache
def secret_key(number: int) -> PrivateKey:
    return PrivateKey(sha256(f"strongroom test key {number}".encode()).digest())


def public_key(number: int) -> bytes:
    return bytes(secret_key(number).public_key.format())


SECRETS = {public_key(number): secret_key(number) for number in range(1, 13)}
OURS = multisig_script(2, [public_key(number) for number in (1, 2, 3)])
CHANGE = multisig_script(2, [public_key(number) for number in (4, 5, 6)])
STRANGER = build_script(ScriptKind.P2WPKH, b"\x77" * 20)


def previous_with(*outputs: TxOut, lock_time: int = 9) -> Transaction:
    outpoint = OutPoint(txid=b"\x99" * 32, index=3)
    spent = TxIn(outpoint=outpoint, script_sig=b"\x51", sequence=0xFFFFFFFF)
    return Transaction(version=1, inputs=(spent,), outputs=outputs, witnesses=(), lock_time=lock_time)


PREVIOUS = previous_with(
    TxOut(value_sat=7_000, script=STRANGER),
    TxOut(value_sat=5 * COIN, script=p2wsh_script(OURS)),
    TxOut(value_sat=2 * COIN, script=p2wsh_script(OURS)),
)
SPENDS = (
    Spend(previous=PREVIOUS, index=1, witness_script=OURS),
    Spend(previous=PREVIOUS, index=2, witness_script=OURS),
)
PAYMENTS = (
    Payment(value_sat=3 * COIN, script=STRANGER),
    Payment(value_sat=4 * COIN - 10_000, script=p2wsh_script(CHANGE), witness_script=CHANGE),
)


def honest_psbt() -> Psbt:
    """Coins of 5 and 2, of which 3 go to a stranger and 3.9999 back to us; a fee of 10,000."""
    return build_psbt(spends=SPENDS, payments=PAYMENTS)


def first_reading(psbt: Psbt) -> BitcoinReading:
    """What `strongroom.chains` understood, in the words of the second reading."""
    spent = tuple(
        InputReading(
            txid_hex=i.outpoint.txid_hex,
            index=i.outpoint.index,
            value_sat=psbt.input_value_sat(number),
            script=psbt.spent_output(number).script,
            witness_script=psbt.inputs[number].witness_script,
            sequence=i.sequence,
        )
        for number, i in enumerate(psbt.unsigned.inputs)
    )
    paid = tuple(
        OutputReading(value_sat=o.value_sat, script=o.script, witness_script=said.witness_script)
        for o, said in zip(psbt.unsigned.outputs, psbt.outputs, strict=True)
    )
    return BitcoinReading(
        inputs=spent,
        outputs=paid,
        fee_sat=psbt.fee_sat,
        version=psbt.unsigned.version,
        lock_time=psbt.unsigned.lock_time,
        vsize=psbt.vsize,
        txid_hex=psbt.txid_hex,
        unsigned_bytes=psbt.unsigned_bytes,
        sighashes=tuple(psbt.signature_hash(number) for number in range(len(psbt.inputs))),
    )


def sign(reading: BitcoinReading, index: int, *numbers: int) -> dict[bytes, bytes]:
    """Partial signatures of input `index` by the test keys with these numbers."""
    digest = reading.sighashes[index]
    return {public_key(number): bytes(secret_key(number).sign(digest, hasher=None)) for number in numbers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """An m-of-n script and the numbers of its test keys; or one key without a script (P2WPKH)."""

    threshold: int
    numbers: tuple[int, ...]
    has_script: bool = True

    @property
    def witness_script(self) -> bytes | None:
        return multisig_script(self.threshold, [public_key(n) for n in self.numbers]) if self.has_script else None

    @property
    def script(self) -> bytes:
        witness_script = self.witness_script
        return p2wpkh_script(public_key(self.numbers[0])) if witness_script is None else p2wsh_script(witness_script)


@st.composite
def wallets(draw: st.DrawFn) -> Wallet:
    if draw(st.booleans()):
        return Wallet(threshold=1, numbers=(draw(st.integers(1, 12)),), has_script=False)
    numbers = tuple(draw(st.lists(st.integers(1, 12), min_size=1, max_size=5, unique=True)))
    return Wallet(threshold=draw(st.integers(1, len(numbers))), numbers=numbers)


@st.composite
def payments(draw: st.DrawFn) -> Payment:
    value_sat = draw(st.integers(1_000, COIN // 10))
    if draw(st.booleans()):
        kind = draw(st.sampled_from(tuple(ScriptKind)))
        length = 32 if kind in {ScriptKind.P2WSH, ScriptKind.P2TR} else 20
        return Payment(
            value_sat=value_sat, script=build_script(kind, draw(st.binary(min_size=length, max_size=length)))
        )
    own = draw(wallets())
    return Payment(value_sat=value_sat, script=own.script, witness_script=own.witness_script)


@st.composite
def spendings(draw: st.DrawFn) -> tuple[Psbt, tuple[Wallet, ...]]:
    """A PSBT that passes every check, and whose coins each input spends."""
    owners = tuple(draw(st.lists(wallets(), min_size=1, max_size=3)))
    spends = []
    for number, owner in enumerate(owners):
        coin = TxOut(value_sat=draw(st.integers(COIN, 1_000 * COIN)), script=owner.script)
        others = [TxOut(value_sat=7_000, script=STRANGER)] * draw(st.integers(0, 2))
        previous = previous_with(*others, coin, lock_time=number)
        spends.append(Spend(previous=previous, index=len(others), witness_script=owner.witness_script))
    return build_psbt(spends=spends, payments=draw(st.lists(payments(), min_size=1, max_size=4))), owners
