"""What the journal remembers, asked by the terminal's steps. Reading only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.docket import Twin
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.policy.usage import Use
from strongroom.core.records import HexBytes, encode_time, parse_time
from strongroom.vault.terminal.journal.index import Row, parse_use
from strongroom.vault.terminal.journal.marks import CodesSet, Paid
from strongroom.vault.terminal.journal.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest version of one head that this terminal has had in force."""

    name: str
    version: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchedFreeze:
    """A freeze that nobody has lifted. freeze: its statement id."""

    freeze: Digest
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCheckpoint:
    """The last checkpoint of the log that this terminal accepted. time: its witness's."""

    size: int
    root: Digest
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What this terminal itself paid before. times, last_paid: to the same destination, 0 and None for a first one.

    largest, latest: to the same client in the same asset, in smallest units; None when there was none.
    """

    times: int
    last_paid: datetime | None
    largest: int | None
    latest: int | None


class JournalState:
    """Questions to the indexes; each answer follows from the entries alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def proposals_of_spend(self, spend: str) -> tuple[Digest, ...]:
        """The proposals that an outpoint or a nonce is bound to: one and its replacements; none while it is free."""
        rows = self._connection.execute(query("commitment"), {"spend": spend})
        return tuple(Digest(str(proposal)) for (proposal,) in rows)

    def proposals_of_instruction(self, instruction: Digest) -> tuple[Digest, ...]:
        """The proposals that pay an instruction: one and its replacements."""
        rows = self._connection.execute(query("instruction_use"), {"instruction": instruction})
        return tuple(Digest(str(proposal)) for (proposal,) in rows)

    def twins_bound(self, proposal: Digest) -> frozenset[Twin]:
        """Which twins of a proposal were signed here, or might have been when the power went."""
        return frozenset(Twin(t) for t, _ in self._connection.execute(query("bindings"), {"proposal": proposal}))

    def is_r_used(self, r: bytes) -> bool:
        """True when a signature with this r was made here. r: 32 bytes."""
        return self._one("signed_r", r=r.hex()) is not None

    def is_clear_used(self, clear: Digest, nonce: bytes) -> bool:
        """True when this clear-to-sign, or another for the same nonce, was accepted."""
        return self._one("clear_use", clear=clear, nonce=nonce.hex()) is not None

    def heads(self) -> dict[str, Head]:
        """The newest head of every name."""
        rows = self._connection.execute(query("last_heads"))
        return {name: Head(name=name, version=version, digest=Digest(digest)) for name, version, digest in rows}

    def head_first_seen(self, name: str, version: int) -> datetime | None:
        """When this version came into force here; None when it never did."""
        row = self._one("head_first_seen", name=name, version=version)
        return None if row is None else parse_time(row[0], "head.first_seen")

    def latched_freezes(self) -> tuple[LatchedFreeze, ...]:
        """Every freeze that is not lifted, oldest first. Any of them stops signing."""
        rows = self._connection.execute(query("latched_freezes"))
        return tuple(LatchedFreeze(freeze=Digest(freeze), scope=scope) for freeze, scope in rows)

    def is_freeze_lifted(self, freeze: Digest) -> bool:
        """True when a lift of this freeze was taken in."""
        return self._one("freeze_lift", freeze=freeze) is not None

    def last_pin_entry(self, token: str) -> int | None:
        """The entry of the last attempt at a token; None when there was none."""
        row = self._one("last_pin_entry", token=token)
        return None if row is None else int(str(row[0]))

    def last_package_in(self, sender: PartyId) -> int:
        """The highest sequence number taken in from a sender; 0 when there was none."""
        return self._number("last_package", direction="in", party=sender)

    def last_package_out(self, receiver: PartyId) -> int:
        """The highest sequence number handed out to a receiver; 0 when there was none."""
        return self._number("last_package", direction="out", party=receiver)

    def last_checkpoint(self) -> LastCheckpoint | None:
        """The last checkpoint accepted; None when there was none."""
        row = self._one("last_checkpoint")
        if row is None:
            return None
        return LastCheckpoint(
            size=int(str(row[0])), root=Digest(str(row[1])), time=parse_time(row[2], "checkpoint.time")
        )

    def load_uses(self, rules: Sequence[EntryId], since: datetime) -> tuple[Use, ...]:
        """What counts against these rules from `since` on: core's `Memory`."""
        values = {"rules": json.dumps(list(rules)), "since": encode_time(since)}
        return tuple(parse_use(*row) for row in self._connection.execute(query("limit_uses_since"), values))

    def load_uses_of(self, rules: Sequence[EntryId], instructions: Sequence[Digest]) -> tuple[Use, ...]:
        """What these rules let through of these instructions: core's `ChangingMemory`."""
        values = {"rules": json.dumps(list(rules)), "instructions": json.dumps(list(instructions))}
        return tuple(parse_use(*row) for row in self._connection.execute(query("limit_uses_of"), values))

    def load_histories(self, wanted: Sequence[Paid]) -> dict[Digest, History]:
        """What was paid from here before each of these payments, by its instruction."""
        asked = json.dumps(
            [
                {"instruction": w.instruction, "destination": w.destination, "client": w.client, "asset": w.asset}
                for w in wanted
            ]
        )
        rows = self._connection.execute(query("histories"), {"wanted": asked})
        return {
            Digest(str(instruction)): History(
                times=times,
                last_paid=None if last is None else parse_time(last, "paid.time"),
                largest=None if largest is None else int(largest),
                latest=None if latest is None else int(latest),
            )
            for instruction, times, last, largest, latest in rows
        }

    def codes_of(self, person: PartyId) -> CodesSet | None:
        """The codes that a person set last; None before the first."""
        row = self._one("codes_of", person=person)
        if row is None:
            return None
        salt, slots = (HexBytes(bytes.fromhex(str(value))) for value in row)
        return CodesSet(person=person, salt=salt, slots=slots)

    def wrong_pins(self, token: str) -> int:
        """Wrong PINs in a row for a token since its last right one."""
        return self._number("pin_failures", token=token)

    def _one(self, name: str, /, **values: str | int) -> Row | None:
        row: Row | None = self._connection.execute(query(name), values).fetchone()
        return row

    def _number(self, name: str, /, **values: str | int) -> int:
        row = self._one(name, **values)
        return 0 if row is None or row[0] is None else int(str(row[0]))
