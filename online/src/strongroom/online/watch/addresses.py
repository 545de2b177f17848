"""What a block did to addresses that should not have moved, or that hold too much: alerts for people.

Nothing here stops a payment: what arrived has arrived. It tells of the mistake or the attack while it is small: a
client who was shown an old address (`primetrust-2021`), one key that guards too much, coins that came to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strongroom.core.assignments import AddressAssignment
from strongroom.core.codes import Code
from strongroom.core.ids import EntryId
from strongroom.core.registers import AddressEntry, AddressPurpose, KeyState
from strongroom.core.wallets import WalletState
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules
from strongroom.online.keys.states import load_key_states
from strongroom.online.keys.wallets import Wallets, load_wallets
from strongroom.online.watch import store
from strongroom.online.watch.chain_view import BlockView, Inflow, Outflow

GONE: Final = frozenset({KeyState.DEACTIVATED, KeyState.COMPROMISED, KeyState.DESTROYED})
"""States of a key that signs nothing more."""


def tell_addresses(
    connection: Connection, rules: Rules, view: BlockView, assigned: Mapping[EntryId, AddressAssignment]
) -> None:
    """Alerts of one block, in its own transaction."""
    if not (view.inflows or view.outflows):
        return
    wallets = load_wallets(connection, rules)
    _tell_unassigned(connection, view, assigned)
    _tell_retired(connection, rules, view, wallets)
    _tell_ceilings(connection, rules, view, wallets)


def _tell_unassigned(connection: Connection, view: BlockView, assigned: Mapping[EntryId, AddressAssignment]) -> None:
    own = frozenset(o.txid for o in view.outflows)
    for inflow in view.inflows:
        entry = inflow.address
        if entry.purpose is AddressPurpose.DEPOSIT and entry.id not in assigned and inflow.txid not in own:
            # Whoever shows a client an address that was never assigned: its coins are kept and nobody is credited.
            detail = f"{inflow.units} of {inflow.asset} in {inflow.txid}; the log gives {entry.address} to nobody"
            store.open_alert(connection, Code.ADDRESS_NOT_ASSIGNED.value, "high", entry.id, detail)


def _tell_retired(connection: Connection, rules: Rules, view: BlockView, wallets: Wallets) -> None:
    flows: tuple[Inflow | Outflow, ...] = (*view.inflows, *view.outflows)
    moved = {flow.address.id: (flow.address, flow.txid) for flow in flows}
    states = load_key_states(connection, rules)
    for entry, txid in moved.values():
        why = find_retired(states, entry, wallets)
        if why:
            detail = f"{entry.address} moved in {txid}, block {view.height}: {why}"
            store.open_alert(connection, Code.RETIRED_ADDRESS_ACTIVITY.value, "critical", entry.id, detail)


def find_retired(states: Mapping[str, KeyState], entry: AddressEntry, wallets: Wallets) -> str:
    """Why nothing should move at an address any more; empty for one in use. states: what officers declared included."""
    wallet = wallets.get(entry.wallet)
    if wallet is not None and wallet.body.state is WalletState.RETIRED:
        return f"{entry.wallet} is retired"
    gone = [f"{key} is {states[key].value}" for key in entry.keys if key in states and states[key] in GONE]
    return ", ".join(gone)


def _tell_ceilings(connection: Connection, rules: Rules, view: BlockView, wallets: Wallets) -> None:
    for entry, units in view.balances:
        address = rules.entries.addresses[entry]
        wallet = wallets.get(address.wallet)
        ceiling = wallet.body.ceiling if wallet is not None else None
        if ceiling is not None and units > ceiling:
            # One key guards it all (ADR 0020): more than the ceiling is to be moved, or the ceiling to be raised.
            detail = f"{address.address} holds {units} after block {view.height}; its ceiling is {ceiling}"
            store.open_alert(connection, Code.ADDRESS_ABOVE_CEILING.value, "high", entry, detail)
