"""The loader of `queries.sql`: what it cannot read with certainty, it refuses with the line."""

from __future__ import annotations

import pytest

from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError
from strongroom.online.db.queries import load_queries, parse_queries

GOOD = """-- Statements of a room.

-- load_one --
-- To show one.
select 1;

-- load_two --
-- To show two.
-- A second comment is part of the statement.
select 2
where true;
"""


def test_reads_names_reasons_and_statements() -> None:
    queries = parse_queries(GOOD)
    assert ["load_one", "load_two"] == list(queries)
    assert "To show one." == queries["load_one"].reason
    assert "select 1" == queries["load_one"].text
    assert "-- A second comment is part of the statement.\nselect 2\nwhere true" == queries["load_two"].text


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (GOOD.replace("-- load_two --", "-- load_two -"), 7),
        (GOOD.replace("-- load_two --", "-- load two --"), 7),
        (GOOD.replace("-- load_two --", "--load_two--"), 7),
        (GOOD.replace("-- load_two --", "-- Load_two --"), 7),
        (GOOD.replace("-- load_two --", "-- load_two"), 7),
        (GOOD.replace("-- load_two --", " -- load_two --"), 7),
        (GOOD.replace("-- load_two --", "-- load_one --"), 7),
        (GOOD.replace("-- To show two.\n-- A second comment is part of the statement.\n", ""), 7),
        (GOOD.replace("select 1;", "select 1"), 3),
        (GOOD.replace("select 1;", "select 1; select 3;"), 3),
        (GOOD.replace("select 1;", ""), 3),
        ("select 0;\n" + GOOD, 1),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(wrong: str, line: int) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_queries(wrong)
    assert Code.FIELD_INVALID in caught.value.codes
    assert f"line {line}" == caught.value.refusals[0].field


@pytest.mark.parametrize("package", ["strongroom.online.db", "strongroom.online.ledger"])
def test_every_statement_of_ours_says_why(package: str) -> None:
    assert all(len(query.reason) > 20 for query in load_queries(package).values())
