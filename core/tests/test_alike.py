"""A device's whole address book: what looks like the address that is paid, and which of the two the client wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lookalike import lookalike_eth, lookalike_ltc
from strongroom.core.active_reading import Doubt
from strongroom.core.alike import (
    ANSWERS,
    AlikeTask,
    ask_alike,
    build_address_book,
    build_alike_pages,
    build_alike_tasks,
)
from strongroom.core.checks.foundation import Entries
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import EntryId
from strongroom.core.page_values import Line
from strongroom.core.words import group
from world import World, eth_trip, ltc_trip

from .refusals import refuse

NAME = EntryId("entry:thief")


def proved(make: object = eth_trip) -> ProvedDocket:
    trip = (eth_trip if make is eth_trip else ltc_trip)(World()).to(Stage.VERIFY)
    return prove_docket(trip.docket(), trip.world.roots)


def poisoned(docket: ProvedDocket, twin: str) -> Entries:
    """The device's whitelist with one entry more, which no docket names."""
    entries = docket.foundation.entries
    honest = next(iter(entries.whitelist.values()))
    return replace(entries, whitelist={**entries.whitelist, NAME: replace(honest, id=NAME, address=twin)})


def unheard(_: Line) -> None:
    """Nobody looks at what is said."""


def tasks_of(docket: ProvedDocket, entries: Entries, draw: int = 0) -> tuple[AlikeTask, ...]:
    return build_alike_tasks(docket.facts, build_address_book(entries), lambda size: bytes([draw]) * size)


@pytest.mark.parametrize("make", [eth_trip, ltc_trip])
def test_an_entry_that_the_docket_does_not_name_is_called_out(make: object) -> None:
    docket = proved(make)
    paid = next(each for each in docket.facts.outputs if each.kind == "payment").address
    twin = (lookalike_eth if make is eth_trip else lookalike_ltc)(paid)
    (task,) = tasks_of(docket, poisoned(docket, twin))
    assert (paid, twin, (NAME,)) == (task.paid, task.other, task.names)
    (page,) = build_alike_pages([task])
    texts = [line.text for line in page.rows[0].lines]
    assert f"{group(paid)}  paid here" in texts
    assert f"{group(twin)}  the other" in texts


def test_marks_stand_below_what_differs() -> None:
    docket = proved()
    paid = docket.facts.outputs[0].address
    (task,) = tasks_of(docket, poisoned(docket, lookalike_eth(paid)))
    *_, marks = build_alike_pages([task])[0].rows[0].lines
    one, two = group(task.paid), group(task.other)
    assert [i for i, each in enumerate(marks.text) if each == "^"] == [i for i in range(len(one)) if one[i] != two[i]]


def test_an_honest_book_asks_nothing() -> None:
    docket = proved()
    assert () == tasks_of(docket, docket.foundation.entries)
    assert () == build_alike_pages(())
    assert ask_alike((), lambda _: "", unheard) is None


@pytest.mark.parametrize("draw", [0, 1])
def test_which_of_the_two_is_asked_in_a_random_order(draw: int) -> None:
    docket = proved()
    paid = docket.facts.outputs[0].address
    (task,) = tasks_of(docket, poisoned(docket, lookalike_eth(paid)), draw)
    assert ANSWERS[draw] == task.right
    said: list[Line] = []
    assert ask_alike([task], lambda _: f" {task.right} ", said.append) is None
    assert f"{task.right}  {group(paid)}" in [line.text for line in said]
    assert {group(paid), group(task.other)} == {line.text[3:] for line in said}


@pytest.mark.parametrize("typed", ["", "2", "3", "the first"])
def test_any_other_answer_refuses_at_once(typed: str) -> None:
    docket = proved()
    (task,) = tasks_of(docket, poisoned(docket, lookalike_eth(docket.facts.outputs[0].address)))
    refuse(Code.READING_MISMATCH, lambda: ask_alike([task], lambda _: typed, unheard))


@pytest.mark.parametrize("typed", ["unsure", "Reject"])
def test_doubt_is_taken_here_too(typed: str) -> None:
    docket = proved()
    (task,) = tasks_of(docket, poisoned(docket, lookalike_eth(docket.facts.outputs[0].address)))
    assert Doubt(typed.lower()) is ask_alike([task], lambda _: typed, unheard)
