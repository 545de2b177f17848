"""Dockets to verify: a firm in memory with software keys, in several shapes of its history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strongroom.core.docket import Stage
from strongroom.core.records import encode_time
from world import Trip, World, eth_trip, ltc_trip

Build = Callable[[Stage], Trip]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A kind of docket. prepare: what happened in the firm before. is_large: only with --full."""

    name: str
    make: Callable[[World], Trip]
    prepare: Callable[[World], None] = lambda _: None
    is_large: bool = False

    def build(self, stage: Stage) -> Trip:
        """A transaction of this shape that has come to a stage, in a firm of its own."""
        world = World()
        self.prepare(world)
        return self.make(world).to(stage)

    def settled(self) -> tuple[bytes, bytes, str]:
        """Root file, docket file, and the time at which it is verified."""
        trip = self.build(Stage.SETTLE)
        return trip.world.root_file, trip.docket_bytes(), encode_time(trip.world.now)


def _rosters(count: int) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        for _ in range(count - 1):
            world.change_roster(lambda roster: roster)

    return prepare


def _long_log(count: int) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        envelope = world.log.envelopes[0]
        for number in range(count):
            world.log.envelopes.append(envelope)
            world.log.tree.append(number.to_bytes(32, "big"))
        world.log.witness(world.tick())

    return prepare


SHAPES = (
    Shape(name="Ethereum, 1 instruction", make=eth_trip),
    Shape(name="Litecoin 2-of-3, 3 instructions", make=ltc_trip),
    Shape(name="Ethereum, 10 rosters", make=eth_trip, prepare=_rosters(10)),
    Shape(name="Ethereum, log of 20,000", make=eth_trip, prepare=_long_log(20_000)),
    Shape(name="Ethereum, 100 rosters", make=eth_trip, prepare=_rosters(100), is_large=True),
    Shape(
        name="Litecoin, 30 rosters, log of 200,000",
        make=ltc_trip,
        is_large=True,
        prepare=lambda world: (_rosters(30)(world), _long_log(200_000)(world))[0],
    ),
)
