"""Beliefs that a process has proved and written are not proved again by it; whatever else lies there is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from strongroom.checker.state.device import enroll
from strongroom.checker.state.store import DATABASE, open_store
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import PartyId
from world import World


@pytest.fixture
def home(tmp_path: Path) -> Path:
    world = World()
    enroll(tmp_path / "home", PartyId("device:station-1"), world.root_file, [world.fingerprint] * 2)
    return tmp_path / "home"


def put(home: Path, content: bytes) -> None:
    with sqlite3.connect(home / DATABASE) as database:
        database.execute("UPDATE trust SET content = ?", (content,))


def test_what_was_just_written_comes_back_as_it_is(home: Path) -> None:
    with open_store(home) as store:
        first = store.load_trust()
        assert store.load_trust() is first
        store.save_trust(first)
        assert store.load_trust() is first


def test_other_bytes_are_proved(home: Path) -> None:
    with sqlite3.connect(home / DATABASE) as database:
        honest = bytes(database.execute("SELECT content FROM trust").fetchone()[0])
    with open_store(home) as store:
        known = store.load_trust()
        for at in range(0, len(honest), 1 + len(honest) // 40):
            put(home, honest[:at] + bytes([honest[at] ^ 1]) + honest[at + 1 :])
            with pytest.raises(StrongroomError):
                store.load_trust()
        # A device that another process enrolled: sound, so it is believed, but not in place of what is known.
        put(home, honest.replace(b"device:station-1", b"device:station-2"))
        assert store.load_trust().device == "device:station-2"
        put(home, honest)
        assert store.load_trust() is known
