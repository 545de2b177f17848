"""Follow a chain block by block: deposits, outflows, reconciliation. One block is one transaction, in order, once.

Only what all nodes of a chain agree on is taken in (`agree.py`); where the chain turned back, what its lost blocks did
is undone first (`turn_back.py`). A spend that no docket explains freezes the vault and opens an alert while its block
is processed, in that same transaction (V.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.core.assignments import AddressAssignment
from strongroom.core.bodies import Freeze, FreezeScope
from strongroom.core.books import Reconciliation, ReconciliationRow, ReconciliationStatus
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, UnavailableError
from strongroom.core.ids import ChainId, Digest, EntryId
from strongroom.core.records import NONE, Units
from strongroom.core.registers import AddressEntry, AssetKind
from strongroom.online.db.connect import Connection
from strongroom.online.db.locks import lock_name
from strongroom.online.evidence.store import say
from strongroom.online.governance.store import Rules
from strongroom.online.keys.assigned import find_assigned
from strongroom.online.keys.code import render_code
from strongroom.online.transfers.accounts import find_credited
from strongroom.online.watch import store
from strongroom.online.watch.addresses import tell_addresses
from strongroom.online.watch.chain_view import BlockView, Held, Inflow, Outflow, OwnCoin, Token, Watched, is_explained
from strongroom.online.watch.reconciler import Reconciler
from strongroom.online.watch.turn_back import turn_back

RELEASED_STATES = frozenset({"RELEASED", "CONFIRMING", "COMPLETED", "RECONCILED", "FAILED"})
"""A docket explains a spend only once it was handed to the gate: what went around the gate is not explained."""
START_HEIGHT = 0


def follow(reconciler: Reconciler, chain: ChainId, *, most: int = 100) -> int:
    """Take in up to `most` new blocks of a chain; returns how many. What a reorganisation took away is undone first.

    Raises NODE_UNAVAILABLE, NODES_DISAGREE, and CHAIN_REORGANISED when the nodes share no block with what was taken in.
    """
    follower = reconciler.followers[chain]
    tip = follower.fetch_tip()
    last = turn_back(reconciler, chain, tip)
    height = last[0] + 1 if last else START_HEIGHT
    taken = 0
    while height <= tip and taken < most:
        rules = reconciler.load_rules()
        view = follower.fetch_view(height, watch_for(rules, chain, store.load_coins(reconciler.connection, chain)))
        if last and view.parent != last[1]:
            # It turned back while we read; the next pass finds where.
            return taken
        # The proof takes a snapshot of its own, so it comes before the block's transaction.
        reconciler.prover.prove(reconciler.connection)
        with reconciler.connection.transaction():
            # Two reconcilers may follow at once: the block belongs to whoever comes first, and the other begins anew.
            lock_name(reconciler.connection, f"follow {chain}")
            if store.load_last_block(reconciler.connection, chain) != last:
                return taken
            process(reconciler, rules, view)
        last, height, taken = (height, view.hash), height + 1, taken + 1
    return taken


def follow_or_tell(reconciler: Reconciler, chain: ChainId) -> None:
    """Follow one chain; nodes that are away, behind or disagree open an alert and stop no other chain.

    They also withhold every clear, since the last run is then not at the tip. Two of these pass by themselves.
    """
    try:
        follow(reconciler, chain)
        store.close_alerts(reconciler.connection, chain, Code.NODE_UNAVAILABLE)
        reconciler.followers[chain].check_in_step()
        store.close_alerts(reconciler.connection, chain, Code.NODE_LAGGING)
    except (MalformedError, RefusedError, UnavailableError) as error:
        severity = "high" if error.code is Code.NODE_LAGGING else "critical"
        store.open_alert(reconciler.connection, error.code.value, severity, chain, str(error))


def addresses_of(rules: Rules, chain: ChainId) -> tuple[AddressEntry, ...]:
    """All our addresses on a chain, by id."""
    return tuple(a for a in sorted(rules.entries.addresses.values(), key=lambda a: a.id) if a.chain == chain)


def tokens_of(rules: Rules, chain: ChainId) -> tuple[Token, ...]:
    """All registered tokens of a chain, by id."""
    return tuple(
        Token(asset=entry.id, contract=entry.contract, code_hash=entry.code_hash)
        for entry in sorted(rules.entries.assets.values(), key=lambda entry: entry.id)
        if entry.chain == chain and entry.kind is AssetKind.ERC20
    )


def watch_for(rules: Rules, chain: ChainId, coins: Mapping[tuple[str, int], OwnCoin]) -> Watched:
    """What to look for in a chain's blocks. coins: our unspent ones, where the chain has coins."""
    return Watched(addresses=addresses_of(rules, chain), tokens=tokens_of(rules, chain), coins=coins)


def process(reconciler: Reconciler, rules: Rules, view: BlockView) -> None:
    """Take in one block, in the caller's transaction."""
    connection = reconciler.connection
    store.add_block(connection, view)
    for txid in dict.fromkeys(o.txid for o in view.outflows):
        outflows = [o for o in view.outflows if o.txid == txid]
        # A transaction is explained whole or not at all: its fee is no excuse for what else it moved.
        explained = {explain(connection, view, outflow) for outflow in outflows}
        proposal = explained.pop() if len(explained) == 1 else None
        for outflow in outflows:
            store.add_outflow(connection, view, outflow, proposal)
        if proposal is None:
            freeze(reconciler, rules, view, outflows)
    assigned = find_assigned(connection, rules, [inflow.address for inflow in view.inflows])
    accounts = [find_account(rules, inflow, assigned) for inflow in view.inflows]
    store.add_inflows(connection, view, frozenset(o.txid for o in view.outflows), accounts)
    tell_addresses(connection, rules, view, assigned)
    if view.held is None:
        store.save_coins(connection, view)
    tell_tokens(connection, view)
    tell_code(connection, view)
    reconcile(reconciler, rules, view)


