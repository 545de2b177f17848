"""Whose addresses are, out of the log: a row of a table only says where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.core.assignments import AddressAssignment
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.ids import EntryId
from strongroom.core.registers import AddressEntry
from strongroom.core.statements import check_context, expect, parse_envelope_bytes, parse_statement
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import Rules
from strongroom.online.keys import store
from strongroom.online.prove.history import roster_at


def find_assigned(
    connection: Connection, rules: Rules, addresses: Sequence[AddressEntry]
) -> Mapping[EntryId, AddressAssignment]:
    """The assignments of these addresses, each verified again; an address without one is not in it.

    A second assignment of one address is no row here, and the reconciler, which reads the whole log, refuses it.
    Raises what a forged statement raises.
    """
    wanted = {entry.id: (entry.chain, entry.address) for entry in addresses}
    found: dict[EntryId, AddressAssignment] = {}
    for place, leaf in store.load_assignments(connection, wanted) if wanted else ():
        statement = expect(parse_statement(parse_envelope_bytes(leaf)), AddressAssignment, "assignment")
        body = statement.body
        check_context(statement, rules.context, "assignment")
        # The roster at its place, at the time that it says; the reconciler judges it by the witness's time.
        check_statement_signers(statement, roster_at(rules, place), statement.issued_at, rules.entries, "assignment")
        if wanted.get(body.entry) == (body.chain, body.address):
            found[body.entry] = body
    return found
