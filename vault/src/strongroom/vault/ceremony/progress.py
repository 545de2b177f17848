"""A bar that tells the truth: what is durable, of how many, at what rate, and how long the rest takes at that rate.

It counts nothing that could still be lost, and its rate is of this run alone: what an earlier run made is done, but it
says nothing about how fast this one is. On a screen one line is written over; anywhere else a line a while, so that a
file of them can be read; with `--json` the same as events, one canonical object a line.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TextIO, assert_never

from strongroom.core.canonical import encode_canonical

WIDTH: Final = 30
_SECOND_NS: Final = 10**9
_WINDOW_NS: Final = 10 * _SECOND_NS
_MILLI: Final = 1000


class Manner(StrEnum):
    """How progress is told."""

    SCREEN = "screen"
    LINES = "lines"
    EVENTS = "events"


_EVERY_NS: dict[Manner, int] = {Manner.SCREEN: _SECOND_NS // 5, Manner.LINES: 5 * _SECOND_NS, Manner.EVENTS: _SECOND_NS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where a run stands. rate_milli: things a second, in thousandths; left_s: None until a rate is known."""

    done: int
    total: int
    rate_milli: int
    left_s: int | None


class Progress:
    """One run's bar. already: what earlier runs left durable."""

    def __init__(self, what: str, *, total: int, already: int, out: TextIO, manner: Manner) -> None:
        self._what, self._total, self._already = what, total, already
        self._out, self._manner = out, manner
        self._done = already
        self._seen: deque[tuple[int, int]] = deque([(time.monotonic_ns(), already)])
        self._told_ns = 0

    def add(self, count: int) -> None:
        """So many more are durable now."""
        now = time.monotonic_ns()
        self._done += count
        self._seen.append((now, self._done))
        # One older than the window is kept, so that slow work has a rate, too.
        while len(self._seen) > 2 and self._seen[1][0] < now - _WINDOW_NS:
            self._seen.popleft()
        if now - self._told_ns >= _EVERY_NS[self._manner] or self._done == self._total:
            self._told_ns = now
            self._tell()

    def moment(self) -> Moment:
        """Where it stands now."""
        (since, before), (until, done) = self._seen[0], self._seen[-1]
        elapsed = until - since
        rate_milli = (done - before) * _MILLI * _SECOND_NS // elapsed if elapsed else 0
        left = self._total - self._done
        # Rounded up: zero seconds are left only when nothing is.
        left_s = -(-left * _MILLI // rate_milli) if rate_milli else None
        return Moment(done=self._done, total=self._total, rate_milli=rate_milli, left_s=left_s if left else 0)

    def _tell(self) -> None:
        moment = self.moment()
        match self._manner:
            case Manner.SCREEN:
                self._out.write("\r" + render_bar(self._what, moment) + ("\n" if moment.done == moment.total else ""))
            case Manner.LINES:
                self._out.write(render_bar(self._what, moment) + "\n")
            case Manner.EVENTS:
                self._out.write(render_event(self._what, moment) + "\n")
            case _:
                assert_never(self._manner)
        self._out.flush()


def manner_of(out: TextIO, *, events: bool) -> Manner:
    """How to tell it there: as events when a machine asked, else as a bar on a screen and as lines in a file."""
    if events:
        return Manner.EVENTS
    return Manner.SCREEN if out.isatty() else Manner.LINES


def render_bar(what: str, moment: Moment) -> str:
    """`keys [#####.....] 50,000 of 100,000, 678 a second, 1 min 14 s left`."""
    full = WIDTH * moment.done // moment.total
    rate = f"{moment.rate_milli // _MILLI}.{moment.rate_milli % _MILLI // 100} a second"
    left = "time left unknown" if moment.left_s is None else f"{_render_time(moment.left_s)} left"
    return f"{what} [{'#' * full}{'.' * (WIDTH - full)}] {moment.done:,} of {moment.total:,}, {rate}, {left}   "


def render_event(what: str, moment: Moment) -> str:
    """The same for machines; `left_s` is `none` until a rate is known."""
    left = "none" if moment.left_s is None else moment.left_s
    return encode_canonical(
        {
            "done": moment.done,
            "event": "progress",
            "left_s": left,
            "rate_milli": moment.rate_milli,
            "total": moment.total,
            "what": what,
        }
    ).decode()


def _render_time(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", "" if hours else f"{rest} s"]
    return " ".join(part for part in parts if part)
