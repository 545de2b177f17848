"""The station's pages on a console: what was verified by its own reading, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from strongroom.checker.reading.fields import render_time
from strongroom.checker.station.verify import Outcome
from strongroom.devices.screens.app import Setting
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.language import Language, load_languages
from strongroom.devices.screens.page import Line, Mark, Page, Row, build_line, build_quote
from strongroom.devices.screens.refusals import build_halt_pages


def build_setting(languages: Sequence[Language]) -> Setting:
    """What stands on every screen. languages: of who reads."""
    return Setting(device="checker station", banner=build_banner, languages=load_languages(*languages))


def build_banner() -> Line:
    """The time of this machine. It does not start beside a network (`check_no_network`)."""
    return build_line("{time}   NO NETWORK", time=render_time(datetime.now(UTC)))


def show_outcome(console: Console, outcome: Outcome) -> None:
    """Every page of what was verified, or of what stopped it, then where the answer lies."""
    file = outcome.written.name
    if outcome.stage is not None:
        said = build_quote("HALTED. Nothing was verified. Carry back {file}, and tell the security desk.", file=file)
        pages = build_halt_pages(outcome.stage.name, outcome.refusals)
    elif outcome.accepted:
        said = build_quote("VERIFIED by this station's own reading. Carry back {file}.", file=file)
        pages = outcome.pages
    else:
        said = build_quote("HALTED before: the same answer again. Carry back {file}.", file=file)
        pages = ()
    console.stop((*pages, Page(title="What was done", rows=(Row(label="", lines=(said,), mark=Mark.NONE),))), (), said)
