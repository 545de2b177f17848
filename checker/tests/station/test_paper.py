"""The station prints what the client signed, only from a docket that holds, before and after it was verified."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from strongroom.checker.console import Exit
from strongroom.checker.station.cli import main
from strongroom.core.bodies import Instruction
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.money import render_units
from strongroom.core.packages import PackageKind
from strongroom.core.words import group
from world import Trip, World, eth_trip, ltc_trip, mixed_trip, usd_trip, void_trip

from .stationhouse import LOOPBACK, Answer, Stationhouse, open_stationhouse


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    return open_stationhouse(World(), tmp_path, capsys)


def put(station: Stationhouse, trip: Trip) -> Path:
    return station.put(PackageKind.VERIFICATION, station.body(trip))


def printed(station: Stationhouse, package: Path, folder: str = "paper") -> Answer:
    return station.run("paper", "--home", station.home, package, "--out", station.folder / folder)


def sheets(answer: Answer) -> list[str]:
    """What each sheet of the PDF says, without spaces and line breaks."""
    assert Exit.DONE == answer.code
    (pdf,) = [Path(name) for name in answer.json["files"] if name.endswith(".pdf")]
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf.read_bytes())).pages]


def in_chinese(body: Any) -> Any:
    return replace(body, reference="贖回 2027-031、何小姐", reason="中環碼頭基金「第二期」")


@pytest.mark.parametrize("make_trip", [eth_trip, usd_trip, ltc_trip, mixed_trip])
def test_a_sheet_for_each_instruction_with_what_the_client_signed(station: Stationhouse, make_trip: Any) -> None:
    trip = make_trip(station.world, edits={"instruct": in_chinese}).to(Stage.APPROVE)

    answer = printed(station, put(station, trip))

    said, instructions = sheets(answer), trip.of(Instruction)
    assert len(instructions) == len(said) == answer.json["pages"]
    assets = station.world.registers["assets"]
    for sheet, each in zip(said, instructions, strict=True):
        body = each.body
        asset = assets.find(body.asset, "assets")
        words = (
            f"{render_units(body.amount, asset.decimals)} {asset.symbol}",
            f"{body.amount} of {body.asset}",
            group(each.id),
            f"number {body.sequence},",
            f"({body.client}), account {body.account}",
            body.destination.entry,
            body.reference,
            body.reason,
        )
        assert [] == [word for word in words if "".join(word.split()) not in sheet]
        address = body.destination.address.removeprefix("0x")
        lines = [address[i : i + 24] for i in range(0, len(address), 24)]
        assert [] == [line for line in lines if line not in sheet]


def test_the_text_says_what_the_pdf_says(station: Stationhouse) -> None:
    trip = ltc_trip(station.world, edits={"instruct": in_chinese}).to(Stage.APPROVE)
    answer = printed(station, put(station, trip))

    (path,) = [Path(name) for name in answer.json["files"] if name.endswith(".txt")]
    pages = ["".join(page.split()) for page in path.read_text(encoding="utf-8").split("\f")]
    assert 3 == len(pages)
    for page, each in zip(pages, trip.of(Instruction), strict=True):
        assert "贖回2027-031" in page
        assert each.body.account in page
        assert f"number{each.body.sequence}," in page


def test_it_is_printed_before_verifying_and_after_and_again_the_same(station: Stationhouse) -> None:
    package = put(station, eth_trip(station.world).to(Stage.APPROVE))

    before = printed(station, package, "before")
    assert Exit.DONE == station.ask_file(package).code
    after = printed(station, package, "after")

    contents = [[Path(name).read_bytes() for name in sorted(each.json["files"])] for each in (before, after)]
    assert contents[0] == contents[1]
    assert "000002-paper.pdf" == Path(before.json["files"][0]).name


def test_a_docket_that_is_refused_gets_no_paper(station: Stationhouse) -> None:
    trip = eth_trip(station.world, approvers=("person:m.chan",)).to(Stage.APPROVE)

    answer = printed(station, put(station, trip))

    assert (Exit.REFUSED, True) == (answer.code, Code.QUORUM_NOT_MET in answer.codes)
    assert not (station.folder / "paper").exists()
    assert sheets(printed(station, put(station, eth_trip(station.world, nonce=8, sequence=2).to(Stage.APPROVE))))


def test_what_is_too_late_to_sign_is_not_printed(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    package = put(station, trip)
    sign_by = trip.of(Instruction)[0].body.sign_by
    assert sheets(printed(station, package))

    station.world.now = sign_by + timedelta(seconds=1)

    assert {Code.INSTRUCTION_EXPIRED, Code.STALE_APPROVAL} & printed(station, package, "late").codes
    assert not (station.folder / "late").exists()


def test_a_void_has_no_paper(station: Stationhouse) -> None:
    answer = printed(station, put(station, void_trip(station.world)))

    assert (Exit.REFUSED, {Code.STAGE_MISSING}) == (answer.code, answer.codes)
    assert sheets(printed(station, put(station, eth_trip(station.world, nonce=8, sequence=2).to(Stage.APPROVE))))


def test_a_text_that_paper_cannot_show_is_refused_whole(station: Stationhouse) -> None:
    hidden = {"instruct": lambda body: replace(body, reason="pay \N{GRINNING FACE}")}

    answer = printed(station, put(station, eth_trip(station.world, edits=hidden).to(Stage.APPROVE)))

    assert (Exit.REFUSED, {Code.CANNOT_BE_PRINTED}) == (answer.code, answer.codes)
    assert not (station.folder / "paper").exists()
    assert sheets(printed(station, put(station, eth_trip(station.world, nonce=8, sequence=2).to(Stage.APPROVE))))


def test_only_a_verification_package_for_this_station_is_printed(station: Stationhouse) -> None:
    trip = eth_trip(station.world).to(Stage.APPROVE)
    other = station.put(PackageKind.VERIFICATION, station.body(trip), to="device:gate-1")
    update = station.put(PackageKind.UPDATE, station.world.update_body(station.last_seen))

    assert {Code.PACKAGE_NOT_FOR_US} == printed(station, other).codes
    assert {Code.TYPE_MISMATCH} == printed(station, update).codes
    network = station.run("paper", "--home", station.home, other, "--out", "x", interfaces=[(1, "lo"), (2, "eth0")])
    assert {Code.NETWORK_PRESENT} == network.codes
    assert sheets(printed(station, put(station, trip)))


def test_it_says_where_the_paper_is(station: Stationhouse) -> None:
    package = put(station, eth_trip(station.world).to(Stage.APPROVE))

    code = main(
        ["paper", "--home", str(station.home), str(package), "--out", str(station.folder / "tray")],
        clock=lambda: station.world.now,
        interfaces=lambda: LOOPBACK,
    )

    said = station.capsys.readouterr().out
    assert Exit.DONE == code
    assert "-paper.pdf" in said
    assert "tray" in said
