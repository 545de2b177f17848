"""A command of the approval device on the full screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from strongroom.approver.outside import Report
from strongroom.approver.store import Home
from strongroom.core.page_values import Line, build_line, build_quote
from strongroom.core.records import encode_time
from strongroom.devices.screens.app import Setting
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.full_screen import FullScreen
from strongroom.devices.screens.language import load_languages

Execute = Callable[[Console, Report], int]


def run_on_screen(home: Home, execute: Execute) -> int:
    """Run a command; what it did is read on the last page, and stands on the plain terminal when the screen is gone."""
    done: list[str] = []

    def work(console: Console) -> int:
        def report(_facts: Mapping[str, object], sentence: str) -> None:
            done.append(sentence)
            for line in sentence.split("\n"):
                console.say(build_quote("{text}", text=line))

        return execute(console, report)

    try:
        return FullScreen(build_setting(home), work).run()
    finally:
        sys.stdout.write("".join(f"{sentence}\n" for sentence in done))


def build_setting(home: Home) -> Setting:
    """Of the device in a folder, or of the one that is about to be enrolled there."""
    name = home.load_config().device if home.is_enrolled() else "device:new"
    return Setting(device=name.split(":")[-1], banner=build_banner, languages=load_languages())


def build_banner() -> Line:
    """The time of this machine."""
    return build_line("{time}", time=encode_time(datetime.now(UTC)))
