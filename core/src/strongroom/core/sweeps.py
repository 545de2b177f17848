"""The emergency sweep: officers order a wallet emptied into another one of ours, and say why.

It stands where a transfer has instruction and decision, and pays nobody: every output is ours. So it may be signed
while the vault is frozen, under a clear of scope `containment` and no other. Source: spec/docket.md, The sweep; 10.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.core.bodies import Quorum
from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import ChainId, Digest, EntryId, WalletId
from strongroom.core.records import Units, check_sorted
from strongroom.core.roster import Floors

LEAST_OFFICERS = 2


class Rehearsal(StrEnum):
    """Whether a sweep is a drill: proved to the end by every stage, and never signed."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Body of a `sweep` statement: out of `wallet`, to any of `destinations`, while `states` say why.

    destinations: address entries of other wallets of ours. states: ids of the `key-state` statements that justify it.
    fee_ceiling: of each transaction, in the chain's own coin.
    """

    chain: ChainId
    destinations: tuple[EntryId, ...]
    fee_ceiling: Units
    reason: str
    rehearsal: Rehearsal
    release_by: datetime
    sign_by: datetime
    states: tuple[Digest, ...]
    wallet: WalletId

    def __post_init__(self) -> None:
        for name in ("destinations", "states"):
            check_sorted(getattr(self, name), f"sweep.{name}")
            if not getattr(self, name):
                raise malformed(Code.FIELD_INVALID, f"sweep.{name}", "at least one", "none")


def officers_quorum(floors: Floors) -> Quorum:
    """Who orders a sweep: as many officers as the root's floor has approvers, never fewer than two.

    The floor stands in the root, so that whoever signs policies cannot lower it.
    """
    return Quorum(role="officer", people=max(LEAST_OFFICERS, floors.people), groups=1)
