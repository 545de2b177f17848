"""What holds for each key, as the platform knows it, and the alert when somebody declares one.

Devices decide by their own latches; here it is only asked so that nothing is built that they would refuse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.notices import key_states_of
from strongroom.core.checks.states import check_paying_sources
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.core.ids import EntryId, WalletId
from strongroom.core.key_states import KeyStateChange, effective_keys
from strongroom.core.registers import AddressEntry, KeyEntry, KeyState
from strongroom.core.statements import Statement
from strongroom.online.db.connect import Connection
from strongroom.online.governance.notices import load_notices
from strongroom.online.governance.store import Rules
from strongroom.online.watch.store import open_alert


def load_key_states(connection: Connection, rules: Rules) -> dict[str, KeyState]:
    """The strictest of register and log, key by key."""
    return effective_keys(rules.entries.keys, key_states_of(load_notices(connection, rules)))


def load_effective_entries(connection: Connection, rules: Rules) -> dict[str, KeyEntry]:
    """The key register's entries with the state that holds for each, by the log as the database shows it."""
    return find_effective_entries(load_notices(connection, rules), rules)


def find_effective_entries(notices: Iterable[Proved[Any]], rules: Rules) -> dict[str, KeyEntry]:
    """The key register's entries with the state that holds for each, by these notices."""
    states = effective_keys(rules.entries.keys, key_states_of(notices))
    return {name: replace(entry, state=states[name]) for name, entry in rules.entries.keys.items()}


def find_payable(connection: Connection, rules: Rules, wallet: WalletId) -> Collection[EntryId]:
    """Addresses of a wallet that a transfer may spend from. What is not among them waits for a sweep."""
    states = load_key_states(connection, rules)
    return {a.id for a in rules.entries.addresses.values() if a.wallet == wallet and _may_pay(a, states)}


def _may_pay(address: AddressEntry, states: dict[str, KeyState]) -> bool:
    try:
        check_paying_sources([address], states, address.id)
    except RefusedError:
        # Not an error here: the builder takes other coins.
        return False
    return True


def tell_key_state(connection: Connection, statement: Statement[Any]) -> None:
    """Open a critical alert for keys that are declared compromised: the runbook begins with it."""
    body = statement.body
    if isinstance(body, KeyStateChange) and body.state is KeyState.COMPROMISED:
        detail = f"{statement.issuer} declares {', '.join(body.keys)} compromised: {body.reason}"
        open_alert(connection, Code.KEY_COMPROMISED.value, "critical", f"key-state {statement.id}", detail)
