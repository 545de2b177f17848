"""Ruff and mypy report planted mistakes in every distribution, and leave an honest file beside them alone.

That the house as it stands passes is what `make check` says.
A type checker that was pointed at the wrong folders is green for ever: with a namespace package that happens easily.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .tree import DISTRIBUTIONS, SOURCES, run_tool

pytestmark = pytest.mark.xdist_group("linters")

# One mistake for each promise: an undocumented function, an unused import, a swallowed exception, an assertion.
UNTIDY = {
    "D103": "def planted() -> int:\n    return 1\n",
    "F401": '"""Planted."""\n\nimport json\n',
    "S110": '"""Planted."""\n\ntry:\n    print()\nexcept Exception:\n    pass\n',
    "S101": '"""Planted."""\n\nassert 1\n',
}

# Two amounts of different kinds, an untyped function, a value that nobody handles, and a silenced error without code.
MISTYPED = '''"""Planted."""

from typing import assert_never

from strongroom.core.codes import Code
from strongroom.core.ids import AccountId, PartyId


def take(account: AccountId) -> AccountId:
    """Return it."""
    return account


take(PartyId("person:a"))


def untyped(value):
    """Return it."""
    return value


def answer(code: Code) -> int:
    """Return a number."""
    match code:
        case Code.FROZEN:
            return 1
        case _:
            assert_never(code)


silenced: int = "1"  # type: ignore
'''

HONEST = '''"""Planted, and as it should be."""

from strongroom.core.ids import AccountId


def take(account: AccountId) -> AccountId:
    """Return it."""
    return account
'''

EXPECTED_TYPE_ERRORS = ("[arg-type]", "[no-untyped-def]", "[ignore-without-code]")


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("rule", UNTIDY)
def test_ruff_reports_a_planted_mistake(house: Path, distribution: str, rule: str) -> None:
    file = house / distribution / "src/strongroom" / distribution / "planted.py"
    file.write_text(UNTIDY[rule], encoding="utf-8")
    try:
        outcome = run_tool(house, "ruff", "check", "--no-cache", "--output-format", "concise", str(file))
    finally:
        file.unlink()

    assert outcome.status == 1, outcome.text
    assert f" {rule} " in outcome.text


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_ruff_passes_an_honest_file(house: Path, distribution: str) -> None:
    file = house / distribution / "src/strongroom" / distribution / "honest.py"
    file.write_text(HONEST, encoding="utf-8")
    try:
        checked = run_tool(house, "ruff", "check", "--no-cache", str(file))
        formatted = run_tool(house, "ruff", "format", "--no-cache", "--check", str(file))
    finally:
        file.unlink()

    assert checked.status == 0, checked.text
    assert formatted.status == 0, formatted.text


def test_ruff_reports_a_planted_second_format(house: Path) -> None:
    file = house / "core/src/strongroom/core/planted.py"
    file.write_text("x = ( 1,2 )\n", encoding="utf-8")
    try:
        outcome = run_tool(house, "ruff", "format", "--no-cache", "--check", str(file))
    finally:
        file.unlink()

    assert outcome.status == 1, outcome.text
    assert "would be reformatted" in outcome.text


def test_mypy_reports_planted_mistakes_in_every_distribution(house: Path) -> None:
    files = [Path(f"{name}/src/strongroom/{name}/planted.py") for name in DISTRIBUTIONS]
    honest = Path("core/src/strongroom/core/honest.py")
    for file in files:
        (house / file).write_text(MISTYPED, encoding="utf-8")
    (house / honest).write_text(HONEST, encoding="utf-8")
    try:
        outcome = run_tool(house, "mypy", *SOURCES)
    finally:
        for file in (*files, honest):
            (house / file).unlink()

    assert outcome.status == 1, outcome.text
    for file in files:
        reported = [line for line in outcome.text.splitlines() if line.startswith(f"{file}:")]
        for kind in EXPECTED_TYPE_ERRORS:
            assert any(kind in line for line in reported), f"{kind} not reported in {file}:\n{outcome.text}"
    assert f"{honest}:" not in outcome.text
