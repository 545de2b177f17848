"""One copy of the house for the tests that plant a mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .tree import copy_of_the_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources; each test removes what it plants."""
    return copy_of_the_house(tmp_path_factory.mktemp("house"))
