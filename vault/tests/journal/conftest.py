"""A journal in a temporary folder and a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.core.ids import PartyId
from strongroom.vault.terminal.journal.journal import Journal


@dataclass(slots=True)
class HandClock:
    """A clock that stands still until it is turned."""

    now: datetime = datetime(2027, 3, 14, 2, 55, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "terminal-1.journal"


@pytest.fixture
def journal(path: Path, clock: HandClock) -> Iterator[Journal]:
    with Journal.create(path, clock, PartyId("device:terminal-1")) as created:
        yield created
