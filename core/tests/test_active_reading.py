"""What a person types from paper, compared with what the bytes pay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.core.active_reading import (
    PART_LENGTH,
    Doubt,
    ReadingTask,
    ask_tasks,
    build_tasks,
    is_amount,
    is_part,
)
from strongroom.core.checks.prove import prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.money import render_units
from strongroom.core.page_values import Line
from world import Trip, World, eth_sweep, eth_trip, ltc_trip, safe_world

from .refusals import refuse

ADDRESS = "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"


def task(address: str = ADDRESS, first: int = 13, units: int | None = 1_250_000_000, decimals: int = 6) -> ReadingTask:
    return ReadingTask(
        number=1,
        total=1,
        client="client:harbour",
        instruction="sha256:" + "ab" * 32,
        address=address,
        first=first,
        units=units,
        symbol="USDT",
        decimals=decimals,
    )


@pytest.mark.parametrize("typed", ["88b098", "88B0 98"])
def test_a_part_is_right_with_spaces_and_in_either_case(typed: str) -> None:
    assert is_part(task(), typed)


@pytest.mark.parametrize("typed", ["88b09", "88b0981", "88b099", ""])
def test_any_other_part_is_wrong(typed: str) -> None:
    assert not is_part(task(), typed)


def test_case_counts_where_the_address_has_case() -> None:
    base58 = "LQ3B5Y2xqYtY3vTnEqzE5xkLk6kRr2RyYs"
    assert is_part(task(base58, 1), "LQ3B5Y")
    assert not is_part(task(base58, 1), "lq3b5y")


@pytest.mark.parametrize("typed", ["1250", "1250.0", "1250.000000", "01250"])
def test_an_amount_is_right_in_whole_units(typed: str) -> None:
    assert is_amount(task(), typed)


OTHERS = ["1250.0000000", "1,250", "1250.000001", "1250000000", "-1250", "1.25e3", "\u0661\u0662\u0665\u0660", ".", ""]


@pytest.mark.parametrize("typed", OTHERS)
def test_any_other_amount_or_spelling_is_wrong(typed: str) -> None:
    assert not is_amount(task(), typed)


@given(st.integers(0, 2**256 - 1), st.integers(0, 30), st.integers(0, 2**256 - 1))
def test_no_two_amounts_are_written_alike(units: int, decimals: int, other: int) -> None:
    wanted = task(units=units, decimals=decimals)
    assert is_amount(wanted, render_units(units, decimals))
    assert is_amount(wanted, render_units(other, decimals)) == (other == units)


def test_the_question_shows_nothing_of_the_answer() -> None:
    wanted = task()
    for question in (wanted.part_question, wanted.amount_question):
        assert wanted.part.lower() not in question.text.replace(" ", "").lower()
        assert "1250" not in question.text


def tasks_of(trip: Trip, draw: int = 0) -> tuple[ReadingTask, ...]:
    proved = prove_docket(trip.docket(), trip.world.roots)
    return build_tasks(proved.facts, proved.foundation.entries.assets, lambda size: draw.to_bytes(size, "big"))


@given(st.integers(0, 2**64 - 1))
def test_every_part_lies_inside_the_address(draw: int) -> None:
    length = len(ADDRESS) - 2
    (found,) = tasks_of(TRIP, draw)
    assert 1 <= found.first <= length - PART_LENGTH + 1
    assert len(found.part) == PART_LENGTH


WORLD = World()
TRIP = eth_trip(WORLD).to(Stage.VERIFY)


def test_every_payment_is_asked_for_and_no_change() -> None:
    trip = ltc_trip(World()).to(Stage.VERIFY)
    found = tasks_of(trip)
    assert len(found) == len(trip.facts().outputs) - 1
    assert all(each.units is not None for each in found)


def test_a_sweep_is_asked_for_without_an_amount() -> None:
    (found,) = tasks_of(eth_sweep(safe_world()).to(Stage.VERIFY))
    assert found.units is None
    assert found.part_question.text.startswith("Sweep 1 of 1: ")


def typing(*lines: str) -> Iterator[str]:
    return iter(lines)


def test_right_answers_pass_after_one_slip_of_the_hand() -> None:
    lines, told = typing("88b099", "88b098", "1250"), list[Line]()
    assert ask_tasks((task(),), lambda _: next(lines), told.append) is None
    assert len(told) == 1


@pytest.mark.parametrize("lines", [("88b099", "88b099"), ("88b098", "1251", "1249")])
def test_a_second_wrong_answer_refuses(lines: tuple[str, ...]) -> None:
    typed = typing(*lines)
    refuse(Code.READING_MISMATCH, lambda: ask_tasks((task(),), lambda _: next(typed), lambda _: None))


@pytest.mark.parametrize("lines", [("unsure",), ("88b098", "Unsure"), ("88b099", "unsure")])
def test_doubt_is_taken_at_every_question(lines: tuple[str, ...]) -> None:
    typed = typing(*lines)
    assert ask_tasks((task(),), lambda _: next(typed), lambda _: None) is Doubt.UNSURE
