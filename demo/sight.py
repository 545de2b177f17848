"""Crossing by sight: a film of QR codes before a bad camera, and the code of a halt before a telephone."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from demo.journey import Tell
from demo.programs import ROOT, DemoError, Result, command, environment, run
from demo.scene import Scene

DROPPED_OF_TEN = 3
SEED = 2027
ROUND_S = 0.5
WAIT_S = 700
"""For the station, which itself gives up after 600: no story may depend on how fast a machine reads pictures."""
STATION = "device:station-1"
_CODE_LINE = re.compile(r"[█▄▀][█▄▀ ]{20,}[█▄▀]")


def film_to_station(scene: Scene, tell: Tell) -> Path:
    """Bring the verification package that waits for the station there by a film, and nothing by hand."""

    def across(package: Path, folder: Path) -> Path:
        rounds, frames, target = film(package, scene.home(STATION) / "home", folder)
        tell(
            "camera",
            f"{lost_of(frames)} of {frames} frames lost in each of {rounds} rounds, the rest shuffled; it is whole",
        )
        if target.read_bytes() != package.read_bytes():
            raise DemoError(f"{target} is not what was filmed")
        return target

    package = scene.fetch(STATION, "verification", across=across)
    tell("strongroom-film", f"{package.name} crossed by sight; no medium was carried")
    return package


def film(package: Path, home: Path, folder: Path) -> tuple[int, int, Path]:
    """Show a package to the station's camera. Returns the rounds that it took, the frames, and the station's file."""
    with tempfile.TemporaryDirectory() as name:
        screen, camera = Path(name) / "screen", Path(name) / "camera"
        camera.mkdir()
        run("film", ["show", str(package), "--pictures", str(screen)])
        frames = sorted(screen.iterdir())
        arguments = ["read-frames", "--home", str(home), "--out", str(folder), "--json"]
        argv = [*command("station", offline=True), *arguments, str(camera)]
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(None)
        ) as station:
            rounds = _shoot(frames, camera)
            out, err = station.communicate(timeout=WAIT_S)
    if station.returncode != 0:
        raise DemoError(f"the station did not see the film: {out}\n{err}")
    return rounds, len(frames), Path(json.loads(out)["package"])


def _shoot(frames: list[Path], camera: Path) -> int:
    """One round of the film after the other, of each of which the camera loses three frames in ten, until it is whole.

    Returns the rounds. The station reads at its own speed: what was filmed lies there.
    """
    chance, missing = random.Random(SEED), set(frames)  # noqa: S311 -- No secret, and a seed repeats the story.
    rounds = taken = 0
    while missing:
        rounds += 1
        seen = chance.sample(frames, len(frames) - lost_of(len(frames)))
        missing -= set(seen)
        for frame in seen:
            taken += 1
            # A picture appears whole: one that is half written would be read twice.
            part = camera / f"{taken:05d}.part"
            shutil.copyfile(frame, part)
            part.rename(part.with_suffix(".png"))
        time.sleep(ROUND_S)
    return rounds


def lost_of(frames: int) -> int:
    """Three in ten, rounded up."""
    return -(-frames * DROPPED_OF_TEN // 10)


def scan_halt(scene: Scene, stopped: Result, device: str, tell: Tell) -> None:
    """A telephone reads the code on the screen of a stopped terminal, and the security desk takes it in."""
    text = photograph(stopped.err)
    told = run("platform", ["scan-halt", "--config", str(scene.config), text]).json()
    if told["terminal"] != device or told["code"] not in stopped.err:
        raise DemoError(f"the code is of another halt: {told}")
    subject = f"{device} journal {told['journal']}"
    if not scene.query("select 1 from watch.alerts where subject = %s and code = %s", subject, told["code"]):
        raise DemoError(f"the security desk has no alert of {subject}")
    tell("security desk", f"scanned from the terminal's screen: {subject}, first refusal {told['code']}; an alert")


def photograph(screen: str) -> str:
    """What the last QR code on a screen says, read by a telephone that knows nothing of us."""
    lines = screen.splitlines()
    last = max((i for i, line in enumerate(lines) if _CODE_LINE.fullmatch(line)), default=-1)
    first = last
    while first > 0 and _CODE_LINE.fullmatch(lines[first - 1]):
        first -= 1
    if last < 0:
        raise DemoError(f"the screen shows no code:\n{screen}")
    done = subprocess.run(
        [str(ROOT / ".venvs/film/bin/python"), str(ROOT / "demo/telephone.py")],
        input="\n".join(lines[first : last + 1]),
        capture_output=True,
        text=True,
        env=environment(None),
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"the telephone reads nothing: {done.stderr}")
    return done.stdout.strip()
