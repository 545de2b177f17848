"""The auditor's program: what it says, what it returns, and what it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bad_files import BAD_FILES, BadFile, without_rights
from strongroom.checker.console import Exit
from strongroom.checker.verify.cli import main
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from world import Trip, World, eth_trip, ltc_trip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root, two settled dockets, one that waits, and one that was changed."""
    folder, world = tmp_path_factory.mktemp("dockets"), World()
    (folder / "root.json").write_bytes(world.root_file)

    def write(name: str, trip: Trip, stage: Stage) -> bytes:
        content = trip.to(stage).docket_bytes()
        (folder / f"{name}.docket.json").write_bytes(content)
        return content

    settled = write("eth", eth_trip(world), Stage.SETTLE)
    write("ltc", ltc_trip(world), Stage.SETTLE)
    write("waiting", eth_trip(world, sequence=2), Stage.APPROVE)
    cheap = eth_trip(world, edits={"approve": lambda b: replace(b, renderer="other")}, sequence=3)
    write("blind", cheap, Stage.APPROVE)
    (folder / "changed.docket.json").write_bytes(settled.replace(b'"signed":"02', b'"signed":"03'))
    return folder


def run(files: Path, *words: str, root: str = "root.json") -> int:
    return main([*(str(files / w) if "." in w else w for w in words), "--root", str(files / root)])


def run_json(files: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = run(files, *words, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_settled_dockets_are_proved(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Exit.DONE == run(files, "eth.docket.json", "ltc.docket.json")
    said = capsys.readouterr().out
    assert 2 == said.count("PROVED up to SETTLE")
    for words in (
        "1250000000000000000 of eip155:31337/slip44:60 to 0x",
        "client:harbour, Harbour Fund Ltd, 2027-001",
        "signed also by person:c.lam and person:p.wu",
        "(a claim: look at the chain)",
        "change",
        World().fingerprint,
    ):
        assert words in said


def test_a_waiting_docket_is_proved_as_far_as_expected(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--at", "2027-03-14T03:00:00Z")
    assert Exit.DONE == run(files, "waiting.docket.json", "--expect", "APPROVE", *at)
    assert Exit.DONE == run(files, "waiting.docket.json", "--expect", "PROPOSE", *at)
    assert Exit.REFUSED == run(files, "waiting.docket.json", *at)
    assert "REFUSED: proved up to APPROVE, but SETTLE was expected" in capsys.readouterr().out
    assert Exit.REFUSED == run(files, "waiting.docket.json", "--expect", "APPROVE", "--at", "2027-03-15T03:00:00Z")
    assert Code.STALE_APPROVAL.value in capsys.readouterr().out


def test_a_refusal_says_stage_code_place_values_and_what_to_do(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Exit.REFUSED == run(files, "blind.docket.json")
    said = capsys.readouterr().out
    assert "REFUSED at APPROVE; proved before it: PROPOSE" in said
    for line in (
        "  DISPLAY_MISMATCH\n    where     statements[3].envelope.payload.body.renderer",
        "    expected  strongroom-display/1\n    got       other",
        "    means     ",
        "    next      ",
    ):
        assert line in said


def test_machines_get_the_same(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run_json(files, capsys, "eth.docket.json", "changed.docket.json", "blind.docket.json")
    assert Exit.REFUSED == code
    proved, changed, blind = said["files"]
    assert ("PROVED", "SETTLE", []) == (proved["outcome"], proved["furthest"], proved["refusals"])
    assert proved["txid"].startswith("0x")
    assert "strongroom-facts/1" == proved["facts"]["format"]
    assert 11 == len(proved["statements"])
    assert ("REFUSED", "RELEASE", "SIGN") == (changed["outcome"], changed["stage"], changed["furthest"])
    assert {Code.TX_TYPE_REFUSED} == {each["code"] for each in changed["refusals"]}
    assert "transaction.signed.transaction type" == changed["refusals"][0]["field"]
    assert {Code.DISPLAY_MISMATCH} == {each["code"] for each in blind["refusals"]}
    assert all(each["meaning"] and each["remedy"] for each in blind["refusals"])


def test_another_root_proves_nothing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = World(edits={"root": lambda b: replace(b, expires=b.expires + timedelta(days=1))})
    (files / "other.json").write_bytes(other.root_file)
    assert Exit.REFUSED == run(files, "eth.docket.json", root="other.json")
    said = capsys.readouterr().out
    assert "ROOT_MISMATCH" in said
    assert f"root    {other.fingerprint}" in said
    (files / "broken.json").write_bytes(b"[]")
    assert Exit.REFUSED == run(files, "eth.docket.json", root="broken.json")
    assert "root.json" in capsys.readouterr().out


def test_wrong_usage_is_told_apart_from_a_refusal(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Exit.USAGE == run(files, "none.docket.json")
    assert Exit.USAGE == run(files, "eth.docket.json", root="none.json")
    for words in (["--root", "x"], ["a", "--root", "b", "--expect", "HEAVEN"], ["a", "--root", "b", "--at", "noon"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert Exit.USAGE == caught.value.code
    assert "a time is written 2027-03-14T02:55:00Z" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert 0 == caught.value.code
    said = capsys.readouterr().out
    for words in ("PROPOSE ", "compare the fingerprint", "exit codes", "examples:"):
        assert words in said


ALONE = """
import socket, sys
def refuse(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise SystemExit("touched the network: " + event)
sys.addaudithook(refuse)
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"httpx", "pbk", "psycopg", "pkcs11", "fastapi", "rfc8785", "sqlite3"}:
            raise ImportError(name)
        if name.startswith(("strongroom.chains", "strongroom.vault", "strongroom.online")):
            raise ImportError(name)
sys.meta_path.insert(0, Without())
from strongroom.checker.verify.cli import main
code = main(sys.argv[1:])
taken = {name for name in sys.modules if name.startswith("strongroom.core.")}
allowed = ("ids", "money", "codes", "errors", "meanings")
strange = {name for name in taken if name.split(".")[2] not in allowed}
print("TAKEN", sorted(strange))
raise SystemExit(code)
"""


def test_it_needs_no_network_no_database_and_nothing_of_core_but_names(files: Path) -> None:
    words = [str(files / "eth.docket.json"), str(files / "ltc.docket.json"), "--root", str(files / "root.json")]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert Exit.DONE == done.returncode, done.stdout + done.stderr
    assert "TAKEN []" in done.stdout


@pytest.mark.parametrize("bad", BAD_FILES, ids=str)
@pytest.mark.parametrize("place", ["docket", "root"])
def test_a_file_that_cannot_be_read_is_told_and_proves_nothing(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: BadFile, place: str
) -> None:
    path = tmp_path / "bad.json"
    bad.make(path, (files / ("eth.docket.json" if place == "docket" else "root.json")).read_bytes())
    docket, root = (path, files / "root.json") if place == "docket" else (files / "eth.docket.json", path)
    with without_rights():
        code = main([str(docket), "--root", str(root)])
    said = capsys.readouterr()
    assert (Exit.REFUSED if bad.is_there else Exit.USAGE) == code
    assert any(code in said.out for code in bad.codes) if bad.is_there else str(path) in said.err
    assert "PROVED up to" not in said.out
    assert Exit.DONE == run(files, "eth.docket.json")
