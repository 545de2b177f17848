"""A session ends by itself when its clear is over or nobody answers, and the next one asks for every PIN again."""

from __future__ import annotations

from typing import Any

import pytest

from hands import Hands, sit_down
from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.views import Asking, Choosing, Stopped
from strongroom.vault.terminal.flow import IDLE_S, Outcome
from strongroom.vault.terminal.journal.entry import EntryKind

from .conftest import CODE, USER_PIN

ENDED = "The session ended by itself"


def trips(firm: Any, count: int) -> list[Any]:
    return [firm.trip(nonce=7 + n, sequence=1 + n) for n in range(count)]


def last_close(stand: Any) -> Any:
    """What the journal says of the last session's end."""
    with stand.open() as terminal:
        closed = next(terminal.journal.last_of_kind(EntryKind.SESSION_CLOSED))
        opened = next(terminal.journal.last_of_kind(EntryKind.SESSION_OPENED))
    assert opened.number < closed.number
    return parse_canonical(closed.fields)


def codes(outcome: Outcome) -> list[set[Code]]:
    return [{r.code for r in each.refusals} for each in outcome.refused]


def test_when_the_clear_is_over_nothing_more_is_asked(firm: Any, stand: Any) -> None:
    """People thought too long about the first; the others are handed back, and a new session signs them."""

    def think(line: str) -> None:
        stand.elapsed_s += 901 if line == "sign" else 0

    stand.on_answer = think
    waiting = trips(firm, 3)
    outcome = stand.run(firm.turn(trips=waiting), "sign", "sign", "sign")
    assert [{Code.CLEAR_EXPIRED}, {Code.SESSION_OVER}, {Code.SESSION_OVER}] == codes(outcome)
    assert [trip.proposal.id for trip in waiting] == [each.proposal for each in outcome.refused]
    assert 1 == stand.screen.getvalue().count("Type one of these words: sign")
    assert ENDED in stand.screen.getvalue()
    assert {"ended": "over", "halts": 3, "results": 0} == last_close(stand)
    stand.on_answer = lambda _: None
    with pytest.raises(RefusedError) as caught:
        stand.run(None, pins=())
    assert {Code.OPERATOR_REFUSED} == caught.value.codes
    assert 3 == len(stand.run(firm.turn(trips=waiting), "sign", "sign", "sign").results)
    assert {"ended": "done", "halts": 0, "results": 3} == last_close(stand)


def test_a_clear_that_lives_to_the_last_answer_signs_all(firm: Any, stand: Any) -> None:
    stand.on_answer = lambda line: setattr(stand, "elapsed_s", stand.elapsed_s + (400 if line == "sign" else 0))
    outcome = stand.run(firm.turn(trips=trips(firm, 2)), "sign", "sign")
    assert ([], 2, False) == (codes(outcome), len(outcome.results), outcome.is_over)
    assert ENDED not in stand.screen.getvalue()


@pytest.mark.parametrize("left_s", [1, 0])
def test_a_page_that_nobody_answers_ends_the_session(firm: Any, stand: Any, left_s: int) -> None:
    """At the full screen no key is pressed; the tokens are closed, and the last page says why."""
    seen: list[str] = []

    def work(console: Console) -> Outcome:
        stand.console = console
        outcome: Outcome = stand.run(firm.turn(trips=trips(firm, 2), before=think))
        return outcome

    def think() -> None:
        # One second went by while the package was waited for.
        stand.elapsed_s += 900 - 1 - left_s

    async def do(hands: Hands) -> None:
        await hands.unlock(USER_PIN, USER_PIN, CODE, USER_PIN, CODE)
        while isinstance(await hands.find(Asking, Choosing, Stopped), Asking | Choosing):
            pass
        seen.append(await hands.see_stop())

    outcome = sit_down(work, do)
    assert [{Code.SESSION_OVER}] * 2 == codes(outcome)
    assert outcome.is_over
    assert ENDED in " ".join(seen[0].split())
    assert {"ended": "over", "halts": 2, "results": 0} == last_close(stand)


def test_a_question_waits_no_longer_than_idle_people_may(firm: Any, stand: Any) -> None:
    """However long the clear lives; afterwards a page waits for ever again."""
    limits: list[float | None] = []

    def work(console: Any) -> Outcome:
        honest = console.wait_at_most

        def told(seconds: Any) -> None:
            limits.append(seconds() if seconds else None)
            honest(seconds)

        console.wait_at_most = told
        stand.console = console
        outcome: Outcome = stand.run(firm.turn(trips=trips(firm, 1)))
        return outcome

    async def do(hands: Hands) -> None:
        await hands.unlock(USER_PIN, USER_PIN, CODE, USER_PIN, CODE)
        await hands.find(Choosing)
        await hands.choose("s")
        await hands.answer_from(stand.on_desk)
        await hands.see_stop()

    assert 1 == len(sit_down(work, do).results)
    assert [IDLE_S, None] == limits
