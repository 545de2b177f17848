"""Releases: of what files each program is made, signed by those who also say which token is a good one.

Every start measures the program's own files and compares them with the manifest in force, so that a file that was
changed, added or lost is noticed before a PIN is asked. Source: spec/statement.md, release-manifest; docs/adr/0028;
circular 25EC44, III.22 and V.9d.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import Digest
from strongroom.core.records import NONE, DigestOrNone, check_sorted


class Program(StrEnum):
    """The programs that a manifest can be of, by the place that they stand in."""

    APPROVER = "approver"
    STATION = "station"
    TERMINAL = "terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRoot:
    """One root of a program: digest of its list of files, how many there are, and the root's name."""

    digest: Digest
    files: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseManifest:
    """From here on this program is these files. label: what people call the release.

    previous: the manifest of this program that this one replaces, `none` for version 1. Versions count by program.
    """

    label: str
    previous: DigestOrNone
    program: Program
    roots: tuple[ReleaseRoot, ...]
    version: int

    def __post_init__(self) -> None:
        check_sorted([root.name for root in self.roots], "release-manifest.roots")
        if not self.roots:
            # Nothing would be compared, and everything would be as released.
            raise malformed(Code.FIELD_INVALID, "release-manifest.roots", "at least one root", "none")
        if self.version < 1 or (self.version == 1) != (self.previous == NONE):
            raise malformed(
                Code.FIELD_INVALID, "release-manifest.version", "1 exactly when previous is none", "another"
            )
