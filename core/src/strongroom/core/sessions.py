"""A terminal asks for a clear-to-sign, and signs that it asks: nobody else can move the place of its journal.

Source: spec/statement.md, session-request.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.bodies import Heads, JournalPlace, TreeHead
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A terminal shows its nonce, what it believes, where its journal stands, and the lease that it works under."""

    checkpoint: TreeHead
    heads: Heads
    journal: JournalPlace
    lease: Digest
    nonce: HexBytes
    operators: tuple[PartyId, ...]
    terminal: PartyId
