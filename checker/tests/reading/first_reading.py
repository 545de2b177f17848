"""The attacks that core's own tests know, for the second reading to answer as well.

Core's tests are no package that one can import by name, so their folder is given one here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "core" / "tests"
PACKAGE = "tests_of_core"
TABLES = tuple(sorted(path.stem for path in FOLDER.glob("test_checks_*.py")))


def load_cases() -> list[Any]:
    """Every row of core's tables of refusals."""
    if PACKAGE not in sys.modules:
        package = ModuleType(PACKAGE)
        package.__path__ = [str(FOLDER)]
        sys.modules[PACKAGE] = package
    found: list[Any] = []
    for table in TABLES:
        for value in vars(import_module(f"{PACKAGE}.{table}")).values():
            if isinstance(value, tuple) and value and type(value[0]).__name__ == "Case":
                found.extend(value)
    return found
