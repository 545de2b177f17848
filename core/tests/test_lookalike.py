"""Addresses that look alike are found, and neither a near miss nor the same address is."""

from __future__ import annotations

import pytest

from lookalike import lookalike_eth, lookalike_ltc
from strongroom.core.lookalike import find_lookalikes, shape_of
from world import World

WHITELIST = World().registers["whitelist"].entries
ETH = next(e.address for e in WHITELIST if e.id == "entry:harbour-eth")
LTC = next(e.address for e in WHITELIST if e.id == "entry:harbour-ltc")


@pytest.mark.parametrize(
    ("address", "twin"),
    [
        (ETH, lookalike_eth(ETH)),
        (LTC, lookalike_ltc(LTC)),
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "1BoatQ6f9wz9wjvJXeBSyYwTZaCGwGtpyT"),
    ],
)
def test_the_same_ends_look_alike(address: str, twin: str) -> None:
    assert ((twin, address),) == find_lookalikes([twin], [address, *(e.address for e in WHITELIST)])
    assert () == find_lookalikes([address], [address])


@pytest.mark.parametrize("place", [2, 5, -4, -1])
def test_one_character_at_an_end_tells_them_apart(place: int) -> None:
    twin = list(lookalike_eth(ETH))
    twin[place] = "0" if twin[place] != "0" else "1"
    assert () == find_lookalikes(["".join(twin)], [ETH])


def test_no_two_addresses_of_the_whitelist_look_alike() -> None:
    addresses = [e.address for e in WHITELIST]
    assert () == find_lookalikes(addresses, addresses)


def test_what_all_of_a_kind_begin_with_is_no_likeness() -> None:
    assert ("d9e2", "bde6") == shape_of("0xd9E29c8Cf6C22F5F971D5e9d20f55f34C90CBDe6")
    assert ("6769", "3usd") == shape_of("rltc1q67696l5vm0je6nq6dznscdm5m2t7x692m43usd")
