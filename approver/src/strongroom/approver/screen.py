"""A command of the approval device on the full screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from strongroom.approver.outside import Report
from strongroom.approver.store import Home
from strongroom.core.page_values import Line, build_line
from strongroom.core.records import encode_time
from strongroom.devices.screens.app import Setting
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.full_screen import FullScreen
from strongroom.devices.screens.language import Language, load_language, load_languages
from strongroom.devices.screens.layout import render_line
from strongroom.devices.screens.page import LineShape

Execute = Callable[[Console, Report], int]


def run_on_screen(home: Home, execute: Execute) -> int:
    """Run a command; what it did is read on the last page, and stands on the plain terminal when the screen is gone."""
    done: list[LineShape] = []
    language = home.load_language()

    def work(console: Console) -> int:
        def report(facts: Mapping[str, object], *lines: LineShape) -> None:
            del facts  # For a machine, and here sits a person.
            done.extend(lines)
            for line in lines:
                console.say(line)

        return execute(console, report)

    try:
        return FullScreen(build_setting(home, language), work).run()
    finally:
        translate = load_language(language)
        sys.stdout.write("".join(f"{render_line(line, translate)}\n" for line in done))


def build_setting(home: Home, language: Language) -> Setting:
    """Of the device in a folder, or of the one that is about to be enrolled there. language: shown first."""
    name = home.load_config().device if home.is_enrolled() else "device:new"
    return Setting(device=name.split(":")[-1], banner=build_banner, languages=load_languages(language))


def build_banner() -> Line:
    """The time of this machine."""
    return build_line("{time}", time=encode_time(datetime.now(UTC)))
