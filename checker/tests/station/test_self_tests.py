"""The station's own arithmetic against published answers, at every start; a wrong one refuses, and is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hands import Hands
from strongroom.checker import self_tests
from strongroom.checker.console import Exit
from strongroom.checker.reading import bitcoin_scripts, keys
from strongroom.checker.station import release
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.packages import PackageKind
from strongroom.devices.measure.self_test import KnownAnswer, find_wrong
from strongroom.devices.screens.views import Stopped
from world import World, eth_trip

from .stationhouse import Stationhouse, open_stationhouse
from .test_full_screen import sit


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def starts(station: Stationhouse) -> list[str]:
    return (station.home / "starts").read_text().splitlines()


def test_every_answer_is_the_published_one() -> None:
    assert () == find_wrong(self_tests.KNOWN_ANSWERS)


@pytest.mark.parametrize("answer", self_tests.KNOWN_ANSWERS, ids=lambda answer: answer.name)
def test_a_wrong_answer_refuses_the_start_by_its_name(
    station: Stationhouse, monkeypatch: pytest.MonkeyPatch, answer: KnownAnswer
) -> None:
    wrong = replace(answer, compute=lambda: answer.compute()[:-1])
    planted = tuple(wrong if each is answer else each for each in self_tests.KNOWN_ANSWERS)
    monkeypatch.setattr(release, "KNOWN_ANSWERS", planted)
    found = station.ask(eth_trip(station.world).to(Stage.APPROVE))
    assert (Exit.REFUSED, {Code.SELF_TEST_FAILED}, b"") == (found.code, found.codes, found.raw)
    assert [answer.name] == [each["field"] for each in found.json["refusals"]]
    assert starts(station)[-1].endswith(f"SELF_TEST_FAILED:{answer.name}")


@pytest.mark.parametrize(
    ("module", "name", "wrong", "field"),
    [
        (keys, "check_signature", lambda *_: None, "P-256 verify"),
        (bitcoin_scripts, "hash160", lambda _: bytes(20), "RIPEMD-160 of SHA-256"),
    ],
    ids=["a verifier that says yes", "a hash of zeros"],
)
def test_a_library_that_answers_wrongly_is_found(
    station: Stationhouse, monkeypatch: pytest.MonkeyPatch, module: object, name: str, wrong: object, field: str
) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, wrong)
        found = station.ask(trip)
    assert (Exit.REFUSED, b"") == (found.code, found.raw)
    assert (Code.SELF_TEST_FAILED, field) in {(each["code"], each["field"]) for each in found.json["refusals"]}


def test_an_honest_start_says_so_on_the_first_page(station: Stationhouse) -> None:
    file = station.put(PackageKind.VERIFICATION, station.body(eth_trip(station.world).to(Stage.APPROVE)))
    count = len(self_tests.KNOWN_ANSWERS)

    async def do(hands: Hands) -> None:
        await hands.find(Stopped)
        assert f"Self-tests: {count} of {count} published answers are right." in hands.text
        await hands.see_stop()

    assert Exit.DONE == sit(station, do, "verify", "--home", station.home, file, "--out", station.out)
    assert starts(station)[-1].endswith("accepted")
