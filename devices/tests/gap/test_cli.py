"""The connected side's end of a film: a file goes out as pictures and comes back the same; nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.devices.gap.cli import main

PACKAGE = b'{"body":{"checkpoint":"none"},"kind":"update"}' * 60
NAME = "000003-update.package.json"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(PACKAGE)
    return path


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_package_goes_out_as_pictures_and_comes_in_again(package: Path, tmp_path: Path) -> None:
    assert 0 == run("show", package, "--pictures", tmp_path / "film")
    assert 0 == run("read", tmp_path / "film", "--out", tmp_path / "in", "--name", NAME, "--wait", 0)

    assert PACKAGE == (tmp_path / "in" / NAME).read_bytes()


def test_it_is_shown_on_a_console(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run("show", package, "--rounds", 1, "--frame-ms", 0)

    shown = capsys.readouterr().out
    assert "frame 1 of " in shown
    assert shown.endswith(" frames\n")


def test_a_file_that_is_there_is_not_overwritten(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("show", package, "--pictures", tmp_path / "film")

    assert 3 == run("read", tmp_path / "film", "--out", tmp_path, "--name", NAME, "--wait", 0)

    assert Code.ALREADY_EXISTS.value in capsys.readouterr().err
    assert 0 == run("read", tmp_path / "film", "--out", tmp_path / "in", "--name", f"../../{NAME}", "--wait", 0)
    assert [NAME] == [path.name for path in (tmp_path / "in").iterdir()]


def test_what_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 4 == run("show", tmp_path / "none")
    assert Code.FILE_UNAVAILABLE.value in capsys.readouterr().err
    assert 3 == run("read", tmp_path / "none", "--out", tmp_path, "--name", NAME, "--wait", 0)
    assert Code.FRAMES_MISSING.value in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--rounds", "-1"), ("--frame-ms", "0.5"), ("--kind", "gif")])
def test_a_wrong_call_is_refused(package: Path, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("show", package, *words)

    assert 2 == caught.value.code
