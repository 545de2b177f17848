"""A station at work in a test: its home, its packages, and what it handed back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import releases
from strongroom.checker.state.home import save_secret
from strongroom.checker.station.cli import main
from strongroom.core.bodies import Halt
from strongroom.core.packages import (
    DocketBody,
    PackageBody,
    PackageKind,
    StatementsBody,
    UpdateBody,
    parse_package,
)
from strongroom.core.statements import Statement, parse_statement
from strongroom.devices.measure.judge import Start
from world import Trip, World, seed

STATION = "device:station-1"
LOOPBACK = [(1, "lo")]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one run said. raw: the package that it wrote, empty when it wrote none."""

    code: int
    json: dict[str, Any]
    raw: bytes

    @property
    def codes(self) -> set[str]:
        return {each["code"] for each in self.json["refusals"]}

    @property
    def statement(self) -> Statement[Any]:
        body = parse_package(self.raw).body
        assert isinstance(body, StatementsBody)
        (only,) = body.statements
        return parse_statement(only)

    @property
    def halt(self) -> Halt:
        assert isinstance(self.statement.body, Halt)
        return self.statement.body


@dataclass(kw_only=True)
class Stationhouse:
    """The station of a world. last_seen: the log size that it reported last."""

    world: World
    folder: Path
    capsys: pytest.CaptureFixture[str]
    last_seen: int = 0
    start: Start = field(default_factory=releases.build_start)

    @property
    def home(self) -> Path:
        return self.folder / "station"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def run(self, *words: object, typed: str = "", interfaces: list[tuple[int, str]] | None = None) -> Answer:
        """Run the program with the world's clock."""
        code = main(
            [*(str(word) for word in words), "--json"],
            clock=lambda: self.world.now,
            interfaces=lambda: LOOPBACK if interfaces is None else interfaces,
            typed=StringIO(typed),
            measure=lambda: self.start,
        )
        said = json.loads(self.capsys.readouterr().out)
        raw = Path(said["written"]).read_bytes() if "written" in said else b""
        return Answer(code=code, json=said, raw=raw)

    def enroll(self, *, typed: str | None = None) -> Answer:
        """Enrol with the key that the world's roster has for the station."""
        root = self.folder / "root.json"
        root.write_bytes(self.world.root_file)
        self.home.mkdir(exist_ok=True)
        save_secret(self.home / "device.key", seed(STATION))
        lines = f"{self.world.fingerprint}\n" * 2 if typed is None else typed
        return self.run("enroll", "--home", self.home, "--root", root, "--device", STATION, typed=lines)

    def put(self, kind: PackageKind, body: PackageBody, *, to: str = STATION) -> Path:
        """Write a package of the platform to a file."""
        raw = self.world.package(to, kind, body)
        path = self.folder / f"in-{len(list(self.folder.iterdir()))}.package.json"
        path.write_bytes(raw)
        return path

    def take(self, body: UpdateBody) -> Answer:
        """Import an update."""
        answer = self.run("import", "--home", self.home, self.put(PackageKind.UPDATE, body), typed="accept\naccept\n")
        if answer.code == 0:
            self.last_seen = self.world.log.last_checkpoint().size
        return answer

    def ask(self, trip: Trip, **changes: Any) -> Answer:
        """Let it verify a trip's docket."""
        return self.ask_file(self.put(PackageKind.VERIFICATION, replace(self.body(trip), **changes)))

    def body(self, trip: Trip) -> DocketBody:
        """The body of a verification package with everything that the log holds."""
        return trip.docket_body(self.last_seen)

    def ask_file(self, path: Path) -> Answer:
        answer = self.run("verify", "--home", self.home, path, "--out", self.out)
        if answer.raw:
            self.last_seen = self.world.log.last_checkpoint().size
        return answer


def open_stationhouse(world: World, folder: Path, capsys: pytest.CaptureFixture[str]) -> Stationhouse:
    """A station that is enrolled and has taken its first update."""
    house = Stationhouse(world=world, folder=folder, capsys=capsys)
    assert house.enroll().code == 0
    assert house.take(world.update_body()).code == 0
    return house
