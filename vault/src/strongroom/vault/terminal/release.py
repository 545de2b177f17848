"""Is this program what was released? Its files are measured and compared at every start, before a PIN is asked.

What was measured, by which manifest, and what differs is in the journal whatever comes of it. Source: docs/adr/0028;
circular 25EC44, III.22 and V.9d.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from strongroom.core.canonical import Json, encode_canonical
from strongroom.core.checks.notices import find_release
from strongroom.core.errors import RefusedError
from strongroom.core.records import NONE
from strongroom.core.releases import Program
from strongroom.core.trust import Trust
from strongroom.devices.measure.judge import Expected, Judgement, Start, judge_start, keep_lists
from strongroom.devices.measure.self_test import add_self_tests
from strongroom.vault.self_tests.known_answers import KNOWN_ANSWERS
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.terminal import Terminal

_MEASURED = "measured"


def check_release(terminal: Terminal, *trusts: Trust) -> None:
    """Test itself, measure, show, journal; raise SELF_TEST_FAILED, RELEASE_MISMATCH or RELEASE_UNKNOWN.

    trusts: whose manifests will do, none for the one in force. An import hands in what it would bring too: the program
    that a new manifest names must be able to take that manifest in.
    """
    start, folder = terminal.outside.measure(), terminal.home.path / _MEASURED
    found = [_judge(start, trust, folder) for trust in trusts or (terminal.trust,)]
    best = add_self_tests(next((each for each in found if not each.refusals), found[-1]), KNOWN_ANSWERS)
    for line in best.lines:
        terminal.outside.console.say(line)
    codes: list[Json] = [f"{r.code.value} {r.field}" for r in best.refusals]
    fields: dict[str, Json] = {
        "manifest": best.manifest or NONE,
        "measured": best.measured,
        "refusals": codes,
        "self_tests": len(KNOWN_ANSWERS),
    }
    terminal.journal.append(EntryKind.STARTED, encode_canonical(fields))
    if best.refusals:
        raise RefusedError(*best.refusals)
    if best.manifest is not None:
        keep_lists(folder, start.measurement)


def _judge(start: Start, trust: Trust, folder: Path) -> Judgement:
    environment = trust.context.environment.value
    try:
        release = find_release(trust.notices, Program.TERMINAL, trust.root, trust.context)
    except RefusedError as error:
        # An import may bring the same manifest signed anew; so this is one answer of two, and not yet the end.
        return replace(judge_start(start, None, environment, folder), refusals=error.refusals)
    expected = None
    if release is not None:
        roots = {root.name: root.digest for root in release.body.roots}
        expected = Expected(manifest=release.id, version=release.body.version, roots=roots)
    return judge_start(start, expected, environment, folder)
