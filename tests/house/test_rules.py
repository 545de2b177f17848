"""The house keeps its own rules, and each rule is shown to report a planted breach and to pass an honest twin."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .rules import (
    MAX_FILE_LINES,
    floats_in,
    is_too_long,
    long_functions_in,
    promises_in,
    swallowed_in,
    untyped_mappings_in,
)
from .tree import DISTRIBUTIONS, ROOT, name_of, nodes_of, source_files, support_files

Rule = Callable[[ast.AST], Iterator[int]]

# Where amounts are read, added, compared or shown. A float anywhere in these is one step from a wrong satoshi.
MONEY = (
    "core/src/",
    "vault/src/strongroom/vault/terminal/",
    "checker/src/strongroom/checker/reading/",
    "online/src/strongroom/online/ledger/",
    "online/src/strongroom/online/transfers/",
)

# A refused attempt that is one of several, where the failure of all of them is an error.
ONE_OF_SEVERAL = (
    "vault/src/strongroom/vault/hsm/wrapped_keys.py",  # Of two parities at most one recovers the key.
)

# Borders where another program's JSON comes in: it is parsed there and goes no further.
JSON_BORDERS: tuple[str, ...] = ()

# fmt: off
BREACHES: tuple[tuple[Rule, str], ...] = (
    (floats_in,           "fee = 0.1"),
    (floats_in,           "amount = float('1')"),
    (floats_in,           "half = amount / 2"),
    (floats_in,           "amount /= 2"),
    (swallowed_in,        "try:\n    f()\nexcept ValueError:\n    pass"),
    (swallowed_in,        "try:\n    f()\nexcept ValueError:\n    'It does not matter.'"),
    (swallowed_in,        "for x in y:\n    try:\n        f()\n    except ValueError:\n        continue"),
    (swallowed_in,        "with contextlib.suppress(ValueError):\n    f()"),
    (untyped_mappings_in, "def f(x: dict[str, Any]) -> None: ..."),
    (untyped_mappings_in, "def f(*, x: list[Mapping[str, Any]]) -> None: ..."),
    (untyped_mappings_in, "async def f() -> dict[str, typing.Any]: ..."),
    (long_functions_in,   "def f():\n" + "    f()\n" * 60),
)

HONEST: tuple[tuple[Rule, str], ...] = (
    (floats_in,           "fee = 10 // 3"),
    (floats_in,           "folder = root / 'keys' / name"),
    (swallowed_in,        "try:\n    f()\nexcept ValueError as error:\n    raise refused() from error"),
    (untyped_mappings_in, "def f(x: dict[str, int], y: Any) -> Mapping[str, str]: ..."),
    (long_functions_in,   "def f():\n" + "    f()\n" * 59),
)
# fmt: on


@pytest.mark.parametrize(("rule", "text"), BREACHES)
def test_a_rule_reports_a_planted_breach(rule: Rule, text: str) -> None:
    assert list(rule(ast.parse(text)))


@pytest.mark.parametrize(("rule", "text"), HONEST)
def test_a_rule_passes_an_honest_twin(rule: Rule, text: str) -> None:
    assert [] == list(rule(ast.parse(text)))


def test_a_promise_is_reported_and_plain_words_are_not() -> None:
    assert [2] == list(promises_in("x = 1\n# TO" + "DO: later\n"))
    assert [] == list(promises_in("# What is to be done is done.\n"))


def test_a_long_file_is_reported_and_one_that_just_fits_is_not(tmp_path: Path) -> None:
    file = tmp_path / "long.py"
    file.write_text("x = 1\n" * (MAX_FILE_LINES + 1), encoding="utf-8")
    assert is_too_long(file)
    file.write_text("x = 1\n" * MAX_FILE_LINES, encoding="utf-8")
    assert not is_too_long(file)


def test_money_is_never_a_float() -> None:
    files = [path for path in source_files() if name_of(path).startswith(MONEY)]

    assert files
    assert "" == _breaches(floats_in, files)


def test_no_exception_is_swallowed() -> None:
    files = [path for path in [*source_files(), *support_files()] if name_of(path) not in ONE_OF_SEVERAL]

    assert "" == _breaches(swallowed_in, files)


def test_the_list_of_attempts_names_only_files_that_need_it() -> None:
    assert [] == [name for name in ONE_OF_SEVERAL if not _breaches(swallowed_in, [ROOT / name])]


def test_untyped_mappings_stop_at_the_borders() -> None:
    files = [path for path in source_files() if name_of(path) not in JSON_BORDERS]

    assert "" == _breaches(untyped_mappings_in, files)


def test_the_list_of_borders_names_only_files_that_need_it() -> None:
    assert [] == [name for name in JSON_BORDERS if not _breaches(untyped_mappings_in, [ROOT / name])]


def test_functions_fit_on_a_screen() -> None:
    assert "" == _breaches(long_functions_in, [*source_files(), *support_files()])


def test_files_say_one_thing() -> None:
    """What is shipped, and the demo and the tools. A world for tests may be long: nobody has to trust it."""
    files = [*source_files(), *(path for path in support_files() if not name_of(path).startswith("tests/"))]

    assert [] == [name_of(path) for path in files if is_too_long(path)]


def test_nothing_is_promised_for_later() -> None:
    files = [*source_files(), *support_files()]
    assert [] == [f"{name_of(path)}:{line}" for path in files for line in promises_in(path.read_text(encoding="utf-8"))]


def test_every_room_says_what_it_is_for() -> None:
    rooms = [path for path in source_files() if path.name == "__init__.py"]

    assert [] == [name_of(path) for path in rooms if not _docstring(path)]


def test_every_folder_of_sources_is_a_room() -> None:
    folders = {path.parent for path in source_files()}

    assert [] == sorted(name_of(folder) for folder in folders if not (folder / "__init__.py").is_file())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_namespace_has_no_init(distribution: str) -> None:
    """One `strongroom/__init__.py` would hide the other four distributions (PEP 420)."""
    assert not (ROOT / distribution / "src/strongroom/__init__.py").exists()


def test_every_module_has_a_docstring() -> None:
    assert [] == [name_of(path) for path in [*source_files(), *support_files()] if not _docstring(path)]


def _breaches(rule: Rule, files: list[Path]) -> str:
    """The places where the rule is broken, one a line, so that a failing test shows them all."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    return "\n".join(f"{name_of(path)}:{line}" for path, tree in trees.items() for line in rule(tree))


def _docstring(path: Path) -> str | None:
    return next(ast.get_docstring(node) for node in nodes_of(path) if isinstance(node, ast.Module))
