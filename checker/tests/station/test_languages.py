"""People at the station read in the language that they chose; what it signs is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import releases
from strongroom.checker.console import Exit
from strongroom.checker.station.cli import main
from strongroom.checker.station.languages import find_languages
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.ids import PartyId
from strongroom.core.packages import PackageKind
from strongroom.devices.screens.language import Language
from world import World, eth_trip

from .stationhouse import LOOPBACK, Stationhouse, open_stationhouse

NG, HO = PartyId("person:s.ng"), PartyId("person:r.ho")


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def choose(station: Stationhouse, person: str, language: str) -> Exit:
    return Exit(station.run("language", "--home", station.home, "--person", person, language).code)


def read(station: Stationhouse, *words: object) -> tuple[Exit, str]:
    """What a person sees, who asked for no JSON."""
    code = main(
        [str(word) for word in words],
        clock=lambda: station.world.now,
        interfaces=lambda: LOOPBACK,
        measure=releases.build_start,
    )
    said = station.capsys.readouterr()
    return Exit(code), said.out + said.err


def test_each_reads_what_they_chose(station: Stationhouse) -> None:
    assert (Language.ENGLISH,) == find_languages(station.home, None)
    assert "device     device:station-1" in read(station, "status", "--home", station.home)[1]

    assert Exit.DONE == choose(station, NG, "zh_Hant")

    assert "裝置       device:station-1" in read(station, "status", "--home", station.home)[1]
    assert "device     device:" in read(station, "status", "--home", station.home, "--reader", HO)[1]
    assert (Language.CHINESE,) == find_languages(station.home, NG)
    assert Exit.DONE == choose(station, HO, "en")
    assert (Language.ENGLISH, Language.CHINESE) == find_languages(station.home, None)


def test_a_verification_in_chinese_is_a_verification(station: Stationhouse) -> None:
    assert Exit.DONE == choose(station, NG, "zh_Hant")
    trip = eth_trip(station.world).to(Stage.APPROVE)
    package = station.put(PackageKind.VERIFICATION, station.body(trip))

    code, said = read(station, "verify", "--home", station.home, package, "--out", station.out)

    assert Exit.DONE == code
    paid = trip.facts().outputs[0]
    assert all(each in said for each in (paid.address, str(paid.units), "收款", "已核對", "請送回", "本程式的量度值為"))
    assert not any(each in said for each in ("VERIFIED", "chain  ", "This program"))


def test_a_refusal_in_chinese_keeps_code_and_values(station: Stationhouse) -> None:
    assert Exit.DONE == choose(station, NG, "zh_Hant")

    code, said = read(station, "verify", "--home", station.home, station.folder / "missing", "--out", station.out)

    assert Exit.USAGE == code
    assert all(each in said for each in ("FILE_UNAVAILABLE", "missing", "檔案或資料夾無法讀取或寫入"))


def test_what_cannot_be_read_of_the_choices_is_said_and_stops_nothing(station: Stationhouse) -> None:
    (station.home / "languages").write_bytes(b"person:s.ng xx\n")

    code, said = read(station, "status", "--home", station.home)

    assert Exit.DONE == code
    assert Code.FIELD_INVALID in said
    assert "device     device:station-1" in said
    assert Exit.REFUSED == choose(station, NG, "zh_Hant")


def test_nobody_chooses_where_no_station_is_enrolled(station: Stationhouse, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    assert Exit.USAGE == station.run("language", "--home", empty, "--person", NG, "en").code
    assert Exit.REFUSED == choose(station, "device:x", "en")
    assert not (empty / "languages").exists()
