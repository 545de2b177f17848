"""What goes wrong around the station: bad files, a full disk, a broken memory, expiry; and that it works afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bad_files import BAD_FILES, BadFile, without_rights
from small_disk import KINDS, SmallDisk, fill_place, small_disk
from strongroom.checker.console import Exit
from strongroom.core import assemble
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.packages import PackageKind
from world import World, eth_trip

from .stationhouse import STATION, Answer, Stationhouse, open_stationhouse


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(request.param, folder) as small:
        yield small


def exit_of(bad: BadFile) -> Exit:
    return Exit.USAGE if Code.FILE_UNAVAILABLE in bad.codes else Exit.REFUSED


def state(station: Stationhouse) -> object:
    return station.run("status", "--home", station.home).json


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
@pytest.mark.parametrize("command", ["import", "verify"])
def test_a_file_that_is_no_package_changes_nothing(station: Stationhouse, bad: BadFile, command: str) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    path = station.folder / "bad.package.json"
    bad.make(path, station.put(PackageKind.VERIFICATION, station.body(trip)).read_bytes())
    before = state(station)
    with without_rights():
        words = ("--out", station.out) if command == "verify" else ()
        answer = station.run(command, "--home", station.home, path, *words)
    assert (exit_of(bad), True, b"") == (answer.code, answer.codes <= bad.codes, answer.raw)
    assert before == state(station)
    assert Exit.DONE == station.ask(trip).code


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
def test_a_root_that_cannot_be_read_enrols_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: BadFile
) -> None:
    station = Stationhouse(world=World(), folder=tmp_path, capsys=capsys)
    root = tmp_path / "bad.json"
    bad.make(root, station.world.root_file)
    words = ("enroll", "--home", station.home, "--root", root, "--device", STATION)
    with without_rights():
        answer = station.run(*words, typed=f"{station.world.fingerprint}\n" * 2)
    assert (exit_of(bad), True) == (answer.code, answer.codes <= bad.codes)
    assert Exit.DONE == station.enroll().code


def on(disk: SmallDisk, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), disk.folder, capsys)


def test_a_station_that_cannot_remember_answers_nothing(disk: SmallDisk, capsys: pytest.CaptureFixture[str]) -> None:
    station = on(disk, capsys)
    path = station.put(PackageKind.VERIFICATION, station.body(eth_trip(station.world).to(Stage.APPROVE)))
    before = state(station)
    disk.fill()
    answer = station.ask_file(path)
    disk.free()
    assert (Exit.UNAVAILABLE, {Code.STATE_UNWRITABLE}, b"") == (answer.code, answer.codes, answer.raw)
    assert "Make room" in answer.json["refusals"][0]["remedy"]
    assert before == state(station)
    assert not station.out.exists()
    assert Exit.DONE == station.ask_file(path).code


def test_an_enrolment_without_room_can_be_repeated(disk: SmallDisk, capsys: pytest.CaptureFixture[str]) -> None:
    station = Stationhouse(world=World(), folder=disk.folder, capsys=capsys)
    root = disk.folder / "root.json"
    root.write_bytes(station.world.root_file)
    words = ("enroll", "--home", station.home, "--root", root, "--device", STATION)
    station.home.mkdir()
    disk.fill()
    answer = station.run(*words, typed=f"{station.world.fingerprint}\n" * 2)
    disk.free()
    assert answer.code in {Exit.UNAVAILABLE, Exit.USAGE}
    assert answer.codes <= {Code.STATE_UNWRITABLE, Code.FILE_UNAVAILABLE}
    assert Exit.DONE == station.enroll().code


def test_an_answer_that_no_medium_took_comes_again(station: Stationhouse) -> None:
    path = station.put(PackageKind.VERIFICATION, station.body(eth_trip(station.world).to(Stage.APPROVE)))
    full = station.folder / "full"
    fill_place(full / "000001-statements.package.json")
    answer = station.run("verify", "--home", station.home, path, "--out", full)
    assert (Exit.USAGE, {Code.FILE_UNAVAILABLE}) == (answer.code, answer.codes)
    first, second = station.ask_file(path), station.ask_file(path)
    assert (Exit.DONE, True) == (first.code, first.raw == second.raw != b"")


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_memory_that_was_cut_off_is_told(station: Stationhouse, size: int) -> None:
    path = station.put(PackageKind.VERIFICATION, station.body(eth_trip(station.world).to(Stage.APPROVE)))
    database = station.home / "state.sqlite"
    whole = database.read_bytes()
    os.truncate(database, size)
    answer = station.ask_file(path)
    assert (Exit.REFUSED, {Code.STATE_BROKEN}, b"") == (answer.code, answer.codes, answer.raw)
    database.write_bytes(whole)
    assert Exit.DONE == station.ask_file(path).code


def take_roster(station: Stationhouse) -> Answer:
    world = station.world
    rosters = (assemble.build_placed(world.log, world.rosters[-1], world.log.last_checkpoint().size),)
    update = world.register_update("whitelist", (), (), station.last_seen)
    return station.take(replace(update, registers=(), rosters=rosters))


def test_an_expired_roster_is_named_with_its_time_and_the_next_one_helps(station: Stationhouse) -> None:
    world = station.world
    expires = world.now + timedelta(hours=2)
    world.change_roster(lambda r: replace(r, expires=expires))
    assert Exit.DONE == take_roster(station).code
    world.tick(2 * 3600 + 1)
    world.change_roster(lambda r: replace(r, expires=world.now + timedelta(days=30)))
    trip = eth_trip(world).to(Stage.APPROVE)
    answer = station.ask(trip)
    (own,) = [r for r in answer.json["refusals"] if r["field"] == "trust.roster"]
    assert (Exit.REFUSED, "EXPIRED") == (answer.code, own["code"])
    assert f"{expires:%Y-%m-%dT%H:%M:%SZ}" in own["expected"]
    assert "import it on every device" in own["remedy"]
    assert Exit.DONE == take_roster(station).code
    assert Exit.DONE == station.ask(eth_trip(world, nonce=8, sequence=8).to(Stage.APPROVE)).code
