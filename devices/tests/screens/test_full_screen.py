"""The full screen by itself: what is a key and what is not, what is seen before an answer, and how it ends."""

from __future__ import annotations

import pytest

from hands import BOTH_LANGUAGES, Hands, sit_down
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.devices.screens.console import DOUBTS, Choice, Console
from strongroom.devices.screens.layout import COLUMNS
from strongroom.devices.screens.page import Mark, Page, Row, build_line, build_quote
from strongroom.devices.screens.views import Asking, Choosing
from strongroom.devices.screens.visible import width_of

CHOICES = (Choice(word="sign", key="s", label="sign", needs_reading=True), *DOUBTS)
QUESTION = build_line("Take the client's instruction from your own paper and compare.")


def pages(*texts: str) -> tuple[Page, ...]:
    rows = tuple(Row(label="", lines=(build_quote("{text}", text=text),), mark=Mark.NONE) for text in texts)
    return (Page(title="Transfer", rows=rows),)


def test_a_letter_answers_although_no_line_was_typed_before() -> None:
    async def do(hands: Hands) -> None:
        await hands.choose("s")

    assert "sign" == sit_down(lambda console: console.choose(pages("one"), QUESTION, CHOICES), do)


def test_what_is_no_key_of_the_page_answers_nothing() -> None:
    async def do(hands: Hands) -> None:
        asked = await hands.find(Choosing)
        await hands.press("enter", "y", "s", "q", "escape", "ctrl+c", "ctrl+q", "tab", "f7", "f1")
        assert hands.screen.shell.view is asked
        await hands.answer("u")

    assert "unsure" == sit_down(lambda console: console.choose(pages("one"), QUESTION, CHOICES), do)


def test_what_was_said_is_read_before_the_pages() -> None:
    def work(console: Console) -> str:
        console.say(build_quote("ALARM {code}: {sentence}", code="X", sentence="a token is not where it belongs"))
        return console.choose(pages("one"), QUESTION, CHOICES)

    async def do(hands: Hands) -> None:
        await hands.find(Choosing)
        assert "ALARM X: a token is not where it belongs" in hands.text
        await hands.choose("s")

    assert "sign" == sit_down(work, do)


def test_what_was_said_last_is_read_before_the_screen_goes() -> None:
    async def do(hands: Hands) -> None:
        assert "Thank you" in await hands.see_stop()

    sit_down(lambda console: console.say(build_line("Thank you. Nothing is signed.")), do)


def test_markup_in_a_clients_words_is_text() -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Choosing)
        assert "[bold red]paid[/] \\[x]" in hands.text
        await hands.answer("r")

    assert "reject" == sit_down(lambda console: console.choose(pages("[bold red]paid[/] \\[x]"), QUESTION, CHOICES), do)


def test_a_window_that_is_too_small_shows_and_takes_nothing() -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Choosing)
        await hands.pilot.resize_terminal(COLUMNS - 1, 24)
        await hands.pilot.press("r")
        assert not hands.screen.shell.is_answered
        await hands.pilot.resize_terminal(COLUMNS, 24)
        await hands.answer("r")

    assert "reject" == sit_down(lambda console: console.choose(pages("one"), QUESTION, CHOICES), do)


def test_no_line_is_wider_than_the_screen_in_either_language() -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Choosing)
        for _ in range(2):
            for line in (await hands.read_all()).split("\n"):
                assert width_of(line) <= COLUMNS, line
            await hands.press("f4")
        await hands.answer("u")

    texts = ["x" * 200, *("0x 71C7 656E C7ab" for _ in range(40))]
    sit_down(lambda console: console.choose(pages(*texts), QUESTION, CHOICES), do, BOTH_LANGUAGES)


def test_what_cannot_be_drawn_is_refused_before_it_is_shown() -> None:
    wide = (Page(title="Transfer", rows=(Row(label="", lines=(build_line("x" * 90),), mark=Mark.NONE),)),)

    async def do(hands: Hands) -> None:
        assert not isinstance(hands.screen.shell.view, Choosing)

    with pytest.raises(RefusedError) as caught:
        sit_down(lambda console: console.choose(wide, QUESTION, CHOICES), do)
    assert {Code.UNRENDERABLE} == caught.value.codes


@pytest.mark.parametrize("word", ["", "reject", "x y"])
def test_a_line_is_handed_over_as_it_was_typed(word: str) -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Asking)
        await hands.type(word)

    assert word == sit_down(lambda console: console.ask(build_line("Why? One line:")), do)


def test_when_the_screen_is_gone_nobody_answers() -> None:
    async def do(hands: Hands) -> None:
        await hands.find(Asking)
        hands.leave()

    def work(console: Console) -> str:
        return console.ask(build_line("Why? One line:"))

    with pytest.raises(RefusedError) as caught:
        sit_down(work, do)
    assert {Code.OPERATOR_REFUSED} == caught.value.codes
