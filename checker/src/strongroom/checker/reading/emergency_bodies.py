"""What officers say in an emergency: the state of keys, and the sweep of a wallet; spec/statement.md, "Bodies"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.core.ids import ChainId, Digest, EntryId, WalletId


class KeyState(StrEnum):
    """Where a key is in its life; `key_states.py` says what follows from it."""

    PRE_ACTIVATION = "pre-activation"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStateChange:
    """Body of a `key-state`. lifts: the suspensions that an `active` one ends for its keys."""

    keys: tuple[EntryId, ...]
    lifts: tuple[Digest, ...]
    reason: str
    state: KeyState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Body of a `sweep`: `wallet` is emptied into `destinations`. is_drill: proved to the end, never signed.

    states: the `key-state` statements that justify it. fee_ceiling: of each transaction.
    """

    chain: ChainId
    destinations: tuple[EntryId, ...]
    fee_ceiling: int
    is_drill: bool
    reason: str
    release_by: datetime
    sign_by: datetime
    states: tuple[Digest, ...]
    wallet: WalletId


def needs_one(state: KeyState) -> bool:
    """Whether one officer alone may say it. What loosens, and what can never be made good, takes the quorum."""
    return state in {KeyState.SUSPENDED, KeyState.DEACTIVATED, KeyState.COMPROMISED}
