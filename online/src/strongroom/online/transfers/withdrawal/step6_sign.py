"""Step 6, sign: a terminal shows a nonce, two keys clear it, dockets go in under the clear, sealed results come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strongroom.core.assemble import build_placed
from strongroom.core.bodies import ClearToSign, Proposal, SignatureRecord
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep, Stage, Twin
from strongroom.core.errors import refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import (
    PackageBody,
    PackageKind,
    SealedResult,
    SigningBody,
    TerminalResultBody,
)
from strongroom.core.records import HexBytes
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Statement, expect, parse_statement
from strongroom.online.evidence.store import append, load_statement
from strongroom.online.exchange.outgoing import News, send
from strongroom.online.exchange.store import lock_device, save_seen
from strongroom.online.governance.notices import load_notices
from strongroom.online.governance.retired import check_own_machine
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.expiry import has_lapsed
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    Session,
    State,
    add_sealed,
    add_session,
    add_statement,
    load_docket,
    load_docket_statements,
    load_dockets,
    load_session_dockets,
    lock_docket,
    save_docket,
    save_exported,
)


def open_session(platform: Platform, rules: Rules, asked: Statement[SessionRequest]) -> None:
    """A terminal asks which verified dockets wait for it. Reconciler and watcher read its request themselves."""
    request = asked.body
    with platform.connection.transaction():
        known = lock_device(platform.connection, request.terminal)
        if request.checkpoint.size != known.seen:
            # Packages are on their way or lost. What is sent now could not be read after them, or they not after it.
            told = (
                f"log size {request.checkpoint.size}: import what was sent, or tell the platform with `strongroom seen`"
            )
            raise refused(Code.HEAD_UNEQUAL, "session-request.checkpoint", f"log size {known.seen}", told)
        now = platform.clock()
        rows = [
            row
            for row in load_dockets(platform.connection, State.VERIFIED)
            if _waits_for(platform, rules, row, request.terminal) and not has_lapsed(platform, row, now)
        ]
        # What saves coins goes first, alone: its clear opens nothing else, and a clear for transfers does not open it.
        # Then voids, alone too: their clear has a budget for fees only, into which no rejected transfer fits.
        waiting = [row.proposal for row in rows if row.twin is Twin.VOID] or [row.proposal for row in rows]
        waiting = [row.proposal for row in rows if is_sweep_proposal(platform, row.proposal)] or waiting
        parameters = rules.policy[1].body.parameters
        # No package holds more than a clear allows, or than people can read in one sitting.
        limit = min(parameters.clear_max_count, parameters.sitting_max_count)
        add_session(platform.connection, asked, known.seen, waiting[:limit])


def is_sweep_proposal(platform: Platform, proposal: Digest) -> bool:
    """Whether a proposal pays no instruction: an emergency sweep."""
    _, statement = load_statement(platform.connection, proposal)
    return not expect(statement, Proposal, "proposal").body.instructions


def export(platform: Platform, rules: Rules, session: Session) -> None:
    """Send the session's dockets with its clear, in one transaction."""
    if not platform.is_witnessed(session.clear):
        return
    with platform.connection.transaction():
        _, clear = load_statement(platform.connection, session.clear)
        rows = [load_docket(platform.connection, p) for p in load_session_dockets(platform.connection, session.nonce)]
        dockets = tuple(
            platform.assemble(rules, row, up_to=Stage.VERIFY) for row in rows if row.state is State.VERIFIED
        )

        def build(step: CheckpointStep, size: int, news: News) -> PackageBody:
            return SigningBody(
                checkpoint=step,
                clear=build_placed(platform.reader, clear.envelope, size),
                dockets=dockets,
                freezes=news.freezes,
                lifts=news.lifts,
                nonce=HexBytes(bytes.fromhex(session.nonce)),
                notices=news.notices,
            )

        # News that was sent meanwhile cannot be imported while the session is open, and is older than this package
        # afterwards.
        save_seen(platform.connection, session.terminal, session.seen)
        send(
            platform.connection,
            platform.reader,
            rules,
            session.terminal,
            PackageKind.SIGNING,
            session.nonce,
            build,
            now=platform.clock(),
        )
        save_exported(platform.connection, session.nonce)


