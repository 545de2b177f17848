"""What a command takes from the machine that a test turns with its own hand, and what a command is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from strongroom.approver.reading import Pace
from strongroom.approver.store import Home
from strongroom.core.keys import PublicKey
from strongroom.core.page_values import Line, build_quote
from strongroom.devices.measure.judge import MeasureStart
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.page import LineShape

Clock = Callable[[], datetime]


class Report(Protocol):
    """Says what a command did."""

    def __call__(self, facts: Mapping[str, object], *lines: LineShape) -> None:
        """facts: for a machine. lines: for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Clock and pace of the machine. measure: of what files this program is, and how it was started.

    console: where the person reads and types. report: says what a command did.
    """

    clock: Clock
    pace: Pace
    measure: MeasureStart
    console: Console
    report: Report


Command = Callable[[Home, argparse.Namespace, Outside], int]
"""Does one thing with a device's home and returns its exit code."""


def build_key_line(key: PublicKey) -> Line:
    """What the roster's delegates need to know of a new key."""
    said = "For the roster: {alg} {public}, key id {id}."
    return build_quote(said, alg=key.alg.value, public=key.public.hex(), id=key.key_id)
