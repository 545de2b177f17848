"""The approval device's own files against the release manifest: before a docket is read, and at an update."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from releases import build_release, build_start, doctored
from strongroom.approver import release
from strongroom.core.codes import Code
from strongroom.core.releases import Program
from strongroom.core.statements import Environment

from .conftest import MakeDesk, proposed

PIN = "user-4482"


def say(desk: Any, **fields: Any) -> str:
    found: str = desk.world.release(build_release(desk.start, Program.APPROVER, **fields)).id
    return found


def bring(desk: Any) -> int:
    """An update that brings the notices and nothing else."""
    body = replace(desk.world.update_body(desk.seen, whole=False), registers=())
    found: int = desk.update(body)
    return found


def test_what_is_as_released_approves_and_the_start_is_written_down(make_desk: MakeDesk) -> None:
    desk = make_desk()
    say(desk)
    assert 0 == bring(desk)
    assert 0 == desk.decide(desk.request(proposed(desk)), PIN, "approve")
    assert (desk.home.path / "starts").read_text().splitlines()[-1].endswith("accepted")
    assert "It is release manifest 1" in desk.told


def test_a_changed_file_is_refused_before_the_pin_and_at_import(make_desk: MakeDesk) -> None:
    desk = make_desk()
    say(desk)
    assert 0 == bring(desk)
    path = desk.request(proposed(desk))
    good, desk.start = desk.start, doctored()
    assert (3, {Code.RELEASE_MISMATCH}) == (desk.decide(path), desk.codes)
    assert (3, {Code.RELEASE_MISMATCH}) == (bring(desk), desk.codes)
    desk.start = good
    assert 0 == desk.decide(path, PIN, "approve")


def test_a_start_that_is_not_sealed_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk()
    say(desk)
    assert 0 == bring(desk)
    desk.start = build_start(unsealed=("not started by its own command",))
    assert (3, {Code.RELEASE_MISMATCH}) == (desk.decide(desk.request(proposed(desk))), desk.codes)


def test_the_new_program_takes_in_its_own_manifest(make_desk: MakeDesk) -> None:
    desk = make_desk()
    first = say(desk)
    assert 0 == bring(desk)
    desk.start = doctored()
    say(desk, version=2, previous=first)
    assert 0 == bring(desk)
    assert 0 == desk.decide(desk.request(proposed(desk)), PIN, "approve")


def test_before_the_first_manifest_production_refuses_and_development_goes_on(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    path = desk.request(proposed(desk))
    judge = release.judge_start

    def in_production(start: Any, expected: Any, _environment: str, folder: Any) -> Any:
        return judge(start, expected, Environment.PRODUCTION.value, folder)

    with monkeypatch.context() as patch:
        patch.setattr(release, "judge_start", in_production)
        assert (3, {Code.RELEASE_UNKNOWN}) == (desk.decide(path), desk.codes)
    assert 0 == desk.decide(path, PIN, "approve")
    assert "NOT COMPARED" in desk.told
