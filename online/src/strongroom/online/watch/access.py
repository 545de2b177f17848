"""The door of the vault: a session is cleared only while both of its operators are inside, by what the door says.

The door's system writes lines, each signed with its own key; a copy goes to the reconciler's host and one to the
watcher's. Each reads its own, so whoever owns the platform, or one of the two hosts, lets nobody in. III.A2-GP, V.9a.
Lines and their order: docs/runbook/vault-door.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.ids import PartyId
from strongroom.core.keys import PublicKey, check_signature
from strongroom.core.records import HexBytes, encode_record, encode_time, parse_record
from strongroom.core.roster import Roster

MAX_FEED_BYTES = 4 * 1024 * 1024
MAX_AHEAD_S = 60
"""So far may the door's clock be ahead of ours."""
PREFIX = b"strongroom-access/1\n"


class Event(StrEnum):
    """What a door says."""

    IN = "in"
    OUT = "out"
    BEAT = "beat"
    """Nobody passed; the door is there. Without it a feed that somebody cut off would look like a quiet hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. sequence: without gaps. staff: the roster's `staff` of who passed; `none` for a beat."""

    at: datetime
    event: Event
    sequence: int
    staff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEntry:
    """A line as it is written: an entry and the door's signature over PREFIX and its canonical JSON."""

    entry: Entry
    signature: HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The door of one terminal's vault. feed: our own copy of its lines. stay_s: so long somebody counts as inside.

    silence_s: so long the door may say nothing.
    """

    feed: Path
    key: PublicKey
    silence_s: int
    stay_s: int


def check_inside(
    doors: Mapping[PartyId, Door], terminal: PartyId, operators: Sequence[PartyId], roster: Roster, now: datetime
) -> None:
    """Raise ACCESS_NOT_MATCHED unless everybody is inside, and ACCESS_FEED_BROKEN when the door cannot be believed.

    A terminal without a door in this program's configuration is not asked about.
    """
    door = doors.get(terminal)
    if door is None:
        return
    last = {entry.staff: entry for entry in load_feed(door, now) if entry.event is not Event.BEAT}
    for person in operators:
        staff = roster.find(person, "session-request.operators").staff
        entry, field = last.get(staff), f"access.{person}"
        if entry is None:
            raise refused(Code.ACCESS_NOT_MATCHED, field, "inside the vault", "never came in")
        if entry.event is not Event.IN:
            raise refused(Code.ACCESS_NOT_MATCHED, field, "inside the vault", f"left at {encode_time(entry.at)}")
        if now - entry.at > timedelta(seconds=door.stay_s):
            expected = f"came in within {door.stay_s} s"
            raise refused(Code.ACCESS_NOT_MATCHED, field, expected, f"came in at {encode_time(entry.at)}")


def load_feed(door: Door, now: datetime) -> list[Entry]:
    """Every line, proved: signed by the door, without gaps, in order, and up to date. Raises ACCESS_FEED_BROKEN."""
    try:
        raw = door.feed.read_bytes()[: MAX_FEED_BYTES + 1]
    except OSError as error:
        raise refused(Code.ACCESS_FEED_BROKEN, str(door.feed), "a feed", error.strerror or "unreadable") from error
    if len(raw) > MAX_FEED_BYTES:
        raise refused(
            Code.ACCESS_FEED_BROKEN, str(door.feed), f"at most {MAX_FEED_BYTES} bytes", "more: begin a new one"
        )
    entries = [_read_line(line, door, f"access[{i}]") for i, line in enumerate(raw.splitlines())]
    for before, after in itertools.pairwise(entries):
        if after.sequence != before.sequence + 1 or after.at < before.at:
            expected = f"number {before.sequence + 1}, not before {encode_time(before.at)}"
            got = f"number {after.sequence} at {encode_time(after.at)}"
            raise refused(Code.ACCESS_FEED_BROKEN, "access.sequence", expected, got)
    _check_fresh(entries, door, now)
    return entries


def encode_line(entry: Entry, signature: bytes) -> bytes:
    """A line of the feed."""
    return encode_canonical(encode_record(SignedEntry(entry=entry, signature=HexBytes(signature)))) + b"\n"


def message_of(entry: Entry) -> bytes:
    """What a door signs."""
    return PREFIX + encode_canonical(encode_record(entry))


def _read_line(line: bytes, door: Door, path: str) -> Entry:
    try:
        found = parse_record(SignedEntry, parse_canonical(line), path)
        check_signature(door.key, message_of(found.entry), found.signature, path)
    except (MalformedError, RefusedError) as error:
        raise refused(Code.ACCESS_FEED_BROKEN, path, "a line that the door signed", str(error)) from error
    return found.entry


def _check_fresh(entries: Sequence[Entry], door: Door, now: datetime) -> None:
    earliest, latest = now - timedelta(seconds=door.silence_s), now + timedelta(seconds=MAX_AHEAD_S)
    if not entries or not earliest <= entries[-1].at <= latest:
        got = f"last at {encode_time(entries[-1].at)}" if entries else "none"
        raise refused(Code.ACCESS_FEED_BROKEN, "access", f"a line since {encode_time(earliest)}", got)
