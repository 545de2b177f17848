"""`paxos-fee-2023`: software left out the change of one payment of 0.074 BTC, and 19.8 BTC went to a miner.

Stopped by: (1) approver's device and terminal compute the fee from the full previous transactions: it is inside the
client's ceiling and what the builder claims, or refused (FEE_CEILING, which is CHANGE_MISSING as well: nothing else
tells missing change from a fee), and change that the proposal names must exist (CHANGE_NOT_OURS); (2) station and gate
compute it in a reading of their own, and the gate once more on the signed bytes (SIGNED_MISMATCH). The cause, change
that goes to the address that pays, does not exist here: change goes to change addresses only.

Software cannot stop: a ceiling that the client and the policy both set too high.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crooked import Forge, check_each, crooked_ltc, rebuilt
from places import NOTHING, PLACES, Places, codes_of
from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.bitcoin.signing import build_witness, encode_der_signature, parse_der_signature
from strongroom.chains.bitcoin.transactions import encode_transaction
from strongroom.checker.reading.bitcoin import read_psbt
from strongroom.checker.reading.bitcoin_signed import verify_signatures
from strongroom.checker.reading.checks.release import read_signed
from strongroom.checker.reading.verify import prove_docket as prove_second
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from world import chain_key, ltc_key_names, ltc_trip


def no_change(raw: bytes) -> bytes:
    """The payment alone: what came back goes to the miner, 35 coins of 40."""
    return rebuilt(raw, lambda outputs: outputs[:-1])


def to_source(raw: bytes) -> bytes:
    """Change to the address that pays: the case in which the change was lost."""
    script, witness_script = own_script(2, [chain_key(n).public_key.format() for n in ltc_key_names("ltc-1")])
    return rebuilt(raw, lambda outs: [outs[0], replace(outs[1], script=script, witness_script=witness_script)])


def claim_all(body: Any) -> Any:
    """A builder that knows what it does: no change is claimed, and the whole fee is."""
    return replace(body, change=(), fee=35 * 10**8)


def test_each_place_alone_refuses_a_payment_without_its_change(places: Places) -> None:
    """Controls 1 and 2. The builder's own claims are the honest ones: it does not know of its mistake."""
    check_each(places.all(crooked_ltc(places.world, no_change)), Code.FEE_CEILING)
    assert [] == places.wire.sent


def test_each_place_alone_refuses_it_when_the_builder_stands_by_it(places: Places) -> None:
    """Nothing in the docket contradicts the bytes any more: the client's ceiling alone is left."""
    found = places.all(crooked_ltc(places.world, no_change, claim_all))
    check_each(found, Code.FEE_CEILING)
    assert [] == places.wire.sent


@pytest.mark.parametrize(("forge", "code"), [(no_change, Code.CHANGE_NOT_OURS), (to_source, Code.CHANGE_NOT_OURS)])
def test_change_that_is_named_exists_and_is_a_change_address(places: Places, forge: Forge, code: Code) -> None:
    check_each(places.all(crooked_ltc(places.world, forge)), code)


def sign_all(raw: bytes) -> bytes:
    """The signed transaction of any PSBT of 2-of-3 coins, by the first two keys of each."""
    psbt = psbts.parse_psbt(raw)
    witnesses = []
    for index, (name, detail) in enumerate(zip(("ltc-1", "ltc-2"), psbt.inputs, strict=True)):
        by = {}
        for key in map(chain_key, ltc_key_names(name)[:2]):
            made = parse_der_signature(key.sign(psbt.signature_hash(index), hasher=None))
            by[key.public_key.format()] = encode_der_signature(*made)
        assert detail.witness_script
        witnesses.append(build_witness([by[key] for key in sorted(by)], detail.witness_script))
    return encode_transaction(replace(psbt.unsigned, witnesses=tuple(witnesses)))


def test_the_signed_bytes_are_asked_again(places: Places) -> None:
    """Everything before the gate out of the way: the docket is honest, and terminals sign the payment alone."""
    trip = ltc_trip(places.world).to(Stage.SIGN)
    proof = prove_second(trip.docket_bytes(), places.world.root_file, now=places.world.now)
    (spend, _), entries, unsigned = proof.paid(), proof.foundation.entries, proof.docket.unsigned
    evil, honest = sign_all(no_change(unsigned)), sign_all(unsigned)
    # Its signatures are right: it is a transaction that nodes would take.
    assert [2, 2] == [len(by) for by in verify_signatures(read_psbt(no_change(unsigned)), evil)]
    assert {Code.SIGNED_MISMATCH} == codes_of(lambda: read_signed(spend, unsigned, evil, entries, "signed"))
    assert read_signed(spend, unsigned, honest, entries, "signed").txid == trip.txid


def test_the_payment_with_its_change_is_released(places: Places) -> None:
    """The honest twin."""
    trip = crooked_ltc(places.world, lambda raw: raw)
    assert dict.fromkeys(PLACES, NOTHING) == places.all(trip)
    (sent,) = places.wire.sent
    assert sent == sign_all(trip.unsigned)
