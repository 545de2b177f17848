"""Who must have signed which statement of a docket, by the roster in force at its place in the log; spec/statement.md.

Neither the time that a statement claims nor the reader's clock decides: a revoked key cannot date back, because the
log's index is not the signer's to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from strongroom.checker.reading.bodies import Body, ClearToSign, Instruction, Quorum, SignatureRecord
from strongroom.checker.reading.emergency_bodies import KeyStateChange, Sweep, needs_one
from strongroom.checker.reading.envelopes import Statement, Type, check_exact, check_signatures
from strongroom.checker.reading.registers import Entries
from strongroom.checker.reading.rosters import Party, Roster, check_party, check_quorum
from strongroom.core.codes import Code
from strongroom.core.errors import refused

_ROLES: Final[Mapping[Type, tuple[str, ...]]] = {
    Type.DECISION: ("platform",),
    Type.PROPOSAL: ("builder",),
    Type.APPROVAL: ("approver",),
    Type.REJECTION: ("approver",),
    Type.VERIFICATION: ("station",),
    Type.RELEASE: ("gate",),
    Type.BROADCAST: ("gate",),
    Type.SETTLEMENT: ("watcher",),
    Type.KEY_STATE: ("officer",),
}


def check_signers(statement: Statement[Body], roster: Roster, moment: datetime, entries: Entries) -> tuple[str, ...]:
    """Verify a statement's signatures and that exactly the right parties made them; returns their ids.

    moment: the time of the statement's checkpoint. entries: needed for clients' keys.
    """
    body = statement.body
    if isinstance(body, Instruction):
        return _check_instruction(statement, body, entries)
    if isinstance(body, ClearToSign):
        return _check_clear(statement, roster, moment)
    if isinstance(body, SignatureRecord):
        return _check_record(statement, body, roster, moment)
    if isinstance(body, Sweep) or (isinstance(body, KeyStateChange) and not needs_one(body.state)):
        return _check_officers(statement, roster, moment)
    party = check_party(roster, statement.issuer, _ROLES[statement.type], moment, _issuer(statement))
    check_exact(statement.envelope, [party.key])
    return (party.id,)


def _check_instruction(statement: Statement[Body], body: Instruction, entries: Entries) -> tuple[str, ...]:
    if body.client != statement.issuer:
        raise refused(Code.SIGNER_UNKNOWN, _issuer(statement), body.client, statement.issuer)
    client = entries.clients.get(body.client)
    if client is None:
        raise refused(Code.NOT_IN_REGISTER, _issuer(statement), "a client of the register", body.client)
    signed = check_signatures(statement.envelope, client.keys)
    if len(signed) != 1:
        path = f"{statement.path}.signatures"
        raise refused(Code.SIGNER_UNKNOWN, path, "exactly one key of the client", str(len(signed)))
    return (statement.issuer,)


def _check_clear(statement: Statement[Body], roster: Roster, moment: datetime) -> tuple[str, ...]:
    """Two keys: whoever holds the platform holds at most one of them."""
    reconciler = check_party(roster, statement.issuer, ("reconciler",), moment, _issuer(statement))
    watchers = {
        each.key.id: each
        for each in roster.with_role("watcher")
        if each.id != reconciler.id and each.valid_from <= moment <= each.valid_until
    }
    signed = check_signatures(statement.envelope, [reconciler.key, *(each.key for each in watchers.values())])
    others = signed - {reconciler.key.id}
    if reconciler.key.id not in signed or len(others) != 1:
        path = f"{statement.path}.signatures"
        raise refused(Code.SIGNATURES_MISSING, path, "the reconciler and one watcher", f"{len(signed)} signatures")
    return (reconciler.id, *(watchers[each].id for each in others))


def _check_officers(statement: Statement[Body], roster: Roster, moment: datetime) -> tuple[str, ...]:
    """What loosens, or moves coins without a client, is said by two officers or more."""
    check_party(roster, statement.issuer, ("officer",), moment, _issuer(statement))
    officers = {each.key.id: each for each in roster.with_role("officer") if is_valid(each, moment)}
    signed = check_signatures(statement.envelope, [each.key for each in officers.values()])
    signers = [officers[each] for each in sorted(signed)]
    check_quorum(Quorum(groups=1, people=2, role="officer"), signers, f"{statement.path}.signatures")
    return tuple(sorted(each.id for each in signers))


def _check_record(
    statement: Statement[Body], body: SignatureRecord, roster: Roster, moment: datetime
) -> tuple[str, ...]:
    if body.terminal != statement.issuer:
        raise refused(Code.SIGNER_UNKNOWN, _issuer(statement), body.terminal, statement.issuer)
    terminal = check_party(roster, statement.issuer, ("terminal",), moment, _issuer(statement))
    path = f"{statement.body_path}.operators"
    operators = [check_party(roster, each, ("operator",), moment, path) for each in body.operators]
    check_two_operators(operators, path)
    check_exact(statement.envelope, [terminal.key, *(each.key for each in operators)])
    return (terminal.id, *(each.id for each in operators))


def check_two_operators(operators: list[Party], path: str) -> None:
    """Raise OPERATORS_NOT_TWO unless there are at least two, all distinct humans."""
    people = len({each.staff for each in operators})
    if people < 2 or people != len(operators):
        raise refused(Code.OPERATORS_NOT_TWO, path, "two operators, distinct people", f"{people} people")


def is_valid(party: Party, moment: datetime) -> bool:
    """Whether a roster entry is in its time."""
    return party.valid_from <= moment <= party.valid_until


def _issuer(statement: Statement[Body]) -> str:
    return f"{statement.path}.payload.issuer"
