"""Killed in the middle, and a disk that is full: nothing that was acknowledged is lost."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.core.ids import PartyId
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal

WRITER = Path(__file__).parent / "writer.py"


def now() -> datetime:
    return datetime.now(UTC)


def new_journal(path: Path) -> Path:
    Journal.create(path, now, PartyId("device:terminal-1")).close()
    return path


def fill(journal: Journal) -> None:
    for _ in range(1000):
        journal.append(EntryKind.STARTED, b'{"padding":"' + b"x" * 3000 + b'"}')


def run_writer(path: Path, largest: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(WRITER), str(path), str(largest)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("count", [1, 2, 7, 30, 120])
def test_killed_in_the_middle_it_opens_with_everything_acknowledged(path: Path, count: int) -> None:
    new_journal(path)
    writer = run_writer(path, 0)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(count)]
    writer.kill()
    acknowledged += [int(line) for line in writer.stdout.read().splitlines() if line]
    writer.wait()
    writer.stdout.close()
    with Journal.open(path, now) as journal:
        head = journal.head().number
        assert acknowledged[-1] <= head <= acknowledged[-1] + 1
        assert list(range(1, head + 1)) == [entry.number for entry in journal.entries()]
        assert head + 1 == journal.append(EntryKind.STARTED, b"{}").number


def test_a_full_disk_is_said_and_loses_nothing(path: Path) -> None:
    new_journal(path)
    writer = run_writer(path, 300_000)
    output, _ = writer.communicate(timeout=120)
    lines = output.splitlines()
    assert 3 == writer.returncode
    assert "JOURNAL_UNWRITABLE" == lines[-1]
    acknowledged = [int(line) for line in lines[:-1]]
    assert len(acknowledged) > 10
    with Journal.open(path, now) as journal:
        assert acknowledged[-1] == journal.head().number
        assert acknowledged[-1] + 1 == journal.append(EntryKind.STARTED, b"{}").number


def test_a_database_that_may_not_grow_closes_the_journal_and_opens_again(path: Path, clock: Any) -> None:
    with Journal.create(path, clock, PartyId("device:terminal-1")) as journal:
        pages = journal._database.execute("PRAGMA page_count").fetchone()[0]
        journal._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(UnavailableError) as caught:
            fill(journal)
        assert Code.JOURNAL_UNWRITABLE in caught.value.codes
        # What a failed write left behind is unknown to this connection, so it takes nothing more.
        with pytest.raises(UnavailableError) as closed:
            journal.append(EntryKind.STARTED, b"{}")
        assert Code.JOURNAL_UNWRITABLE in closed.value.codes
    with Journal.open(path, clock) as again:
        number = again.head().number
        assert number + 1 == again.append(EntryKind.STARTED, b"{}").number


@pytest.mark.parametrize("name", ["missing/terminal-1.journal", "file/terminal-1.journal"])
def test_a_place_that_cannot_be_written_is_unwritable(tmp_path: Path, clock: Any, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    for attempt in (Journal.open, lambda path, now: Journal.create(path, now, PartyId("device:terminal-1"))):
        with pytest.raises(UnavailableError) as caught:
            attempt(tmp_path / name, clock)
        assert Code.JOURNAL_UNWRITABLE in caught.value.codes
