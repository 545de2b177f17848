"""Hands at the keyboard of a full screen: they press keys, and read what stands there, line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from textual.pilot import Pilot

import paper
from strongroom.devices.screens.app import Setting
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.full_screen import FullScreen
from strongroom.devices.screens.language import english, load_languages
from strongroom.devices.screens.layout import COLUMNS, ROWS, render_line
from strongroom.devices.screens.page import build_line
from strongroom.devices.screens.views import Asking, Choosing, Stopped, View

T = TypeVar("T")
LOOK_S = 0.01
PATIENCE_S = 60
SETTING = Setting(
    device="terminal-1",
    banner=lambda: build_line("2027-03-14T03:12:00Z   NO NETWORK"),
    languages={"English": english},
)
BOTH_LANGUAGES = Setting(device=SETTING.device, banner=SETTING.banner, languages=load_languages())


@dataclass(slots=True, kw_only=True)
class Hands:
    """One person's. seen: every screen that they looked at, by the order in which it stood there."""

    screen: FullScreen[Any]
    pilot: Pilot[None]
    seen: list[str] = field(default_factory=list)
    has_left: bool = False

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return self.screen.shell.text

    async def find(self, *kinds: type[View]) -> View:
        """Wait until something of this kind is asked; what else is asked, or an end, is a mistake of the test."""
        view = await self.wait()
        assert isinstance(view, kinds), self.text
        return view

    async def wait(self) -> View | None:
        """What is asked next; None when the work has ended."""
        for _ in range(int(PATIENCE_S / LOOK_S)):
            await self.pilot.pause(LOOK_S)
            if self.screen.is_done:
                return None
            if not self.screen.shell.is_answered:
                self._look()
                return self.screen.shell.view
        raise AssertionError(f"nobody asked in {PATIENCE_S} s: {self.text}")

    async def press(self, *keys: str) -> None:
        """Press keys that answer nothing, one after the other."""
        for key in keys:
            await self.pilot.press(key)
            self._look()

    async def answer(self, *keys: str) -> None:
        """Press what answers; returns when it was taken, however busy the machine is."""
        view = self.screen.shell.view
        await self.pilot.press(*keys)
        for _ in range(int(PATIENCE_S / LOOK_S)):
            if self.screen.shell.is_answered or self.screen.shell.view is not view:
                return
            await self.pilot.pause(LOOK_S)
        raise AssertionError(f"{keys} were no answer: {self.text}")

    async def type(self, text: str) -> None:
        """Type a line, and Enter."""
        await self.answer(*(_KEYS.get(each, each) for each in text), "enter")

    async def read_all(self) -> str:
        """Page through from the page that stands to the end; all that stood there."""
        shown = [self.text]
        for _ in self.screen.shell.screens[1:]:
            await self.press("pagedown")
            shown.append(self.text)
        return "\n".join(shown)

    async def unlock(self, *pins: str) -> None:
        """Type each PIN."""
        for pin in pins:
            asked = await self.find(Asking)
            assert isinstance(asked, Asking)
            assert asked.is_secret
            await self.type(pin)

    async def choose(self, key: str) -> str:
        """Read every page, then press the key; all that was read."""
        await self.find(Choosing)
        shown = await self.read_all()
        await self.answer(key)
        return shown

    async def answer_from(self, papers: Mapping[str, paper.Paper]) -> None:
        """Answer what is asked about paper until something else is asked, or nothing more."""
        while isinstance(asked := await self.wait(), Asking):
            found = paper.answer(papers, render_line(asked.question, english))
            assert found is not None, self.text
            await self.type(found)

    async def see_stop(self) -> str:
        """Read a stop to its end, and leave it; all of its text."""
        await self.find(Stopped)
        shown = await self.read_all()
        await self.answer("k")
        return shown

    def leave(self) -> None:
        """Take the screen away, with whatever is asked on it."""
        self.has_left = True
        self.screen.shell.exit()

    def _look(self) -> None:
        text = self.text
        lines = text.split("\n")
        assert len(lines) == ROWS, text
        if not self.seen or self.seen[-1] != text:
            self.seen.append(text)


_KEYS = {" ": "space", ".": "full_stop", "-": "minus", ":": "colon", ",": "comma", "/": "slash"}


def sit_down(
    work: Callable[[Console], T],
    do: Callable[[Hands], Awaitable[None]],
    setting: Setting = SETTING,
    size: tuple[int, int] = (COLUMNS, ROWS),
) -> T:
    """Run the work on a full screen while hands do something; what the work gave, or what it raised."""
    screen = FullScreen(setting, work)

    async def sit() -> None:
        async with screen.shell.run_test(size=size) as pilot:
            hands = Hands(screen=screen, pilot=pilot)
            await do(hands)
            for _ in range(int(PATIENCE_S / LOOK_S)):
                if screen.is_done or hands.has_left:
                    break
                await pilot.pause(LOOK_S)

    asyncio.run(sit())
    return screen.result()
