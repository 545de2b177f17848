"""A log reader that also keeps what the log says, for programs that decide by it beside their own memory of the log."""

from __future__ import annotations

from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.memory import load_memory
from strongroom.online.evidence.said import Said
from strongroom.online.evidence.store import LogReader


class KeepingReader(LogReader):
    """As a `LogReader`; every leaf is read once, when it joins the tree."""

    def __init__(self) -> None:
        super().__init__()
        self.said = Said()

    def take_leaf(self, place: int, leaf: bytes) -> None:
        """Keep what the leaf says."""
        self.said.take_leaf(place, leaf)


def read_witnessed(connection: Connection, reader: KeepingReader, memory: Path) -> Said:
    """What the log says now. memory: the witness's own file, of the log that it cosigned last.

    Raises CHECKPOINT_NOT_WITNESSED before the first cosignature, LOG_NOT_CONSISTENT when this is not that log, grown.
    """
    reader.refresh(connection)
    seen = load_memory(memory)
    if seen is None:
        raise refused(Code.CHECKPOINT_NOT_WITNESSED, "evidence.entries", "a log that was cosigned here", "none yet")
    tree = reader.tree
    found = tree.root(seen.size).hex() if seen.size <= tree.size else f"{tree.size} entries"
    if f"sha256:{found}" != seen.root:
        expected = f"{seen.size} entries with root {seen.root}, as cosigned"
        raise refused(Code.LOG_NOT_CONSISTENT, "evidence.entries", expected, found)
    return reader.said
