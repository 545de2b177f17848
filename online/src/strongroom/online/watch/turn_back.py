"""Where a chain turned back: the last common block is found, however deep, and all that came after it is undone.

In one transaction: blocks, runs, deposits and payments leave the chain, coins are unspent and forgotten, and one
`reorganisation` statement says so. Nothing is removed from the record but coins, which the blocks themselves tell. What
the ledger had posted of it is taken back by the platform, statement by statement (`transfers/undo`); until then
reconciliation counts it as gone, so ledger and chain match at every moment.
"""

from __future__ import annotations

from typing import Final

from strongroom.core.books import Reorganisation
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import ChainId
from strongroom.online.db.locks import lock_name
from strongroom.online.evidence.store import say
from strongroom.online.watch import store
from strongroom.online.watch.agree import MAX_LAG, ChainFollower
from strongroom.online.watch.reconciler import Reconciler

Place = tuple[int, str]
"""Height and hash of a block."""
_STEP: Final = 100
"""Blocks that are compared in one request on the way back."""


def turn_back(reconciler: Reconciler, chain: ChainId, tip: int) -> Place | None:
    """The newest block taken in that is still in the chain; what came after it was undone. None before the first.

    tip: the height that all nodes have. Nodes that only lack the newest blocks did not turn back: NODE_LAGGING when
    they lack more than a few. Raises CHAIN_REORGANISED when no block at all is common.
    """
    last = store.load_last_block(reconciler.connection, chain)
    if last is None:
        return None
    fork = find_fork(reconciler, chain, min(tip, last[0]))
    if fork == last:
        return last
    if fork[0] == tip:
        # The same chain, not as far as it was: news that these nodes forgot, for example after a restart.
        if last[0] - tip > MAX_LAG:
            raise refused(Code.NODE_LAGGING, chain, f"block {last[0]}", f"block {tip}")
        return last
    _undo(reconciler, chain, last, fork)
    return fork


def find_fork(reconciler: Reconciler, chain: ChainId, height: int) -> Place:
    """The highest block at or below a height that was taken in and on which all nodes agree."""
    follower: ChainFollower = reconciler.followers[chain]
    most = 1
    while known := store.load_hashes(reconciler.connection, chain, height, most):
        now = follower.fetch_hashes([place[0] for place in known])
        for place, found in zip(known, now, strict=True):
            if place[1] == found:
                return place
        height, most = known[-1][0] - 1, _STEP
    raise refused(Code.CHAIN_REORGANISED, chain, "a common block", "another chain from the first block on")


def _undo(reconciler: Reconciler, chain: ChainId, last: Place, fork: Place) -> None:
    connection, rules = reconciler.connection, reconciler.load_rules()
    body = Reorganisation(chain=chain, fork_hash=fork[1], fork_height=fork[0], old_hash=last[1], old_height=last[0])
    with connection.transaction():
        lock_name(connection, f"follow {chain}")
        if store.load_last_block(connection, chain) != last:
            return
        statement = say(connection, rules.context, body, reconciler.key, reconciler.clock())
        store.undo_blocks(connection, chain, fork[0], statement.id)
        needed = reconciler.confirmations[chain]
        severity = "critical" if body.depth >= needed else "high"
        detail = f"{body.depth} blocks after {fork[0]} {fork[1]} left the chain; {needed} confirm a payment"
        store.open_alert(connection, Code.CHAIN_REORGANISED.value, severity, f"{chain} {statement.id}", detail)
