"""What a command takes from the machine that a test turns with its own hand, and what a command is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from strongroom.approver.reading import Pace
from strongroom.approver.store import Home
from strongroom.devices.measure.judge import MeasureStart
from strongroom.devices.screens.console import Console

Clock = Callable[[], datetime]
Report = Callable[[Mapping[str, object], str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Clock and pace of the machine. measure: of what files this program is, and how it was started.

    console: where the person reads and types. report: says what a command did, for a machine and in a sentence.
    """

    clock: Clock
    pace: Pace
    measure: MeasureStart
    console: Console
    report: Report


Command = Callable[[Home, argparse.Namespace, Outside], int]
"""Does one thing with a device's home and returns its exit code."""
