"""Clear to sign: two keys, two processes. Each decides by what it saw itself, and signs or withholds.

The reconciler's half: matched, fresh, not frozen, overseen, and the terminal believes what is in force. The watcher's
half: the same question asked of its own node. Whoever owns the platform holds at most one of the two keys.
V.4, V.5, I.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from strongroom.core.bodies import Budget, ClearToSign, Outcome, Proposal, Scope, Settlement, TreeHead
from strongroom.core.books import Reconciliation, ReconciliationStatus
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.notices import CHECKS, build_latches, find_lease
from strongroom.core.checks.sign import check_scope
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin, build_prev
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError, UnavailableError, refused, run_checks
from strongroom.core.ids import AssetId, ChainId, Digest, PartyId
from strongroom.core.keys import PublicKey
from strongroom.core.records import Units
from strongroom.core.roster import check_overseers, check_party
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import (
    Statement,
    StatementType,
    add_signature,
    build_payload,
    check_context,
    check_signers,
    expect,
    parse_envelope_bytes,
    parse_statement,
    sign_payload,
)
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.kept import KeepingReader, read_witnessed
from strongroom.online.evidence.said import Said
from strongroom.online.evidence.store import LogReader, append, load_statement, say
from strongroom.online.governance.notices import judge_notices
from strongroom.online.governance.retired import check_not_retired
from strongroom.online.governance.store import Rules, load_rules_under
from strongroom.online.keys import ServiceKey
from strongroom.online.keys.code import check_no_code
from strongroom.online.watch import store
from strongroom.online.watch.access import Door, check_inside
from strongroom.online.watch.chain_view import Ending, Watched
from strongroom.online.watch.follow import watch_for
from strongroom.online.watch.freezes import KINDS as FREEZES
from strongroom.online.watch.freezes import find_standing
from strongroom.online.watch.places import quote_place
from strongroom.online.watch.reconciler import Reconciler
from strongroom.online.watch.rejections import check_not_rejected, find_rejections
from strongroom.online.watch.requests import read_request


def clear_sessions(reconciler: Reconciler, reader: LogReader) -> None:
    """The reconciler's half for every session that waits; what is withheld says why."""
    rules = reconciler.load_rules()
    reader.refresh(reconciler.connection)
    for session in store.load_sessions_without_clear(reconciler.connection):
        try:
            scope = find_scope(reconciler.connection, session)
            check_state(reconciler, rules, scope)
            check_not_retired(rules, session.terminal, reconciler.clock(), "session.terminal")
            request = read_request(session, rules, reconciler.clock())
            check_inside(reconciler.doors, request.terminal, request.operators, rules.roster, reconciler.clock())
            check_heads(request, rules)
            said = reconciler.prover.read_log(reconciler.connection)
            standing = find_standing_for(said, rules, request, scope)
            check_unrejected(reconciler.connection, said, rules, session)
            quote_place(reconciler.connection, rules, reconciler.places, request, standing.notices)
            envelope = _sign_clear(reconciler, rules, reader, request, standing)
            store.save_clear_payload(reconciler.connection, session.nonce, envelope)
        except (MalformedError, RefusedError, UnavailableError) as error:
            _withhold(reconciler.connection, session, error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands for a session: its terminal's lease, the digest of everything that latches, and what it is for.

    notices: all of the log, of which lease and latches are.
    """

    latches: Digest
    lease: Digest
    notices: Sequence[Proved[Any]]
    scope: Scope


def find_standing_for(said: Said, rules: Rules, request: SessionRequest, scope: Scope) -> Standing:
    """What the log says of a terminal. Raises LEASE_MISSING, LEASE_REPLACED when it works under another lease."""
    terminal, notices = request.terminal, judge_notices(said.of(*CHECKS), rules)
    lease = find_lease(notices, terminal, rules.root, rules.context)
    if lease is None:
        raise refused(Code.LEASE_MISSING, "session.terminal", f"a lease of {terminal}", "none in force")
    if lease.id != request.lease:
        raise refused(Code.LEASE_REPLACED, "session-request.lease", lease.id, request.lease)
    latches = build_latches(find_standing(said.of(*FREEZES), rules), notices)
    return Standing(latches=latches, lease=lease.id, notices=notices, scope=scope)


def check_unrejected(connection: Connection, said: Said, rules: Rules, session: store.WaitingSession) -> None:
    """Raise REJECTED when the log holds a no to what the session would pay."""
    rejections = find_rejections(said.of(StatementType.REJECTION), rules)
    check_not_rejected(store.load_session_twins(connection, session.nonce), rejections)


PAGED = frozenset({Code.JOURNAL_FORKED, Code.RETIRED_CREDENTIAL_USED, Code.ACCESS_NOT_MATCHED, Code.ACCESS_FEED_BROKEN})


def _withhold(connection: Connection, session: store.WaitingSession, error: StrongroomError) -> None:
    """Say why there is no clear; a copy of a terminal, a retired one, and a door that disagrees page at once."""
    store.save_withheld(connection, session.nonce, str(error))
    for code in sorted(PAGED & error.codes):
        store.open_alert(connection, code.value, "critical", session.terminal, str(error))


def find_scope(connection: Connection, session: store.WaitingSession) -> Scope:
    """What a session is for, by the proposals that it would sign. Raises CLEAR_NOT_FOR_SESSION when it mixes the two.

    Read from the builder's signed proposals, not from a column; and whatever is said here, a device signs under
    containment only what pays ourselves.
    """
    found = [expect(s, Proposal, "proposal").body for s in store.load_session_proposals(connection, session.nonce)]
    scopes = {Scope.TRANSFERS if body.instructions else Scope.CONTAINMENT for body in found}
    if len(scopes) > 1:
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "session.dockets", "transfers or sweeps", "both")
    return scopes.pop() if scopes else Scope.TRANSFERS


def check_state(reconciler: Reconciler, rules: Rules, scope: Scope) -> None:
    """Transfers wait for a matched, unfrozen world; a sweep is for when it is neither, and waits for overseers only."""
    if scope is Scope.TRANSFERS:
        check_world(reconciler, rules)
    else:
        check_overseers(rules.roster, reconciler.clock())


def check_world(reconciler: Reconciler, rules: Rules) -> None:
    """Raise unless nothing is frozen, chains match, the ledger is proved, and every section has its overseer."""

    def check_frozen() -> None:
        said = reconciler.prover.read_log(reconciler.connection)
        standing = find_standing(said.of(*FREEZES), rules)
        if standing:
            raise refused(Code.FROZEN, "freezes", "none standing", ", ".join(standing))

    def check_chains() -> None:
        for chain, follower in sorted(reconciler.followers.items()):
            follower.check_in_step()
            run = store.load_last_run(reconciler.connection, chain)
            tip = follower.fetch_tip()
            if run is None or run[0] != tip or run[1] != ReconciliationStatus.MATCHED.value:
                got = "no run" if run is None else f"{run[1]} at {run[0]}"
                raise refused(Code.RECONCILIATION_BREAK, chain, f"MATCHED at {tip}", got)
            last = store.load_last_block(reconciler.connection, chain)
            found = follower.fetch_hash(tip)
            if last is None or last[1] != found:
                # The same height can be another branch.
                raise refused(Code.CHAIN_REORGANISED, chain, last[1] if last else "a block", found)

    def check_proved() -> None:
        reconciler.prover.check(reconciler.connection)

    run_checks([check_frozen, check_chains, check_proved, lambda: check_overseers(rules.roster, reconciler.clock())])


def check_heads(request: SessionRequest, rules: Rules) -> None:
    """Raise HEAD_UNEQUAL unless the terminal believes exactly what is in force."""
    if request.heads != rules.build_heads():
        raise refused(Code.HEAD_UNEQUAL, "session.heads", "the heads in force", "other heads: import the update first")


def _sign_clear(
    reconciler: Reconciler, rules: Rules, reader: LogReader, request: SessionRequest, standing: Standing
) -> bytes:
    last = reader.last_checkpoint()
    parameters = rules.policy[1].body.parameters
    budget = tuple(
        Budget(asset=asset, units=Units(units))
        for asset, units in store.load_session_amounts(reconciler.connection, request.nonce.hex())
    )
    body = ClearToSign(
        budget=budget,
        checkpoint=TreeHead(root=Digest("sha256:" + reader.tree.root(last.size).hex()), size=last.size),
        heads=rules.build_heads(),
        journal=request.journal,
        latches=standing.latches,
        lease=standing.lease,
        life_s=parameters.clear_life_s,
        max_count=parameters.clear_max_count,
        nonce=request.nonce,
        scope=standing.scope,
        terminal=request.terminal,
    )
    key = reconciler.key
    kind, payload = build_payload(body, context=rules.context, issuer=key.party, issued_at=reconciler.clock())
    return sign_payload(kind, payload, [(key.key, key.sign)]).encode()


class Holdings(Protocol):
    """The watcher's own view of a chain, by its own node."""

    def fetch_tip(self) -> int:
        """Height of the newest block."""

    def fetch_ending(self, txid: str, height: int, watched: Watched) -> Ending | None:
        """How a transaction of ours ended in the block at a height of its own nodes; None when it is not there."""

    def fetch_codes(self, addresses: Sequence[str], height: int) -> Sequence[bytes]:
        """The code at each address after the block at a height."""

    def fetch_held(self, watched: Watched, height: int) -> Mapping[AssetId, int]:
        """Units of each asset on our addresses after the block at a height. Raises NODE_UNAVAILABLE elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """The watcher's parts: its own connection, key and nodes. places: its own file of what it quoted of journals.

    memory: the witness's file, on the same host. doors: of vaults, by terminal. log: what this program read.
    """

    connection: Connection
    key: ServiceKey
    chains: Mapping[ChainId, Holdings]
    confirmations: Mapping[ChainId, int]
    clock: Callable[[], datetime]
    root: Digest
    places: Path
    memory: Path
    doors: Mapping[PartyId, Door] = field(default_factory=dict)
    log: KeepingReader = field(default_factory=KeepingReader)

    def load_rules(self) -> Rules:
        """The governance in force, under this program's own root."""
        return load_rules_under(self.connection, self.root)

    def read_log(self) -> Said:
        """What the log says: the one that was cosigned here, and what was added since."""
        return read_witnessed(self.connection, self.log, self.memory)


def countersign_sessions(watcher: Watcher) -> None:
    """The watcher's half for every session that the reconciler cleared, by its own reading; then it is logged."""
    rules = watcher.load_rules()
    for session in store.load_sessions_half_cleared(watcher.connection):
        try:
            check_not_retired(rules, session.terminal, watcher.clock(), "session.terminal")
            request = read_request(session, rules, watcher.clock())
            check_inside(watcher.doors, request.terminal, request.operators, rules.roster, watcher.clock())
            statement = _read_half(session, rules, watcher.clock())
            check_budget(watcher, session, statement.body)
            check_scope(statement.body.scope, find_scope(watcher.connection, session))
            if statement.body.scope is Scope.TRANSFERS:
                check_watched(watcher, rules)
            standing = check_standing(watcher, rules, request, statement.body)
            check_unrejected(watcher.connection, watcher.read_log(), rules, session)
            quote_place(watcher.connection, rules, watcher.places, request, standing.notices)
            envelope = add_signature(statement.envelope, watcher.key.key, watcher.key.sign)
            check_statement_signers(parse_statement(envelope), rules.roster, watcher.clock(), rules.entries, "clear")
        except (MalformedError, RefusedError) as error:
            # A half that cannot even be read is whoever wrote the row's doing: it withholds its own session only.
            _withhold(watcher.connection, session, error)
            continue
        with watcher.connection.transaction():
            append(watcher.connection, envelope)
            store.save_clear(watcher.connection, session.nonce, statement.id)


def _read_half(session: store.WaitingSession, rules: Rules, now: datetime) -> Statement[ClearToSign]:
    """The reconciler's envelope, checked: its key, this session, the heads in force."""
    envelope = parse_envelope_bytes(session.clear_payload or b"")
    statement = expect(parse_statement(envelope, "clear"), ClearToSign, "clear")
    check_context(statement, rules.context, "clear")
    party = check_party(rules.roster, statement.issuer, "reconciler", now, "clear.issuer")
    keys: list[PublicKey] = [party.key]
    check_signers(envelope, keys, "clear")
    if statement.body.nonce.hex() != session.nonce or statement.body.terminal != session.terminal:
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "clear.nonce", session.nonce, statement.body.nonce.hex())
    if statement.body.heads != rules.build_heads():
        raise refused(Code.HEAD_UNEQUAL, "clear.heads", "the heads in force", "other heads")
    return statement


