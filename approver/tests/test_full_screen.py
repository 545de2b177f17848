"""The approval device as its person meets it: keys that they press, pages that they read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hands import Hands
from strongroom.core.bodies import Approval, Rejection
from strongroom.core.codes import Code
from strongroom.core.statements import parse_statement
from strongroom.devices.screens.views import Asking, Choosing
from world import Trip

from .conftest import PIN, Desk, MakeDesk, proposed
from .test_decide import halted


def words_of(desk: Desk, trip: Trip) -> tuple[str, ...]:
    return ("decide", str(desk.request(trip)), "--out", str(desk.folder / "out"))


def test_what_was_read_from_paper_is_approved(make_desk: MakeDesk) -> None:
    desk = make_desk()
    words = words_of(desk, proposed(desk))

    async def do(hands: Hands) -> None:
        await hands.unlock(PIN)
        await hands.choose("a")
        await hands.answer_from(desk.on_desk)

    assert 0 == desk.sit(do, *words)
    assert isinstance(parse_statement(desk.answers()[-1]).body, Approval)


@pytest.mark.parametrize(("key", "word"), [("r", "reject"), ("u", "unsure")])
def test_doubt_is_one_key_and_gives_its_reason(make_desk: MakeDesk, key: str, word: str) -> None:
    desk = make_desk()
    words = words_of(desk, proposed(desk))

    async def do(hands: Hands) -> None:
        await hands.unlock(PIN)
        await hands.find(Choosing)
        await hands.answer(key)
        await hands.find(Asking)
        await hands.type("nobody told me of this")

    assert 0 == desk.sit(do, *words)
    body = parse_statement(desk.answers()[-1]).body
    assert isinstance(body, Rejection)
    assert "nobody told me of this" in body.reason
    assert body.reason.startswith(word)


def test_nothing_is_approved_before_every_page_was_shown(make_desk: MakeDesk) -> None:
    desk = make_desk()
    words = words_of(desk, proposed(desk))

    async def do(hands: Hands) -> None:
        await hands.unlock(PIN)
        asked = await hands.find(Choosing)
        await hands.press("a", "enter", "y")
        assert hands.screen.shell.view is asked
        await hands.choose("a")
        await hands.answer_from(desk.on_desk)

    assert 0 == desk.sit(do, *words)


def test_a_paper_that_says_something_else_stops(make_desk: MakeDesk) -> None:
    desk = make_desk()
    words = words_of(desk, proposed(desk))

    async def do(hands: Hands) -> None:
        await hands.unlock(PIN)
        await hands.choose("a")
        for _ in range(2):
            await hands.find(Asking)
            await hands.type("zzzzzz")
        assert "READING_MISMATCH" in await hands.see_stop()

    assert 3 == desk.sit(do, *words)
    assert {Code.READING_MISMATCH} == halted(desk)


def test_an_expired_docket_stops_before_anybody_is_asked(make_desk: MakeDesk) -> None:
    desk = make_desk()
    trip = proposed(desk)
    words = words_of(desk, trip)
    desk.world.now = trip.proposal.body.sign_by + timedelta(seconds=1)

    async def do(hands: Hands) -> None:
        await hands.unlock(PIN)
        shown = await hands.see_stop()
        assert not any("Your answer" in text and "approve" in text for text in hands.seen)
        assert "EXPIRED" in shown

    assert 3 == desk.sit(do, *words)


def test_whoever_gives_up_at_the_pin_signs_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    words = words_of(desk, proposed(desk))

    async def do(hands: Hands) -> None:
        await hands.find(Asking)
        await hands.answer("escape")

    assert 3 == desk.sit(do, *words)
    assert not desk.answers()


def test_an_approval_says_in_which_language_it_was_read(make_desk: MakeDesk) -> None:
    desk = make_desk()
    words = words_of(desk, proposed(desk))

    async def do(hands: Hands) -> None:
        await hands.unlock(PIN)
        await hands.find(Choosing)
        await hands.read_all()
        await hands.press("f4")
        assert hands.screen.shell.translate("Transfer") in hands.text
        # Another language is another page: nothing of it was read yet.
        assert "approve" not in hands.text
        await hands.choose("a")
        await hands.answer_from(desk.on_desk)

    assert 0 == desk.sit(do, *words)
    body = parse_statement(desk.answers()[-1]).body
    assert isinstance(body, Approval)
    assert "zh_Hant" == body.language
