"""The installed commands of the three signing programs: sealed, and they run the program that they are named after."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMANDS = (
    ("strongroom.vault.terminal.command", "strongroom-terminal"),
    ("strongroom.checker.station.command", "strongroom-station"),
    ("strongroom.approver.command", "strongroom-approver"),
)


@pytest.mark.parametrize(("module", "name"), COMMANDS, ids=[name for _, name in COMMANDS])
def test_a_command_starts_its_program(module: str, name: str) -> None:
    start = f"import sys; sys.argv = ['x', '--help']; from {module} import main; main()"
    found = subprocess.run([sys.executable, "-c", start], check=True, capture_output=True, text=True)
    assert found.stdout.startswith(f"usage: {name}")