def check_standing(watcher: Watcher, rules: Rules, request: SessionRequest, body: ClearToSign) -> Standing:
    """Raise unless the half quotes the terminal's journal as its request shows it, its lease, and all that latches."""
    own = find_standing_for(watcher.read_log(), rules, request, body.scope)
    if body.journal != request.journal:
        raise refused(Code.CLEAR_NOT_FOR_SESSION, "clear.journal", str(request.journal), str(body.journal))
    if body.lease != own.lease:
        raise refused(Code.LEASE_REPLACED, "clear.lease", own.lease, body.lease)
    if body.latches != own.latches:
        raise refused(Code.LATCHES_UNEQUAL, "clear.latches", own.latches, body.latches)
    return own


def check_budget(watcher: Watcher, session: store.WaitingSession, body: ClearToSign) -> None:
    """Raise CLEAR_BUDGET unless the budget is what the session's dockets move, to the last unit."""
    wanted = store.load_session_amounts(watcher.connection, session.nonce)
    given = tuple((b.asset, int(b.units)) for b in body.budget)
    if given != wanted:
        raise refused(Code.CLEAR_BUDGET, "clear.budget", str(wanted), str(given))


def check_watched(watcher: Watcher, rules: Rules) -> None:
    """Raise unless the watcher's own nodes hold what the last reconciliation says, and nothing is frozen."""
    standing = find_standing(watcher.read_log().of(*FREEZES), rules)
    if standing:
        raise refused(Code.FROZEN, "freezes", "none standing", ", ".join(standing))
    for chain, holdings in sorted(watcher.chains.items()):
        run = store.load_last_run(watcher.connection, chain)
        if run is None or run[0] != holdings.fetch_tip():
            raise refused(
                Code.RECONCILIATION_BREAK, chain, f"a run at {holdings.fetch_tip()}", str(run[0] if run else "none")
            )
        _, found = load_statement(watcher.connection, run[2])
        body = expect(found, Reconciliation, "reconciliation").body
        watched = watch_for(rules, chain, {})
        codes = holdings.fetch_codes([a.address for a in watched.addresses], run[0])
        check_no_code({a.id: code for a, code in zip(watched.addresses, codes, strict=True)})
        held = dict(holdings.fetch_held(watched, run[0]))
        said = {row.asset: int(row.chain_units) for row in body.rows}
        if body.status is not ReconciliationStatus.MATCHED or said != held:
            raise refused(Code.NODES_DISAGREE, chain, f"{said} and MATCHED", f"{held} and {body.status.value}")