def receive(
    platform: Platform, rules: Rules, terminal: PartyId, body: TerminalResultBody, records: Sequence[Statement[Any]]
) -> None:
    """Take records, whose signers were checked, and sealed results into their dockets. SIGNED at the threshold."""
    for result, statement in zip(body.results, records, strict=True):
        _check_result(result, statement, terminal)
        record = expect(statement, SignatureRecord, "record")
        with platform.connection.transaction():
            row = lock_docket(platform.connection, result.proposal)
            append(platform.connection, statement.envelope)
            _, clear = load_statement(platform.connection, record.body.clear)
            twin = _twin_of(row, record.body.unsigned_digest)
            add_sealed(platform.connection, row.proposal, twin, terminal, result.sealed, statement.id)
            # A transfer that comes back signed after its void twin was begun is kept, and leaves no more.
            if row.state is State.VERIFIED and twin is row.twin:
                add_statement(platform.connection, row.proposal, clear)
                add_statement(platform.connection, row.proposal, statement)
                if _has_threshold(platform, rules, row):
                    save_docket(platform.connection, row.proposal, State.SIGNED)


def check_machines(platform: Platform, rules: Rules, records: Sequence[Statement[Any]]) -> None:
    """Raise unless each record was signed under the lease in force. RETIRED_CREDENTIAL_USED, LEASE_REPLACED."""
    notices = load_notices(platform.connection, rules)
    for statement in records:
        record = expect(statement, SignatureRecord, "record")
        _, clear = load_statement(platform.connection, record.body.clear)
        check_own_machine(notices, rules, expect(clear, ClearToSign, "clear"))


def _twin_of(row: DocketRow, unsigned: Digest) -> Twin:
    """Which twin a terminal signed. Raises DIGEST_MISMATCH for neither."""
    for twin in Twin:
        if unsigned == row.unsigned_digest(twin):
            return twin
    raise refused(Code.DIGEST_MISMATCH, "signature-record.unsigned_digest", row.unsigned_digest(row.twin), unsigned)


def _check_result(result: SealedResult, statement: Statement[Any], terminal: PartyId) -> None:
    record = expect(statement, SignatureRecord, "record").body
    if record.proposal != result.proposal or record.terminal != terminal:
        raise refused(Code.DIGEST_MISMATCH, "terminal-result.record", result.proposal, record.proposal)
    if record.sealed_digest != sha256(result.sealed):
        raise refused(Code.SEAL_DIGEST_MISMATCH, "terminal-result.sealed", record.sealed_digest, sha256(result.sealed))


def _proposal_of(platform: Platform, row: DocketRow) -> Proposal:
    _, statement = load_statement(platform.connection, row.proposal)
    return expect(statement, Proposal, "proposal").body


def _waits_for(platform: Platform, rules: Rules, row: DocketRow, terminal: PartyId) -> bool:
    """Whether this terminal has a key for the docket and has not signed it yet."""
    sources = [rules.entries.addresses[a] for a in _proposal_of(platform, row).sources]
    mine = any(rules.entries.keys[k].terminal == terminal for source in sources for k in source.keys)
    signed = {
        s.body.terminal
        for s in load_docket_statements(platform.connection, row.proposal)
        if isinstance(s.body, SignatureRecord)
    }
    return mine and terminal not in signed


def _has_threshold(platform: Platform, rules: Rules, row: DocketRow) -> bool:
    statements = load_docket_statements(platform.connection, row.proposal)
    signed = {key for s in statements if isinstance(s.body, SignatureRecord) for key in s.body.keys}
    sources = [rules.entries.addresses[a] for a in _proposal_of(platform, row).sources]
    return all(len(signed & set(source.keys)) >= source.threshold for source in sources)


def parse_records(body: TerminalResultBody) -> tuple[Statement[Any], ...]:
    """The records of a result package."""
    return tuple(parse_statement(r.record, f"results[{i}].record") for i, r in enumerate(body.results))
