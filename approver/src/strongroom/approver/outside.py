"""What a command takes from the machine that a test turns with its own hand, and what a command is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from strongroom.approver.reading import Pace
from strongroom.approver.store import Home

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Clock and pace of the machine."""

    clock: Clock
    pace: Pace


Command = Callable[[Home, argparse.Namespace, Outside], int]
"""Does one thing with a device's home and returns its exit code."""
