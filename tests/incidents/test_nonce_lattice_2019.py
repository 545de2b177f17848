"""`nonce-lattice-2019`: keys were computed from public signatures whose secret numbers repeated or were short.

Stopped by: (1) the terminal verifies each signature and looks its first half up in its journal before anything is
sealed, and a token whose arithmetic is wrong is not worked with at all (NONCE_REUSED, SELF_TEST_FAILED); (2) the gate
holds every signature's first half against all that it ever released, of all terminals, keys and chains, and withholds
the second one (NONCE_REUSED is the row's R_REUSED). One such pair gives the key away, so what is withheld is withheld
for ever: the result is sealed to the gate, and the key is to be declared compromised.

Software cannot stop: a token that draws short or biased numbers without repeating one. There is no
NONCE_BIAS_SUSPECTED: the token alone knows the number, and its certificate is what speaks for it (`hsms`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import coincurve
import pytest

from places import NOTHING, Places
from strongroom.chains.bitcoin import psbt as psbts
from strongroom.core.codes import Code
from strongroom.core.packages import PartialSignature, TerminalResult
from strongroom.core.records import HexBytes
from world import Trip, World, chain_key, eth_trip, ltc_trip, one_key_trip

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
STUCK = 2**63 + 12_345
"""A number of 64 bits, which a virtual machine's snapshot gives twice."""


def sign(secret: bytes, digest: bytes, number: int) -> HexBytes:
    """A low-s signature with a secret number of our choosing, r || s."""
    point = coincurve.PrivateKey(number.to_bytes(32, "big")).public_key.format()
    r = int.from_bytes(point[1:], "big") % ORDER
    key = int.from_bytes(secret, "big")
    s = pow(number, -1, ORDER) * (int.from_bytes(digest, "big") + r * key) % ORDER
    return HexBytes(r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big"))


def digest_of(trip: Trip, part: PartialSignature) -> bytes:
    """What a signature of a trip is over."""
    if trip.is_ethereum:
        return trip.signing_digest()
    return psbts.parse_psbt(trip.unsigned).signature_hash(part.input)


def drawing(trip: Trip, number_of: Callable[[PartialSignature], int]) -> Trip:
    """A trip whose tokens draw the secret numbers that they are told."""

    def sign_all(result: TerminalResult) -> TerminalResult:
        parts = [
            replace(p, signature=sign(chain_key(p.key).secret, digest_of(trip, p), number_of(p)))
            for p in result.signatures
        ]
        return replace(result, signatures=tuple(parts))

    trip.edits = {**trip.edits, "result": sign_all}
    return trip


def stuck(trip: Trip) -> Trip:
    return drawing(trip, lambda _: STUCK)


def at(world: World, number: int) -> Trip:
    """One of several payments."""
    return eth_trip(world, nonce=7 + number, sequence=1 + number)


def test_two_such_signatures_give_the_key_away() -> None:
    """What is at stake: with one r under two digests, anybody computes the key from what is public."""
    secret, one, other = chain_key("key:eth-1").secret, b"\x01" * 32, b"\x02" * 32
    first, second = sign(secret, one, STUCK), sign(secret, other, STUCK)
    r, found = int.from_bytes(first[:32], "big"), set()
    for sign_of in (1, -1):
        s1, s2 = int.from_bytes(first[32:], "big"), sign_of * int.from_bytes(second[32:], "big")
        number = (int.from_bytes(one, "big") - int.from_bytes(other, "big")) * pow(s1 - s2, -1, ORDER) % ORDER
        found |= {(s1 * n - int.from_bytes(one, "big")) * pow(r, -1, ORDER) % ORDER for n in (number, -number)}
    assert int.from_bytes(secret, "big") in found


def test_control_1_the_journal_keeps_the_second_from_the_seal(places: Places) -> None:
    assert NOTHING == places.sign_again(stuck(at(places.world, 0)))
    assert {Code.NONCE_REUSED} == places.sign_again(stuck(at(places.world, 1)))
    assert {Code.NONCE_REUSED} == places.sign_again(stuck(ltc_trip(places.world)))


def test_control_2_the_gate_withholds_the_second(places: Places) -> None:
    """Control 1 out of the way: the terminal was restored from a snapshot, and its journal with it."""
    assert NOTHING == places.gate(stuck(at(places.world, 0)))
    assert {Code.NONCE_REUSED} == places.gate(stuck(at(places.world, 1)))
    assert 1 == len(places.wire.sent)


def test_control_2_sees_both_terminals_of_one_snapshot(places: Places) -> None:
    """Neither journal has seen the other's signature: two machines are copies, and draw the same."""
    trip = drawing(ltc_trip(places.world), lambda part: STUCK + part.input)
    assert {Code.NONCE_REUSED} == places.gate(trip)
    assert [] == places.wire.sent


def test_control_2_sees_both_chains(places: Places) -> None:
    """The same number for Ethereum and for the Bitcoin family."""
    assert NOTHING == places.gate(stuck(at(places.world, 0)))
    both = drawing(one_key_trip(places.world), lambda part: STUCK + part.input)
    assert {Code.NONCE_REUSED} == places.gate(both)
    assert 1 == len(places.wire.sent)


@pytest.mark.parametrize("make", [eth_trip, ltc_trip, one_key_trip])
def test_numbers_that_never_repeat_are_released(places: Places, make: Callable[..., Trip]) -> None:
    """The honest twin: two payments, and every signature with a number of its own."""
    for number in range(2):
        trip = make(places.world, nonce=7 + number, sequence=1 + number)
        assert NOTHING == places.sign_again(trip)
        assert NOTHING == places.gate(trip)
    assert 2 == len(places.wire.sent)
