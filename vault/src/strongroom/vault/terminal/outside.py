"""Everything that a terminal takes from outside its own files: time, chance, the network's absence, and people.

Handed in, so that a test turns the clock with its own hand; `bootstrap.py` gives the real ones.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.devices.measure.judge import MeasureStart
from strongroom.devices.measure.start import measure_start
from strongroom.devices.screens.console import Console

LOOPBACK = "lo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """clock: UTC. elapsed_ns: nanoseconds that nobody can set back. pause: seconds. random: so many bytes.

    measure: of what files this program is, and how it was started.
    """

    clock: Callable[[], datetime]
    elapsed_ns: Callable[[], int]
    pause: Callable[[int], None]
    random: Callable[[int], bytes]
    interfaces: Callable[[], tuple[str, ...]]
    console: Console
    measure: MeasureStart = measure_start


def build_outside(console: Console) -> Outside:
    """The real world."""
    return Outside(
        clock=lambda: datetime.now(UTC),
        # Time since the start of the machine with sleep counted: closing the lid does not stretch the life of a clear.
        elapsed_ns=lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        pause=time.sleep,
        random=os.urandom,
        interfaces=interface_names,
        console=console,
    )


def interface_names() -> tuple[str, ...]:
    """Names of the network interfaces of this network namespace; `/sys/class/net` would list another one's."""
    return tuple(name for _, name in socket.if_nameindex())


def check_no_network(outside: Outside) -> None:
    """Raise NETWORK_PRESENT when anything but the loopback exists (III.6)."""
    present = [name for name in outside.interfaces() if name != LOOPBACK]
    if present:
        raise refused(Code.NETWORK_PRESENT, "network interfaces", f"none but {LOOPBACK}", ", ".join(present))
