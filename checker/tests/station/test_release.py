"""The station's own files against the release manifest, by the second reading of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from releases import build_release, build_start, doctored
from strongroom.checker.console import Exit
from strongroom.checker.station import release
from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.ids import PartyId
from strongroom.core.packages import PackageKind
from strongroom.core.releases import Program
from strongroom.core.statements import Environment, build_payload, sign_payload
from world import DELEGATES, World
from world_keys import signer_of

from ..state.test_update import check_refused, news
from .stationhouse import Answer, Stationhouse, open_stationhouse


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def say(house: Stationhouse, program: Program = Program.STATION) -> None:
    house.world.release(build_release(house.start, program))


def verify(house: Stationhouse) -> Answer:
    """One call of `verify`; the package is of no kind that it takes, so that only the start decides here."""
    return house.run("verify", "--home", house.home, house.put(PackageKind.UPDATE, news(house)), "--out", house.out)


def starts(house: Stationhouse) -> list[str]:
    return (house.home / "starts").read_text().splitlines()


def test_what_is_as_released_takes_updates_and_every_start_is_written_down(house: Stationhouse) -> None:
    say(house)
    assert Exit.DONE == house.take(news(house)).code
    assert {Code.TYPE_MISMATCH} == verify(house).codes
    assert starts(house)[-1].endswith("accepted")
    assert house.start.measurement.digest in starts(house)[-1]


def test_a_changed_file_is_refused_at_verify_and_at_import(house: Stationhouse) -> None:
    say(house)
    assert Exit.DONE == house.take(news(house)).code
    good, house.start = house.start, doctored()
    assert {Code.RELEASE_MISMATCH} == verify(house).codes
    check_refused(house, news(house), Code.RELEASE_MISMATCH)
    assert starts(house)[-1].endswith("RELEASE_MISMATCH:release.packages")
    house.start = good
    assert Exit.DONE == house.take(news(house)).code


def test_a_start_that_is_not_sealed_is_refused(house: Stationhouse) -> None:
    say(house)
    assert Exit.DONE == house.take(news(house)).code
    house.start = build_start(unsealed=("not started by its own command",))
    assert {Code.RELEASE_MISMATCH} == verify(house).codes


def test_before_the_first_manifest_production_refuses_and_development_goes_on(
    house: Stationhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {Code.TYPE_MISMATCH} == verify(house).codes
    judge = release.judge_start

    def in_production(start: Any, expected: Any, _environment: str, folder: Any) -> Any:
        return judge(start, expected, Environment.PRODUCTION.value, folder)

    monkeypatch.setattr(release, "judge_start", in_production)
    assert {Code.RELEASE_UNKNOWN} == verify(house).codes
    say(house)
    assert Exit.DONE == house.take(news(house)).code


def test_a_terminals_manifest_is_kept_and_says_nothing_of_the_station(house: Stationhouse) -> None:
    say(house, Program.TERMINAL)
    assert Exit.DONE == house.take(news(house)).code
    house.start = doctored()
    assert {Code.TYPE_MISMATCH} == verify(house).codes


def test_a_clock_set_back_between_two_starts_is_refused(house: Stationhouse) -> None:
    house.world.tick(3600)
    assert {Code.TYPE_MISMATCH} == verify(house).codes
    now, house.world.now = house.world.now, house.world.now.replace(second=0, minute=0)
    if now == house.world.now:
        pytest.fail("the clock was not set back")
    assert {Code.CLOCK_BEHIND} == verify(house).codes


def sign_spoiled(world: World, start: Any, spoil: Callable[[Any], None]) -> None:
    """A manifest that the delegates signed as it stands, whatever core would say of it."""
    people = DELEGATES["keys"]
    body = build_release(start, Program.STATION)
    kind, raw = build_payload(body, context=world.context, issuer=PartyId(people[0]), issued_at=world.now)
    payload: Any = parse_canonical(raw)
    spoil(payload["body"])
    envelope = sign_payload(kind, encode_canonical(payload), [(s.key, s.sign) for s in map(signer_of, people)])
    world.notices.append(envelope)
    world.log.append(envelope)
    world.log.witness(world.tick())


WRONG: tuple[tuple[str, Callable[[Any], None], Code], ...] = (
    ("a field more", lambda body: body.update(extra=1), Code.FIELD_UNKNOWN),
    ("version 2 after none", lambda body: body.update(version=2), Code.FIELD_INVALID),
    ("no roots", lambda body: body.update(roots=[]), Code.FIELD_INVALID),
    ("roots out of order", lambda body: body["roots"].reverse(), Code.FIELD_INVALID),
    ("a program that is none", lambda body: body.update(program="platform"), Code.FIELD_INVALID),
    ("a root without files", lambda body: body["roots"][0].pop("files"), Code.FIELD_MISSING),
    ("a digest that is none", lambda body: body["roots"][0].update(digest="none"), Code.FIELD_INVALID),
)


@pytest.mark.parametrize(("spoil", "code"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_no_manifest_may_say(house: Stationhouse, spoil: Callable[[Any], None], code: Code) -> None:
    sign_spoiled(house.world, house.start, spoil)
    check_refused(house, news(house), code)
