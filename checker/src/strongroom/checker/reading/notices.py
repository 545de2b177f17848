"""Statements that stop a vault and let it go on: `freeze` and `freeze-lift`; spec/statement.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.checker.reading.bodies import Quorum
from strongroom.checker.reading.envelopes import (
    Context,
    Envelope,
    Statement,
    Type,
    check_context,
    check_exact,
    check_signatures,
)
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.governed import parse_governed
from strongroom.checker.reading.rosters import RosterStatement, check_party, check_quorum, moment_said
from strongroom.core.ids import Digest

FREEZERS: Final = ("reconciler", "watcher", "gate", "officer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Nothing is signed or released until officers lift it."""

    evidence: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeLift:
    """Officers end one freeze."""

    freeze: Digest
    reason: str


def prove_freeze(envelope: Envelope, context: Context, roster: RosterStatement) -> Statement[Freeze]:
    """A freeze by a reconciler, a watcher, the gate or an officer; one signature is enough to stop."""
    statement = parse_governed(envelope, Type.FREEZE, _parse_freeze)
    check_context(statement, context)
    moment = moment_said(statement.issued_at, roster)
    party = check_party(roster.body, statement.issuer, FREEZERS, moment, f"{statement.path}.payload.issuer")
    check_exact(envelope, [party.key])
    return statement


def read_lift(envelope: Envelope) -> Statement[FreezeLift]:
    """What a lift says. Proves nothing: for whoever knows that freeze to be lifted already."""
    return parse_governed(envelope, Type.FREEZE_LIFT, _parse_lift)


def prove_lift(envelope: Envelope, context: Context, roster: RosterStatement, people: int) -> Statement[FreezeLift]:
    """A lift by at least `people` officers, distinct people and keys. Raises QUORUM_NOT_MET."""
    statement = read_lift(envelope)
    check_context(statement, context)
    moment = moment_said(statement.issued_at, roster)
    check_party(roster.body, statement.issuer, ("officer",), moment, f"{statement.path}.payload.issuer")
    officers = [each for each in roster.body.with_role("officer") if each.valid_from <= moment <= each.valid_until]
    signed = check_signatures(envelope, [each.key for each in officers])
    quorum = Quorum(groups=1, people=max(people, 1), role="officer")
    check_quorum(quorum, [each for each in officers if each.key.id in signed], f"{statement.path}.signatures")
    return statement


def _parse_freeze(node: Node) -> Freeze:
    found = node.members("evidence", "reason", "scope")
    found["scope"].word("vault")
    return Freeze(evidence=found["evidence"].text(), reason=found["reason"].text())


def _parse_lift(node: Node) -> FreezeLift:
    found = node.members("freeze", "reason")
    return FreezeLift(freeze=found["freeze"].digest(), reason=found["reason"].text())
