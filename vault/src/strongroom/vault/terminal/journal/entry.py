"""One entry of the journal, and what its hash covers.

The hash of an entry is SHA-256 of the canonical JSON of everything in it and of the hash before it, so that no entry
can be changed, dropped, moved or put in without changing every hash after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.core.canonical import Json, encode_canonical, parse_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import Digest
from strongroom.core.records import encode_time
from strongroom.vault.terminal.journal.marks import Mark, encode_mark, parse_mark

FORMAT = "strongroom-journal/1"
NO_ENTRY = Digest("sha256:" + "0" * 64)
"""What stands before the first entry."""
MAX_FIELDS_BYTES = 256 * 1024


class EntryKind(StrEnum):
    """What happened at the terminal."""

    CREATED = "created"
    """The first entry of every journal, and only that: whose it is."""
    STARTED = "started"
    """Of what files the program is, by which release manifest it was compared, and what differs."""
    UPDATED = "updated"
    """Statements taken in: roster, registers, policy, freezes, lifts."""
    LEASED = "leased"
    """The first session under a lease: from here on the token named by it mirrors this journal."""
    SESSION_OPENED = "session-opened"
    """A nonce was shown."""
    SESSION_CLOSED = "session-closed"
    PACKAGE_RECEIVED = "package-received"
    PACKAGE_HANDED_BACK = "package-handed-back"
    CLEAR_ACCEPTED = "clear-accepted"
    PIN_TRIED = "pin-tried"
    CODES_SET = "codes-set"
    """A person set their codes anew."""
    TOKEN_COMPARED = "token-compared"  # noqa: S105  A kind of entry.
    """The token was compared with the HSM register: which register, and what was found."""
    CONFIRMED = "confirmed"
    """An operator typed what they read from their own source."""
    COMMITTED = "committed"
    """Before the first signature of a proposal: its spends, instructions and limits are bound."""
    SIGNED = "signed"
    """Before a result leaves: the r values and the digest of the sealed result; never a signature."""
    REFUSED = "refused"
    HALTED = "halted"
    FROZEN = "frozen"
    LIFTED = "lifted"


STEPS = (EntryKind.SESSION_OPENED, EntryKind.CLEAR_ACCEPTED)
"""What the token mirrors at once, before a nonce leaves and before a clear opens anything.

What is bound and signed after that is mirrored once, before the first byte of it reaches a disk (`mirror_place`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. number: from 1, no gaps. time: UTC, whole seconds. payload: canonical JSON of fields and marks."""

    number: int
    time: datetime
    kind: EntryKind
    payload: bytes
    previous: Digest
    hash: Digest

    @property
    def fields(self) -> bytes:
        """The fields as they were appended: one canonical JSON object."""
        return encode_canonical(_parse_payload(self.payload)[0])

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks as they were appended, in order."""
        return tuple(parse_mark(mark, f"marks[{index}]") for index, mark in enumerate(_parse_payload(self.payload)[1]))


def build_entry(*, number: int, time: datetime, kind: EntryKind, payload: bytes, previous: Digest) -> Entry:
    """The entry with its hash."""
    digest = hash_entry(number=number, time=time, kind=kind, payload=payload, previous=previous)
    return Entry(number=number, time=time, kind=kind, payload=payload, previous=previous, hash=digest)


def hash_entry(*, number: int, time: datetime, kind: str, payload: bytes, previous: str) -> Digest:
    """SHA-256 over the canonical JSON of an entry without its hash; the payload stands in it by its own digest."""
    return sha256(
        encode_canonical(
            {
                "format": FORMAT,
                "kind": str(kind),
                "number": number,
                "payload": sha256(payload),
                "previous": previous,
                "time": encode_time(time),
            }
        )
    )


def encode_payload(fields: bytes, marks: tuple[Mark, ...]) -> bytes:
    """The payload of an entry. fields: one canonical JSON object. Raises what its parser raises, FIELD_INVALID."""
    value = parse_canonical(fields, limit=MAX_FIELDS_BYTES)
    if not isinstance(value, dict):
        raise malformed(Code.FIELD_INVALID, "fields", "an object", type(value).__name__)
    return encode_canonical({"fields": value, "marks": [encode_mark(mark) for mark in marks]})


def _parse_payload(payload: bytes) -> tuple[dict[str, Json], list[Json]]:
    value = parse_canonical(payload)
    if not isinstance(value, dict) or value.keys() != {"fields", "marks"}:
        raise malformed(Code.FIELD_INVALID, "payload", "fields and marks", "other fields")
    fields, marks = value["fields"], value["marks"]
    if not isinstance(fields, dict) or not isinstance(marks, list):
        raise malformed(Code.FIELD_INVALID, "payload", "an object and an array", "others")
    return fields, marks
