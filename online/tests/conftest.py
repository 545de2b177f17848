"""Fixtures of the connected side's tests: a fresh, migrated PostgreSQL database, and a firm at work on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firm import ETHER, Firm, open_firm
from nodes import start_anvil
from postgres import database, fresh_database
from strongroom.online.db.bootstrap import Database

__all__ = ["database"]


@pytest.fixture(scope="module")
def module_database() -> Iterator[Database]:
    """A fresh migrated database for the tests of one file that leave nothing behind for each other."""
    with fresh_database() as made:
        yield made


@pytest.fixture
def office_firm(tmp_path: Path, database: Database) -> Iterator[Firm]:
    """A firm whose rules are published, without any chain."""
    with open_firm(tmp_path, database) as firm:
        yield firm


@pytest.fixture
def firm(tmp_path: Path, database: Database) -> Iterator[Firm]:
    """A firm on an Ethereum chain of its own, where client:harbour has deposited 5 ETH."""
    with start_anvil() as eth, open_firm(tmp_path, database, eth=eth) as made:
        made.deposit("eth-1", 5 * ETHER)
        made.mine()
        yield made
