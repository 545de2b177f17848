"""After a reorganisation: what the ledger has and the chain has not is taken back; what was forgotten is sent again.

The reconciler has marked what left the chain (`watch/turn_back.py`). Payments come first, since they give clients units
back; then deposits, which take some; then what clients owe; then the gate is handed what the new chain lacks.
"""

from __future__ import annotations

from strongroom.online.governance.store import Rules
from strongroom.online.transfers.deposit.reversed import recover_shortfalls, reverse_gone
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.undo import return_forgotten, undo_gone


def undo_reorganised(platform: Platform, rules: Rules) -> int:
    """One pass over all that waits to be undone; returns how much was. Each undoing is its own transaction."""
    undone = undo_gone(platform, rules) + reverse_gone(platform, rules)
    recover_shortfalls(platform)
    return_forgotten(platform, rules)
    return undone
