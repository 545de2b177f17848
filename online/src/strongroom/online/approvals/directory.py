"""Who a device is: the roots and rosters of the log, every signature verified here from the configured root.

A database that lies about a device's key gains nothing: this host believes the root that two people typed, and the
chain of signatures from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from strongroom.core.checks.foundation import prove_roots, prove_roster_chain
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.keys import PublicKey
from strongroom.core.roster import Roster
from strongroom.core.statements import Context, StatementType
from strongroom.online.approvals.store import Governing, load_governance
from strongroom.online.db.connect import Connection

Connect = Callable[[], AbstractContextManager[Connection]]
RENEW_S = 1.0
"""A device that the roster drops is refused after so long; a flood of strangers costs one query in that time."""


class Directory:
    """The roster in force, kept for a second."""

    def __init__(self, connect: Connect, root: Digest) -> None:
        self._connect = connect
        self._root = root
        self._lock = threading.Lock()
        self._known: list[Governing] = []
        self._rosters: tuple[Roster, ...] = ()
        self._renewed = float("-inf")

    def load_roster(self) -> Roster:
        """The newest roster. Raises ROOT_MISMATCH, STAGE_MISSING; DATABASE_UNAVAILABLE rather than an old answer."""
        with self._lock:
            if not self._rosters or time.monotonic() - self._renewed > RENEW_S:
                self._rosters = self._renew()
                self._renewed = time.monotonic()
            return self._rosters[-1]

    def former_keys(self, device: PartyId) -> tuple[PublicKey, ...]:
        """Keys that rosters once gave a device, and that the newest does not."""
        with self._lock:
            rosters = self._rosters
        now = [p.key for p in rosters[-1].parties if p.id == device] if rosters else []
        found = {p.key.key_id: p.key for r in rosters for p in r.parties if p.id == device and p.key not in now}
        return tuple(found.values())

    def _renew(self) -> tuple[Roster, ...]:
        first = self._known[-1].place + 1 if self._known else 0
        with self._connect() as connection:
            fresh = load_governance(connection, first)
        if fresh or not self._rosters:
            rosters = prove_rosters([*self._known, *fresh], self._root)
            self._known.extend(fresh)
            return rosters
        return self._rosters


def prove_rosters(governing: list[Governing], root: Digest) -> tuple[Roster, ...]:
    """All rosters, proved from the root with this fingerprint, the one in force last."""
    roots = [g.envelope for g in governing if g.kind == StatementType.ROOT.value]
    rosters = [g.envelope for g in governing if g.kind == StatementType.ROSTER.value]
    if not roots or not rosters:
        raise refused(Code.STAGE_MISSING, "governance", "a published root and roster", "none")
    if roots[0].id != root:
        raise refused(Code.ROOT_MISMATCH, "roots[0]", root, roots[0].id)
    proved = prove_roots(roots, roots[:1])
    context = Context(organization=proved[0].organization, environment=proved[0].environment)
    return tuple(each.body for each in prove_roster_chain(rosters, proved, context))
