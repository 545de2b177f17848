"""Is this program what was released? Measured at every start, shown, written down, and compared. docs/adr/0028."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from strongroom.approver.self_tests import KNOWN_ANSWERS
from strongroom.approver.store import Home
from strongroom.core.checks.notices import find_release
from strongroom.core.errors import RefusedError
from strongroom.core.releases import Program
from strongroom.core.trust import Trust
from strongroom.devices.measure.judge import Expected, Judgement, MeasureStart, Start, judge_start, keep_lists
from strongroom.devices.measure.self_test import add_self_tests
from strongroom.devices.measure.starts import keep_start
from strongroom.devices.screens.language import english
from strongroom.devices.screens.layout import render_line
from strongroom.devices.screens.page import LineShape

Say = Callable[[LineShape], None]

_MEASURED: Final = "measured"


def print_line(line: LineShape) -> None:
    """Beside the answer, which with --json is for a machine."""
    sys.stderr.write(render_line(line, english) + "\n")


def check_release(home: Home, measure: MeasureStart, say: Say, now: datetime, *trusts: Trust) -> None:
    """Raise RELEASE_MISMATCH or RELEASE_UNKNOWN unless this program is as released, SELF_TEST_FAILED when it is wrong.

    trusts: whose manifests will do. An import hands in what it would bring too: the program that a new manifest names
    must be able to take that manifest in.
    """
    start, folder = measure(), home.path / _MEASURED
    found = [_judge(start, trust, folder) for trust in trusts]
    best = next((each for each in found if not each.refusals), found[-1])
    best = add_self_tests(best, KNOWN_ANSWERS)
    for line in best.lines:
        say(line)
    keep_start(home.path, best, now)
    if best.refusals:
        raise RefusedError(*best.refusals)
    if best.manifest is not None:
        keep_lists(folder, start.measurement)


def _judge(start: Start, trust: Trust, folder: Path) -> Judgement:
    environment = trust.context.environment.value
    try:
        release = find_release(trust.notices, Program.APPROVER, trust.root, trust.context)
    except RefusedError as error:
        # An import may bring the same manifest signed anew; so this is one answer of two, and not yet the end.
        return replace(judge_start(start, None, environment, folder), refusals=error.refusals)
    expected = None
    if release is not None:
        roots = {root.name: root.digest for root in release.body.roots}
        expected = Expected(manifest=release.id, version=release.body.version, roots=roots)
    return judge_start(start, expected, environment, folder)
