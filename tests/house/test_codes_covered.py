"""Every refusal code is raised by some source file, and every one that is raised is named by some test.

That the test really fires it is the test's own matter: `assert Code.X in caught.value.codes`.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from strongroom.core.codes import Code

from .tree import ROOT, files_of_tests, name_of, nodes_of, source_files

# The table that gives each code its name and meaning raises nothing.
TABLES = (ROOT / "core/src/strongroom/core/codes.py", ROOT / "core/src/strongroom/core/meanings")

# Codes travel through a database as the text of an error's message, so a migration may be what raises one.
MIGRATIONS = sorted((ROOT / "online/src").rglob("*.sql"))


def _named_in(files: list[Path]) -> dict[str, list[str]]:
    """Names of codes (as `Code.X`, or in SQL as the word X) to the files that name them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in files:
        for name in _codes_of(path):
            found[name].append(name_of(path))
    return dict(found)


def _codes_of(path: Path) -> set[str]:
    if path.suffix == ".sql":
        words = set(path.read_text(encoding="utf-8").replace("'", " ").replace(":", " ").split())
        return words & set(Code.__members__)
    return {
        node.attr
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code"
    }


def _raising_files() -> list[Path]:
    return [path for path in source_files() if not any(table in (path, *path.parents) for table in TABLES)]


def test_every_name_behind_code_is_a_code() -> None:
    named = _named_in([*_raising_files(), *files_of_tests()])

    assert [] == sorted(name for name in named if name not in Code.__members__ and name not in dir(Code))


def test_every_code_is_raised_somewhere() -> None:
    raised = _named_in([*_raising_files(), *MIGRATIONS])

    assert [] == [code.name for code in Code if code.name not in raised]


def test_every_code_that_is_raised_is_named_by_a_test() -> None:
    raised = _named_in([*_raising_files(), *MIGRATIONS])
    tested = _named_in(files_of_tests())

    missing = [f"{name}: {', '.join(files)}" for name, files in sorted(raised.items()) if name not in tested]
    assert "" == "\n".join(missing)
