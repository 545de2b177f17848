"""The repository as these tests see it: its folders, its files, and a copy to plant mistakes in."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = ("core", "devices", "vault", "checker", "approver", "online")
SOURCES = tuple(f"{name}/src" for name in DISTRIBUTIONS)

# Where the tools keep what they remember, none of which is part of the house.
_IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules", "build")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a tool ended: its exit status and all that it printed."""

    status: int
    text: str


def copy_of_the_house(folder: Path) -> Path:
    """Copy the sources and the tools' settings to `folder`, so that a planted mistake harms nobody."""
    for name in (*SOURCES, "tests/support"):
        shutil.copytree(ROOT / name, folder / name, ignore=_IGNORED)
    for name in ("pyproject.toml", ".importlinter"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


def run_tool(house: Path, *command: str) -> Outcome:
    """Run one of the development environment's programs in `house`, where our packages come from `house` alone."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(house / source) for source in SOURCES)}
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run(
        [str(program), *command[1:]],
        cwd=house,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(status=done.returncode, text=done.stdout)


def source_files() -> list[Path]:
    """Every Python file that we ship, sorted."""
    return sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py"))


def support_files() -> list[Path]:
    """Every Python file that serves the tests, the demo and the house, but is no test; sorted."""
    folders = ("demo", "tools", "benchmarks", "tests/support")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def files_of_tests() -> list[Path]:
    """Every Python file in a folder of tests, sorted; the house's own tests are left out, since they name all codes."""
    folders = [*(ROOT / name / "tests" for name in DISTRIBUTIONS), ROOT / "tests"]
    found = (path for folder in folders for path in folder.rglob("*.py"))
    return sorted(path for path in found if Path(__file__).parent not in path.parents)


def name_of(path: Path) -> str:
    """The file's path from the root, as the tools print it."""
    return path.relative_to(ROOT).as_posix()


def nodes_of(path: Path) -> Iterator[ast.AST]:
    """All nodes of a file's syntax tree."""
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
