"""Log and ledger as the prover reads them, all within one snapshot of the caller's."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from strongroom.core.canonical import parse_canonical
from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.core.records import parse_record
from strongroom.core.registers import ENTRY_TYPES
from strongroom.online.db.connect import Connection, execute, load_all
from strongroom.online.db.queries import load_queries
from strongroom.online.ledger.rules import TransferId
from strongroom.online.prove.history import REGISTERS_READ, EntryAt
from strongroom.online.prove.rows import AccountRow, End, Ended, Phase, Row, Sums

_QUERIES = load_queries("strongroom.online.prove")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry of the log with the columns that other programs find it by."""

    idx: int
    statement: str
    kind: str
    leaf: bytes


def begin_snapshot(connection: Connection) -> None:
    """First statement of the caller's transaction: everything is read as of this moment, and nothing is written."""
    execute(connection, _QUERIES["begin_snapshot"])


def load_entries(connection: Connection, size: int, most: int) -> tuple[LogEntry, ...]:
    """The next entries of the log."""
    return load_all(connection, _QUERIES["load_entries"], _entry, {"size": size, "most": most})


def load_checkpoints(connection: Connection, size: int) -> tuple[tuple[int, str], ...]:
    """Size and note of the witnessed checkpoints above a size."""
    return load_all(connection, _QUERIES["load_checkpoints"], lambda size, note: (int(size), str(note)), {"size": size})


def load_log_digests(connection: Connection, run: int) -> dict[int, tuple[int, bytes]]:
    """How many entries each run of the log has, and their digest."""
    rows = load_all(
        connection,
        _QUERIES["load_log_digests"],
        lambda run, n, digest: (int(run), (int(n), bytes(digest))),
        {"run": run},
    )
    return dict(rows)


def load_run(connection: Connection, first: int, end: int) -> tuple[LogEntry, ...]:
    """The entries of one run."""
    return load_all(connection, _QUERIES["load_run"], _entry, {"first": first, "end": end})


def load_register_entries(connection: Connection) -> tuple[EntryAt, ...]:
    """Every version of every entry of the registers that decide on accounts."""

    def build(register: str, entry: str, added_in: int, removed_in: int | None) -> EntryAt:
        parsed = parse_record(ENTRY_TYPES[register], parse_canonical(entry.encode()), register)
        return EntryAt(register=register, entry=parsed, added_in=added_in, removed_in=removed_in)

    return load_all(connection, _QUERIES["load_register_entries"], build, {"registers": list(REGISTERS_READ)})


def load_rows(connection: Connection, ids: Collection[TransferId]) -> tuple[Row, ...]:
    """These transfers, where they are."""
    return load_all(connection, _QUERIES["load_rows"], _row, {"ids": list(ids)}) if ids else ()


def load_ends(connection: Connection, ids: Collection[TransferId]) -> tuple[End, ...]:
    """The ends of these transfers, where they have one."""
    return load_all(connection, _QUERIES["load_ends"], _end, {"ids": list(ids)}) if ids else ()


def load_row_digests(connection: Connection) -> dict[int, bytes]:
    """The digest of every group of transfers."""
    rows = load_all(connection, _QUERIES["load_row_digests"], lambda bucket, digest: (int(bucket), bytes(digest)))
    return dict(rows)


def load_rows_of_buckets(connection: Connection, buckets: Iterable[int]) -> dict[TransferId, tuple[Row, End | None]]:
    """The transfers of some groups, each with its end."""

    def build(outcome: str | None, ended_by: str | None, **texts: str) -> tuple[Row, End | None]:
        row = _row(**texts)
        if outcome is None or ended_by is None:
            return row, None
        return row, _end(transfer=row.id, outcome=outcome, statement=ended_by)

    rows = load_all(connection, _QUERIES["load_rows_of_buckets"], build, {"buckets": list(buckets)})
    return {row.id: (row, end) for row, end in rows}


def load_stray_ends(connection: Connection) -> tuple[End, ...]:
    """Ends of transfers that are not there."""
    return load_all(connection, _QUERIES["load_stray_ends"], _end)


def load_balances(connection: Connection) -> dict[AccountId, AccountRow]:
    """Every account with its balance."""

    def build(
        id: str, kind: str | None, asset: str | None, holder: str | None, statement: str | None, **sums: str
    ) -> AccountRow:
        return AccountRow(
            id=AccountId(id),
            kind=str(kind),
            asset=str(asset),
            holder=str(holder),
            statement=Digest(str(statement)),
            sums=_sums(**sums),
        )

    return {row.id: row for row in load_all(connection, _QUERIES["load_balances"], build)}


def load_entry_sums(connection: Connection) -> dict[AccountId, Sums]:
    """Every account's entries added up."""

    def build(id: str, **sums: str) -> tuple[AccountId, Sums]:
        return AccountId(id), _sums(**sums)

    return dict(load_all(connection, _QUERIES["load_entry_sums"], build))


def _sums(**sums: str) -> Sums:
    return Sums(**{name: int(units) for name, units in sums.items()})


def _entry(idx: int, statement: str, kind: str, leaf: bytes) -> LogEntry:
    return LogEntry(idx=int(idx), statement=statement, kind=kind, leaf=bytes(leaf))


def _row(**texts: str) -> Row:
    return Row(
        id=TransferId(texts["id"]),
        phase=Phase(texts["phase"]),
        kind=texts["kind"],
        statement=Digest(texts["statement"]),
        debit=AccountId(texts["debit"]),
        credit=AccountId(texts["credit"]),
        asset=AssetId(texts["asset"]),
        units=int(texts["units"]),
    )


def _end(transfer: str, outcome: str, statement: str) -> End:
    return End(transfer=TransferId(transfer), outcome=Ended(outcome), statement=Digest(statement))
