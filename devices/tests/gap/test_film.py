"""A film from one screen to another's camera: on the console, as files, with pictures that are lost, foreign or bad."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError, UnavailableError
from strongroom.devices.gap.bbqr import split
from strongroom.devices.gap.film import Screen, build_screen, show_film, write_film
from strongroom.devices.gap.qr import render_png
from strongroom.devices.gap.shots import Watch, read_film

RAW = b'{"noise":"' + random.Random(11).randbytes(4_000).hex().encode() + b'"}'


@dataclass
class Waiting:
    """A clock that only waiting moves, and what happens meanwhile."""

    seconds: float = 0
    said: list[str] = field(default_factory=list)
    then: list[tuple[Path, bytes]] = field(default_factory=list)

    def watch(self, wait_s: int = 0) -> Watch:
        return Watch(wait_s=wait_s, elapsed_ns=lambda: int(self.seconds * 1e9), pause=self.pause, say=self.said.append)

    def pause(self, seconds: float) -> None:
        self.seconds += seconds
        for path, raw in self.then[:1]:
            path.write_bytes(raw)
        self.then = self.then[1:]


def filmed(folder: Path, frames: tuple[str, ...], version: int = 10) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"shot-{i:04d}.png" for i in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        path.write_bytes(render_png(frame, version))
    return paths


def test_a_film_written_as_pictures_is_read_from_them(tmp_path: Path) -> None:
    paths = write_film(RAW, tmp_path / "film", version=10)
    waiting = Waiting()

    assert RAW == read_film(tmp_path / "film", waiting.watch())
    assert f"frame-0001-of-{len(paths):04d}.png" == paths[0].name
    assert f"{len(paths)} of {len(paths)} frames" == waiting.said[-1]
    assert "1 of " in waiting.said[0]


def test_pictures_for_a_browser_are_svg(tmp_path: Path) -> None:
    paths = write_film(RAW, tmp_path / "film", kind="svg")

    assert all(path.read_bytes().startswith(b"<svg") for path in paths)
    with pytest.raises(MalformedError, match="FIELD_INVALID"):
        write_film(RAW, tmp_path / "film", kind="gif")


def test_a_film_is_read_while_the_camera_still_writes_it(tmp_path: Path) -> None:
    frames = split(RAW, 395)
    paths = filmed(tmp_path / "shots", frames)
    whole = {path: path.read_bytes() for path in paths}
    for path in paths[3:]:
        path.unlink()
    # A picture that is half written is read again when it has grown.
    paths[4].write_bytes(whole[paths[4]][:100])
    waiting = Waiting(then=[(path, whole[path]) for path in paths[3:]])

    assert RAW == read_film(tmp_path / "shots", waiting.watch(wait_s=600))
    assert any("PICTURE_INVALID" in line for line in waiting.said)


def test_what_else_lies_there_or_comes_into_view_is_told_once_and_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    filmed(folder, split(RAW, 395))
    for i in range(3):
        (folder / f"shot-0001-poster{i}.png").write_bytes(render_png("HTTPS://EXAMPLE.COM"))
        (folder / f"shot-0001-other{i}.png").write_bytes(render_png(split(b"{}", 395)[0]))
        (folder / f"shot-0001-blurred{i}.pgm").write_bytes(b"P5 100 100 255\n" + bytes(10_000))
    (folder / "notes.txt").write_text("not a picture")
    (folder / "shot-folder.png").mkdir()
    (folder / "shot-link.png").symlink_to(folder / "shot-0001.png")
    waiting = Waiting()

    assert RAW == read_film(folder, waiting.watch())
    told = [line for line in waiting.said if line.startswith("Passed over")]
    assert [1, 1] == [sum(code in line for line in told) for code in ("FRAME_INVALID", "FRAME_OF_OTHER_FILM")]


def test_a_film_that_stays_incomplete_names_what_is_missing(tmp_path: Path) -> None:
    paths = filmed(tmp_path / "shots", split(RAW, 395))
    raw = paths[2].read_bytes()
    paths[2].unlink()

    with pytest.raises(RefusedError) as caught:
        read_film(tmp_path / "shots", Waiting().watch())

    assert {Code.FRAMES_MISSING} == caught.value.codes
    assert "without 3" in caught.value.refusals[-1].got
    assert RAW == read_film(tmp_path / "shots", Waiting(then=[(paths[2], raw)]).watch(wait_s=1))


def test_two_films_that_look_alike_are_not_mixed(tmp_path: Path) -> None:
    noise = [random.Random(seed).randbytes(1_500) for seed in (1, 2)]
    one, other = (split(raw, 395) for raw in noise)
    filmed(tmp_path / "mixed", (*one[:3], other[2], *one[3:]))

    with pytest.raises(RefusedError) as caught:
        read_film(tmp_path / "mixed", Waiting().watch())

    assert {Code.FRAME_CONFLICT} == caught.value.codes
    filmed(tmp_path / "clean", other)
    assert noise[1] == read_film(tmp_path / "clean", Waiting().watch())


def test_an_empty_or_absent_folder_waits_and_then_says_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "not yet"):
        waiting = Waiting()
        with pytest.raises(RefusedError, match="FRAMES_MISSING"):
            read_film(folder, waiting.watch(wait_s=5))
        assert 5 <= waiting.seconds < 7
    with pytest.raises(UnavailableError, match="FILE_UNAVAILABLE"):
        read_film(filmed(tmp_path / "shots", split(b"{}", 395))[0], Waiting().watch())


def test_a_hostile_folder_does_not_fill_the_screen(tmp_path: Path) -> None:
    for i in range(40):
        (tmp_path / f"{i:03d}.png").write_bytes(render_png("X" * (i + 1)))
    waiting = Waiting()

    with pytest.raises(StrongroomError) as caught:
        read_film(tmp_path, waiting.watch())

    assert Code.FRAMES_MISSING in caught.value.codes
    assert 20 == len(waiting.said)


def test_a_console_shows_every_frame_in_every_round() -> None:
    stream, waits = io.StringIO(), list[float]()
    screen = build_screen(stream)
    assert (80, 24) == (screen.columns, screen.lines)

    count = show_film(RAW, screen, waits.append, rounds=2, frame_ms=125)

    pages = stream.getvalue().split("\x1b[H\x1b[J")[1:-1]
    assert 2 * count == len(pages) == len(waits)
    assert {0.125} == set(waits)
    assert pages[0].endswith(f"frame 1 of {count}   round 1 of 2   Ctrl-C ends")
    assert pages[:count] != pages[count:]
    assert [page.rpartition("\n")[0] for page in pages[:count]] == [p.rpartition("\n")[0] for p in pages[count:]]
    assert all(len(page.split("\n")) <= 24 for page in pages)


def test_ctrl_c_ends_the_film_as_its_last_line_says() -> None:
    stream, waits = io.StringIO(), list[float]()

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    assert len(split(RAW, 195)) == show_film(RAW, Screen(stream=stream, columns=80, lines=24), wait)
    assert 3 == len(waits)
    assert stream.getvalue().endswith("\x1b[H\x1b[J")


def test_a_larger_console_needs_fewer_frames() -> None:
    def frames(columns: int, lines: int) -> int:
        return show_film(RAW, Screen(stream=io.StringIO(), columns=columns, lines=lines), lambda _: None, rounds=1)

    assert frames(80, 24) > 2 * frames(132, 43) > 4 * frames(240, 67)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UnavailableError) as caught:
        write_film(RAW, tmp_path / "file" / "film")

    assert {Code.FILE_UNAVAILABLE} == caught.value.codes
    assert write_film(b"{}", tmp_path / "film")
