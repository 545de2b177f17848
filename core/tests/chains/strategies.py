"""Hypothesis strategies for both chains' tests, in one file."""

from __future__ import annotations

from hypothesis import strategies as st

from strongroom.chains.bitcoin.psbt import Payment, Psbt, Spend, build_psbt
from strongroom.chains.bitcoin.scripts import ScriptKind, build_script, multisig_script, p2wpkh_script, p2wsh_script
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut

COIN = 100_000_000

bitcoin_public_keys = st.builds(
    lambda head, x: bytes([head]) + x, st.sampled_from((2, 3)), st.binary(min_size=32, max_size=32)
)
"""33 bytes that look like a compressed key; the scripts do not ask whether the point exists."""


@st.composite
def bitcoin_witness_scripts(draw: st.DrawFn) -> bytes:
    """An m-of-n script of ours."""
    keys = draw(st.lists(bitcoin_public_keys, min_size=1, max_size=15, unique=True))
    return multisig_script(draw(st.integers(1, len(keys))), keys)


@st.composite
def bitcoin_output_scripts(draw: st.DrawFn) -> bytes:
    """A script of the closed grammar."""
    kind = draw(st.sampled_from(tuple(ScriptKind)))
    length = 32 if kind in (ScriptKind.P2WSH, ScriptKind.P2TR) else 20
    return build_script(kind, draw(st.binary(min_size=length, max_size=length)))


bitcoin_inputs = st.builds(
    TxIn,
    outpoint=st.builds(OutPoint, txid=st.binary(min_size=32, max_size=32), index=st.integers(0, 2**32 - 1)),
    script_sig=st.binary(max_size=300),
    sequence=st.integers(0, 2**32 - 1),
)
bitcoin_outputs = st.builds(TxOut, value_sat=st.integers(0, 84_000_000 * COIN), script=st.binary(max_size=300))


@st.composite
def bitcoin_transactions(draw: st.DrawFn) -> Transaction:
    """Any transaction that the wire can carry, with or without witnesses."""
    inputs = tuple(draw(st.lists(bitcoin_inputs, min_size=1, max_size=4)))
    stacks = st.tuples(*(st.lists(st.binary(max_size=80), max_size=3).map(tuple) for _ in inputs))
    return Transaction(
        version=draw(st.integers(0, 2**32 - 1)),
        inputs=inputs,
        outputs=tuple(draw(st.lists(bitcoin_outputs, min_size=1, max_size=4))),
        witnesses=draw(st.one_of(st.just(()), stacks.filter(any))),
        lock_time=draw(st.integers(0, 2**32 - 1)),
    )


@st.composite
def bitcoin_spends(draw: st.DrawFn) -> Spend:
    """A coin of ours, of one key or of m-of-n, inside a previous transaction that is otherwise arbitrary."""
    witness_script = draw(st.none() | bitcoin_witness_scripts())
    script = p2wpkh_script(draw(bitcoin_public_keys)) if witness_script is None else p2wsh_script(witness_script)
    coin = TxOut(value_sat=draw(st.integers(COIN, 1000 * COIN)), script=script)
    before = draw(bitcoin_transactions())
    position = draw(st.integers(0, len(before.outputs)))
    previous = Transaction(
        version=before.version,
        inputs=before.inputs,
        outputs=(*before.outputs[:position], coin, *before.outputs[position:]),
        witnesses=before.witnesses,
        lock_time=before.lock_time,
    )
    return Spend(previous=previous, index=position, witness_script=witness_script)


@st.composite
def bitcoin_payments(draw: st.DrawFn) -> Payment:
    """A payment to a stranger or change to a script that is shown."""
    value_sat = draw(st.integers(1_000, COIN // 10))
    if draw(st.booleans()):
        return Payment(value_sat=value_sat, script=draw(bitcoin_output_scripts()))
    witness_script = draw(bitcoin_witness_scripts())
    return Payment(value_sat=value_sat, script=p2wsh_script(witness_script), witness_script=witness_script)


@st.composite
def bitcoin_psbts(draw: st.DrawFn) -> Psbt:
    """A PSBT that passes every check; what the payments leave over is fee."""
    spends = draw(st.lists(bitcoin_spends(), min_size=1, max_size=3, unique_by=lambda s: (s.previous, s.index)))
    return build_psbt(spends=spends, payments=draw(st.lists(bitcoin_payments(), min_size=1, max_size=4)))
