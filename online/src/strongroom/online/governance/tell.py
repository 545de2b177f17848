"""What of newly signed rules people are to look at twice: it is in force, and may not have been meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strongroom.core.codes import Code
from strongroom.core.lookalike import find_lookalikes
from strongroom.core.policy import Policy
from strongroom.core.policy.loosened import find_loosened
from strongroom.core.registers import Entry, WhitelistEntry
from strongroom.core.statements import Statement
from strongroom.online.db.connect import Connection
from strongroom.online.watch.store import open_alert


def tell_loosened(
    connection: Connection, before: Sequence[tuple[int, Statement[Any]]], statement: Statement[Policy]
) -> None:
    """Page for a policy that asks less than the one before."""
    lowered = find_loosened(before[-1][1].body, statement.body) if before else ()
    if lowered:
        detail = f"version {statement.body.version} by {statement.issuer}: {'; '.join(lowered)}"
        open_alert(connection, Code.QUORUM_OR_DELAY_LOWERED.value, "critical", f"policy {statement.id}", detail)


def tell_lookalikes(connection: Connection, added: Sequence[Entry], known: Sequence[Entry]) -> None:
    """Page for each new destination that looks like one that is listed: the delay of the whitelist is for looking.

    added, known: of one register, known with what was added; of other registers than the whitelist nothing is told.
    """
    names = {entry.address: entry.id for entry in known if isinstance(entry, WhitelistEntry)}
    fresh = [entry.address for entry in added if isinstance(entry, WhitelistEntry)]
    for twin, address in find_lookalikes(fresh, names):
        detail = f"{twin} is not {address} of {names[address]}; ask the client, by a channel that is known"
        open_alert(connection, Code.LOOKALIKE_ADDRESS.value, "critical", f"whitelist {names[twin]}", detail)
