"""What the tests of refusals share: a table's row, how it is asked, and small edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_unsigned
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Located, Stage
from strongroom.core.errors import StrongroomError
from strongroom.core.records import HexBytes
from strongroom.core.roster import Roster
from world import Edit, Trip, World, eth_trip

MakeTrip = Callable[..., Trip]


def refuse(code: Code, question: Callable[[], object]) -> None:
    """The question is answered by a refusal with this code."""
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes, caught.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One attack: what is done, how a step's statement is changed for it, and the code that must answer."""

    says: str
    code: Code
    stage: Stage
    edits: Mapping[str, Edit] = field(default_factory=dict)
    make: MakeTrip = eth_trip
    govern: Mapping[str, Edit] = field(default_factory=dict)
    docket: Callable[[Docket], Docket] = lambda docket: docket

    def trip(self) -> Trip:
        """The trip, walked to the stage."""
        return self.make(World(edits=self.govern), edits=self.edits).to(self.stage)


def by_sentence(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    """Run a test for each row, named by its sentence."""
    return pytest.mark.parametrize("case", cases, ids=[c.says.replace(" ", "_") for c in cases])


def prove(trip: Trip, docket: Docket | None = None) -> ProvedDocket:
    """Prove a trip's docket, or another, by the trip's own root at the trip's own time."""
    return prove_docket(docket or trip.docket(), trip.world.roots, now=trip.world.now)


def change(**fields: Any) -> Edit:
    """An edit that sets fields."""
    return lambda body: replace(body, **fields)


def later(name: str, **span: int) -> Edit:
    """An edit that moves a time."""
    return lambda body: replace(body, **{name: getattr(body, name) + timedelta(**span)})


def with_head(name: str, **fields: Any) -> Edit:
    """An edit of one of the heads that a body quotes."""

    def edit(body: Any) -> Any:
        head = replace(getattr(body.heads, name), **fields)
        return replace(body, heads=replace(body.heads, **{name: head}))

    return edit


def eth_bytes(**fields: Any) -> Edit:
    """An edit of the unsigned Ethereum transaction."""
    return lambda raw: encode_unsigned(replace(parse_unsigned(raw), **fields))


def payments_of(raw: bytes) -> list[psbts.Payment]:
    """The outputs of a PSBT, as its builder takes them."""
    found = psbts.parse_psbt(raw)
    pairs = zip(found.unsigned.outputs, found.outputs, strict=True)
    return [psbts.Payment(value_sat=o.value_sat, script=o.script, witness_script=d.witness_script) for o, d in pairs]


def spends_of(raw: bytes) -> list[psbts.Spend]:
    """The inputs of a PSBT, as its builder takes them."""
    found = psbts.parse_psbt(raw)
    pairs = zip(found.unsigned.inputs, found.inputs, strict=True)
    return [psbts.Spend(previous=d.previous, index=i.outpoint.index, witness_script=d.witness_script) for i, d in pairs]


def ltc_bytes(edit: Callable[[list[psbts.Payment]], list[psbts.Payment]]) -> Edit:
    """An edit of the outputs of the unsigned Litecoin transaction."""
    return lambda raw: psbts.encode_psbt(psbts.build_psbt(spends=spends_of(raw), payments=edit(payments_of(raw))))


def without(docket: Docket, *positions: int) -> Docket:
    """The docket without some statements."""
    kept = tuple(s for i, s in enumerate(docket.statements) if i not in positions)
    return replace(docket, statements=kept)


def flip(raw: bytes, at: int = 0) -> HexBytes:
    """The bytes with one bit changed."""
    return HexBytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


def change_party(party: str, **fields: Any) -> Callable[[Roster], Roster]:
    """An edit of one entry of the roster."""
    return lambda roster: replace(
        roster, parties=tuple(replace(p, **fields) if p.id == party else p for p in roster.parties)
    )


def drop_party(party: str) -> Callable[[Roster], Roster]:
    """An edit of the roster that takes one entry out."""
    return lambda roster: replace(
        roster,
        parties=tuple(p for p in roster.parties if p.id != party),
        overseers=tuple(o for o in roster.overseers if o.person != party),
    )


def move(located: Located, **fields: Any) -> Located:
    """A located statement with another place."""
    return replace(located, **fields)