def settle_outflows(watcher: Watcher) -> None:
    """Say a settlement for every docket whose transaction is deep enough on the watcher's own chain."""
    rules = watcher.load_rules()
    for chain in sorted(watcher.chains):
        settle_chain(watcher, rules, chain)


def settle_chain(watcher: Watcher, rules: Rules, chain: ChainId) -> None:
    """Say a settlement for every docket of one chain whose transaction is deep enough."""
    holdings = watcher.chains[chain]
    tip = holdings.fetch_tip()
    deep = tip - watcher.confirmations[chain] + 1
    for outflow in store.load_final_outflows(watcher.connection, chain, deep):
        found = holdings.fetch_ending(outflow.txid, outflow.height, watch_for(rules, chain, {}))
        if found != Ending(block_hash=outflow.block_hash, outcome=outflow.outcome):
            # The follower saw it; these nodes do not, or elsewhere, or otherwise. Nothing is settled by hearsay.
            detail = f"the watcher's nodes do not have {outflow.txid} in block {outflow.block_hash}: {found}"
            store.open_alert(watcher.connection, Code.NODES_DISAGREE.value, "critical", outflow.txid, detail)
            continue
        with watcher.connection.transaction():
            # Another watcher may have said it since the list was read: two settlements would spoil the docket.
            if store.lock_unsettled(watcher.connection, outflow.proposal):
                _say_settlement(watcher, rules, outflow, tip)


def _say_settlement(watcher: Watcher, rules: Rules, outflow: store.FinalOutflow, tip: int) -> None:
    statements: list[Statement[Any]] = list(store.load_docket_statements(watcher.connection, outflow.proposal))
    body = Settlement(
        block_hash=outflow.block_hash,
        confirmations=tip - outflow.height + 1,
        fee_paid=Units(outflow.fee),
        height=outflow.height,
        outcome=outflow.outcome if outflow.twin is Twin.TRANSFER else Outcome.VOIDED,
        prev=build_prev(statements, Stage.SETTLE),
        proposal=outflow.proposal,
        txid=outflow.txid,
    )
    statement = say(watcher.connection, rules.context, body, watcher.key, watcher.clock())
    store.add_settlement(watcher.connection, outflow.proposal, statement.id)
