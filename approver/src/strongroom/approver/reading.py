"""What the person must do before yes counts: look for a while, and type from their own paper.

Rejection and doubt pass without any of it. III.23, VI.4.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from strongroom.approver.flow import Answer, Waiting
from strongroom.core.active_reading import Draw, ask_tasks, build_tasks
from strongroom.core.alike import AlikeTask, ask_alike
from strongroom.core.page_values import Line, build_line
from strongroom.devices.screens.console import DOUBTS, Console

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """elapsed_ns: a clock that nobody sets. pause: for so many seconds. draw: so many random bytes."""

    elapsed_ns: Callable[[], int] = time.monotonic_ns
    pause: Callable[[float], None] = time.sleep
    draw: Draw = os.urandom


def read_from_paper(
    waiting: Waiting, alike: tuple[AlikeTask, ...], shown_ns: int, console: Console, pace: Pace
) -> Answer:
    """Hold a yes to the floor, and ask for what the person's own paper says; the answer that stands after it.

    alike: other addresses that look like what is paid. shown_ns: when the page came up. Raises READING_MISMATCH.
    """
    floor_s = waiting.trust.policy_in_force.parameters.reading_floor_s
    left_ns = floor_s * _NS - (pace.elapsed_ns() - shown_ns)
    if left_ns > 0:
        console.say(build_line("Nothing is approved before {floor} s. Read it once more.", floor=str(floor_s)))
        pace.pause(-(-left_ns // _NS))
    proved = waiting.proved

    def ask(question: Line) -> str:
        return console.ask(question, DOUBTS)

    tasks = build_tasks(proved.facts, proved.foundation.entries.assets, pace.draw)
    doubt = ask_tasks(tasks, ask, console.say) or ask_alike(alike, ask, console.say)
    return Answer(doubt.value) if doubt else Answer.APPROVE
