"""Is this program what was released? Measured at every start, shown, written down, and compared. docs/adr/0028.

By the checker's own reading of the manifest; what it measured is a line of `starts` in the device's folder.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from strongroom.checker.reading.releases import find_release
from strongroom.checker.self_tests import KNOWN_ANSWERS
from strongroom.checker.state.device import Run
from strongroom.checker.state.trust import Trust
from strongroom.core.errors import RefusedError
from strongroom.devices.measure.judge import Expected, Judgement, MeasureStart, Start, judge_start, keep_lists
from strongroom.devices.measure.self_test import add_self_tests
from strongroom.devices.measure.starts import keep_start
from strongroom.devices.screens.console import Console

PROGRAM: Final = "station"
_MEASURED: Final = "measured"


def check_release(run: Run, measure: MeasureStart, console: Console, *trusts: Trust) -> None:
    """Raise RELEASE_MISMATCH or RELEASE_UNKNOWN unless this program is as released, SELF_TEST_FAILED when it is wrong.

    trusts: whose manifests will do, none for the one in force. An import hands in what it would bring too: the program
    that a new manifest names must be able to take that manifest in.
    """
    start, folder = measure(), run.folder / _MEASURED
    found = [_judge(start, trust, folder) for trust in trusts or (run.trust,)]
    best = next((each for each in found if not each.refusals), found[-1])
    best = add_self_tests(best, KNOWN_ANSWERS)
    for line in best.lines:
        console.say(line)
    keep_start(run.folder, best, run.now)
    if best.refusals:
        raise RefusedError(*best.refusals)
    if best.manifest is not None:
        keep_lists(folder, start.measurement)


def _judge(start: Start, trust: Trust, folder: Path) -> Judgement:
    environment = trust.context.environment.value
    try:
        release = find_release([notice.statement for notice in trust.notices], PROGRAM, trust.chain)
    except RefusedError as error:
        # An import may bring the same manifest signed anew; so this is one answer of two, and not yet the end.
        return replace(judge_start(start, None, environment, folder), refusals=error.refusals)
    expected = None
    if release is not None:
        expected = Expected(manifest=release.id, version=release.body.version, roots=release.body.roots)
    return judge_start(start, expected, environment, folder)
