"""Batches, their lines and whose each address is, in the database. Who uses a line verifies it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from strongroom.core.assignments import AddressAssignment
from strongroom.core.attested import AddressAttestation
from strongroom.core.ids import Digest, EntryId, WalletId
from strongroom.online.db.connect import Connection, copy_rows, execute, load_all, load_first
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.keys")
LEAF_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLine:
    """A line of a batch as it was imported: a claim until it is proved. place: its number in the batch."""

    attestation: Digest
    place: int
    entry: EntryId
    address: str
    line: str


def has_batch(connection: Connection, attestation: Digest) -> bool:
    """Whether a batch was imported."""
    return (
        load_first(connection, _QUERIES["has_batch"], lambda found: bool(found), {"attestation": attestation}) is True
    )


def add_batch(connection: Connection, attestation: Digest, body: AddressAttestation, leaves: bytes) -> None:
    """A batch with its leaf hashes."""
    fields = {
        "attestation": attestation,
        "batch": body.batch,
        "chain": body.chain,
        "wallet": body.wallet,
        "size": body.size,
        "leaves": leaves,
    }
    execute(connection, _QUERIES["add_batch"], fields)


def copy_addresses(connection: Connection, rows: Iterable[bytes]) -> None:
    """All lines of a batch."""
    copy_rows(connection, _QUERIES["copy_addresses"], rows)


def load_contradictions(connection: Connection, attestation: Digest) -> tuple[str, ...]:
    """Addresses and names of this batch that another batch has otherwise; in words."""
    return load_all(connection, _QUERIES["load_contradictions"], _contradiction, {"attestation": attestation})


def load_key_texts(connection: Connection, version: int) -> tuple[tuple[str, str], ...]:
    """Id and text of every entry of the key register as of a version."""
    return load_all(
        connection, _QUERIES["load_key_texts"], lambda id, entry: (str(id), str(entry)), {"version": version}
    )


def load_offered(connection: Connection, wallet: WalletId, entry: str, most: int) -> tuple[StoredLine, ...]:
    """Attested addresses of a wallet that the table knows of no owner for. entry: one of them, or empty for any."""
    fields = {"wallet": wallet, "entry": entry, "most": most}
    return load_all(connection, _QUERIES["load_offered"], _stored_line, fields)


def load_newest_line(connection: Connection, entry: EntryId) -> StoredLine | None:
    """An address's line in the batch that was imported last."""
    return load_first(connection, _QUERIES["load_newest_line"], _stored_line, {"entry": entry})


def load_line(connection: Connection, attestation: Digest, entry: EntryId) -> StoredLine | None:
    """An address's line in a certain batch."""
    return load_first(connection, _QUERIES["load_line"], _stored_line, {"attestation": attestation, "entry": entry})


def load_leaves(connection: Connection, attestation: Digest) -> list[bytes]:
    """The leaf hashes of a batch, in its order; empty when there is no such batch."""
    found = load_first(connection, _QUERIES["load_batch"], lambda leaves: bytes(leaves), {"attestation": attestation})
    raw = found or b""
    return [raw[at : at + LEAF_BYTES] for at in range(0, len(raw), LEAF_BYTES)]


def add_assignment(connection: Connection, body: AddressAssignment, statement: Digest) -> None:
    """Whose an address is. The table refuses a second owner; the log had to be asked before."""
    fields = {
        "chain": body.chain,
        "address": body.address,
        "entry": body.entry,
        "account": body.account,
        "wallet": body.wallet,
        "statement": statement,
    }
    execute(connection, _QUERIES["add_assignment"], fields)


def load_assignments(connection: Connection, entries: Iterable[EntryId]) -> tuple[tuple[int, bytes], ...]:
    """Places and leaves of the assignments of some addresses."""
    fields = {"entries": sorted(set(entries))}
    return load_all(connection, _QUERIES["load_assignments"], lambda idx, leaf: (int(idx), bytes(leaf)), fields)


def _stored_line(attestation: str, place: int, id: str, address: str, line: str) -> StoredLine:
    return StoredLine(attestation=Digest(attestation), place=int(place), entry=EntryId(id), address=address, line=line)


def _contradiction(id: str, address: str, known_id: str, known_address: str) -> str:
    return f"{id} {address} is {known_id} {known_address}"
