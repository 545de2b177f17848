"""Follow a chain block by block: deposits, outflows, reconciliation. One block is one transaction, in order, once.

A spend that no docket explains freezes the vault and opens an alert while its block is processed, in that same
transaction (V.5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from strongroom.core.bodies import Freeze, FreezeScope
from strongroom.core.books import Reconciliation, ReconciliationRow, ReconciliationStatus
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, UnavailableError, refused
from strongroom.core.ids import ChainId, Digest
from strongroom.core.records import Units
from strongroom.core.registers import AddressEntry
from strongroom.online.db.connect import Connection
from strongroom.online.db.locks import lock_name
from strongroom.online.evidence.store import say
from strongroom.online.governance.store import Rules, load_rules_under
from strongroom.online.keys import ServiceKey
from strongroom.online.watch import store
from strongroom.online.watch.chain_view import BlockView, ChainFollower, Outflow, is_explained

RELEASED_STATES = frozenset({"RELEASED", "CONFIRMING", "COMPLETED", "RECONCILED"})
"""A docket explains a spend only once it was handed to the gate: what went around the gate is not explained."""
START_HEIGHT = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """The reconciler's parts: its own connection and key, and one follower a chain."""

    connection: Connection
    key: ServiceKey
    followers: dict[ChainId, ChainFollower]
    clock: Callable[[], datetime]
    root: Digest

    def load_rules(self) -> Rules:
        """The governance in force, under this program's own root."""
        return load_rules_under(self.connection, self.root)


def follow(reconciler: Reconciler, chain: ChainId, *, most: int = 100) -> int:
    """Take in up to `most` new blocks of a chain; returns how many.

    Raises LOG_NOT_CONSISTENT when the chain turned back below what was taken in: it stops until people looked.
    """
    follower = reconciler.followers[chain]
    tip = follower.fetch_tip()
    last = store.load_last_block(reconciler.connection, chain)
    height = last[0] + 1 if last else START_HEIGHT
    taken = 0
    while height <= tip and taken < most:
        rules = reconciler.load_rules()
        view = follower.fetch_view(height, addresses_of(rules, chain), store.load_coins(reconciler.connection, chain))
        if last and view.parent != last[1]:
            raise refused(Code.CHAIN_REORGANISED, f"{chain} block {height}", last[1], view.parent)
        with reconciler.connection.transaction():
            # Two reconcilers may follow at once: the block belongs to whoever comes first, and the other begins anew.
            lock_name(reconciler.connection, f"follow {chain}")
            if store.load_last_block(reconciler.connection, chain) != last:
                return taken
            process(reconciler, rules, view)
        last, height, taken = (height, view.hash), height + 1, taken + 1
    return taken


def follow_or_tell(reconciler: Reconciler, chain: ChainId) -> None:
    """Follow one chain; a chain that turned back or whose node is away opens an alert and stops no other chain.

    It also withholds every clear, since the last run is then not at the tip.
    """
    try:
        follow(reconciler, chain)
    except (MalformedError, RefusedError, UnavailableError) as error:
        store.open_alert(reconciler.connection, error.code.value, "critical", chain, str(error))


def addresses_of(rules: Rules, chain: ChainId) -> tuple[AddressEntry, ...]:
    """All our addresses on a chain, by id."""
    return tuple(a for a in sorted(rules.entries.addresses.values(), key=lambda a: a.id) if a.chain == chain)


def process(reconciler: Reconciler, rules: Rules, view: BlockView) -> None:
    """Take in one block, in the caller's transaction."""
    connection = reconciler.connection
    store.add_block(connection, view)
    for outflow in view.outflows:
        proposal = explain(connection, view, outflow)
        store.add_outflow(connection, view, outflow, proposal)
        if proposal is None:
            freeze(reconciler, rules, view, outflow)
    store.add_inflows(connection, view, native_asset_of(view.chain), frozenset(o.txid for o in view.outflows))
    if view.held is None:
        store.save_coins(connection, view)
    reconcile(reconciler, rules, view)


def explain(connection: Connection, view: BlockView, outflow: Outflow) -> Digest | None:
    """The docket whose exact bytes this transaction is; None when there is none that the gate was given."""
    found = store.find_docket(connection, outflow.commitments)
    if found is None:
        return None
    proposal, unsigned, state = found
    return proposal if state in RELEASED_STATES and is_explained(outflow, view.chain, unsigned) else None


def freeze(reconciler: Reconciler, rules: Rules, view: BlockView, outflow: Outflow) -> None:
    """Say the freeze, keep it, and tell the SOC, in the block's own transaction."""
    detail = (
        f"{outflow.units} left {outflow.address.address} in {outflow.txid}, block {view.height}; no docket explains it"
    )
    body = Freeze(evidence=f"{view.chain} {outflow.txid}", reason="unexplained outflow", scope=FreezeScope.VAULT)
    statement = say(reconciler.connection, rules.context, body, reconciler.key, reconciler.clock())
    store.add_freeze(reconciler.connection, statement.id, detail)
    store.open_alert(
        reconciler.connection, Code.UNEXPLAINED_OUTFLOW.value, "critical", f"{view.chain} {outflow.txid}", detail
    )


def reconcile(reconciler: Reconciler, rules: Rules, view: BlockView) -> None:
    """Compare ledger and chain after this block, say the result, keep every run. A break opens an alert."""
    connection = reconciler.connection
    asset = native_asset_of(view.chain)
    held = view.held if view.held is not None else store.load_held(connection, view.chain)
    flight = store.load_in_flight(connection, view.chain, asset)
    ledger = flight.ledger
    explained = ledger + flight.arriving + flight.change - flight.leaving
    status = ReconciliationStatus.MATCHED if explained == held else ReconciliationStatus.BREAK
    row = ReconciliationRow(
        asset=asset,
        chain_units=Units(held),
        explained_units=Units(max(explained, 0)),
        ledger_units=Units(max(ledger, 0)),
    )
    body = Reconciliation(block_hash=view.hash, chain=view.chain, height=view.height, rows=(row,), status=status)
    statement = say(connection, rules.context, body, reconciler.key, reconciler.clock())
    store.add_run(connection, view.chain, view.height, status.value, statement.id)
    if status is ReconciliationStatus.BREAK:
        detail = f"chain {held}, ledger {ledger}, explained {explained} at block {view.height}"
        store.open_alert(connection, Code.RECONCILIATION_BREAK.value, "critical", view.chain, detail)
