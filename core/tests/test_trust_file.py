"""A device's trust as a file: there and back, and proved again when it is read."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.trust import MAX_TRUST_BYTES, Trust, apply_update, enroll
from strongroom.core.trust_file import encode_trust, parse_trust
from world import World

from .refusals import refuse


def device_of(world: World) -> Trust:
    """A device that was enrolled and has imported everything of today."""
    return apply_update(enroll(world.roots, world.fingerprint), world.update_body(), world.now)


def states() -> list[Trust]:
    """A device before its first update, after it, and in later life."""
    world = World()
    fresh = enroll(world.roots, world.fingerprint)
    first = device_of(world)
    world.change_roster(lambda r: r)
    world.change_register("whitelist", removed=["entry:peak-eth"])
    later = device_of(world)
    return [fresh, first, later]


@pytest.mark.parametrize("trust", states(), ids=["enrolled", "updated", "later"])
def test_there_and_back(trust: Trust) -> None:
    raw = encode_trust(trust)
    again = parse_trust(raw)
    assert (trust.roots, trust.checkpoint, trust.checkpoint_time) == (
        again.roots,
        again.checkpoint,
        again.checkpoint_time,
    )
    assert trust == again
    assert raw == encode_trust(again)


def test_ages_and_freezes_are_kept() -> None:
    world = World()
    trust = device_of(world)
    freeze = world.freeze()
    kept = Trust(
        roots=trust.roots,
        rosters=trust.rosters,
        policy=trust.policy,
        heads=trust.heads,
        registers=trust.registers,
        first_seen={freeze.id: world.now - timedelta(days=1)},
        checkpoint=trust.checkpoint,
        checkpoint_time=trust.checkpoint_time,
        frozen=frozenset({freeze.id}),
        lifted=frozenset({freeze.id}),
    )
    assert kept == parse_trust(encode_trust(kept))


CHANGES = (
    ("another format", '"format":"strongroom-trust/1"', '"format":"strongroom-trust/2"', Code.FIELD_INVALID),
    ("a field too many", '"format":', '"forma":"x","format":', Code.FIELD_UNKNOWN),
    ("another owner", '"owner":"Harbour Fund Ltd"', '"owner":"Harbour Fund Inc"', Code.HEAD_MISMATCH),
    ("another address purpose", '"purpose":"change"', '"purpose":"deposit"', Code.HEAD_MISMATCH),
    ("a space", '"format":', '"format": ', Code.JSON_NOT_CANONICAL),
)


@pytest.mark.parametrize(
    ("old", "new", "code"), [r[1:] for r in CHANGES], ids=[r[0].replace(" ", "_") for r in CHANGES]
)
def test_a_changed_file_is_refused(old: str, new: str, code: Code) -> None:
    text = encode_trust(device_of(World())).decode()
    assert old in text
    refuse(code, lambda: parse_trust(text.replace(old, new, 1).encode()))
    assert parse_trust(text.encode())


def read_or_refuse(raw: bytes) -> Trust | None:
    """The trust, or None when reading refuses."""
    try:
        return parse_trust(raw)
    except StrongroomError:
        return None


def test_signed_content_cannot_be_changed_on_disk() -> None:
    """What is not signed here (indexes, times, what was seen) is this device's own memory, which its disk guards."""
    value = parse_canonical(encode_trust(device_of(World())), limit=MAX_TRUST_BYTES)
    assert isinstance(value, dict)
    honest = [p.statement for p in parse_trust(encode_canonical(value)).rosters]
    chosen = random.Random(1)
    for name in ("policies", "rosters", "roots", "registers"):
        raw = encode_canonical(value[name])
        for _ in range(20):
            changed = bytearray(raw)
            changed[chosen.randrange(len(raw))] ^= chosen.randrange(1, 8)
            whole = encode_canonical(value).replace(raw, bytes(changed), 1)
            again = read_or_refuse(whole)
            # Only a place in the log or a time may differ in what is still read.
            assert again is None or [p.statement for p in again.rosters] == honest
