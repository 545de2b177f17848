"""What the steps of one ceremony share: its options, its record, the token module, and secrets that live in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from strongroom.core.ceremonies import Ceremony, CeremonyKind, CeremonyRole, KeyShares
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import ChainId, Digest, PartyId, WalletId
from strongroom.core.roster import Party, Roster
from strongroom.core.statements import Context, Statement
from strongroom.vault.ceremony.key_batch import BatchOrder
from strongroom.vault.ceremony.run.record import Record, RecordEntry, find_fact
from strongroom.vault.ceremony.run.screen import Screen
from strongroom.vault.ceremony.run.tool import ToolReport
from strongroom.vault.ceremony.shares import SplitKey
from strongroom.vault.hsm.module import TokenModule
from strongroom.vault.hsm.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says of a ceremony. keys: folder of key batches. chains: where a wallet's keys belong."""

    kind: CeremonyKind
    home: Path
    module: Path
    token: str
    keys: Path
    orders: tuple[BatchOrder, ...]
    copies: tuple[Path, ...]
    chains: tuple[tuple[WalletId, ChainId], ...]
    challenge: str
    entropy_release: Digest | None
    previous: Statement[Ceremony] | None
    roster: Roster
    context: Context
    fingerprint: Digest


@dataclass(slots=True)
class Memory:
    """Secrets of a running ceremony; gone with the process. shares: brought by custodians, by person."""

    shares: dict[PartyId, Secret] = field(default_factory=dict)
    key: bytearray | None = None
    split: SplitKey | None = None

    def wipe_key(self) -> None:
        """Overwrite the new key; words are freed, not wiped, which `docs` and transcript say openly."""
        if self.key is not None:
            self.key[:] = bytes(len(self.key))
        self.key, self.split = None, None

    def wipe(self) -> None:
        """Forget everything."""
        self.wipe_key()
        self.shares.clear()


@dataclass(slots=True)
class Desk:
    """One ceremony at work."""

    options: Options
    record: Record
    screen: Screen
    module: TokenModule
    tool: ToolReport
    clock: Callable[[], datetime]
    memory: Memory = field(default_factory=Memory)
    said: list[str] = field(default_factory=list)

    def entries(self, step: str) -> list[RecordEntry]:
        """The confirmed entries of a step."""
        return [entry for entry in self.record.confirmed() if entry.name == step]

    def fact(self, step: str, name: str) -> str:
        """A fact of a step that stands once and is confirmed. Raises CEREMONY_RECORD."""
        found = self.entries(step)
        if len(found) != 1:
            raise refused(Code.CEREMONY_RECORD, step, "one confirmed entry", f"{len(found)} entries")
        return find_fact(found[0].facts, name, step)

    def party(self, person: str) -> Party:
        """Somebody's entry in the roster."""
        return self.options.roster.find(PartyId(person), "roster")

    def person_in(self, role: CeremonyRole) -> PartyId:
        """The key officer or the key witness, as confirmed."""
        return PartyId(self.fact("people", role.value))

    def custodians(self) -> list[tuple[PartyId, str]]:
        """The custodians in the room, in the order given, with the site of a share that they take away (or nothing)."""
        people = self.entries("people")[0].facts
        rows = [fact.value for fact in people if fact.name.startswith("custodian ")]
        return [(PartyId(person), site) for person, _, site in (row.partition(" at ") for row in rows)]

    def new_holders(self) -> list[tuple[PartyId, str]]:
        """Custodians who take a share of the new key away."""
        return [(person, site) for person, site in self.custodians() if site]

    def previous(self) -> Statement[Ceremony]:
        """The ceremony that this one carries on from. Raises CEREMONY_RESULT without one."""
        if self.options.previous is None:
            raise refused(Code.CEREMONY_RESULT, "previous", "the last transcript of this wrapping key", "none")
        return self.options.previous

    def old_shares(self) -> KeyShares:
        """The shares that were in force when the ceremony began."""
        shares = self.previous().body.shares
        if not shares:
            raise refused(Code.CEREMONY_RESULT, "previous.shares", "a set of shares", "a key that is destroyed")
        return shares[0]

    def bringers(self) -> list[PartyId]:
        """The custodians who bring a share of the old key: as many as its quorum, in the order of the room."""
        held = {share.custodian for share in self.old_shares().shares}
        present = [person for person, _ in self.custodians() if person in held]
        return present[: self.old_shares().threshold]
