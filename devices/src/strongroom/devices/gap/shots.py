"""A film in: a folder into which a camera's program writes pictures, read as they come."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, UnavailableError, refused
from strongroom.devices.gap.bbqr import Joiner, render_progress
from strongroom.devices.gap.camera import read_codes
from strongroom.devices.gap.film import Pause
from strongroom.devices.gap.pictures import MAX_PICTURE_BYTES, Picture, parse_picture

POLL_S = 1
MAX_PICTURES = 100_000
"""Seven hours at four pictures a second. A folder with more is no camera's."""
MAX_PASSED = 20
"""So many different things that are passed over are told; a hostile film shall not fill the screen."""
SUFFIXES = frozenset({".pgm", ".png"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How to wait for pictures: seconds at most, a clock that counts nanoseconds, and whom to tell."""

    wait_s: int
    elapsed_ns: Callable[[], int]
    pause: Pause
    say: Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class _Look:
    """What was looked at so far: file name to size and time, so that a picture still being written is read again."""

    joiner: Joiner = field(default_factory=Joiner)
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    passed: list[Refusal] = field(default_factory=list)


def read_film(folder: Path, watch: Watch) -> bytes:
    """The bytes of the film in a folder's pictures. Progress is told whenever it grows.

    Pictures without a code are passed over, and so is what is no frame or is of another film: each is told once.
    Raises FRAMES_MISSING, with what was passed over, when the film is not whole in time; FRAME_CONFLICT; TOO_LARGE;
    FRAME_INVALID; UnavailableError FILE_UNAVAILABLE for a folder that cannot be looked into.
    """
    ends_ns = watch.elapsed_ns() + watch.wait_s * 1_000_000_000
    look = _Look()
    while True:
        _look_around(folder, look, watch)
        if look.joiner.is_complete:
            return look.joiner.join()
        if watch.elapsed_ns() >= ends_ns:
            raise _missing(look)
        watch.pause(POLL_S)


def _look_around(folder: Path, look: _Look, watch: Watch) -> None:
    """Read every picture that is new, until the film is whole."""
    for path, mark in _pictures(folder):
        if look.files.get(path.name) == mark:
            continue
        look.files[path.name] = mark
        picture = _load(path, look, watch)
        if picture is None:
            continue
        for text in read_codes(picture):
            _take(path, text, look, watch)
        if look.joiner.is_complete:
            return


def _pictures(folder: Path) -> list[tuple[Path, tuple[int, int]]]:
    found: list[tuple[Path, tuple[int, int]]] = []
    try:
        for entry in sorted(os.scandir(folder), key=lambda e: e.name):
            if Path(entry.name).suffix.lower() in SUFFIXES:
                at = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(at.st_mode):
                    found.append((Path(entry.path), (at.st_size, at.st_mtime_ns)))
    except FileNotFoundError:
        # The camera's program makes the folder when it starts.
        return []
    except OSError as error:
        got = error.strerror or type(error).__name__
        raise UnavailableError(
            Refusal(code=Code.FILE_UNAVAILABLE, field=str(folder), expected="a folder of pictures", got=got)
        ) from error
    if len(found) > MAX_PICTURES:
        raise refused(Code.TOO_LARGE, str(folder), f"at most {MAX_PICTURES} pictures", str(len(found)))
    return found


def _load(path: Path, look: _Look, watch: Watch) -> Picture | None:
    """A picture, or None for one that is not whole or not ours; it is looked at again when the file has changed."""
    try:
        with path.open("rb") as handle:
            return parse_picture(handle.read(MAX_PICTURE_BYTES + 1))
    except OSError as error:
        got = error.strerror or type(error).__name__
        _pass_over(Refusal(code=Code.FILE_UNAVAILABLE, field=str(path), expected="a picture", got=got), look, watch)
    except MalformedError as error:
        _pass_over(error.refusals[0], look, watch, path)
    return None


def _take(path: Path, text: str, look: _Look, watch: Watch) -> None:
    try:
        is_new = look.joiner.add(text)
    except (MalformedError, RefusedError) as error:
        if Code.FRAME_CONFLICT in error.codes:
            raise
        _pass_over(error.refusals[0], look, watch, path)
        return
    if is_new:
        watch.say(render_progress(look.joiner))


def _pass_over(refusal: Refusal, look: _Look, watch: Watch, path: Path | None = None) -> None:
    """Tell what is not taken, once a kind: a poster in the camera's view is seen four times a second."""
    if refusal in look.passed or len(look.passed) >= MAX_PASSED:
        return
    look.passed.append(refusal)
    where = f" in {path.name}" if path else ""
    watch.say(f"Passed over{where}: {refusal.code.value}: {refusal.sentence}")


def _missing(look: _Look) -> RefusedError:
    refusal = Refusal(
        code=Code.FRAMES_MISSING,
        field="frames",
        expected="every frame of a film",
        got=f"{render_progress(look.joiner)}, from {len(look.files)} pictures",
    )
    return RefusedError(*look.passed, refusal)
