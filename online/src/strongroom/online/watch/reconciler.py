"""What the reconciler's steps are handed: its own connection and key, and one follower a chain. Nothing global."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from strongroom.core.ids import ChainId, Digest, PartyId
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules, load_rules_under
from strongroom.online.keys import ServiceKey
from strongroom.online.prove.prover import LedgerProver
from strongroom.online.watch.access import Door
from strongroom.online.watch.agree import ChainFollower


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """The reconciler's parts.

    confirmations: below that depth nothing was credited or settled; it tells how bad a reorganisation is.
    prover: ledger against log, with every block. places: file of what it quoted of terminals' journals.
    doors: of vaults, by terminal.
    """

    connection: Connection
    key: ServiceKey
    followers: Mapping[ChainId, ChainFollower]
    confirmations: Mapping[ChainId, int]
    clock: Callable[[], datetime]
    root: Digest
    prover: LedgerProver
    places: Path
    doors: Mapping[PartyId, Door] = field(default_factory=dict)

    def load_rules(self) -> Rules:
        """The governance in force, under this program's own root."""
        return load_rules_under(self.connection, self.root)
