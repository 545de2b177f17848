"""A program as measured, and the release manifest that is right for it, for tests to spoil one thing of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from strongroom.core.records import DigestOrNone
from strongroom.core.releases import Program, ReleaseManifest, ReleaseRoot
from strongroom.devices.measure.environment import Measurement
from strongroom.devices.measure.judge import Start
from strongroom.devices.measure.tree import MeasuredFile, MeasuredRoot

FILES: Mapping[str, Mapping[str, str]] = {
    "packages": {"library/code.py": "the library", "library/more.py": "more"},
    "source-1": {"ours/program.py": "our program"},
}


def build_start(files: Mapping[str, Mapping[str, str]] = FILES, unsealed: tuple[str, ...] = ()) -> Start:
    """A start of a program with these roots: path and content of each file."""
    roots = [MeasuredRoot(name=name, files=tuple(_files(files[name]))) for name in sorted(files)]
    return Start(measurement=Measurement(roots=tuple(roots)), unsealed=unsealed)


def doctored() -> Start:
    """The same program with one file that is not as it was."""
    return build_start({**FILES, "packages": {**FILES["packages"], "library/code.py": "and a back door"}})


def build_release(start: Start, program: Program, version: int = 1, previous: Any = "none") -> ReleaseManifest:
    """The manifest that is right for a start."""
    roots = start.measurement.roots
    return ReleaseManifest(
        label=f"release {version}",
        previous=DigestOrNone(previous),
        program=program,
        roots=tuple(ReleaseRoot(digest=root.digest, files=len(root.files), name=root.name) for root in roots),
        version=version,
    )


def _files(contents: Mapping[str, str]) -> list[MeasuredFile]:
    return [
        MeasuredFile(
            path=path,
            size=len(contents[path]),
            sha256=hashlib.sha256(contents[path].encode()).hexdigest(),
            is_open=False,
        )
        for path in sorted(contents)
    ]
