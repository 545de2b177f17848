"""What the policy says to an order or a docket now, gathered from the database; it changes and locks nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.core.bodies import Approval, Decision, Instruction, Quorum, sorted_quorums
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AssetId, Digest, PartyId
from strongroom.core.policy import Request, required_quorums
from strongroom.core.policy.explain import Explanation, QuorumTold, explain, explain_quorums
from strongroom.core.policy.usage import Use, build_usage, build_uses
from strongroom.core.records import DigestOrNone
from strongroom.core.roster import Party
from strongroom.core.statements import Statement, expect
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_statement
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.limits import build_request, prices_used
from strongroom.online.transfers.withdrawal.store import (
    load_docket,
    load_docket_statements,
    load_instruction,
)
from strongroom.online.transfers.withdrawal.usage import UsageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTold:
    """What the policy says to one instruction. native: the asset of its fees. prices: by which it was valued."""

    instruction: Digest
    state: str
    why: str
    request: Request
    native: AssetId
    prices: DigestOrNone
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything about a subject: its orders, and the quorums of all of them, of the decisions and of the floors."""

    subject: Digest
    state: str
    policy: int
    at: datetime
    orders: tuple[OrderTold, ...]
    quorums: tuple[QuorumTold, ...]


def explain_subject(connection: Connection, rules: Rules, subject: Digest, now: datetime) -> Told:
    """Explain an instruction or a proposal. Raises NOT_IN_LOG for anything else."""
    row = load_instruction(connection, subject)
    if row is not None and row.proposal is None:
        decision = [load_statement(connection, row.decision)[1]] if row.decision else []
        return _tell(connection, rules, subject, row.state.value, [_order(connection, subject), *decision], 0, now)
    _, statement = load_statement(connection, row.proposal if row and row.proposal else subject)
    if statement.type.value != "proposal":
        raise refused(Code.NOT_IN_LOG, "subject", "an instruction or a proposal", statement.type.value)
    docket = load_docket(connection, statement.id)
    statements = list(load_docket_statements(connection, statement.id))
    return _tell(connection, rules, subject, docket.state.value, statements, docket.fee, now)


def _order(connection: Connection, instruction: Digest) -> Statement[Any]:
    return load_statement(connection, instruction)[1]


def _tell(
    connection: Connection,
    rules: Rules,
    subject: Digest,
    state: str,
    statements: list[Statement[Any]],
    fee: int,
    now: datetime,
) -> Told:
    usage, earlier = UsageStore(connection), list[Use]()
    orders: list[OrderTold] = []
    quorums: set[Quorum] = {rules.root.floors.quorum}
    policy = rules.policy[1].body
    for found in (s for s in statements if isinstance(s.body, Instruction)):
        statement = expect(found, Instruction, "instruction")
        request = build_request(rules, statement, now, fee, 0 if orders else fee)
        table = build_usage(policy, request, statement.id, usage, now, also=earlier)
        told = explain(policy, request, table, now)
        row = load_instruction(connection, statement.id)
        orders.append(
            OrderTold(
                instruction=statement.id,
                state=row.state.value if row else state,
                why=row.why if row else "",
                request=request,
                native=native_asset_of(statement.body.chain),
                prices=prices_used(rules, request),
                explanation=told,
            )
        )
        quorums |= set(required_quorums(policy, request))
        earlier += build_uses([r.id for r in told.rules if r.is_matched], request, statement.id, now)
    quorums |= {q for s in statements if isinstance(s.body, Decision) for q in s.body.quorums}
    return Told(
        subject=subject,
        state=state,
        policy=policy.version,
        at=now,
        orders=tuple(orders),
        quorums=explain_quorums(
            sorted_quorums(quorums), _approved(rules, statements), rules.roster, _barred(rules, statements), now
        ),
    )


def _approved(rules: Rules, statements: list[Statement[Any]]) -> list[Party]:
    """Who approved, as today's roster has them: whoever is none now does not count on any device."""
    people = {s.issuer for s in statements if isinstance(s.body, Approval)}
    return [p for p in rules.roster.with_role("approver") if p.id in people]


def _barred(rules: Rules, statements: list[Statement[Any]]) -> frozenset[PartyId]:
    """Who may not approve this: the clients' and the whitelist's office, by id or key, and whoever instructed."""
    offices = [rules.root.delegation(name) for name in ("clients", "whitelist")]
    keys = {h.key.key_id for d in offices for h in d.keys}
    keys |= {s.keyid for each in statements if isinstance(each.body, Instruction) for s in each.envelope.signatures}
    people = {h.id for d in offices for h in d.keys}
    return frozenset(people | {p.id for p in rules.roster.parties if p.key.key_id in keys})
