"""Addresses that look alike: another one with the same beginning and the same end, which is all that people compare.

Nothing here decides: whole addresses are compared everywhere. It tells people when to look twice. Attack: after a
test payment a thief pays dust from an address made to look like the client's, and it is copied from the history into
the next order or the next whitelist entry (1,155 WBTC in 2024).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

_SHOWN = 4
"""Characters at each end that wallets and explorers show; by chance two addresses share these once in a trillion."""


def shape_of(address: str) -> tuple[str, str]:
    """What a hurried eye keeps of an address: its first and last characters, without what all of its kind begin with.

    Capitals are dropped: on Ethereum they are a checksum, and nobody reads them.
    """
    if address.startswith("0x"):
        body = address[2:]
    elif address == address.lower():
        # Bech32: after the prefix and its 1 comes a character for the version.
        body = address.rpartition("1")[2][1:]
    else:
        body = address[1:]
    return body[:_SHOWN].lower(), body[-_SHOWN:].lower()


def find_lookalikes(added: Iterable[str], known: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Each added address with each other one of the same shape, sorted; the same address twice looks like nothing."""
    by_shape: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for address in known:
        by_shape[shape_of(address)].add(address)
    return tuple(sorted({(a, other) for a in added for other in by_shape.get(shape_of(a), set()) if other != a}))
