"""The approval device's packages by sight: a request comes in, the answer goes out, and nobody else's does either."""

from __future__ import annotations

import json
from pathlib import Path

from strongroom.core.packages import PackageKind
from strongroom.devices.gap.film import write_film
from strongroom.devices.gap.shots import Watch, read_film

from .conftest import PIN, MakeDesk, proposed

NOW = Watch(wait_s=0, elapsed_ns=lambda: 0, pause=lambda _: None, say=lambda _: None)


def test_a_request_comes_and_an_answer_goes_by_sight(make_desk: MakeDesk) -> None:
    desk = make_desk()
    request = desk.request(proposed(desk))
    write_film(request.read_bytes(), desk.folder / "film")

    assert 0 == desk.type("read-frames", str(desk.folder / "film"), "--out", str(desk.folder / "in"), "--wait", "0")

    arrived = Path(json.loads(desk.says)["file"])
    assert (request.name, request.read_bytes()) == (arrived.name, arrived.read_bytes())
    assert 0 == desk.decide(arrived, PIN, "approve")
    (answer,) = (desk.folder / "out").glob("*.package.json")
    assert 0 == desk.type("show-frames", str(answer), "--pictures", str(desk.folder / "shown"))
    assert answer.read_bytes() == read_film(desk.folder / "shown", NOW)
    assert 3 == desk.type("show-frames", str(arrived), "--pictures", str(desk.folder / "other"))
    assert {"PACKAGE_NOT_FOR_US"} == desk.codes


def test_only_what_the_device_made_is_shown(make_desk: MakeDesk) -> None:
    desk = make_desk()
    other = desk.put(PackageKind.UPDATE, desk.world.update_body(), to="device:approver-2")
    write_film(other.read_bytes(), desk.folder / "film")

    assert 3 == desk.type("read-frames", str(desk.folder / "film"), "--out", str(desk.folder / "in"), "--wait", "0")

    assert {"PACKAGE_NOT_FOR_US"} == desk.codes
    assert not (desk.folder / "in").exists()
