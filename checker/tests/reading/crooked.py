"""Trips that go wrong on purpose, and how they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.checker.reading.canonical import encode_canonical
from strongroom.checker.reading.refusals import DocketRefusedError
from strongroom.checker.reading.stages import Stage as Reached
from strongroom.checker.reading.verify import prove_docket
from strongroom.core.bodies import SignatureRecord
from strongroom.core.codes import Code
from strongroom.core.docket import docket_order
from strongroom.core.statements import Body, Statement
from world import ETH, Edit, Trip, World

Change = Callable[[dict[str, Any]], object]


@dataclass(kw_only=True)
class Crooked(Trip):
    """A trip on which a record is signed by the operators that it names, and others by whom a row says.

    back: how far a terminal's clock is behind.
    """

    signers: Mapping[type, tuple[str, ...]] = field(default_factory=dict)
    back: timedelta = timedelta()

    def say(self, body: Body, issuer: str, signers: Iterable[str] | None = None) -> Statement[Any]:
        if not isinstance(body, SignatureRecord):
            return super().say(body, issuer, self.signers.get(type(body), tuple(signers) if signers else None))
        self.world.now -= self.back
        envelope = self.world.sign(body, issuer, (issuer, *body.operators))
        self.world.now += self.back
        self.statements.append(self.world.record(envelope))
        self.statements.sort(key=docket_order)
        return self.statements[-1]


def crooked(world: World, **kwargs: Any) -> Crooked:
    return Crooked(world=world, chain=ETH, payments=(("client:harbour", 125 * 10**16),), **kwargs)


def prove(trip: Trip, change: Change = lambda _: None) -> Reached:
    docket = json.loads(trip.docket_bytes())
    change(docket)
    return prove_docket(encode_canonical(docket), trip.world.root_file, now=trip.world.now).furthest


def refused(trip: Trip, stage: str, *codes: Code, change: Change = lambda _: None) -> DocketRefusedError:
    with pytest.raises(DocketRefusedError) as caught:
        prove(trip, change)
    assert stage == caught.value.stage.name, caught.value
    for code in codes:
        assert code in caught.value.codes, caught.value
    return caught.value


def with_party(party: str, **changes: Any) -> Edit:
    """An edit of one entry of a roster."""

    def edit(roster: Any) -> Any:
        return replace(roster, parties=tuple(replace(p, **changes) if p.id == party else p for p in roster.parties))

    return edit
