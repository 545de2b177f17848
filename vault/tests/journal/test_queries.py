"""The file of named statements."""

from __future__ import annotations

import re
import sqlite3

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError
from strongroom.vault.terminal.journal import queries
from strongroom.vault.terminal.journal.store import memory_database


def test_statements_are_found_by_name() -> None:
    assert {"one": "-- Why.\nSELECT 1;", "two": "SELECT 2;"} == queries.parse_statements(
        "-- one --\n-- Why.\nSELECT 1;\n\n-- two --\nSELECT 2;\n"
    )


@pytest.mark.parametrize("text", ["SELECT 1;\n", "-- One --\nSELECT 1;\n", "-- a --\nSELECT 1;\n-- a --\nSELECT 2;\n"])
def test_a_file_that_cannot_be_read_is_our_fault(text: str) -> None:
    with pytest.raises(InvariantError) as caught:
        queries.parse_statements(text)
    assert Code.INVARIANT in caught.value.codes


def test_a_name_that_is_not_there_is_our_fault() -> None:
    assert "entry" in queries.query("last_entry")
    with pytest.raises(InvariantError) as caught:
        queries.query("nothing")
    assert Code.INVARIANT in caught.value.codes


def test_every_statement_fits_the_schema() -> None:
    database = memory_database()
    for name, statement in queries._statements().items():
        try:
            database.execute("EXPLAIN " + statement, dict.fromkeys(_parameters(statement), ""))
        except sqlite3.Error as error:
            pytest.fail(f"{name}: {error}")
    database.close()


def _parameters(statement: str) -> set[str]:
    return set(re.findall(r":([a-z_]+)", statement))
