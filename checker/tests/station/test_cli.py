"""The station's program: enrolment by two people, no network, whose turn it is, and what it tells its caller."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.checker.console import Exit
from strongroom.checker.state.home import locked_home
from strongroom.checker.station.cli import main
from strongroom.core.assemble import build_placed
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.packages import PackageKind
from world import World, eth_trip

from .stationhouse import Stationhouse, open_stationhouse


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return Stationhouse(world=World(), folder=tmp_path, capsys=capsys)


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def test_two_people_type_the_fingerprint(empty: Stationhouse) -> None:
    honest = f"{empty.world.fingerprint}\n"
    other = "sha256:" + "0" * 64 + "\n"
    for typed in (honest + other, other + honest, "\n\n"):
        answer = empty.enroll(typed=typed)
        assert (Exit.REFUSED, {Code.ROOT_MISMATCH}) == (answer.code, answer.codes)
    for typed in ("", honest):
        answer = empty.enroll(typed=typed)
        assert (Exit.REFUSED, {Code.OPERATOR_REFUSED}) == (answer.code, answer.codes)
    answer = empty.enroll()
    assert (Exit.DONE, "ENROLLED") == (answer.code, answer.json["outcome"])
    assert 0o600 == (empty.home / "device.key").stat().st_mode & 0o777


def test_a_home_is_enrolled_once(empty: Stationhouse) -> None:
    assert Exit.DONE == empty.enroll().code
    answer = empty.enroll()
    assert (Exit.REFUSED, {Code.ALREADY_EXISTS}) == (answer.code, answer.codes)


@pytest.mark.parametrize("command", ["enroll", "import", "verify"])
def test_beside_a_network_nothing_starts(station: Stationhouse, command: str) -> None:
    words = {
        "enroll": ("--home", station.folder / "new", "--root", station.folder / "root.json", "--device", "device:x"),
        "import": ("--home", station.home, station.folder / "x"),
        "verify": ("--home", station.home, station.folder / "x", "--out", station.out),
    }
    answer = station.run(command, *words[command], interfaces=[(1, "lo"), (2, "eth0")])
    assert (Exit.REFUSED, {Code.NETWORK_PRESENT}) == (answer.code, answer.codes)
    assert not (station.folder / "new").exists()


def test_packages_come_once_in_order_and_to_their_receiver(station: Stationhouse) -> None:
    world = station.world
    trip = eth_trip(world).to(Stage.APPROVE)
    early = station.put(PackageKind.VERIFICATION, station.body(trip))
    assert Exit.DONE == station.ask(trip).code
    answer = station.ask_file(early)
    assert (Exit.REFUSED, {Code.PACKAGE_SEQUENCE}, b"") == (answer.code, answer.codes, answer.raw)
    answer = station.ask_file(station.put(PackageKind.VERIFICATION, station.body(trip), to="device:gate-1"))
    assert {Code.PACKAGE_NOT_FOR_US} == answer.codes
    answer = station.ask_file(station.put(PackageKind.UPDATE, world.update_body(station.last_seen)))
    assert {Code.TYPE_MISMATCH} == answer.codes
    update = station.put(PackageKind.UPDATE, replace(world.update_body(station.last_seen), rosters=(), policies=()))
    assert Exit.DONE == station.run("import", "--home", station.home, update, typed="accept\naccept\n").code
    again = station.run("import", "--home", station.home, update, typed="accept\naccept\n")
    assert (Exit.REFUSED, {Code.PACKAGE_SEQUENCE}) == (again.code, again.codes)


def test_status_tells_what_the_station_believes(station: Stationhouse, capsys: pytest.CaptureFixture[str]) -> None:
    freeze = station.world.freeze()
    trip = eth_trip(station.world).to(Stage.APPROVE)
    log = station.world.log
    station.ask(trip, freezes=(build_placed(log, freeze.envelope, log.last_checkpoint().size),))
    # The clock does not matter: people look here when it is wrong.
    station.world.now -= timedelta(days=1)
    answer = station.run("status", "--home", station.home)
    assert (Exit.DONE, [freeze.id], 8) == (answer.code, answer.json["freezes"], len(answer.json["heads"]))
    assert log.last_checkpoint().size == answer.json["log"]["size"]
    words = ["status", "--home", str(station.home)]
    assert Exit.DONE == main(words, interfaces=lambda: [(1, "lo")])
    assert f"FROZEN by  {freeze.id}" in capsys.readouterr().out
    nowhere = station.run("status", "--home", station.folder / "nowhere")
    assert (Exit.USAGE, {Code.FILE_UNAVAILABLE}) == (nowhere.code, nowhere.codes)


def test_a_clock_behind_the_last_checkpoint_stops_everything(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    station.world.now -= timedelta(hours=1)
    answer = station.ask(trip)
    assert (Exit.REFUSED, {Code.CLOCK_BEHIND}) == (answer.code, answer.codes)
    station.world.now += timedelta(hours=1)
    assert Exit.DONE == station.ask(trip).code


def test_files_that_are_not_there_are_told(station: Stationhouse) -> None:
    for words in (
        ("verify", "--home", station.home, station.folder / "none", "--out", station.out),
        ("import", "--home", station.folder / "nowhere", station.folder / "root.json"),
        ("enroll", "--home", station.folder / "n", "--root", station.folder / "none", "--device", "device:x"),
    ):
        answer = station.run(*words)
        assert (Exit.USAGE, {Code.FILE_UNAVAILABLE}) == (answer.code, answer.codes)


def test_one_program_at_a_time(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    with locked_home(station.home):
        answer = station.ask(trip)
    assert {Code.FILE_UNAVAILABLE} == answer.codes
    assert Exit.DONE == station.ask(trip).code


def test_a_key_that_others_can_read_is_not_used(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    (station.home / "device.key").chmod(0o644)
    assert {Code.FILE_UNAVAILABLE} == station.ask(trip).codes
    (station.home / "device.key").chmod(0o600)
    assert Exit.DONE == station.ask(trip).code


def test_a_package_that_cannot_be_read_is_refused(station: Stationhouse) -> None:
    path = station.folder / "broken.package.json"
    path.write_bytes(b'{"body": {}}')
    answer = station.ask_file(path)
    assert (Exit.REFUSED, {Code.JSON_NOT_CANONICAL}, b"") == (answer.code, answer.codes, answer.raw)


def test_words_for_people(station: Stationhouse, capsys: pytest.CaptureFixture[str]) -> None:
    path = station.put(PackageKind.VERIFICATION, station.body(eth_trip(station.world).to(Stage.APPROVE)))
    words = ["verify", "--home", str(station.home), str(path), "--out", str(station.out)]
    assert Exit.DONE == main(words, clock=lambda: station.world.now, interfaces=lambda: [(1, "lo")])
    said = capsys.readouterr().out
    assert "1250000000000000000 of eip155:31337/slip44:60" in said
    assert "VERIFIED: carry back" in said
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert 0 == caught.value.code
    assert "a day at the station" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert Exit.USAGE == caught.value.code


def test_the_program_itself_refuses_a_network(tmp_path: Path) -> None:
    """Run as it is shipped: here, where the tests run, there is a network or there is none."""
    command = [sys.executable, "-m", "strongroom.checker.station.cli", "import", "--home", str(tmp_path), "x", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ))
    assert done.returncode in {Exit.REFUSED, Exit.USAGE}
    assert any(code in done.stdout for code in ("NETWORK_PRESENT", "FILE_UNAVAILABLE"))
