"""Which results have left: read once and then on, and never another answer than the whole chain gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.canonical import encode_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError
from strongroom.core.ids import PartyId
from strongroom.vault.terminal.journal.entry import Entry, EntryKind
from strongroom.vault.terminal.journal.journal import Journal

TERMINAL = PartyId("device:terminal-1")


def hand_back(journal: Journal, *names: str) -> Entry:
    return journal.append(EntryKind.PACKAGE_HANDED_BACK, encode_canonical({"proposals": list(names)}))


def found(journal: Journal, names: Sequence[str]) -> list[int | None]:
    return [journal.handed_back.find(name) for name in names]


def test_a_result_is_found_as_soon_as_it_left_and_by_its_first_entry(tmp_path: Path, clock: Any) -> None:
    names = ("a", "a void", "b", "c")
    with Journal.create(tmp_path / "journal", clock, TERMINAL) as journal:
        assert [None] * 4 == found(journal, names)
        first = hand_back(journal, "a", "b")
        assert [first.number, None, first.number, None] == found(journal, names)
        # An entry of another kind, and one whose fields name no results, name none.
        journal.append(EntryKind.SESSION_CLOSED, encode_canonical({"proposals": ["c"]}))
        journal.append(EntryKind.PACKAGE_HANDED_BACK, encode_canonical({"package": "c"}))
        second = hand_back(journal, "a", "a void")
        known = [first.number, second.number, first.number, None]
        assert known == found(journal, names)
    with Journal.open(tmp_path / "journal", clock) as again:
        assert known == found(again, names)


def test_a_closed_journal_says_nothing_of_what_it_once_read(tmp_path: Path, clock: Any) -> None:
    with Journal.create(tmp_path / "journal", clock, TERMINAL) as journal:
        hand_back(journal, "a")
        assert [2] == found(journal, ["a"])
    with pytest.raises(UnavailableError) as caught:
        journal.handed_back.find("a")
    assert {Code.JOURNAL_UNWRITABLE} == caught.value.codes
