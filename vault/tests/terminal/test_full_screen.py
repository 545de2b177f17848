"""The signing terminal as two operators meet it: keys that they press, screens that they read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import paper
from hands import Hands, sit_down
from lookalike import lookalike_eth
from strongroom.core.codes import Code
from strongroom.core.words import group
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.language import english
from strongroom.devices.screens.layout import render_line
from strongroom.devices.screens.views import Asking, Choosing, Stopped
from strongroom.vault.terminal.flow import Outcome
from world import World
from world_registers import sorted_by_id

from .conftest import CODE, USER_PIN, Firm, Tokens, Turn
from .test_check import docket_on, lists_of

PINS = (USER_PIN, USER_PIN, CODE, USER_PIN, CODE)


def sit(stand: Any, turn: Turn | None, do: Callable[[Hands], Awaitable[None]]) -> Outcome:
    """One session on the full screen."""

    def work(console: Console) -> Outcome:
        stand.console = console
        outcome: Outcome = stand.run(turn)
        return outcome

    async def unlocked(hands: Hands) -> None:
        await hands.unlock(*PINS)
        await do(hands)

    return sit_down(work, unlocked)


def codes(outcome: Outcome) -> set[Code]:
    return {refusal.code for each in outcome.refused for refusal in each.refusals}


async def see_the_end(hands: Hands, *words: str) -> None:
    """The last page says how it ended."""
    shown = await hands.see_stop()
    for word in words:
        assert word in shown, shown


def test_what_was_read_from_paper_is_signed(firm: Any, stand: Any) -> None:
    async def do(hands: Hands) -> None:
        await hands.choose("s")
        await hands.answer_from(stand.on_desk)
        await see_the_end(hands, "1 signed, 0 refused", "Carry back")

    trip = firm.trip()
    outcome = sit(stand, firm.turn(trips=[trip]), do)
    assert [trip.proposal.id] == [each.proposal for each in outcome.results]


@pytest.mark.parametrize(("key", "word"), [("r", "reject"), ("u", "unsure")])
def test_doubt_is_one_key_on_the_first_page(firm: Any, stand: Any, key: str, word: str) -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Choosing)
        await hands.answer(key)
        await hands.find(Asking)
        await hands.type("the amount is not on my paper")
        assert "OPERATOR_REFUSED" in await hands.see_stop()
        await see_the_end(hands, "0 signed, 1 refused")

    outcome = sit(stand, firm.turn(trips=[firm.trip()]), do)
    assert {Code.OPERATOR_REFUSED} == codes(outcome)
    assert f"{word}: the amount is not on my paper" == outcome.refused[0].refusals[0].got


def test_doubt_is_one_key_while_reading_from_paper(firm: Any, stand: Any) -> None:
    async def do(hands: Hands) -> None:
        await hands.choose("s")
        await hands.find(Asking)
        await hands.answer("f8")
        await hands.find(Asking)
        await hands.type("the tray is empty")
        await hands.see_stop()
        await see_the_end(hands, "0 signed, 1 refused")

    outcome = sit(stand, firm.turn(trips=[firm.trip()]), do)
    assert "unsure: the tray is empty" == outcome.refused[0].refusals[0].got


def test_nothing_is_signed_before_every_page_was_shown(firm: Any, stand: Any) -> None:
    async def do(hands: Hands) -> None:
        asked = await hands.find(Choosing)
        last = len(hands.screen.shell.screens)
        for _ in range(last - 1):
            await hands.press("s", "enter", "pagedown")
            assert hands.screen.shell.view is asked
        await hands.answer("s")
        await hands.answer_from(stand.on_desk)
        await see_the_end(hands, "1 signed")

    sit(stand, firm.turn(trips=[firm.trip()]), do)


def test_a_paper_that_says_something_else_stops(firm: Any, stand: Any) -> None:
    async def do(hands: Hands) -> None:
        await hands.choose("s")
        for _ in range(2):
            await hands.find(Asking)
            await hands.type("zzzzzz")
        assert "READING_MISMATCH" in await hands.see_stop()
        await see_the_end(hands, "0 signed, 1 refused")

    assert {Code.READING_MISMATCH} == codes(sit(stand, firm.turn(trips=[firm.trip()]), do))


async def is_stopped_unasked(hands: Hands) -> None:
    """The docket is refused before anybody is asked about it."""
    await hands.find(Stopped)
    assert not any("S sign" in text for text in hands.seen)
    await hands.see_stop()
    await see_the_end(hands, "0 signed, 1 refused")


def test_an_expired_docket_is_never_asked_about(firm: Any, stand: Any) -> None:
    trip = firm.trip(edits={"instruct": lambda body: replace(body, sign_by=firm.world.now + timedelta(hours=1))})
    firm.world.tick(3601)
    assert {Code.INSTRUCTION_EXPIRED} == codes(sit(stand, firm.turn(trips=[trip]), is_stopped_unasked))


def test_a_destination_that_left_the_whitelist_is_never_asked_about(firm: Any, stand: Any) -> None:
    trip = firm.trip()
    seen, before = stand.last_seen(), lists_of(firm)
    gone = firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist")
    firm.world.change_register("whitelist", removed=[gone.id])
    stand.take(stand.update(firm.world.register_update("whitelist", [], [gone.id], seen)))
    turn = firm.turn(trips=[trip], docket=docket_on(firm, trip, before))
    assert Code.DEST_NOT_WHITELISTED in codes(sit(stand, turn, is_stopped_unasked))


def test_the_code_of_a_stop_fills_the_screen_and_can_be_read(firm: Any, stand: Any) -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Choosing)
        await hands.answer("u")
        await hands.find(Asking)
        await hands.type("no paper")
        shown = await hands.see_stop()
        assert "security desk" in shown
        await see_the_end(hands)

    outcome = sit(stand, firm.turn(trips=[firm.trip()]), do)
    assert outcome.refused[0].notice


def test_a_pin_is_never_on_the_screen(firm: Any, stand: Any) -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Choosing)
        picture = hands.screen.shell.export_screenshot()
        assert USER_PIN not in picture
        assert not any(USER_PIN in text for text in hands.seen)
        await hands.answer("r")
        await hands.find(Asking)
        await hands.type("enough")
        await hands.see_stop()
        await hands.see_stop()

    sit(stand, firm.turn(trips=[firm.trip()]), do)


@pytest.fixture
def poisoned(tokens: Tokens, tmp_path: Path) -> Firm:
    """A firm with an entry on its whitelist that begins and ends like the one that is paid, and is another one."""

    def add(entries: Any) -> Any:
        honest = next(each for each in entries if each.id == "entry:harbour-eth")
        twin = replace(honest, id="entry:thief", address=lookalike_eth(honest.address))
        return sorted_by_id((*entries, twin))

    return Firm(tokens=tokens, folder=tmp_path, world=World(edits={**tokens.edits(), "whitelist": add}))


@pytest.mark.parametrize("is_honest", [True, False])
def test_of_two_addresses_that_look_alike_the_clients_is_asked_for(poisoned: Firm, *, is_honest: bool) -> None:
    stand, trip = poisoned.stand().ready(), poisoned.trip()
    paid = trip.facts().outputs[0].address

    async def do(hands: Hands) -> None:
        shown = await hands.choose("s")
        assert "Another address looks like this one" in shown
        assert "entry:thief" in shown
        for _ in range(2):
            asked = await hands.find(Asking)
            assert isinstance(asked, Asking)
            await hands.type(paper.answer(stand.on_desk, render_line(asked.question, english)) or "")
        await hands.find(Asking)
        right = "1" if f"1  {group(paid)}" in hands.text else "2"
        assert f"{right}  {group(paid)}" in hands.text
        wrong = {"1": "2", "2": "1"}[right]
        await hands.type(right if is_honest else wrong)
        if not is_honest:
            assert "READING_MISMATCH" in await hands.see_stop()
        await see_the_end(hands)

    outcome = sit(stand, poisoned.turn(trips=[trip]), do)
    assert (set() if is_honest else {Code.READING_MISMATCH}) == codes(outcome)
