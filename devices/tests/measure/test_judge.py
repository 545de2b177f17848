"""A start against its manifest: as released, not as released, and nothing known yet."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, UnavailableError
from strongroom.core.ids import Digest
from strongroom.devices.measure.environment import Measurement, find_layout, measure_environment
from strongroom.devices.measure.judge import (
    NOT_COMPARED,
    PRODUCTION,
    Expected,
    Judgement,
    Start,
    judge_start,
    keep_lists,
    render_digest,
)
from strongroom.devices.measure.starts import STARTS, keep_start
from strongroom.devices.screens.language import english
from strongroom.devices.screens.layout import render_line

from .environments import install, write

MODULE = "env/lib/python3.11/site-packages/package/__init__.py"
MANIFEST = Digest("sha256:" + "ab" * 32)
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)


def measure(folder: Path) -> Measurement:
    return measure_environment(find_layout(folder / "env"))


def judge(folder: Path, expected: Expected | None, *unsealed: str, environment: str = PRODUCTION) -> Judgement:
    start = Start(measurement=measure(folder), unsealed=unsealed)
    return judge_start(start, expected, environment, folder / "kept")


@pytest.fixture
def released(tmp_path: Path) -> Expected:
    """The manifest of what is installed."""
    install(tmp_path)
    return Expected(manifest=MANIFEST, version=3, roots=measure(tmp_path).digests)


def codes(judgement: Judgement) -> list[tuple[Code, str]]:
    return [(refusal.code, refusal.field) for refusal in judgement.refusals]


def texts(judgement: Judgement) -> list[str]:
    return [render_line(line, english) for line in judgement.lines]


def test_what_is_as_released_starts_and_both_digests_are_shown_in_groups(tmp_path: Path, released: Expected) -> None:
    found = judge(tmp_path, released)
    assert [] == codes(found)
    assert render_digest(measure(tmp_path).digest) in texts(found)[0]
    assert render_digest(MANIFEST) in texts(found)[1]
    assert "abab abab" in texts(found)[1]
    assert MANIFEST == found.manifest


def test_a_changed_file_is_refused_by_name_once_a_list_was_kept(tmp_path: Path, released: Expected) -> None:
    keep_lists(tmp_path / "kept", measure(tmp_path))
    write(tmp_path / MODULE, "main = eval\n")
    found = judge(tmp_path, released)
    assert [(Code.RELEASE_MISMATCH, "release.packages")] == codes(found)
    assert "changed package/__init__.py" in found.refusals[0].got
    assert "DIFFERS FROM" in texts(found)[1]


def test_a_doctored_list_is_not_believed(tmp_path: Path, released: Expected) -> None:
    keep_lists(tmp_path / "kept", measure(tmp_path))
    write(tmp_path / MODULE, "main = eval\n")
    for kept in (tmp_path / "kept").iterdir():
        kept.write_bytes(b"")
    assert "no list of the release" in judge(tmp_path, released).refusals[0].got


def test_a_root_more_and_a_root_less_are_refused(tmp_path: Path, released: Expected) -> None:
    roots = {**released.roots, "gone": MANIFEST}
    del roots["scripts"]
    found = judge(tmp_path, Expected(manifest=MANIFEST, version=3, roots=roots))
    assert [(Code.RELEASE_MISMATCH, "release.gone"), (Code.RELEASE_MISMATCH, "release.scripts")] == codes(found)


def test_an_unsealed_start_is_refused_where_a_manifest_is_known(tmp_path: Path, released: Expected) -> None:
    found = judge(tmp_path, released, "imports from /tmp")
    assert [(Code.RELEASE_MISMATCH, "release.start")] == codes(found)
    assert [] == codes(judge(tmp_path, released))


def test_without_a_manifest_development_says_so_and_production_refuses(tmp_path: Path, released: Expected) -> None:
    assert released.version == 3
    development = judge(tmp_path, None, "not sealed", environment="development")
    assert [] == codes(development)
    assert NOT_COMPARED == texts(development)[1]
    production = judge(tmp_path, None)
    assert [(Code.RELEASE_UNKNOWN, "release")] == codes(production)
    assert NOT_COMPARED not in texts(production)


def test_lists_of_older_releases_are_dropped(tmp_path: Path, released: Expected) -> None:
    keep_lists(tmp_path / "kept", measure(tmp_path))
    write(tmp_path / MODULE, "main = eval\n")
    keep_lists(tmp_path / "kept", measure(tmp_path))
    assert len(released.roots) == len(list((tmp_path / "kept").iterdir()))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, released: Expected) -> None:
    assert released.version == 3
    (tmp_path / "kept").write_text("a file in the folder's place")
    with pytest.raises(UnavailableError) as caught:
        keep_lists(tmp_path / "kept", measure(tmp_path))
    assert {Code.STATE_UNWRITABLE} == caught.value.codes


def test_every_start_is_a_line_and_one_that_cannot_be_written_is_none(tmp_path: Path, released: Expected) -> None:
    found = judge(tmp_path, released)
    keep_start(tmp_path, found, NOW)
    keep_start(tmp_path, judge(tmp_path, None), NOW)
    first, second = (tmp_path / STARTS).read_text().splitlines()
    assert f"2026-11-23T03:00:00Z {found.measured} {MANIFEST} accepted" == first
    assert second.endswith("none RELEASE_UNKNOWN:release")
    with pytest.raises(UnavailableError) as caught:
        keep_start(tmp_path / "nowhere", found, NOW)
    assert {Code.STATE_UNWRITABLE} == caught.value.codes


def test_a_clock_that_ran_backwards_since_the_last_start_is_refused(tmp_path: Path, released: Expected) -> None:
    found = judge(tmp_path, released)
    keep_start(tmp_path, found, NOW)
    with pytest.raises(RefusedError) as caught:
        keep_start(tmp_path, found, NOW - timedelta(seconds=1))
    assert {Code.CLOCK_BEHIND} == caught.value.codes
    keep_start(tmp_path, found, NOW)
    # A line that a power cut left half counts for nothing, and hides nothing.
    with (tmp_path / STARTS).open("a") as file:
        file.write("2099-01-01T")
    keep_start(tmp_path, found, NOW)
    with pytest.raises(RefusedError):
        keep_start(tmp_path, found, NOW - timedelta(seconds=1))


SHOW = "from strongroom.devices.measure.start import measure_start; print(measure_start().unsealed)"
SEAL = """import sys
from strongroom.devices.measure import start
sys.argv = ["program", "an argument"]
start.seal_start("{module}")
"""
MODULE_SHOWS = """import os
import sys
from strongroom.devices.measure.start import find_unsealed, is_sealed
from pathlib import Path
print(is_sealed(), sys.argv[1:], find_unsealed(Path(sys.prefix)), os.environ.get("TEXTUAL_DRIVER"))
"""


def test_a_sealed_start_reads_no_compiled_file_and_nothing_of_the_callers(tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    packages = prefix / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    here = Path(__file__).parents[2] / "src"
    (packages / "ours.pth").write_text(f"{here}\n{here.parents[1] / 'core' / 'src'}\n")
    (packages / "shown.py").write_text(MODULE_SHOWS)
    (tmp_path / "seal.py").write_text(SEAL.format(module="shown"))
    python = str(prefix / "bin" / "python")

    def run(*words: str) -> str:
        surroundings = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin", "TEXTUAL_DRIVER": "theirs:Driver"}
        return subprocess.run([python, *words], env=surroundings, check=True, capture_output=True, text=True).stdout

    # A doctored compiled file, left by an ordinary start, runs instead of the source: everywhere but in a sealed one.
    assert run("-c", "import shown").startswith("False")
    source, moment = packages / "shown.py", (1_700_000_000, 1_700_000_000)
    source.write_text(MODULE_SHOWS.replace("print(", "xxxxx("))
    os.utime(source, moment)
    subprocess.run([python, "-m", "compileall", "-q", "-f", str(packages)], check=True)
    # Of the same size and time: the cache looks fresh.
    source.write_text(MODULE_SHOWS)
    os.utime(source, moment)
    with pytest.raises(subprocess.CalledProcessError):
        run("-c", "import shown")
    assert "True ['an argument'] () None\n" == run(str(tmp_path / "seal.py"))


def test_an_ordinary_start_is_not_sealed() -> None:
    found = subprocess.run([sys.executable, "-c", SHOW], check=True, capture_output=True, text=True)
    assert "not started by its own command" in found.stdout
