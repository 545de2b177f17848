"""`segwit-fee-2020`: a segwit signature covers its own input's amount only; two sessions that lied made one huge fee.

Stopped by: (1) approver's device and terminal take an amount from nothing but the full previous transaction, whose hash
the input names (PSBT_PREVIOUS_MISSING and PSBT_PREVIOUS_MISMATCH: the row's INPUT_AMOUNT_UNPROVEN), and the terminal's
journal binds a coin to one proposal for ever (ALREADY_COMMITTED: SAME_INPUT_RESIGNED); (2) station and gate read the
amounts from there themselves, the gate verifies every signature over the true ones (SIGNATURE_INVALID), and keeps a
memory of coins of its own.

Software cannot stop: terminals whose memories are all gone, with a gate's whose is gone too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from crooked import Forge, check_each, crooked_ltc, rebuilt
from places import NOTHING, PLACES, Places
from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.fields import IN_NON_WITNESS_UTXO, IN_WITNESS_UTXO
from strongroom.chains.bitcoin.keymaps import KeyMap, encode_maps, parse_maps
from strongroom.chains.bitcoin.sighash import script_code_of, signature_hash
from strongroom.chains.bitcoin.signing import parse_der_signature
from strongroom.chains.bitcoin.transactions import encode_output, encode_stripped, parse_legacy
from strongroom.core.codes import Code
from strongroom.core.packages import PartialSignature, TerminalResult
from strongroom.core.records import HexBytes
from world import Trip, chain_key, ltc_trip

TRUE, FALSE = 20 * 10**8, 5 * 10**8 + 2_000
"""What each of both coins is worth, and what one of them is said to be worth, so that the fee looks usual."""
MISMATCH = (Code.PSBT_PREVIOUS_MISMATCH, Code.PSBT_INVALID)


def with_input(raw: bytes, index: int, edit: Callable[[KeyMap], KeyMap]) -> bytes:
    """A PSBT with one input's fields edited."""
    maps = list(parse_maps(raw))
    maps[1 + index] = edit(maps[1 + index])
    return encode_maps(maps)


def lying(index: int) -> Forge:
    """One session: the amount of one input is true, and this one's is false, in all places that say it."""

    def edit(fields: KeyMap) -> KeyMap:
        previous = parse_legacy(fields[IN_NON_WITNESS_UTXO], "previous")
        output = replace(previous.outputs[0], value_sat=FALSE)
        false = encode_stripped(replace(previous, outputs=(output, *previous.outputs[1:])))
        return {**fields, IN_NON_WITNESS_UTXO: false, IN_WITNESS_UTXO: encode_output(output)}

    return lambda raw: with_input(raw, index, edit)


def said_once(index: int) -> Forge:
    """The full previous transaction is true, and what is repeated beside it is not."""

    def edit(fields: KeyMap) -> KeyMap:
        output = parse_legacy(fields[IN_NON_WITNESS_UTXO], "previous").outputs[0]
        return {**fields, IN_WITNESS_UTXO: encode_output(replace(output, value_sat=FALSE))}

    return lambda raw: with_input(raw, index, edit)


def without_previous(raw: bytes) -> bytes:
    """As signers took it then: nothing but the output that is spent."""
    return with_input(raw, 1, lambda fields: {k: v for k, v in fields.items() if k != IN_NON_WITNESS_UTXO})


FORGERIES: dict[str, tuple[Forge, tuple[Code, ...]]] = {
    "PSBT 1: the second amount is false": (lying(1), MISMATCH),
    "PSBT 2: the first amount is false": (lying(0), MISMATCH),
    "it is false where it is repeated": (said_once(1), MISMATCH),
    "no previous transaction": (without_previous, (Code.PSBT_PREVIOUS_MISSING,)),
    "what both together make": (lambda raw: rebuilt(raw, lambda outputs: outputs[:-1]), (Code.FEE_CEILING,)),
}


@pytest.mark.parametrize(("forge", "codes"), FORGERIES.values(), ids=FORGERIES)
def test_each_place_alone_takes_no_amount_on_trust(places: Places, forge: Forge, codes: tuple[Code, ...]) -> None:
    """Controls 1 and 2, each with the other out of the way; joined, the truth is a fee of thirty-five coins."""
    check_each(places.all(crooked_ltc(places.world, forge)), *codes)
    assert [] == places.wire.sent


def test_a_coin_that_was_signed_for_is_signed_for_nothing_else(places: Places) -> None:
    """The first session is said to have failed. Memories of terminal and gate, each without the other."""
    first, second = ltc_trip(places.world), ltc_trip(places.world, sequence=2)
    assert NOTHING == places.terminal(first)
    assert {Code.ALREADY_COMMITTED} == places.terminal(second)
    assert NOTHING == places.gate(first)
    assert Code.ALREADY_COMMITTED in places.gate(second)
    assert 1 == len(places.wire.sent)


def over_false_amount(trip: Trip) -> Callable[[TerminalResult], TerminalResult]:
    """What a terminal without the check signs: input 1, as if its coin were worth less."""

    def sign(part: PartialSignature) -> PartialSignature:
        if part.input != 1:
            return part
        psbt = psbts.parse_psbt(trip.unsigned)
        code = script_code_of(psbt.spent_output(1).script, psbt.inputs[1].witness_script)
        digest = signature_hash(psbt.unsigned, 1, code, FALSE)
        r, s = parse_der_signature(chain_key(part.key).sign(digest, hasher=None))
        return replace(part, signature=HexBytes(r.to_bytes(32, "big") + s.to_bytes(32, "big")))

    return lambda result: replace(result, signatures=tuple(map(sign, result.signatures)))


def test_a_signature_over_a_false_amount_does_not_verify(places: Places) -> None:
    """Control 1 out of the way at both terminals: the gate verifies over the amounts that it read itself."""
    trip = ltc_trip(places.world)
    trip.edits = {"result": over_false_amount(trip)}
    assert {Code.SIGNATURE_INVALID} == places.gate(trip)
    assert [] == places.wire.sent


def test_both_coins_at_their_true_amounts_are_spent(places: Places) -> None:
    """The honest twin, in one session."""
    trip = ltc_trip(places.world)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(trip)
    assert [TRUE, TRUE] == [psbts.parse_psbt(trip.unsigned).input_value_sat(n) for n in (0, 1)]
    assert 1 == len(places.wire.sent)
