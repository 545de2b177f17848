"""The terminal's own files against the release manifest: before a PIN, and when an update is taken in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from releases import FILES, build_release, build_start, doctored
from strongroom.core.canonical import Json, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.releases import Program
from strongroom.core.statements import Environment
from strongroom.devices.measure.judge import NOT_COMPARED, Start, render_digest
from strongroom.vault.self_tests.known_answers import KNOWN_ANSWERS
from strongroom.vault.terminal import release
from strongroom.vault.terminal.journal.entry import EntryKind


def say(firm: Any, start: Start, *, signers: int = 2, program: Program = Program.TERMINAL, **fields: Any) -> str:
    """The delegates sign a manifest of a start."""
    found: str = firm.world.release(build_release(start, program, **fields), signers).id
    return found


def bring(stand: Any) -> None:
    """An update that brings the notices and nothing else."""
    stand.take(stand.update(replace(stand.world.update_body(stand.last_seen(), whole=False), registers=())))


def started(stand: Any) -> list[dict[str, Json]]:
    """What the journal says of each start."""
    with stand.open() as terminal:
        payloads = [parse_canonical(e.payload) for e in terminal.journal.entries_of_kind(EntryKind.STARTED)]
    return [each["fields"] for each in payloads if isinstance(each, dict) and isinstance(each["fields"], dict)]


@contextmanager
def refused(*codes: Code) -> Iterator[None]:
    with pytest.raises(StrongroomError) as caught:
        yield
    assert set(codes) == caught.value.codes


def test_what_is_as_released_signs_and_both_digests_are_shown_and_journaled(firm: Any, stand: Any) -> None:
    manifest = say(firm, stand.start)
    bring(stand)
    stand.screen.truncate(0)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    measured = stand.start.measurement.digest
    kept = {"manifest": manifest, "measured": measured, "refusals": [], "self_tests": len(KNOWN_ANSWERS)}
    assert kept == started(stand)[-1]
    screen = stand.screen.getvalue()
    assert f"{len(KNOWN_ANSWERS)} of {len(KNOWN_ANSWERS)} published answers are right" in screen
    assert render_digest(measured) in screen
    assert "It is release manifest 1" in screen


def test_a_changed_file_is_refused_by_name_before_any_pin(firm: Any, stand: Any) -> None:
    say(firm, stand.start)
    bring(stand)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    stand.start = doctored()
    stand.screen.truncate(0)
    with pytest.raises(StrongroomError) as caught:
        stand.run(None)
    [only] = caught.value.refusals
    assert (Code.RELEASE_MISMATCH, "release.packages") == (only.code, only.field)
    assert "changed library/code.py" in only.got
    assert "PIN of" not in stand.screen.getvalue()
    assert ["RELEASE_MISMATCH release.packages"] == started(stand)[-1]["refusals"]


def test_a_wrong_answer_of_a_self_test_is_refused_by_name_before_any_pin(
    firm: Any, stand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = KNOWN_ANSWERS
    stand.screen.truncate(0)
    with monkeypatch.context() as patch, refused(Code.SELF_TEST_FAILED):
        patch.setattr(release, "KNOWN_ANSWERS", (replace(first, compute=bytes), *others))
        stand.run(None)
    assert "PIN of" not in stand.screen.getvalue()
    assert [f"SELF_TEST_FAILED {first.name}"] == started(stand)[-1]["refusals"]
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_a_start_that_is_not_sealed_is_refused(firm: Any, stand: Any) -> None:
    say(firm, stand.start)
    bring(stand)
    stand.start = build_start(unsealed=("not started by its own command",))
    with refused(Code.RELEASE_MISMATCH):
        stand.run(None)


def test_before_the_first_manifest_development_says_that_nothing_is_compared(firm: Any, stand: Any) -> None:
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    assert NOT_COMPARED in stand.screen.getvalue()
    assert "none" == started(stand)[-1]["manifest"]


def test_before_the_first_manifest_production_refuses(firm: Any, stand: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = release.judge_start

    def in_production(start: Any, expected: Any, _environment: str, folder: Any) -> Any:
        return judge(start, expected, Environment.PRODUCTION.value, folder)

    monkeypatch.setattr(release, "judge_start", in_production)
    with refused(Code.RELEASE_UNKNOWN):
        stand.run(None)
    say(firm, stand.start)
    bring(stand)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")


def test_the_new_program_takes_in_its_own_manifest_and_the_old_one_may_too(firm: Any, stand: Any) -> None:
    first = say(firm, stand.start)
    bring(stand)
    second = say(firm, doctored(), version=2, previous=first)
    bring(stand)
    with refused(Code.RELEASE_MISMATCH):
        stand.run(None)
    stand.start = doctored()
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    newer = build_start({**FILES, "source-1": {"ours/program.py": "version 3"}})
    stand.start = newer
    with refused(Code.RELEASE_MISMATCH):
        bring(stand)
    third = say(firm, newer, version=3, previous=second)
    bring(stand)
    stand.run(None)
    assert (third, []) == (started(stand)[-1]["manifest"], started(stand)[-1]["refusals"])


def test_a_manifest_without_its_quorum_and_an_older_version_do_not_count(firm: Any, stand: Any) -> None:
    first = say(firm, stand.start)
    say(firm, doctored(), version=2, previous=first)
    bring(stand)
    say(firm, stand.start)
    stand.start = doctored()
    bring(stand)
    # Version 1 again, later in the log: passed over.
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
    say(firm, stand.start, signers=1, version=3, previous=first)
    with refused(Code.THRESHOLD_NOT_MET):
        bring(stand)


def test_another_programs_manifest_says_nothing_of_this_one(firm: Any, stand: Any) -> None:
    say(firm, doctored(), program=Program.STATION)
    bring(stand)
    assert set() == stand.refusals(firm.turn(trips=[firm.trip()]), "sign")
