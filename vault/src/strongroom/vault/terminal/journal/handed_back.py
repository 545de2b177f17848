"""Which results have left, read from the journal's entries once and then only from those that are new.

A package of many dockets asks for each of them; reading the whole chain every time grows with both. Entries are only
ever added, so that what was read stays true. Source: III.16 (a signed docket is played again).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from strongroom.core.canonical import parse_canonical
from strongroom.vault.terminal.journal.entry import Entry


class HandedBack:
    """The results that left, by the names that the journal keeps.

    load_after: the entries of packages handed back with a number above this one. last: the number of the last entry.
    """

    def __init__(self, load_after: Callable[[int], Iterable[Entry]], last: Callable[[], int]) -> None:
        self._load_after = load_after
        self._last = last
        self._seen = 0
        self._entries: dict[str, int] = {}

    def find(self, result: str) -> int | None:
        """The number of the first entry with which a result left; None when it has not."""
        last = self._last()
        if last > self._seen:
            for entry in self._load_after(self._seen):
                for name in _names(entry):
                    self._entries.setdefault(name, entry.number)
            self._seen = last
        return self._entries.get(result)


def _names(entry: Entry) -> list[str]:
    fields = parse_canonical(entry.fields)
    proposals = fields.get("proposals") if isinstance(fields, dict) else None
    return [str(each) for each in proposals] if isinstance(proposals, list) else []
