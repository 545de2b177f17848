"""Active reading at the terminal: paper against bytes, a floor on time, doubt at every question, and sittings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import paper
from strongroom.core import assemble
from strongroom.core.bodies import Proposal
from strongroom.core.codes import Code
from strongroom.core.statements import parse_statement
from strongroom.vault.terminal.journal.entry import EntryKind

FLOOR_S = 5


def change_policy(stand: Any, **parameters: int) -> None:
    """The next policy, with other parameters, is taken in."""
    world, known = stand.world, stand.last_seen()
    world.change_policy(lambda p: replace(p, parameters=replace(p.parameters, **parameters)))
    body = world.update_body(known, whole=False)
    _, size = assemble.build_package_checkpoint(world.log, known)
    policy = assemble.build_placed(world.log, world.policy, size)
    stand.take(stand.update(replace(body, policies=(policy,), registers=())))


def swapped(papers: dict[str, paper.Paper], question: str) -> str | None:
    """The client's paper differs from the bytes in every character and digit."""
    found = paper.answer(papers, question)
    return None if found is None else "".join("1" if c == "2" else "2" for c in found)


def other_amount(papers: dict[str, paper.Paper], question: str) -> str | None:
    found = paper.answer(papers, question)
    return "99" if found is not None and "the amount" in question else found


@pytest.mark.parametrize("read", [swapped, other_amount])
def test_a_paper_that_says_something_else_halts_and_nothing_is_signed(firm: Any, stand: Any, read: Any) -> None:
    trip = firm.trip()
    stand.read = read
    assert {Code.READING_MISMATCH} == stand.refusals(firm.turn(trips=[trip]), "sign")
    assert () == stand.result().results
    (halt,) = [parse_statement(envelope) for envelope in stand.result().halts]
    assert halt.body.proposal == trip.of(Proposal)[0].id
    stand.read = paper.answer
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


@pytest.mark.parametrize("word", ["reject", "unsure"])
def test_doubt_at_the_paper_is_as_good_as_doubt_at_the_page(firm: Any, stand: Any, word: str) -> None:
    trip = firm.trip()
    stand.read = lambda papers, question: word if paper.answer(papers, question) else None
    assert {Code.OPERATOR_REFUSED} == stand.refusals(firm.turn(trips=[trip]), "sign", "the last four differ")
    (halt,) = [parse_statement(envelope) for envelope in stand.result().halts]
    assert f"{word}: the last four differ" == halt.body.refusals[0].got
    stand.read = paper.answer
    assert set() == stand.refusals(firm.turn(trips=[trip]), "sign")


def test_yes_is_held_to_the_floor_and_no_is_not(firm: Any, stand: Any) -> None:
    before = stand.elapsed_s
    assert {Code.OPERATOR_REFUSED} == stand.refusals(firm.turn(trips=[firm.trip()]), "reject", "no")
    quick = stand.elapsed_s - before
    assert set() == stand.refusals(firm.turn(trips=[firm.trip(nonce=8, sequence=2)]), "sign")
    assert stand.elapsed_s - before - quick >= FLOOR_S
    assert f"Nothing is signed before {FLOOR_S} s" in stand.screen.getvalue()


def test_who_has_read_long_enough_does_not_wait(firm: Any, stand: Any) -> None:
    def read_long(line: str) -> None:
        stand.elapsed_s += FLOOR_S if line == "sign" else 0

    stand.on_answer = read_long
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert "Nothing is signed before" not in stand.screen.getvalue()


def test_the_journal_says_who_confirmed_what(firm: Any, stand: Any) -> None:
    stand.run(firm.turn(trips=[firm.trip()]), "sign")
    with stand.open() as terminal:
        (entry,) = terminal.journal.entries_of_kind(EntryKind.CONFIRMED)
    assert b'"operators":["person:' in entry.fields


def test_after_so_many_decisions_people_rest(firm: Any, stand: Any) -> None:
    change_policy(stand, sitting_max_count=2, sitting_rest_s=900)
    trips = [firm.trip(nonce=7 + n, sequence=1 + n) for n in range(3)]
    assert set() == stand.refusals(firm.turn(trips=trips[:2]), "sign", "sign")
    assert {Code.SITTING_FULL} == stand.refusals(firm.turn(trips=trips[2:]), "sign")
    firm.world.now += timedelta(seconds=900)
    assert set() == stand.refusals(firm.turn(trips=trips[2:]), "sign")


HALTS = ((0, 1, 2), (1, 2, 1), (2, 2, 0))


@pytest.mark.parametrize(("most", "asked", "left"), HALTS)
def test_a_refusal_stops_its_package_unless_the_policy_lets_the_others_go_on(
    firm: Any, stand: Any, most: int, asked: int, left: int
) -> None:
    """Two doubts, then a yes. What was not looked at is said, and is signed in another package."""
    change_policy(stand, package_max_halts=most)
    trips = [firm.trip(nonce=7 + n, sequence=1 + n) for n in range(3)]
    answers = [line for _ in range(min(asked, 2)) for line in ("unsure", "I want to ask")]
    outcome = stand.run(firm.turn(trips=trips), *answers, "sign")
    codes = [{r.code for r in each.refusals} for each in outcome.refused]
    assert [{Code.OPERATOR_REFUSED}] * asked + [{Code.PACKAGE_STOPPED}] * left == codes
    assert [trip.proposal.id for trip in trips[: asked + left]] == [each.proposal for each in outcome.refused]
    assert 3 - asked - left == len(outcome.results)
    result = stand.result()
    assert (asked + left, 3 - asked - left) == (len(result.halts), len(result.results))
    assert (f"{left} transactions of this package were not looked at" in stand.screen.getvalue()) == (left > 0)
    if left:
        assert set() == stand.refusals(firm.turn(trips=trips[-1:]), "sign")


def test_a_package_that_nobody_can_read_in_one_sitting_is_refused_whole(firm: Any, stand: Any) -> None:
    change_policy(stand, sitting_max_count=1)
    trips = [firm.trip(nonce=7 + n, sequence=1 + n) for n in range(2)]
    outcome = stand.run(firm.turn(trips=trips), "sign", "sign")
    assert [] == outcome.results
    assert {Code.SITTING_FULL} == {r.code for each in outcome.refused for r in each.refusals}
    assert set() == stand.refusals(firm.turn(trips=trips[:1]), "sign")
