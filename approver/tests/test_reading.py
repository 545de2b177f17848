"""Active reading on the approval device: paper against bytes, a floor on time, doubt at every question, sittings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import paper
from strongroom.core.bodies import Approval, Rejection
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.policy import Policy
from strongroom.core.statements import StatementType, parse_statement
from world import Trip, eth_trip

from .conftest import PIN, Desk, MakeDesk


def waiting(desk: Desk, **fields: int) -> Trip:
    """A transaction that waits for approval."""
    return eth_trip(desk.world, **fields).to(Stage.PROPOSE)


def swapped(papers: dict[str, paper.Paper], question: str) -> str | None:
    """The paper differs from the bytes in every character."""
    found = paper.answer(papers, question)
    return None if found is None else "".join("1" if c == "2" else "2" for c in found)


def test_a_paper_that_says_something_else_halts(desk: Desk) -> None:
    path = desk.request(waiting(desk))
    desk.read = swapped
    assert (3, {Code.READING_MISMATCH}) == (desk.decide(path, PIN, "approve"), desk.codes)
    (halt,) = desk.answers()
    assert parse_statement(halt).type is StatementType.HALT


def test_a_paper_that_agrees_approves(desk: Desk) -> None:
    assert 0 == desk.decide(desk.request(waiting(desk)), PIN, "approve")
    (approval,) = desk.answers()
    assert isinstance(parse_statement(approval).body, Approval)


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()


@pytest.mark.parametrize("word", ["reject", "unsure"])
def test_doubt_at_the_paper_is_as_good_as_doubt_at_the_page(desk: Desk, word: str) -> None:
    desk.read = lambda papers, question: word if paper.answer(papers, question) else None
    assert 0 == desk.decide(desk.request(waiting(desk)), PIN, "approve", "the tail is another")
    (envelope,) = desk.answers()
    rejection = parse_statement(envelope).body
    assert isinstance(rejection, Rejection)
    assert f"{word}: the tail is another" == rejection.reason


def test_yes_is_held_to_the_floor_and_no_is_not(desk: Desk) -> None:
    assert 0 == desk.decide(desk.request(waiting(desk)), PIN, "reject", "no")
    assert 0 == desk.elapsed_ns
    assert 0 == desk.decide(desk.request(waiting(desk, nonce=8, sequence=2)), PIN, "approve")
    assert 5_000_000_000 == desk.elapsed_ns


def short(policy: Policy) -> Policy:
    return replace(policy, parameters=replace(policy.parameters, sitting_max_count=1, sitting_rest_s=600))


def test_after_so_many_approvals_the_person_rests_and_nothing_is_lost(make_desk: MakeDesk) -> None:
    desk = make_desk({"policy": short})
    first, second = waiting(desk), waiting(desk, nonce=8, sequence=2)
    assert 0 == desk.decide(desk.request(first), PIN, "approve")
    path = desk.request(second)
    assert (3, {Code.SITTING_FULL}) == (desk.decide(path, PIN, "approve"), desk.codes)
    assert 0 == desk.decide(path, PIN, "approve", at=desk.world.now + timedelta(seconds=600))
