"""What is missing is said in one sentence with the remedy, and everything that is installed is pinned by digest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from .tree import DISTRIBUTIONS, ROOT

BASICS = ("bash", "cat", "cut", "dirname", "env", "flock", "id", "mkdir", "sha256sum", "tail", "uname")


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A folder with `tools/setup` and a `bin` in which nothing but the basics is to be found."""
    (tmp_path / "tools").mkdir()
    shutil.copy2(ROOT / "tools/setup", tmp_path / "tools/setup")
    (tmp_path / "bin").mkdir()
    for name in BASICS:
        _give(tmp_path, name)
    return tmp_path


def _give(machine: Path, name: str) -> None:
    found = shutil.which(name)
    assert found is not None, name
    (machine / "bin" / name).symlink_to(found)


def _give_script(machine: Path, name: str, text: str) -> None:
    file = machine / "bin" / name
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)


def _setup(machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(machine / "tools/setup")],
        env={"PATH": str(machine / "bin"), "HOME": str(machine)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_kind_of_machine_is_named(bare_machine: Path) -> None:
    (bare_machine / "bin/uname").unlink()
    _give_script(bare_machine, "uname", "echo Linux riscv64")

    done = _setup(bare_machine)

    assert done.returncode == 1
    assert done.stderr == ("setup: This is Linux riscv64; anvil is pinned for Linux x86_64 only, use such a machine.\n")


def test_missing_git_is_named(bare_machine: Path) -> None:
    done = _setup(bare_machine)

    assert done.returncode == 1
    assert done.stderr == "setup: git is missing; run: apt-get install git.\n"


def test_missing_node_is_named(bare_machine: Path) -> None:
    _give(bare_machine, "git")

    done = _setup(bare_machine)

    assert done.returncode == 1
    assert done.stderr == "setup: Node.js is missing; run: apt-get install nodejs npm.\n"


def test_a_python_that_does_not_fit_is_named(bare_machine: Path) -> None:
    _give(bare_machine, "git")
    _give_script(bare_machine, "node", "exit 0")
    _give_script(bare_machine, "python3", "exit 1")

    done = _setup(bare_machine)

    assert done.returncode == 1
    expected = "setup: Python 3.11 or 3.12 is needed and not found; on Debian 12 run: apt-get install python3.\n"
    assert done.stderr == expected


def test_uv_is_pinned_by_digest_and_builds_the_distributions_in_the_same_version() -> None:
    text = (ROOT / "tools/uv.txt").read_text(encoding="utf-8")
    version = re.search(r"^uv==([0-9.]+) \\$", text, flags=re.MULTILINE)

    assert version is not None
    assert re.findall(r"--hash=sha256:[0-9a-f]{64}", text)
    for name in DISTRIBUTIONS:
        settings = tomllib.loads((ROOT / name / "pyproject.toml").read_text(encoding="utf-8"))
        assert [f"uv_build=={version[1]}"] == settings["build-system"]["requires"]


def _packages_of_the_lock() -> list[dict[str, Any]]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return [package for package in lock["package"] if "registry" in package["source"]]


def test_every_python_package_of_the_lock_has_digests() -> None:
    packages = _packages_of_the_lock()

    assert packages
    for package in packages:
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]


def test_what_comes_as_source_only_is_built_with_what_the_lock_holds() -> None:
    """An isolated build fetches its build program by name, and no lock covers that."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    source_only = [package["name"] for package in _packages_of_the_lock() if not package.get("wheels")]

    assert source_only == settings["no-build-isolation-package"]


def test_every_node_package_of_the_lock_has_a_digest_and_names_no_host() -> None:
    text = (ROOT / "tools/node/package-lock.json").read_text(encoding="utf-8")
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}

    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "://" not in text


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_dependency_is_pinned_to_one_version(name: str) -> None:
    project = tomllib.loads((ROOT / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for e in project.get("optional-dependencies", {}).values() for text in e)]

    assert [] == [text for text in texts if "==" not in text and not text.startswith("strongroom-")]
