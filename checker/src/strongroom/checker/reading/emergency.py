"""Strict readers of `key-state` and `sweep`; nothing is verified here."""

from __future__ import annotations

from strongroom.checker.reading.bodies import parse_sorted_digests, parse_sorted_ids
from strongroom.checker.reading.emergency_bodies import KeyState, KeyStateChange, Sweep
from strongroom.checker.reading.fields import Node
from strongroom.core.ids import WalletId


def parse_key_state(node: Node) -> KeyStateChange:
    """Read a `key-state`: of at least one key; lifts exactly where keys become active again."""
    found = node.members("keys", "lifts", "reason", "state")
    keys, lifts = parse_sorted_ids(found["keys"], "key"), parse_sorted_digests(found["lifts"])
    state = found["state"].choice(KeyState)
    if not keys:
        raise found["keys"].invalid("at least one key")
    if state is KeyState.PRE_ACTIVATION:
        raise found["state"].invalid("any other state")
    if bool(lifts) is not (state is KeyState.ACTIVE):
        raise found["lifts"].invalid("suspensions exactly where keys become active")
    return KeyStateChange(keys=keys, lifts=lifts, reason=found["reason"].text(), state=state)


def parse_sweep(node: Node) -> Sweep:
    """Read a `sweep`: at least one destination and one statement that says why."""
    found = node.members(
        "chain",
        "destinations",
        "fee_ceiling",
        "reason",
        "rehearsal",
        "release_by",
        "sign_by",
        "states",
        "wallet",
    )
    destinations = parse_sorted_ids(found["destinations"], "address")
    states = parse_sorted_digests(found["states"])
    for name, values in (("destinations", destinations), ("states", states)):
        if not values:
            raise found[name].invalid("at least one")
    return Sweep(
        chain=found["chain"].chain(),
        destinations=destinations,
        fee_ceiling=found["fee_ceiling"].units(),
        is_drill=found["rehearsal"].word("yes", "no") == "yes",
        reason=found["reason"].text(),
        release_by=found["release_by"].time(),
        sign_by=found["sign_by"].time(),
        states=states,
        wallet=WalletId(found["wallet"].own_id("wallet")),
    )
