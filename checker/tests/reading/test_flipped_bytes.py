"""No byte of a complete docket can be changed: every change is refused, and the refusal says where.

By default positions are sampled over the whole file and every byte of some parts is tried. With
STRONGROOM_EVERY_BYTE=1 in the environment every byte of all dockets is, which takes an hour.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import pytest

from strongroom.checker.reading.refusals import DocketRefusedError
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.docket import Stage
from world import Trip, World, eth_trip, ltc_trip, mixed_trip, usd_trip

TRIPS: dict[str, Callable[[World], Trip]] = {
    "ethereum": eth_trip,
    "token": usd_trip,
    "litecoin": ltc_trip,
    "mixed": mixed_trip,
}
SAMPLE = 1 if os.environ.get("STRONGROOM_EVERY_BYTE") else 311
PARTS = {
    "ethereum": (b'"transaction":{', b'"format":"strongroom-docket/1"'),
    "token": (b'"transaction":{', b'"code_hash":"'),
    "litecoin": (b'"consistency":[', b'"index":24,"proof":['),
    "mixed": (b'"transaction":{', b'"id":"address:one-1"'),
}
"""Where a stretch of bytes begins that is tried whole."""
STRETCH = 160


@cache
def complete(family: str) -> tuple[bytes, bytes]:
    """A settled docket and its root."""
    world = World()
    return TRIPS[family](world).to(Stage.SETTLE).docket_bytes(), world.root_file


def check_every(family: str, positions: range) -> None:
    """Change each byte, and find the change refused with a place and both values or a reason."""
    docket, root = complete(family)
    for position in positions:
        changed = bytearray(docket)
        changed[position] ^= 1
        with pytest.raises(DocketRefusedError) as caught:
            prove_docket(bytes(changed), root)
        assert caught.value.stage.name
        assert all(refusal.field for refusal in caught.value.refusals), position


@pytest.mark.parametrize("family", TRIPS)
def test_the_docket_itself_is_proved(family: str) -> None:
    docket, root = complete(family)
    assert "SETTLE" == prove_docket(docket, root).furthest.name


@pytest.mark.parametrize("family", TRIPS)
@pytest.mark.parametrize("part", range(4))
def test_bytes_all_over_the_docket(family: str, part: int) -> None:
    size = len(complete(family)[0])
    check_every(family, range(part * SAMPLE, size, 4 * SAMPLE))


@pytest.mark.parametrize(("family", "mark"), [(f, m) for f, marks in PARTS.items() for m in marks])
def test_every_byte_of_a_stretch(family: str, mark: bytes) -> None:
    docket, _ = complete(family)
    begin = docket.rindex(mark)
    check_every(family, range(begin, min(begin + STRETCH, len(docket))))


@pytest.mark.parametrize("family", TRIPS)
def test_what_is_cut_off_or_added_is_refused(family: str) -> None:
    docket, root = complete(family)
    for other in (docket[:-1], docket[1:], docket + b"\n", docket + b"{}", b"", docket[: len(docket) // 2]):
        with pytest.raises(DocketRefusedError) as caught:
            prove_docket(other, root)
        assert "BYTES" == caught.value.stage.name
