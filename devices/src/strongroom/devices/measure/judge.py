"""A start against the signed release manifest: what differs, in which root, and by which files.

The manifest says one digest for each root. Which files differ is told from the lists of the last start that agreed,
which are kept in the device's folder and believed only when they have the digest that the manifest names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError
from strongroom.core.ids import Digest
from strongroom.devices.measure.environment import Measurement
from strongroom.devices.measure.tree import MeasuredRoot, compare_files, digest_of, encode_listing, parse_listing
from strongroom.devices.screens.page import Line, build_line

PRODUCTION: Final = "production"
NOT_COMPARED: Final = "NOT COMPARED: no release manifest is known here; good for development only."
_NAMED: Final = 5
"""So many files are named; the first ones are enough to know whose change it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a program was started. unsealed: what of it is not as `start.py` seals it, empty when everything is."""

    measurement: Measurement
    unsealed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a release manifest says: its id, its version, and a digest for each root."""

    manifest: Digest
    version: int
    roots: Mapping[str, Digest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """lines: for the screen. manifest: by which it was compared, None for none. refusals: empty when it may go on."""

    lines: tuple[Line, ...]
    measured: Digest
    manifest: Digest | None
    refusals: tuple[Refusal, ...]


MeasureStart = Callable[[], Start]


def judge_start(start: Start, expected: Expected | None, environment: str, folder: Path) -> Judgement:
    """Compare a start with the manifest in force. folder: where `keep_lists` keeps what agreed last.

    RELEASE_UNKNOWN in production without a manifest; RELEASE_MISMATCH for each root that differs and for a start that
    was not sealed, since what Python would then run is not what was measured.
    """
    measured = start.measurement.digest
    refusals = _find_refusals(start, expected, environment, folder)
    lines = [build_line("This program measures {digest}.", digest=render_digest(measured))]
    if expected is not None:
        lines.append(_compare_line(expected, is_released=not refusals))
    elif not refusals:
        lines.append(build_line(NOT_COMPARED))
    return Judgement(
        lines=tuple(lines),
        measured=measured,
        manifest=expected.manifest if expected else None,
        refusals=tuple(refusals),
    )


def _compare_line(expected: Expected, *, is_released: bool) -> Line:
    values = {"version": str(expected.version), "digest": render_digest(expected.manifest)}
    if is_released:
        return build_line("It is release manifest {version}, {digest}.", **values)
    return build_line("It DIFFERS FROM release manifest {version}, {digest}.", **values)


def render_digest(digest: Digest) -> str:
    """A digest in groups of four, as people read it to each other."""
    text = digest.removeprefix("sha256:")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def keep_lists(folder: Path, measurement: Measurement) -> None:
    """Keep the lists of a start that agreed, each named by its digest, and drop those of older ones.

    Raises UnavailableError STATE_UNWRITABLE.
    """
    names = {_list_path(folder, root.digest).name for root in measurement.roots}
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for root in measurement.roots:
            path = _list_path(folder, root.digest)
            if not path.exists():
                # Only for the words of a later refusal, checked by its digest when it is read: half a list is no list.
                path.write_bytes(encode_listing(root.files))
        for old in folder.glob("*.list"):
            if old.name not in names:
                old.unlink()
    except OSError as error:
        facts = _refusal(Code.STATE_UNWRITABLE, str(folder), "lists of the release", str(error.strerror))
        raise UnavailableError(facts) from error


def _find_refusals(start: Start, expected: Expected | None, environment: str, folder: Path) -> list[Refusal]:
    if expected is None:
        if environment != PRODUCTION:
            return []
        measured = start.measurement.digest
        return [_refusal(Code.RELEASE_UNKNOWN, "release", "a release manifest of this program", f"{measured}")]
    found = {root.name: root for root in start.measurement.roots}
    refusals = [
        _refusal(Code.RELEASE_MISMATCH, f"release.{name}", expected.roots.get(name, "no such root"), words)
        for name in sorted(expected.roots.keys() | found.keys())
        if (words := _differs(found.get(name), expected.roots.get(name), folder)) is not None
    ]
    if start.unsealed:
        words = "; ".join(start.unsealed)
        refusals.append(_refusal(Code.RELEASE_MISMATCH, "release.start", "the program's own command", words))
    return refusals


def _differs(root: MeasuredRoot | None, expected: Digest | None, folder: Path) -> str | None:
    """How a root differs, in words; None when it does not."""
    if root is None:
        return "nothing"
    if expected is None or root.digest == expected:
        return None if expected is not None else str(root.digest)
    path = _list_path(folder, expected)
    raw = path.read_bytes() if path.is_file() else b""
    if digest_of(raw) != expected:
        return f"{root.digest}, {len(root.files)} files; no list of the release is kept here"
    changes = list(islice(compare_files(parse_listing(raw), root.files), _NAMED + 1))
    more = ["and more"] if len(changes) > _NAMED else []
    return f"{root.digest}: {', '.join(changes[:_NAMED] + more)}"


def _list_path(folder: Path, digest: Digest) -> Path:
    return folder / f"{digest.removeprefix('sha256:')}.list"


def _refusal(code: Code, field: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=field, expected=expected, got=got)
