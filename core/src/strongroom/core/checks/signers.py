"""Who must have signed which statement, judged by the roster in force at its place in the log.

The table of spec/statement.md as code. Neither the time that a statement claims nor the reader's clock decides: a
revoked key cannot back-date, because the log's index is not the signer's to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from strongroom.core.bodies import ClearToSign, Instruction, Quorum, SignatureRecord
from strongroom.core.checks.foundation import Entries
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import EntryId
from strongroom.core.key_states import BY_QUORUM, KeyStateChange
from strongroom.core.roster import Party, Roster, check_party, check_quorum
from strongroom.core.statements import (
    Statement,
    StatementType,
    check_exact_signers,
    check_signers,
)
from strongroom.core.sweeps import LEAST_OFFICERS, Sweep

_ROLES: Mapping[StatementType, tuple[str, ...]] = {
    StatementType.DECISION: ("platform",),
    StatementType.PROPOSAL: ("builder",),
    StatementType.APPROVAL: ("approver",),
    StatementType.REJECTION: ("approver",),
    StatementType.VERIFICATION: ("station",),
    StatementType.RELEASE: ("gate",),
    StatementType.BROADCAST: ("gate",),
    StatementType.SETTLEMENT: ("watcher",),
    StatementType.FREEZE: ("reconciler", "watcher", "gate", "officer"),
    StatementType.KEY_STATE: ("officer",),
    StatementType.HALT: ("station", "terminal", "gate", "approver"),
    StatementType.DEPOSIT_CREDIT: ("platform",),
    StatementType.RECONCILIATION: ("reconciler",),
    StatementType.REORGANISATION: ("reconciler",),
    StatementType.DEPOSIT_REVERSAL: ("platform",),
    StatementType.SETTLEMENT_REVERSAL: ("platform",),
    StatementType.ADDRESS_ASSIGNMENT: ("assigner",),
    StatementType.SESSION_REQUEST: ("terminal",),
}


def check_statement_signers(
    statement: Statement[Any], roster: Roster, moment: datetime, entries: Entries, path: str
) -> None:
    """Raise unless exactly the right keys signed and their holders had their roles at that moment.

    entries: needed for clients' keys only. Officers' lifts need the policy's number and are checked by `check_lift`.
    """
    body = statement.body
    if isinstance(body, Instruction):
        _check_client(statement, entries, path)
    elif isinstance(body, ClearToSign):
        _check_clear(statement, roster, moment, path)
    elif isinstance(body, SignatureRecord):
        _check_record(statement, body, roster, moment, path)
    elif isinstance(body, Sweep) or (isinstance(body, KeyStateChange) and body.state in BY_QUORUM):
        # More than two may be needed: the root's floor for a sweep, the policy's number for a suspension that ends.
        check_lift(statement, roster, moment, LEAST_OFFICERS, path)
    else:
        party = _any_role(statement, roster, moment, path)
        check_exact_signers(statement.envelope, [party.key], path)


def _any_role(statement: Statement[Any], roster: Roster, moment: datetime, path: str) -> Party:
    roles = _ROLES.get(statement.type, ())
    if not roles:
        raise refused(Code.TYPE_MISMATCH, path, "a statement of the journey", statement.type.value)
    entry = roster.find(statement.issuer, f"{path}.issuer")
    role = next((r for r in roles if r in entry.roles), roles[0])
    return check_party(roster, statement.issuer, role, moment, f"{path}.issuer")


def _check_client(statement: Statement[Any], entries: Entries, path: str) -> None:
    body: Instruction = statement.body
    if body.client != statement.issuer:
        raise refused(Code.SIGNER_UNKNOWN, f"{path}.issuer", body.client, statement.issuer)
    client = entries.clients.get(EntryId(body.client))
    if client is None:
        raise refused(Code.NOT_IN_REGISTER, f"{path}.issuer", "a client of the register", body.client)
    check_signers(statement.envelope, client.keys, path)
    if len(statement.envelope.signatures) != 1:
        raise refused(Code.SIGNER_UNKNOWN, f"{path}.signatures", "one", str(len(statement.envelope.signatures)))


def _check_clear(statement: Statement[Any], roster: Roster, moment: datetime, path: str) -> None:
    """Two keys: root on the platform holds at most one of them (protocol.md, clear to sign)."""
    issuer = check_party(roster, statement.issuer, "reconciler", moment, f"{path}.issuer")
    watchers = [p for p in roster.with_role("watcher") if p.is_valid_at(moment) and p.id != issuer.id]
    signed = check_signers(statement.envelope, [issuer.key, *(w.key for w in watchers)], path)
    if len(signed) != 2 or issuer.key.key_id not in signed:
        raise refused(
            Code.SIGNATURES_MISSING, f"{path}.signatures", "reconciler and one watcher", f"{len(signed)} signatures"
        )


def _check_record(
    statement: Statement[Any], body: SignatureRecord, roster: Roster, moment: datetime, path: str
) -> None:
    if body.terminal != statement.issuer:
        raise refused(Code.SIGNER_UNKNOWN, f"{path}.issuer", body.terminal, statement.issuer)
    terminal = check_party(roster, statement.issuer, "terminal", moment, f"{path}.issuer")
    operators = [check_party(roster, p, "operator", moment, f"{path}.operators") for p in body.operators]
    check_operators(operators, f"{path}.operators")
    check_exact_signers(statement.envelope, [terminal.key, *(p.key for p in operators)], path)


def check_operators(operators: list[Party], field: str) -> None:
    """Raise OPERATORS_NOT_TWO unless at least two distinct humans with distinct keys operate."""
    people = min(len({p.staff for p in operators}), len({p.key.key_id for p in operators}))
    if people < 2 or len(operators) != people:
        raise refused(Code.OPERATORS_NOT_TWO, field, "two distinct operators", str(people))


def check_lift(statement: Statement[Any], roster: Roster, moment: datetime, people: int, path: str) -> None:
    """Raise unless enough officers, distinct people and keys, signed a freeze-lift or what else loosens."""
    officers = [p for p in roster.with_role("officer") if p.is_valid_at(moment)]
    check_party(roster, statement.issuer, "officer", moment, f"{path}.issuer")
    signed = check_signers(statement.envelope, [p.key for p in officers], path)
    signers = [p for p in officers if p.key.key_id in signed]
    check_quorum(Quorum(role="officer", people=max(2, people), groups=1), signers, f"{path}.signatures")
