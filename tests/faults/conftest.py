"""Fixtures of the fault tests: a database and a chain that all tests of one file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes import ethereum_chain
from postgres import fresh_database
from strongroom.online.db.bootstrap import Database

__all__ = ["ethereum_chain", "module_database"]


@pytest.fixture(scope="module")
def module_database() -> Iterator[Database]:
    """A fresh migrated database for the tests of one file."""
    with fresh_database() as made:
        yield made
