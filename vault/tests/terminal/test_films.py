"""The terminal's packages by sight: it shows what it made, takes what is for it, and judges it as from any medium."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.codes import Code
from strongroom.devices.gap.film import write_film
from strongroom.devices.gap.shots import Watch, read_film
from strongroom.vault.terminal import cli

NOW = Watch(wait_s=0, elapsed_ns=lambda: 0, pause=lambda _: None, say=lambda _: None)


def update_of(stand: Any) -> Any:
    """News without registers: what any number of them may bring."""
    return replace(stand.world.update_body(stand.last_seen(), whole=False), registers=())


def command(stand: Any, capsys: Any, *arguments: object) -> tuple[int, Any]:
    options = cli.build_parser().parse_args([*(str(a) for a in arguments), "--home", str(stand.home.path), "--json"])
    capsys.readouterr()
    code = cli.run(options, stand.outside())
    return code, json.loads(capsys.readouterr().out)


def codes(report: Any) -> set[str]:
    return {refusal["code"] for refusal in report["refusals"]}


def test_what_the_terminal_made_leaves_as_a_film(firm: Any, stand: Any, capsys: Any) -> None:
    outcome = stand.run(firm.turn(trips=[firm.trip()]), "sign")

    code, told = command(stand, capsys, "show-frames", outcome.package, "--pictures", stand.folder / "film")

    assert (0, len(told["files"])) == (code, told["frames"])
    assert outcome.package.read_bytes() == read_film(stand.folder / "film", NOW)


def test_it_is_shown_on_the_console_too(firm: Any, stand: Any, capsys: Any) -> None:
    outcome = stand.run(firm.turn(trips=[firm.trip()]), "reject", "a test")
    options = ["show-frames", str(outcome.package), "--rounds", "1", "--frame-ms", "0", "--home", str(stand.home.path)]
    capsys.readouterr()

    assert 0 == cli.run(cli.build_parser().parse_args(options), stand.outside())

    shown = capsys.readouterr().out
    assert "frame 1 of " in shown
    assert shown.count("round 1 of 1") == shown.count("frame ")
    assert "█" in shown


def test_an_update_that_was_filmed_is_imported_like_any_other(stand: Any, capsys: Any) -> None:
    raw = stand.update(update_of(stand))
    write_film(raw, stand.folder / "film")

    code, told = command(stand, capsys, "read-frames", stand.folder / "film", "--out", stand.folder / "in", "--wait", 0)

    assert 0 == code
    assert raw == Path(told["package"]).read_bytes()
    assert Path(told["package"]).name.endswith("-update.package.json")
    assert "1 of " in stand.screen.getvalue()
    stand.take(raw)


@pytest.mark.parametrize("command_name", ["show-frames", "read-frames"])
def test_what_is_another_machines_neither_leaves_nor_comes_in(stand: Any, capsys: Any, command_name: str) -> None:
    body = update_of(stand)
    from_platform, to_other = stand.update(body), stand.world.package("device:station-1", "update", body)
    (stand.folder / "other.package.json").write_bytes(from_platform)
    write_film(to_other, stand.folder / "film")

    if command_name == "show-frames":
        code, told = command(stand, capsys, "show-frames", stand.folder / "other.package.json", "--pictures", stand.out)
    else:
        code, told = command(stand, capsys, "read-frames", stand.folder / "film", "--out", stand.out, "--wait", 0)

    assert (3, {Code.PACKAGE_NOT_FOR_US.value}) == (code, codes(told))
    assert not list(stand.out.glob("*.p*"))


@pytest.mark.parametrize("raw", [b"{}", b"#!/bin/sh\nrm -rf /\n", b'{"body":{}}'])
def test_what_is_no_package_is_not_written(stand: Any, capsys: Any, raw: bytes) -> None:
    write_film(raw, stand.folder / "film")
    (stand.folder / "bad.package.json").write_bytes(raw)

    for arguments in (
        ("read-frames", stand.folder / "film", "--out", stand.folder / "taken", "--wait", 0),
        ("show-frames", stand.folder / "bad.package.json", "--pictures", stand.folder / "taken"),
    ):
        code, told = command(stand, capsys, *arguments)
        assert 3 == code
        assert codes(told) <= {"JSON_SYNTAX", "FIELD_MISSING"}
    assert not (stand.folder / "taken").exists()
    good = stand.update(update_of(stand))
    write_film(good, stand.folder / "good")
    assert 0 == command(stand, capsys, "read-frames", stand.folder / "good", "--out", stand.folder, "--wait", 0)[0]


def test_a_film_that_is_not_whole_is_said(stand: Any, capsys: Any) -> None:
    good = stand.update(update_of(stand))
    films = write_film(good, stand.folder / "film", version=6)
    films[1].unlink()

    code, told = command(stand, capsys, "read-frames", stand.folder / "film", "--out", stand.folder, "--wait", 0)

    assert (3, {Code.FRAMES_MISSING.value}) == (code, codes(told))
    assert "without 2" in told["refusals"][-1]["got"]


def test_no_program_has_the_cameras_library_before_it_films() -> None:
    modules = "strongroom.vault.terminal.cli strongroom.checker.station.cli strongroom.approver.cli"
    lines = ["import importlib, sys", *(f"importlib.import_module({name!r})" for name in modules.split())]
    lines += ["assert 'zxingcpp' not in sys.modules", "import strongroom.devices.gap.shots"]
    lines += ["assert 'zxingcpp' in sys.modules"]

    assert 0 == subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False).returncode
