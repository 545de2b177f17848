"""`psbt-change-2019`: hardware signers took any key of theirs for change, at whatever path the unproved PSBT named.

Stopped by: (1) approver's device and terminal derive each change script again from the signed key register: change is a
registered change address of the paying wallet, of all its keys and its threshold, or it is refused (CHANGE_NOT_OURS;
also for PATH_OUT_OF_RANGE: keys are registered one by one, and a PSBT that carries paths at all is PSBT_FIELD_UNKNOWN);
(2) station and gate derive it in a reading of their own.

Software cannot stop: delegates who register a change address whose keys are not the house's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from crooked import STRANGER, Forge, check_each, crooked_ltc, rebuilt
from places import NOTHING, PLACES, Places
from strongroom.chains.bitcoin.keymaps import encode_maps, parse_maps
from strongroom.chains.bitcoin.psbt import Payment
from strongroom.chains.bitcoin.scripts import multisig_script, own_script, p2wsh_script
from strongroom.core.codes import Code
from world import World, chain_key, ltc_key_names, ltc_trip, one_key_trip

KEYS = [chain_key(name).public_key.format() for name in ltc_key_names("ltc-change")]
BIP32_OUT = b"\x02"
"""PSBT_OUT_BIP32_DERIVATION (BIP-174): whose key it is and at which path, said by whoever made the PSBT."""


def to_script(script: bytes, witness_script: bytes | None = None) -> Forge:
    """The change, all of it, to a script that is said to be ours. Payment, amounts and fee are unchanged."""

    def edit(outputs: list[Payment]) -> list[Payment]:
        paid, change = outputs
        return [paid, replace(change, script=script, witness_script=witness_script)]

    return lambda raw: rebuilt(raw, edit)


def of_keys(threshold: int, keys: list[bytes]) -> Forge:
    """The change to keys, with the script that says so."""
    witness_script = multisig_script(threshold, sorted(keys))
    return to_script(p2wsh_script(witness_script), witness_script)


def wild(name: str) -> bytes:
    """A key that follows from ours, and that no register has: as far away as m/293847/29300847."""
    return chain_key(name + "/293847/29300847").public_key.format()


def dust(outputs: list[Payment]) -> list[Payment]:
    """The change in thirty-five pieces: each of them ours, and together worth less than it takes to spend them."""
    paid, change = outputs
    piece = change.value_sat // 35
    rest = replace(change, value_sat=change.value_sat - 34 * piece)
    return [paid, rest, *[replace(change, value_sat=piece)] * 34]


def marked(raw: bytes) -> bytes:
    """(a) as the disclosure has it: the attacker's script, with a path and our fingerprint beside it."""
    maps = list(parse_maps(to_script(b"\x00\x14" + STRANGER)(raw)))
    maps[-1] = {**maps[-1], BIP32_OUT + KEYS[0]: bytes.fromhex("deadbeef") + (293847).to_bytes(4, "little")}
    return encode_maps(maps)


FORGERIES: dict[str, tuple[Forge, Code]] = {
    "(a) an attacker's script": (to_script(b"\x00\x14" + STRANGER), Code.CHANGE_NOT_OURS),
    "(a) with our fingerprint beside it": (marked, Code.PSBT_FIELD_UNKNOWN),
    "(b) our keys at a wild path": (of_keys(2, [wild(n) for n in ltc_key_names("ltc-change")]), Code.CHANGE_NOT_OURS),
    "(b) one key at a wild path": (of_keys(2, [*KEYS[:2], wild("key:ltc-change-3")]), Code.CHANGE_NOT_OURS),
    "(c) one of our three keys": (of_keys(1, KEYS), Code.CHANGE_NOT_OURS),
    "(c) two of ours and a foreign one": (
        of_keys(2, [*KEYS[:2], chain_key("evil").public_key.format()]),
        Code.CHANGE_NOT_OURS,
    ),
    "(c) a deposit address of ours": (
        to_script(*own_script(2, [chain_key(n).public_key.format() for n in ltc_key_names("ltc-1")])),
        Code.CHANGE_NOT_OURS,
    ),
    "(d) split into dust": (lambda raw: rebuilt(raw, dust), Code.OUTPUT_UNEXPLAINED),
}


@pytest.mark.parametrize(("forge", "code"), FORGERIES.values(), ids=FORGERIES)
def test_each_place_alone_derives_the_change_itself(places: Places, forge: Forge, code: Code) -> None:
    """Controls 1 and 2, each with the other out of the way; the proposal calls it our change all the while."""
    check_each(places.all(crooked_ltc(places.world, forge)), code)
    assert [] == places.wire.sent


def test_the_lie_is_in_the_change_alone(places: Places) -> None:
    """What the forgeries are made from is paid: nothing else in them would have been refused."""
    assert dict.fromkeys(PLACES, NOTHING) == places.all(crooked_ltc(places.world, lambda raw: rebuilt(raw, list)))
    assert 1 == len(places.wire.sent)


@pytest.mark.parametrize("make", [ltc_trip, one_key_trip])
def test_change_to_our_registered_address_comes_back(places: Places, make: Callable[[World], object]) -> None:
    """The honest twin, of 2-of-3 and of one key."""
    assert dict.fromkeys(PLACES, NOTHING) == places.all(make(places.world))  # type: ignore[arg-type]  # a trip
    assert 1 == len(places.wire.sent)
