"""Leases: which machine is the one active terminal of its keys.

A terminal's id and keys can be carried to a second machine: its disk copied, its wrapping key restored into another
token. A lease names the one token and the one journal with which it may sign, so that a copy of one without the other
is refused by everybody who knows the lease. It names the last known place in that journal too, or an older copy of the
journal would begin anew with a token that has no memory. Source: spec/statement.md, lease; docs/adr/0024; circular
25EC44, II.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.bodies import JournalPlace
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import NONE, DigestOrNone


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIdentity:
    """What a token says of itself, as PKCS#11 gives it without trailing spaces."""

    manufacturer: str
    model: str
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """From here on this terminal is this token with this journal, and nothing else.

    journal: hash of the journal's first entry. place: an entry that the journal must hold, the last that the log knew
    when the lease was signed. previous: the lease that this one replaces, `none` for number 1.
    """

    journal: Digest
    number: int
    place: JournalPlace
    previous: DigestOrNone
    terminal: PartyId
    token: TokenIdentity

    def __post_init__(self) -> None:
        if self.number < 1 or (self.number == 1) != (self.previous == NONE):
            # A later lease that names no earlier one could stand beside it, and there would be two.
            raise malformed(Code.FIELD_INVALID, "lease.number", "1 exactly when previous is none", str(self.number))
        if self.place.number < 1:
            raise malformed(Code.FIELD_INVALID, "lease.place.number", "1 or more", str(self.place.number))
