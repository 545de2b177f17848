"""The pages of both readings: identical lines for every kind of docket, so that two people can compare by telephone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from lookalike import lookalike_eth, lookalike_ltc
from strongroom.checker.reading.pages import build_pages as build_second
from strongroom.checker.reading.verify import Proof
from strongroom.checker.reading.verify import prove_docket as prove_second
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.prove import prove_docket as prove_first
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, parse_docket
from strongroom.core.errors import InvariantError
from strongroom.core.pages import build_pages as build_first
from strongroom.core.sweeps import Rehearsal
from strongroom.core.words import group
from strongroom.devices.screens.language import Language, load_language
from strongroom.devices.screens.layout import Screenful, build_screenfuls
from strongroom.devices.screens.page import Mark, PageShape
from world import (
    SweepTrip,
    Trip,
    World,
    bump_trip,
    eth_sweep,
    eth_trip,
    ltc_sweep,
    ltc_trip,
    mixed_trip,
    safe_world,
    usd_trip,
    void_trip,
)


def both(trip: Trip) -> tuple[ProvedDocket, Proof]:
    raw, world = trip.docket_bytes(), trip.world
    return (
        prove_first(parse_docket(raw), world.roots, now=world.now),
        prove_second(raw, world.root_file, now=world.now),
    )


def drawn(pages: tuple[PageShape, ...]) -> tuple[Screenful, ...]:
    return build_screenfuls(pages, lambda message: message)


def words(pages: tuple[PageShape, ...]) -> str:
    return "\n".join(each.text for each in drawn(pages))


def _bumped() -> Trip:
    world = World()
    return bump_trip(world, eth_trip(world).to(Stage.APPROVE))


def _rehearsed() -> SweepTrip:
    return eth_sweep(safe_world(), rehearsal=Rehearsal.YES)


ROWS: tuple[tuple[str, Callable[[], Trip], Stage, str], ...] = (
    ("ether", lambda: eth_trip(World()), Stage.PROPOSE, "1.250000000000000000 ETH (1250000000000000000 units)"),
    ("ether approved", lambda: eth_trip(World()), Stage.VERIFY, "APPROVED"),
    ("a token", lambda: usd_trip(World()), Stage.APPROVE, "contract 0x"),
    ("litecoin to three", lambda: ltc_trip(World()), Stage.APPROVE, "CHANGE"),
    ("litecoin of two kinds of address", lambda: mixed_trip(World()), Stage.APPROVE, "BACK TO"),
    ("another attempt", _bumped, Stage.PROPOSE, "2 at the same payment; it replaces sha256:"),
    ("a void", lambda: void_trip(World()), Stage.VERIFY, "This pays NOTHING."),
    ("a sweep of ether", lambda: eth_sweep(safe_world()), Stage.SIGN, "EMERGENCY SWEEP: pays only ourselves."),
    ("a sweep of a token", lambda: eth_sweep(safe_world(), token=True), Stage.PROPOSE, "nobody else is paid"),
    ("a sweep of litecoin", lambda: ltc_sweep(safe_world()), Stage.PROPOSE, "derived again from our keys, all active"),
    ("a rehearsal", _rehearsed, Stage.PROPOSE, "REHEARSAL: this is never signed."),
)


@pytest.mark.parametrize("row", ROWS, ids=[row[0].replace(" ", "_") for row in ROWS])
def test_both_readings_draw_the_same_lines(row: tuple[str, Callable[[], Trip], Stage, str]) -> None:
    _, make, stage, expected = row
    first, second = both(make().to(stage))
    assert drawn(build_first(first)) == drawn(build_second(second))
    assert expected in words(build_first(first))


def _messages(pages: tuple[PageShape, ...]) -> set[str]:
    rows = [row for page in pages for row in page.rows]
    said = {line.message for row in rows for line in row.lines}
    return said | {page.title for page in pages} | {row.label for row in rows}


@pytest.mark.parametrize("row", ROWS, ids=[row[0].replace(" ", "_") for row in ROWS])
def test_both_readings_use_the_same_message_ids(row: tuple[str, Callable[[], Trip], Stage, str]) -> None:
    """One catalogue translates both, so no value may stand inside a sentence."""
    _, make, stage, _ = row
    first, second = both(make().to(stage))
    assert _messages(build_first(first)) == _messages(build_second(second))


@pytest.mark.parametrize("row", ROWS, ids=[row[0].replace(" ", "_") for row in ROWS])
def test_chinese_pages_show_every_value_whole(row: tuple[str, Callable[[], Trip], Stage, str]) -> None:
    """Another language is other words around the same groups: whoever reads Chinese compares with whoever does not."""
    _, make, stage, _ = row
    first, second = both(make().to(stage))
    chinese = load_language(Language.CHINESE)
    pages = build_first(first)
    shown = build_screenfuls(pages, chinese)
    assert shown == build_screenfuls(build_second(second), chinese)
    text = "\n".join(each.text for each in shown)
    for value in (value for page in pages for row in page.rows for line in row.lines for _, value in line.values):
        assert all(part in text for part in value.split(" "))
    assert {chinese(each) for each in _messages(pages)}.isdisjoint(
        each for each in _messages(pages) if re.search("[A-Za-z]", re.sub("{.*?}", "", each))
    )


@pytest.mark.parametrize(
    ("make", "imitate"), [(eth_trip, lookalike_eth), (ltc_trip, lookalike_ltc)], ids=["ethereum", "litecoin"]
)
def test_a_lookalike_stands_below_what_is_paid(make: Callable[[World], Trip], imitate: Callable[[str], str]) -> None:
    """An address of ours in the same docket that begins and ends like the client's, as a thief would choose it."""
    first, second = both(make(World()).to(Stage.PROPOSE))
    paid = first.facts.outputs[0].address
    name = next(iter(first.foundation.entries.addresses))
    one, two = first.foundation.entries, second.foundation.entries
    twin = replace(one.addresses[name], address=imitate(paid))
    other = replace(two.addresses[name], address=imitate(paid))
    first = replace(
        first,
        foundation=replace(first.foundation, entries=replace(one, addresses={**one.addresses, name: twin})),
    )
    second = replace(
        second,
        foundation=replace(second.foundation, entries=replace(two, addresses={**two.addresses, name: other})),
    )
    pages = build_first(first)
    assert drawn(pages) == drawn(build_second(second))
    marked = [row for page in pages for row in page.rows if row.mark.value == Mark.DIFF.value]
    assert 1 == len(marked)
    assert [f"{group(paid)}  paid here", f"{group(imitate(paid))}  the other"] == [x.text for x in marked[0].lines[1:]]


def test_an_honest_docket_has_no_lookalike() -> None:
    first, second = both(ltc_trip(World()).to(Stage.PROPOSE))
    assert "ALIKE" not in words(build_first(first))
    assert "ALIKE" not in words(build_second(second))


def test_a_young_destination_is_told_by_its_days() -> None:
    first, _ = both(eth_trip(World()).to(Stage.PROPOSE))
    entry = first.foundation.entries.whitelist[first.facts.outputs[0].entry]
    days = (first.proposal.time - entry.added_at).days
    assert f"on the whitelist for {days} full days, since " in words(build_first(first))


def test_a_kind_of_output_that_nobody_knows_is_not_passed_over() -> None:
    _, second = both(eth_trip(World()).to(Stage.PROPOSE))
    _, facts = second.paid()
    strange = replace(facts, outputs=(replace(facts.outputs[0], kind="burn"),))
    with pytest.raises(InvariantError) as caught:
        build_second(replace(second, facts=strange))
    assert Code.INVARIANT in caught.value.codes
    assert build_second(second)
