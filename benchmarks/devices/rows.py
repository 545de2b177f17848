"""What a device did, beside its floor, as a row of the table."""

from __future__ import annotations

import time
from dataclasses import dataclass

HEAD = (
    *("device", "source keys", "dockets", "checks", "a docket ms", "floor ms", "of floor", "first screen s"),
    *("cpu: a docket ms", "floor ms (cpu)", "of floor (cpu)", "with checkpoints", "first screen s (cpu)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Seconds by the clock on the wall, and of this process's processor time, which others do not stretch."""

    wall_s: float
    cpu_s: float

    @classmethod
    def now(cls) -> Spent:
        """Both clocks."""
        return cls(wall_s=time.perf_counter(), cpu_s=time.process_time())

    def __sub__(self, other: Spent) -> Spent:
        return Spent(wall_s=self.wall_s - other.wall_s, cpu_s=self.cpu_s - other.cpu_s)

    def __add__(self, other: Spent) -> Spent:
        return Spent(wall_s=self.wall_s + other.wall_s, cpu_s=self.cpu_s + other.cpu_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one device did. whole, floor, log: for all dockets together. first: from a package's arrival to a screen.

    floor: the token and the statements' signatures. log: the checkpoints' signatures, which are not in it.
    """

    device: str
    keys: str
    dockets: int
    checks: int
    whole: Spent
    floor: Spent
    log: Spent
    first: Spent

    @property
    def ratio(self) -> float:
        """Rate of the device by the rate of the floor, by the clock on the wall."""
        return round(self.floor.wall_s / self.whole.wall_s, 2)

    @property
    def cpu_ratio(self) -> float:
        """The same by processor time."""
        return round(self.floor.cpu_s / self.whole.cpu_s, 2)

    @property
    def cpu_ratio_with_log(self) -> float:
        """By processor time, of a floor that verifies the checkpoints as well."""
        return round((self.floor.cpu_s + self.log.cpu_s) / self.whole.cpu_s, 2)


def render_row(row: Row) -> tuple[str | float, ...]:
    """Its cells under `HEAD`."""
    return (row.device, row.keys, row.dockets, row.checks, *_wall(row), *_cpu(row))


def _wall(row: Row) -> tuple[float, ...]:
    return _ms(row.whole.wall_s, row), _ms(row.floor.wall_s, row), row.ratio, round(row.first.wall_s, 2)


def _cpu(row: Row) -> tuple[float, ...]:
    return (
        _ms(row.whole.cpu_s, row),
        _ms(row.floor.cpu_s, row),
        row.cpu_ratio,
        row.cpu_ratio_with_log,
        round(row.first.cpu_s, 2),
    )


def _ms(seconds: float, row: Row) -> float:
    return round(1000 * seconds / row.dockets, 2)
