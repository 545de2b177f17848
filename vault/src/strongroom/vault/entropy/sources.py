"""Where random bytes come from, and what each source really is underneath.

`origin` says what stands behind a source, so that two handles to one generator count once: /dev/urandom beside
`os.urandom` adds nothing, and neither does a link that points at it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from strongroom.core.errors import UnavailableError
from strongroom.vault.entropy.health import (
    FULL_BYTE,
    START_UP_SAMPLES,
    CutOffs,
    HealthMonitor,
    check_typed_line,
    compute_cut_offs,
    unhealthy,
)
from strongroom.vault.hsm.secret import Secret

OS_ORIGIN = "kernel generator"
_KERNEL_DEVICES = {os.makedev(1, 8), os.makedev(1, 9)}
"""/dev/random and /dev/urandom. Source: Linux, Documentation/admin-guide/devices.txt."""


class Source(Protocol):
    """What gives random bytes."""

    @property
    def name(self) -> str:
        """As it stands in refusals and in the report."""

    @property
    def origin(self) -> str:
        """What stands behind it; two sources of one origin count once."""

    @property
    def cut_offs(self) -> tuple[tuple[str, CutOffs], ...]:
        """Where its tests say no."""

    @property
    def given(self) -> int:
        """Bytes that went into mixes."""

    def start(self) -> None:
        """The start-up test. Raises RefusedError ENTROPY_HEALTH_FAIL."""

    def read(self, count: int) -> bytes:
        """Tested bytes. Raises RefusedError ENTROPY_HEALTH_FAIL."""


@dataclass(slots=True)
class MonitoredSource:
    """A generator of bytes under the health tests: at its start over 1024 samples that are dropped, and ever after.

    draw: gives that many bytes. A source that failed once is never asked again.
    """

    name: str
    origin: str
    draw: Callable[[int], bytes]
    claimed: Fraction = FULL_BYTE
    given: int = 0
    _monitor: HealthMonitor | None = None
    _has_failed: bool = False

    @property
    def cut_offs(self) -> tuple[tuple[str, CutOffs], ...]:
        """Where its tests say no."""
        return HealthMonitor(name=self.name, claimed=self.claimed).cut_offs

    def start(self) -> None:
        """The start-up test. Raises RefusedError ENTROPY_HEALTH_FAIL."""
        self._monitor = HealthMonitor(name=self.name, claimed=self.claimed)
        self._take(START_UP_SAMPLES)

    def read(self, count: int) -> bytes:
        """Tested bytes. Raises RefusedError ENTROPY_HEALTH_FAIL: too few came, none came, or a test said no."""
        if self._monitor is None:
            self.start()
        taken = self._take(count)
        self.given += count
        return taken

    def _take(self, count: int) -> bytes:
        monitor = self._monitor
        if self._has_failed or monitor is None:
            raise unhealthy(self.name, "a source that never failed", "one that did")
        # Set before and taken back after: whatever is raised in between, the source stays refused.
        self._has_failed = True
        try:
            samples = self.draw(count)
        except (OSError, UnavailableError) as error:
            raise unhealthy(self.name, f"{count} bytes", "no answer") from error
        if len(samples) != count:
            raise unhealthy(self.name, f"{count} bytes", f"{len(samples)} bytes")
        monitor.feed(samples)
        self._has_failed = False
        return samples


@dataclass(slots=True)
class TypedSource:
    """A line that people typed: dice throws or key presses. It is one draw, and goes whole into every mix."""

    line: Secret
    name: str = "typed"
    origin: str = "people"
    given: int = 0

    @property
    def cut_offs(self) -> tuple[tuple[str, CutOffs], ...]:
        """Where its tests say no; the window is the line."""
        return (("character", compute_cut_offs(Fraction(2), len(without_blanks(self.line)))),)

    def start(self) -> None:
        """Test the line. Raises RefusedError ENTROPY_HEALTH_FAIL."""
        check_typed_line(self.name, without_blanks(self.line))

    def read(self, count: int) -> bytes:  # noqa: ARG002  # The protocol's; see below.
        """The whole line, whatever the count: it cannot be asked for more."""
        whole = self.line.reveal().encode()
        self.given = len(whole)
        return whole


def without_blanks(line: Secret) -> str:
    """What of a typed line may count: blanks between throws are no throws."""
    return "".join(line.reveal().split())


def os_source() -> MonitoredSource:
    """This machine's kernel."""
    return MonitoredSource("operating system", OS_ORIGIN, os.urandom)


def device_source(path: Path) -> MonitoredSource:
    """A hardware generator as a character device, such as /dev/hwrng. Raises ENTROPY_HEALTH_FAIL when there is none."""
    try:
        found = path.stat()
    except OSError as error:
        raise unhealthy(str(path), "a device", "none") from error
    if not stat.S_ISCHR(found.st_mode):
        # A file could hold bytes that somebody prepared.
        raise unhealthy(str(path), "a character device", "something else")
    device = f"device {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    origin = OS_ORIGIN if found.st_rdev in _KERNEL_DEVICES else device
    return MonitoredSource(str(path), origin, lambda count: _read_device(path, count))


def _read_device(path: Path, count: int) -> bytes:
    found = b""
    with path.open("rb", buffering=0) as device:
        while len(found) < count:
            more = device.read(count - len(found))
            if not more:
                break
            found += more
    return found
