"""Fixtures of the incident rows: a fresh database, a firm at work on a chain of its own, and the places that read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firm import ETHER, Firm, open_firm
from nodes import start_anvil
from places import Places, open_places
from postgres import database
from strongroom.online.db.bootstrap import Database
from world import World

__all__ = ["database"]


@pytest.fixture
def firm(tmp_path: Path, database: Database) -> Iterator[Firm]:
    """A firm on an Ethereum chain of its own, where client:harbour has deposited 5 ETH."""
    with start_anvil() as eth, open_firm(tmp_path, database, eth=eth) as made:
        made.deposit("eth-1", 5 * ETHER)
        made.mine()
        yield made


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """Approver's device, station, terminal and gate of a firm in memory, each with copies of its own."""
    with open_places(World(), tmp_path) as made:
        yield made
