"""A docket crosses the gap as a film of QR codes: drawn by segno, filmed badly, read by zxing-cpp, whole at the end."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from strongroom.checker.console import Exit
from strongroom.checker.state.home import save_secret
from strongroom.checker.station.cli import main
from strongroom.core.docket import Stage, encode_docket, parse_docket
from strongroom.core.packages import PackageBody, PackageKind
from strongroom.devices.gap.bbqr import split
from strongroom.devices.gap.film import write_film
from strongroom.devices.gap.qr import PICTURE_VERSION, capacity_of, render_png
from strongroom.devices.gap.shots import Watch, read_film
from world import Trip, World, eth_trip, ltc_trip, seed

STATION = "device:station-1"
DROPPED_OF_TEN = 3
SEEDS = (1, 2, 2027)
MOST_ROUNDS = 20
DEMO = Path(__file__).with_name("demo.docket.json")
"""A docket that `make demo` wrote, whole: three clients paid by one litecoin transaction. Every run writes another."""


@cache
def film_of(raw: bytes) -> list[bytes]:
    """The pictures of a film, drawn once for all seeds."""
    return [render_png(frame, PICTURE_VERSION) for frame in split(raw, capacity_of(PICTURE_VERSION))]


class Camera:
    """Films a screen badly: of each round it loses three frames in ten, and the rest arrive in any order."""

    def __init__(self, raw: bytes, folder: Path, seed: int) -> None:
        self.frames = film_of(raw)
        self.folder, self.taken, self.rounds = folder, 0, 0
        self.random = random.Random(seed)
        self.told: list[str] = []

    def film_a_round(self) -> None:
        """One more round of the film."""
        self.rounds += 1
        # Rounded up, and a sample is shuffled as well.
        lost = -(-len(self.frames) * DROPPED_OF_TEN // 10)
        seen = self.random.sample(self.frames, len(self.frames) - lost)
        self.folder.mkdir(exist_ok=True)
        for frame in seen:
            self.taken += 1
            (self.folder / f"{self.taken:05d}.png").write_bytes(frame)


def cross(camera: Camera) -> bytes:
    """Round after round until the film is whole: whenever the reader waits, the screen shows the film once more."""
    watch = Watch(
        wait_s=MOST_ROUNDS,
        elapsed_ns=lambda: camera.rounds * 1_000_000_000,
        pause=lambda _: camera.film_a_round(),
        say=camera.told.append,
    )
    return read_film(camera.folder, watch)


def world_docket(make_trip: Callable[[World], Trip]) -> bytes:
    return encode_docket(make_trip(World()).to(Stage.SETTLE).docket())


@pytest.mark.parametrize(
    ("make_docket", "seed"),
    [
        *(pytest.param(DEMO.read_bytes, seed, id=f"a docket of the demo, seed {seed}") for seed in SEEDS),
        pytest.param(lambda: world_docket(eth_trip), SEEDS[0], id="ethereum"),
        pytest.param(lambda: world_docket(ltc_trip), SEEDS[0], id="litecoin"),
    ],
)
def test_a_docket_crosses_with_three_frames_in_ten_lost_and_the_rest_shuffled(
    tmp_path: Path, make_docket: Callable[[], bytes], seed: int
) -> None:
    docket = make_docket()
    assert encode_docket(parse_docket(docket)) == docket, "it is a docket"
    camera = Camera(docket, tmp_path / "camera", seed)

    arrived = cross(camera)

    assert docket == arrived
    assert len(camera.frames) > 10
    assert camera.rounds > 1
    assert camera.taken <= camera.rounds * len(camera.frames) * 0.7
    assert f"{len(camera.frames)} of {len(camera.frames)} frames" == camera.told[-1]


def test_a_package_that_crossed_is_verified_by_the_station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    home, out = tmp_path / "home", tmp_path / "out"
    enrol(world, home, tmp_path)
    trip = ltc_trip(world)
    station(
        world,
        "import",
        "--home",
        home,
        put(world, tmp_path, PackageKind.UPDATE, world.update_body()),
        typed="accept\naccept\n",
    )
    size = world.log.last_checkpoint().size
    package = put(world, tmp_path, PackageKind.VERIFICATION, trip.to(Stage.APPROVE).docket_body(size))
    write_film(package.read_bytes(), tmp_path / "film")
    capsys.readouterr()

    assert Exit.DONE == station(world, "read-frames", "--home", home, tmp_path / "film", "--out", out, "--wait", 0)
    arrived = Path(json.loads(capsys.readouterr().out)["package"])
    assert package.read_bytes() == arrived.read_bytes()
    assert Exit.DONE == station(world, "verify", "--home", home, arrived, "--out", out)


def enrol(world: World, home: Path, folder: Path) -> None:
    home.mkdir()
    (folder / "root.json").write_bytes(world.root_file)
    save_secret(home / "device.key", seed(STATION))
    words = ("enroll", "--home", home, "--root", folder / "root.json", "--device", STATION)
    assert Exit.DONE == station(world, *words, typed=f"{world.fingerprint}\n" * 2)


def put(world: World, folder: Path, kind: PackageKind, body: PackageBody) -> Path:
    path = folder / f"{kind.value}.package.json"
    path.write_bytes(world.package(STATION, kind, body))
    return path


def station(world: World, *words: object, typed: str = "") -> int:
    """Run the station with the world's clock and no network."""
    return main(
        [*(str(word) for word in words), "--json"],
        clock=lambda: world.now,
        interfaces=lambda: [(1, "lo")],
        typed=io.StringIO(typed),
    )
