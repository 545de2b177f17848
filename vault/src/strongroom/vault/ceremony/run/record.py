"""The record of a ceremony that is under way: one small file a confirmed step, each holding the digest of the last.

Whole files that are renamed into place, so that a power cut leaves a step confirmed or not, never half. No secret is
ever in a fact. A file that was changed, taken out or added is found at the next start (CEREMONY_RECORD), but for the
newest one, which only the entry after it vouches for; the witness sees every fact before it is confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from strongroom.core.canonical import encode_canonical, parse_canonical, sha256
from strongroom.core.ceremonies import Fact
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.records import NONE, DigestOrNone, encode_record, parse_record
from strongroom.vault.terminal.files import find_files, load_file, save_durably

MAX_BYTES = 256 * 1024


class EntryKind(StrEnum):
    """What an entry says."""

    START = "start"
    STEP = "step"
    RETURN = "return"
    """The program was stopped; what was made since the step `name` is void, and it goes on from there."""
    FAIL = "fail"
    """A drill ended as failed at the step `name`; only the closing is left."""
    RESTART = "restart"
    """The program was started again before the step `name`; nothing is void, but everybody shall read of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEntry:
    """One entry. name: the step, or the kind of ceremony for the start."""

    actor: str
    at: datetime
    facts: tuple[Fact, ...]
    kind: EntryKind
    name: str
    number: int
    previous: DigestOrNone


@dataclass(slots=True)
class Record:
    """The entries of a home, read and proved when it was opened."""

    folder: Path
    entries: list[RecordEntry]
    last: str = NONE
    digests: list[str] = field(default_factory=list)
    """Of every entry, in hex."""

    def add(self, kind: EntryKind, name: str, actor: str, facts: tuple[Fact, ...], at: datetime) -> RecordEntry:
        """Write an entry durably; it counts from the moment this returns."""
        entry = RecordEntry(
            actor=actor,
            # A clock that was set back never makes a transcript whose times fall.
            at=max([at.replace(microsecond=0), *(each.at for each in self.entries[-1:])]),
            facts=facts,
            kind=kind,
            name=name,
            number=len(self.entries) + 1,
            previous=DigestOrNone(self.last),
        )
        raw = encode_canonical(encode_record(entry))
        save_durably(self.folder / _name(entry.number), raw)
        self.keep(entry, raw)
        return entry

    def keep(self, entry: RecordEntry, raw: bytes) -> None:
        """Take an entry that stands on the disk as the last one."""
        self.entries.append(entry)
        self.last = sha256(raw)
        self.digests.append(self.last.removeprefix("sha256:"))

    def confirmed(self) -> list[RecordEntry]:
        """The steps that stand, without those that a return made void."""
        steps: list[RecordEntry] = []
        for entry in self.entries:
            match entry.kind:
                case EntryKind.STEP:
                    steps.append(entry)
                case EntryKind.RETURN:
                    kept = [index for index, step in enumerate(steps) if step.name == entry.name]
                    steps = steps[: kept[0]] if kept else steps
                case EntryKind.START | EntryKind.FAIL | EntryKind.RESTART:
                    # None of them is a step of the run book.
                    continue
                case _:
                    assert_never(entry.kind)
        return steps

    def returns(self) -> list[RecordEntry]:
        """Every interruption that cost something."""
        return [entry for entry in self.entries if entry.kind is EntryKind.RETURN]


def open_record(folder: Path) -> Record:
    """Read the record of a home; an empty one when nothing was begun. Raises CEREMONY_RECORD."""
    record = Record(folder=folder, entries=[])
    for number, path in enumerate(find_files(folder, "*.json"), start=1):
        if path.name != _name(number):
            raise refused(Code.CEREMONY_RECORD, str(folder), _name(number), path.name)
        raw = load_file(path, MAX_BYTES)
        entry = parse_record(RecordEntry, parse_canonical(raw, limit=MAX_BYTES), path.name)
        if (entry.number, entry.previous) != (number, record.last) or (entry.kind is EntryKind.START) != (number == 1):
            raise refused(Code.CEREMONY_RECORD, path.name, f"entry {number} after {record.last}", "another chain")
        record.keep(entry, raw)
    return record


def find_fact(facts: tuple[Fact, ...], name: str, field: str) -> str:
    """The one value under a name. Raises CEREMONY_RECORD."""
    found = [fact.value for fact in facts if fact.name == name]
    if len(found) != 1:
        raise refused(Code.CEREMONY_RECORD, f"{field}.{name}", "one value", f"{len(found)} values")
    return found[0]


def _name(number: int) -> str:
    return f"{number:04}.json"
