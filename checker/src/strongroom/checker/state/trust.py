"""A device's own beliefs: pure state, replaced whole by `update.py` and stored whole by `store.py`.

Everything in it was proved when it came in; versions never fall and freezes latch. Source: spec/registers.md,
spec/airgap.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from strongroom.checker.reading.bodies import HEAD_NAMES, Head, Heads
from strongroom.checker.reading.canonical import Json
from strongroom.checker.reading.emergency_bodies import KeyState
from strongroom.checker.reading.envelopes import Context, Envelope, Statement
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.key_states import state_of
from strongroom.checker.reading.leases import Basis, Lease, Notice, find_lease, key_states_of
from strongroom.checker.reading.log import HeadRead
from strongroom.checker.reading.policy import Policy
from strongroom.checker.reading.registers import ChainKey, Entry, RegisterHead
from strongroom.checker.reading.roots import RootChain
from strongroom.checker.reading.rosters import PlacedRoster, Roster, roster_said_below
from strongroom.checker.reading.trust import moment_of
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.ids import Digest, PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRegister:
    """A register as this device holds it: entry id to the entry as it stood, and typed."""

    statement: Statement[RegisterHead]
    values: Mapping[str, Json]
    entries: Mapping[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastHead:
    """The last checkpoint seen: its note, and what it proved to be."""

    note: str
    head: HeadRead


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What this device believes. last: None only before the first update.

    first_seen: digest of a whitelist entry to the moment when this device first held it; entries of the enrolment are
    not in it. frozen, lifted: ids of freezes seen, and of those that officers lifted. notices: in the log's order.
    received, sent: last package number by party.
    """

    device: PartyId
    chain: RootChain
    rosters: tuple[PlacedRoster, ...] = ()
    policy: Statement[Policy] | None = None
    registers: Mapping[str, HeldRegister] = field(default_factory=dict)
    first_seen: Mapping[Digest, datetime] = field(default_factory=dict)
    last: LastHead | None = None
    frozen: frozenset[Digest] = frozenset()
    lifted: frozenset[Digest] = frozenset()
    notices: tuple[Notice, ...] = ()
    received: Mapping[PartyId, int] = field(default_factory=dict)
    sent: Mapping[PartyId, int] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """Organization and environment."""
        return self.chain.context

    @property
    def pinned(self) -> tuple[Envelope, ...]:
        """This device's own roots, as a docket's are compared with them."""
        return tuple(each.envelope for each in self.chain.roots)

    @property
    def roster(self) -> Roster:
        """The newest roster. Raises STAGE_MISSING before the first update."""
        if not self.rosters:
            raise refused(Code.STAGE_MISSING, "trust.rosters", "an imported roster", "none")
        return self.rosters[-1].statement.body

    @property
    def own_policy(self) -> Policy:
        """The policy. Raises STAGE_MISSING before the first update."""
        if self.policy is None:
            raise refused(Code.STAGE_MISSING, "trust.policy", "an imported policy", "none")
        return self.policy.body

    @property
    def standing_freezes(self) -> frozenset[Digest]:
        """Freezes that nobody has lifted."""
        return self.frozen - self.lifted

    @property
    def key_states(self) -> dict[str, KeyState]:
        """What holds for each key that this device knows, latches included."""
        said, held = key_states_of(self.notices), self.registers.get("keys")
        keys = (each for each in held.entries.values() if isinstance(each, ChainKey)) if held else ()
        return {each.id: state_of(each, said) for each in keys}

    def find_lease(self, terminal: PartyId) -> Statement[Lease] | None:
        """The lease in force for a terminal, as this device knows it; None when it knows none."""
        return find_lease(self.notices, terminal, self.chain)

    def known_heads(self) -> dict[str, Head]:
        """The heads of what is imported so far, by name."""
        root = self.chain.roots[-1]
        heads = {"root": Head(digest=root.id, version=root.body.version)}
        for each in self.rosters[-1:]:
            heads["roster"] = Head(digest=each.statement.id, version=each.statement.body.version)
        if self.policy:
            heads["policy"] = Head(digest=self.policy.id, version=self.policy.body.version)
        for name, held in self.registers.items():
            heads[name] = Head(digest=held.statement.id, version=held.statement.body.version)
        return heads

    def heads(self) -> Heads:
        """The eight heads as this device quotes them. Raises STAGE_MISSING while one is not imported."""
        known = self.known_heads()
        missing = [name for name in HEAD_NAMES if name not in known]
        if missing:
            got = f"without {' '.join(missing)}"
            raise refused(Code.STAGE_MISSING, "trust", "root, roster, policy and all registers", got)
        return Heads(**known)

    def check_clock(self, now: datetime) -> None:
        """Raise CLOCK_BEHIND when the clock stands before the last checkpoint that this device has seen."""
        if self.last and now < moment_of(self.last.head):
            raise refused(
                Code.CLOCK_BEHIND, "clock", f"from {render_time(moment_of(self.last.head))}", render_time(now)
            )

    def check_not_frozen(self) -> None:
        """Raise FROZEN for every freeze that stands."""
        standing = sorted(self.standing_freezes)
        if standing:
            raise RefusedError(
                *(Refusal(code=Code.FROZEN, field="freezes", expected="none standing", got=f) for f in standing)
            )

    def check_unexpired(self, now: datetime) -> None:
        """Raise EXPIRED when this device's own root or roster is past its time."""
        for name, expires in (("root", self.chain.last.expires), ("roster", self.roster.expires)):
            if now > expires:
                raise refused(Code.EXPIRED, f"trust.{name}", f"until {render_time(expires)}", render_time(now))


def build_basis(trust: Trust, index: int, path: str) -> Basis:
    """What this device judges a notice at a log index by."""
    roster = roster_said_below(trust.rosters, index, path)
    return Basis(chain=trust.chain, roster=roster, policy=trust.policy.body if trust.policy else None)
