"""The checker station as the person before it meets it: pages of its own reading, stops, and differences to accept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hands import BOTH_LANGUAGES, Hands, sit_down
from strongroom.checker.console import Exit
from strongroom.checker.station.cli import main
from strongroom.core.docket import Stage
from strongroom.core.packages import PackageKind
from strongroom.core.words import group
from strongroom.devices.screens.console import Console
from strongroom.devices.screens.views import Choosing, Stopped
from world import World, eth_trip

from .stationhouse import LOOPBACK, Stationhouse, open_stationhouse


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def sit(station: Stationhouse, do: Callable[[Hands], Awaitable[None]], *words: object) -> int:
    """Run one command on the full screen while hands press keys; returns its exit code."""

    def work(console: Console) -> int:
        return main(
            [*(str(word) for word in words), "--plain"],
            clock=lambda: station.world.now,
            interfaces=lambda: LOOPBACK,
            measure=lambda: station.start,
            console=console,
        )

    return sit_down(work, do, BOTH_LANGUAGES)


def test_what_was_verified_is_read_page_by_page(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    file = station.put(PackageKind.VERIFICATION, station.body(trip))

    async def do(hands: Hands) -> None:
        shown = await hands.see_stop()
        assert group(trip.facts().outputs[0].address) in " ".join(shown.split())
        assert "VERIFIED by this station's own reading" in shown

    assert Exit.DONE == sit(station, do, "verify", "--home", station.home, file, "--out", station.out)


def test_what_was_refused_shows_both_values(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    trip.statements.pop()
    file = station.put(PackageKind.VERIFICATION, station.body(trip))

    async def do(hands: Hands) -> None:
        await hands.find(Stopped)
        await hands.press("f4")
        assert "已中止" in await hands.read_all()
        await hands.press("f4")
        shown = await hands.see_stop()
        assert "EXPECTED" in shown
        assert "HALTED" in shown

    assert Exit.REFUSED == sit(station, do, "verify", "--home", station.home, file, "--out", station.out)


@pytest.fixture
def new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    """Enrolled, with nothing imported yet."""
    station = Stationhouse(world=World(), folder=tmp_path, capsys=capsys)
    assert Exit.DONE == station.enroll().code
    return station


def test_an_update_is_read_before_two_people_accept_it(new: Stationhouse) -> None:
    file = new.put(PackageKind.UPDATE, new.world.update_body())
    told: list[str] = []

    async def do(hands: Hands) -> None:
        for who in ("First person", "Second person"):
            told.append(await hands.choose("a"))
            assert who in told[-1]

    assert Exit.DONE == sit(new, do, "import", "--home", new.home, file)
    whitelist = new.world.registers["whitelist"]
    assert f"whitelist: {len(whitelist.entries)} added" in told[0]
    for entry in whitelist.entries:
        assert f"added {entry.id}" in told[0]
    assert new.run("status", "--home", new.home).json["heads"]


def test_an_update_that_one_person_does_not_accept_changes_nothing(new: Stationhouse) -> None:
    file = new.put(PackageKind.UPDATE, new.world.update_body())

    async def do(hands: Hands) -> None:
        await hands.choose("a")
        await hands.find(Choosing)
        await hands.answer("u")

    assert Exit.REFUSED == sit(new, do, "import", "--home", new.home, file)
    assert ["root"] == list(new.run("status", "--home", new.home).json["heads"])