def find_account(rules: Rules, inflow: Inflow, assigned: Mapping[EntryId, AddressAssignment]) -> str:
    """Whose a payment is, by the assignment of its address; `none` without one."""
    given = assigned.get(inflow.address.id)
    return find_credited(rules.entries, inflow.address, inflow.asset, given.account) if given else NONE


def tell_tokens(connection: Connection, view: BlockView) -> None:
    """Alerts of tokens that do not do what they say. What is disputed is held; other code breaks the reconciliation."""
    for dispute in view.disputes:
        subject = f"{dispute.asset} {dispute.address.id} {view.hash}"
        detail = f"block {view.height}: the logs change it by {dispute.logged}, the balances by {dispute.moved}"
        store.open_alert(connection, Code.DEPOSIT_DISPUTED.value, "critical", subject, detail)
    for asset in view.changed:
        detail = f"block {view.height}: the contract's code is not the registered one"
        store.open_alert(connection, Code.CONTRACT_CHANGED.value, "critical", asset, detail)


def tell_code(connection: Connection, view: BlockView) -> None:
    """An alert for each address of ours that has code; it breaks the reconciliation, so that nothing is signed."""
    for address, code in view.coded:
        detail = f"block {view.height}: {render_code(code)}"
        store.open_alert(connection, Code.COLD_ADDRESS_HAS_CODE.value, "critical", address, detail)


def explain(connection: Connection, view: BlockView, outflow: Outflow) -> Digest | None:
    """The docket whose exact bytes this transaction is, as any attempt or as a void twin; None without one.

    None also when the gate was never given it.
    """
    for attempt in store.load_attempts(connection, outflow.commitments):
        # A replaced attempt may still be the one that is mined; what went around the gate explains nothing.
        if attempt.state not in RELEASED_STATES and attempt.txid is None:
            continue
        if any(is_explained(outflow, view.chain, unsigned) for unsigned in attempt.twins):
            return attempt.proposal
    return None


def freeze(reconciler: Reconciler, rules: Rules, view: BlockView, outflows: Sequence[Outflow]) -> None:
    """Say one freeze for a transaction, keep it, and tell the SOC, in the block's own transaction."""
    subject = f"{view.chain} {outflows[0].txid}"
    left = ", ".join(f"{o.units} of {o.asset} left {o.address.address}" for o in outflows)
    detail = f"{left} in {outflows[0].txid}, block {view.height}; no docket explains it"
    body = Freeze(evidence=subject, reason="unexplained outflow", scope=FreezeScope.VAULT)
    statement = say(reconciler.connection, rules.context, body, reconciler.key, reconciler.clock())
    store.add_freeze(reconciler.connection, statement.id, detail)
    store.open_alert(reconciler.connection, Code.UNEXPLAINED_OUTFLOW.value, "critical", subject, detail)


def reconcile(reconciler: Reconciler, rules: Rules, view: BlockView) -> None:
    """Compare ledger and chain after this block, asset by asset, say the result, keep every run.

    A break opens an alert. A token whose contract changed is a break: what it says of balances means nothing.
    """
    connection, native = reconciler.connection, native_asset_of(view.chain)
    held = view.held or (Held(asset=native, units=store.load_held(connection, view.chain)),)
    rows, breaks = [], []
    for each in held:
        flight = store.load_in_flight(connection, view.chain, each.asset)
        rows.append(
            ReconciliationRow(
                asset=each.asset,
                chain_units=Units(each.units),
                explained_units=Units(max(flight.explained, 0)),
                ledger_units=Units(max(flight.ledger, 0)),
            )
        )
        if flight.explained != each.units:
            breaks.append(f"{each.asset}: chain {each.units}, ledger {flight.ledger}, explained {flight.explained}")
    breaks += [f"{asset}: the contract changed" for asset in view.changed]
    breaks += [f"{address}: {render_code(code)}" for address, code in view.coded]
    unproved = reconciler.prover.unproved
    tell_unproved(connection, unproved)
    for entry in reconciler.prover.take_unreadable():
        store.open_alert(connection, entry.code.value, "critical", entry.field, entry.sentence)
    status = ReconciliationStatus.BREAK if breaks or unproved else ReconciliationStatus.MATCHED
    body = Reconciliation(block_hash=view.hash, chain=view.chain, height=view.height, rows=tuple(rows), status=status)
    statement = say(connection, rules.context, body, reconciler.key, reconciler.clock())
    store.add_run(connection, view, status.value, statement.id)
    if breaks:
        detail = f"at block {view.height}: {'; '.join(breaks)}"
        store.open_alert(connection, Code.RECONCILIATION_BREAK.value, "critical", view.chain, detail)


def tell_unproved(connection: Connection, unproved: Sequence[Refusal]) -> None:
    """An alert for each account and transfer that no statement justifies as it is."""
    for each in unproved:
        store.open_alert(connection, each.code.value, "critical", f"ledger {each.field}", each.sentence)
