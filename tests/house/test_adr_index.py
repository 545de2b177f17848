"""The index of decisions is what the records give, and the tool names a record that is not as it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

import adr_index

from .tree import ROOT


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def _record(number: str, status: str = "accepted") -> str:
    return f"# {number}: A decision\n\n- Status: {status}\n- Date: 2026-11-22\n"


def test_the_index_of_this_house_is_up_to_date_and_without_gaps() -> None:
    adr_index.check_index(ROOT / "docs" / "adr")


def test_an_index_lists_the_records_in_order(tmp_path: Path) -> None:
    _write(tmp_path, "0002-second.md", _record("0002"))
    _write(tmp_path, "0001-first.md", _record("0001", "replaced by 0002"))

    index = adr_index.render_index(adr_index.load_records(tmp_path))

    assert index.endswith(
        "| 0001 | [A decision](0001-first.md) | replaced by 0002 | 2026-11-22 |\n"
        "| 0002 | [A decision](0002-second.md) | accepted | 2026-11-22 |\n"
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("0002-second.md", _record("0002"), "number 0001 is expected here"),
        ("0001-first.md", _record("0002"), "the first line is"),
        ("0001-first.md", "", "the first line is"),
        ("0001-first.md", "# 0001: A decision\n\n- Date: 2026-11-22\n", "needs one line"),
        ("0001-first.md", _record("0001", "thinking"), "needs one line"),
        ("1-first.md", _record("0001"), "a record is called"),
    ],
)
def test_a_wrong_record_is_named(tmp_path: Path, name: str, text: str, expected: str) -> None:
    _write(tmp_path, name, text)

    with pytest.raises(adr_index.AdrError, match=f"{name}: {expected}"):
        adr_index.load_records(tmp_path)


def test_two_records_of_one_number_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "0001-first.md", _record("0001"))
    _write(tmp_path, "0001-other.md", _record("0001"))

    with pytest.raises(adr_index.AdrError, match="number 0002 is expected here"):
        adr_index.load_records(tmp_path)


def test_an_old_index_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "0001-first.md", _record("0001"))
    _write(tmp_path, "README.md", "# Decisions\n")

    with pytest.raises(adr_index.AdrError, match="is old"):
        adr_index.check_index(tmp_path)
