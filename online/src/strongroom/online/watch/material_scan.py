"""Search the whole database and folders of files for key material, row by row and file by file.

The database is read as an attacker would: every table and every column that this program's user may read, not a list
of the ones that we think of.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from strongroom.core.codes import Code
from strongroom.core.registers import KeyEntry
from strongroom.online.db.connect import Connection, load_all, translated_errors
from strongroom.online.db.queries import load_queries
from strongroom.online.transfers.withdrawal.store import open_alert
from strongroom.online.watch.material import find_material

_QUERIES = load_queries("strongroom.online.watch")
_ROWS = 500
MAX_FILE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Where key material lies. place: a file, or a table and the number of a row in it."""

    place: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a search looked at and found. skipped: files too large or unreadable; they are named, never passed over."""

    tables: int
    rows: int
    files: int
    skipped: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    schema: str
    name: str


def scan(connection: Connection, keys: Iterable[KeyEntry], folders: Iterable[Path]) -> Scan:
    """Search the database and the folders, and open a critical alert for each place where something lies."""
    points = frozenset(bytes(key.public) for key in keys)
    tables = load_all(connection, _QUERIES["readable_tables"], _Table)
    rows, findings = 0, list[Finding]()
    for table in tables:
        for number, row in enumerate(_read_rows(connection, table), start=1):
            rows += 1
            findings += _judge(f"table {table.schema}.{table.name}, row {number}", row, points)
    files, skipped = 0, list[str]()
    for path in _walk(folders):
        try:
            raw = _read_file(path)
        except OSError as error:
            skipped.append(f"{path}: {error.strerror}")
            continue
        files += 1
        findings += _judge(str(path), raw, points)
    for finding in findings:
        detail = f"{finding.kind}: it is burnt, follow the runbook"
        open_alert(connection, Code.KEY_MATERIAL_ONLINE.value, "critical", finding.place, detail)
    return Scan(
        tables=len(tables), rows=rows, files=files, skipped=tuple(skipped), findings=tuple(dict.fromkeys(findings))
    )


def _walk(folders: Iterable[Path]) -> Iterator[Path]:
    for path in sorted({path for folder in folders for path in (folder, *folder.rglob("*"))}):
        if path.is_file() and not path.is_symlink():
            yield path


def _read_file(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MAX_FILE_BYTES} bytes")
    return path.read_bytes()


def _judge(place: str, raw: bytes, points: AbstractSet[bytes]) -> list[Finding]:
    return [Finding(place=place, kind=kind) for kind in sorted({each.kind for each in find_material(raw, points)})]


def _read_rows(connection: Connection, table: _Table) -> Iterator[bytes]:
    """Every row as one text, streamed: a table may be larger than memory."""
    template = sql.SQL(_QUERIES["every_row"].text)
    statement = template.format(schema=sql.Identifier(table.schema), name=sql.Identifier(table.name))
    with translated_errors(), connection.transaction(), connection.cursor(name="material") as cursor:
        cursor.itersize = _ROWS
        cursor.execute(statement)
        for (text,) in cursor:
            yield str(text).encode()
