"""Every byte of an unsigned transaction, changed, is refused or changes what the human is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.core.checks.propose import build_facts
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.spend import read_spend
from strongroom.core.docket import Stage
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import Digest
from world import Trip, World, eth_trip, ltc_trip

from .refusals import prove


def shown(proved: ProvedDocket, unsigned: bytes) -> tuple[Digest, object]:
    """The facts of other bytes in the same docket: their digest, and all that is in them but the bytes' digest."""
    body, entries = proved.proposal.body, proved.foundation.entries
    spend = read_spend(body.chain, unsigned, body.sources, body.wallet, entries)
    facts = build_facts(proved.proposal, proved.journey, spend, entries)
    return facts.digest, (facts.inputs, facts.outputs, facts.fee, facts.terms, facts.chain)


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_every_changed_byte_is_refused_or_shown(make: Callable[..., Trip]) -> None:
    trip = make(World()).to(Stage.PROPOSE)
    proved = prove(trip)
    digest, seen = shown(proved, trip.unsigned)
    assert digest == proved.facts.digest
    told = refused = 0
    for position in range(len(trip.unsigned)):
        changed = bytearray(trip.unsigned)
        changed[position] ^= 1
        try:
            other, other_seen = shown(proved, bytes(changed))
        except StrongroomError:
            refused += 1
        else:
            # What is seen differs, and not only by a digest that no human reads.
            assert other != digest
            assert other_seen != seen
            told += 1
    assert refused
    assert told or make is ltc_trip
    assert told + refused == len(trip.unsigned)


def test_the_digest_is_over_the_transaction_and_never_over_its_wrapping() -> None:
    trip = ltc_trip(World()).to(Stage.PROPOSE)
    assert prove(trip).spend.unsigned_bytes == psbts.parse_psbt(trip.unsigned).unsigned_bytes
