"""What a log says, in the memory of a program that read it once and proved that it is the log.

Whoever asks the database by kind sees what the database shows at that moment: a changed column, or rows that come and
go between two questions, hide an entry. Kinds are read from the leaves here, and the leaves make the tree that is
compared with what was witnessed.
"""

from __future__ import annotations

import re
from typing import Any, Final

from strongroom.core.statements import Statement, StatementType
from strongroom.online.evidence.store import read_leaf

KEPT: Final = frozenset(
    {
        StatementType.ROOT,
        StatementType.REJECTION,
        StatementType.FREEZE,
        StatementType.FREEZE_LIFT,
        StatementType.LEASE,
        StatementType.KEY_STATE,
        StatementType.HSM_REGISTER,
        StatementType.RELEASE_MANIFEST,
        StatementType.WALLET,
        StatementType.CEREMONY,
    }
)
"""Few entries of a long log, which decide what is cleared and issued; others are not kept."""
_KIND: Final = re.compile(rb'"payloadType":"application/vnd\.strongroom\.([a-z-]+)\.v1\+json"')
_NAMES: Final = frozenset(kind.value.encode() for kind in KEPT)


class Said:
    """Statements of the kept kinds with their places, in the log's order. Nothing of it is verified but its place."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, Statement[Any]]] = []

    def take(self, place: int, statement: Statement[Any]) -> None:
        """Keep the next statement, if it is of a kept kind."""
        if statement.type in KEPT:
            self._rows.append((place, statement))

    def take_leaf(self, place: int, leaf: bytes) -> None:
        """As `take`, of a leaf; only what names a kept kind is parsed."""
        named = _KIND.search(leaf)
        statement = read_leaf(leaf) if named and named[1] in _NAMES else None
        if statement is not None:
            self.take(place, statement)

    def of(self, *kinds: StatementType) -> tuple[tuple[int, Statement[Any]], ...]:
        """Every statement of these kinds, which must be kept ones, with its place."""
        return tuple(row for row in self._rows if row[1].type in kinds)
