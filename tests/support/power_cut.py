"""A power cut at one place of a program: it runs in a process of its own, and the kernel kills it there.

Never by a timer, and never inside a call of the token: SoftHSM writes its files in place, and half of one is a fault of
SoftHSM. Places are named by what was about to happen and how often it has, so that a run finds the same one again.
"""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pkcs11
from textual import _wait

import paper
import softhsm
from hands import Hands
from strongroom.devices.screens.views import Asking, Choosing, Stopped

NEVER = ""
_BETWEEN_KEYS_S = 0.001


@dataclass(slots=True, kw_only=True)
class Power:
    """In the program's process: goes at `cut`. tell: the test's end of a pipe. heard: where it answers."""

    cut: str
    tell: int
    heard: int
    counts: Counter[str] = field(default_factory=Counter)

    def at(self, what: str) -> None:
        """The program has come here; whoever waits for this place kills it."""
        self.counts[what] += 1
        place = f"{what} {self.counts[what]}"
        self.say("place", place)
        if place == self.cut:
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, kind: str, text: str) -> None:
        """Tell the test; what was told is told, whatever comes after."""
        os.write(self.tell, json.dumps([kind, text]).encode() + b"\n")

    def ask_outside(self) -> str:
        """Let the test do what the world outside does now; what it says of that."""
        self.say("ask", "")
        return os.read(self.heard, 4096).decode()

    def around(self, owner: Any, name: str, label: Callable[..., str]) -> None:
        """Have a call pass a place before it, and one after it. label: from the call's arguments."""
        honest = getattr(owner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            what = label(*arguments, **named)
            self.at(f"before {what}")
            result = honest(*arguments, **named)
            self.at(f"after {what}")
            return result

        setattr(owner, name, call)

    def watch(self) -> None:
        """Places that every program has: each key that answers, each page, each file that takes its name."""
        self.around(Path, "replace", lambda _, target: f"file in {Path(target).parent.name}")
        answer, press = Hands.answer, Hands.press

        async def watched_answer(hands: Hands, *keys: str) -> None:
            self.at(f"{type(hands.screen.shell.view).__name__} stands")
            await answer(hands, *keys)

        async def watched_press(hands: Hands, *keys: str) -> None:
            self.at("page stands")
            await press(hands, *keys)

        Hands.answer = watched_answer  # type: ignore[method-assign, assignment]
        Hands.press = watched_press  # type: ignore[method-assign, assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one run told. places: in order. notes: what it said beside them. end: what it gave; None when it was cut."""

    places: tuple[str, ...]
    notes: tuple[str, ...]
    end: Any


def run_with_power(
    work: Callable[[Power], Any], cut: str = NEVER, outside: Callable[[], str] = lambda: "nothing"
) -> Ran:
    """Run the work in a new process until it ends or its power goes.

    outside: what happens in this process when the work asks for it, and what is said of it. An error of the work is
    an error here.
    """
    told, tell = os.pipe()
    heard, answer = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_program(Power(cut=cut, tell=tell, heard=heard), work)
    os.close(tell)
    os.close(heard)
    said: dict[str, list[Any]] = {"place": [], "note": [], "end": [], "error": []}
    with os.fdopen(told) as lines:
        for line in lines:
            kind, text = json.loads(line)
            if kind == "ask":
                os.write(answer, outside().encode())
            else:
                said[kind].append(text)
    os.close(answer)
    _, status = os.waitpid(child, 0)
    assert not said["error"], said["error"][0]
    was_cut = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert was_cut == (cut != NEVER), f"{cut!r} was no place of {said['place']}"
    return Ran(places=tuple(said["place"]), notes=tuple(said["note"]), end=None if was_cut else said["end"][0])


def _be_the_program(power: Power, work: Callable[[Power], Any]) -> None:
    try:
        # A module does not survive a fork.
        pkcs11.lib(str(softhsm.MODULE_PATH)).reinitialize()
        # Nobody here reads between two keys, so that nobody has to wait until the screen is at rest after each.
        _wait.SLEEP_GRANULARITY = _BETWEEN_KEYS_S
        power.watch()
        power.say("end", work(power))
    except BaseException:  # noqa: BLE001  # This process must not run the tests that come after.
        power.say("error", traceback.format_exc())
    finally:
        os._exit(0)


async def consent(hands: Hands, pin: str, yes: str, papers: Mapping[str, paper.Paper], code: str = "") -> None:
    """Do whatever is asked until nothing more is: secrets, every page and yes, what the paper says, and every stop."""
    while (view := await hands.wait()) is not None:
        match view:
            case Asking(is_secret=True):
                await hands.type(code if hands.text.count("Code of ") else pin)
            case Asking():
                await hands.answer_from(papers)
            case Choosing():
                await hands.choose(yes)
            case Stopped():
                await hands.see_stop()
            case _:
                raise AssertionError(hands.text)
