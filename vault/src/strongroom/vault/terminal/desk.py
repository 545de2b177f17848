"""What the steps of one session work with, and what they hand from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.core.alike import AddressBook
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import PartialSignature, SigningBody
from strongroom.vault.hsm.wrapped_keys import WrappedKey
from strongroom.vault.terminal.journal.marks import Mark
from strongroom.vault.terminal.key_folder import KeyFolder
from strongroom.vault.terminal.people import Crew
from strongroom.vault.terminal.session import Clear, Session
from strongroom.vault.terminal.sitting import Sitting
from strongroom.vault.terminal.terminal import Terminal

SignDigest = Callable[[WrappedKey, bytes], tuple[int, int]]
"""Signs 32 bytes with a wrapped key in the terminal's token: (r, s), low-S and verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One session in which a package was taken in and its clear accepted. done: names of the results made so far."""

    terminal: Terminal
    crew: Crew
    session: Session
    clear: Clear
    body: SigningBody
    sign_digest: SignDigest
    sitting: Sitting
    keys: KeyFolder
    book: AddressBook
    done: set[str] = field(default_factory=set)

    @property
    def me(self) -> PartyId:
        """This terminal."""
        return self.terminal.config.terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """One signature to be made: which input, with which key, over which 32 bytes."""

    input: int
    key: WrappedKey
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A docket that passed every check, and exactly what signing it takes. marks: what it binds in the journal."""

    proved: ProvedDocket
    uses: tuple[KeyUse, ...]
    marks: tuple[Mark, ...]

    @property
    def proposal(self) -> Digest:
        """The proposal's statement id."""
        return self.proved.proposal.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Signatures in memory, and nowhere else until they are sealed. at: when; the record says it."""

    signatures: tuple[PartialSignature, ...]
    marks: tuple[Mark, ...]
    at: datetime
