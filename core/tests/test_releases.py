"""Release manifests: what none may say, which one is in force, and whose signature counts after the root changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from releases import FILES, build_release, build_start, doctored
from strongroom.core.checks.notices import find_release
from strongroom.core.codes import Code
from strongroom.core.ids import Digest
from strongroom.core.records import DigestOrNone
from strongroom.core.releases import Program, ReleaseManifest
from strongroom.core.trust import Trust
from world import DELEGATES, World

from .refusals import refuse
from .test_notices import change_keys_delegates, device_of, take

BODY = build_release(build_start(FILES), Program.TERMINAL)
OTHER = Digest("sha256:" + "ab" * 32)


def in_force(trust: Trust, program: Program = Program.TERMINAL) -> str:
    """The id of a program's manifest; `none` without one."""
    found = find_release(trust.notices, program, trust.root, trust.context)
    return found.id if found else "none"


WRONG: tuple[tuple[str, Callable[[ReleaseManifest], Any]], ...] = (
    ("no roots", lambda body: replace(body, roots=())),
    ("roots out of order", lambda body: replace(body, roots=body.roots[::-1])),
    ("a root twice", lambda body: replace(body, roots=(body.roots[0], body.roots[0]))),
    ("version 0", lambda body: replace(body, version=0)),
    ("version 2 after none", lambda body: replace(body, version=2)),
    ("version 1 after another", lambda body: replace(body, previous=DigestOrNone(OTHER))),
)


@pytest.mark.parametrize("spoil", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_no_manifest_may_say(spoil: Callable[[ReleaseManifest], Any]) -> None:
    assert 3 == replace(BODY, version=3, previous=DigestOrNone(OTHER)).version
    refuse(Code.FIELD_INVALID, lambda: spoil(BODY))


def test_versions_follow_one_another_for_each_program_alone() -> None:
    world = World()
    first = world.release(BODY)
    stations = world.release(build_release(doctored(), Program.STATION))
    trust = device_of(world)
    assert (first.id, stations.id) == (in_force(trust), in_force(trust, Program.STATION))
    second = world.release(build_release(doctored(), Program.TERMINAL, 2, first.id))
    world.release(replace(BODY, label="the first again"))
    world.release(build_release(build_start(FILES), Program.TERMINAL, 4, second.id))
    assert second.id == in_force(take(world, trust))
    assert "none" == in_force(trust, Program.APPROVER)


def test_whom_the_root_dropped_says_no_more_what_a_good_program_is() -> None:
    world = World()
    world.release(BODY)
    change_keys_delegates(world)
    trust = device_of(world)
    refuse(Code.RELEASE_UNKNOWN, lambda: in_force(trust))
    people = DELEGATES["whitelist"]
    last = trust.notices[-1].id
    anew = world.notice(build_release(build_start(FILES), Program.TERMINAL, 2, last), people[0], people)
    assert anew.id == in_force(take(world, trust))
    world.release(build_release(doctored(), Program.TERMINAL, 3, anew.id))
    refuse(Code.SIGNER_UNKNOWN, lambda: take(world, trust))
