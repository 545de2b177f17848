"""What comes back from devices: each file is checked, handled once, and kept, whatever becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strongroom.core.bodies import Approval, Freeze, Halt, Rejection, Verification
from strongroom.core.canonical import sha256
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError, UnavailableError, malformed, refused
from strongroom.core.packages import (
    Package,
    ReleaseResultBody,
    SessionRequestBody,
    StatementsBody,
    TerminalResultBody,
    parse_package,
)
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Envelope, Statement, check_context, expect, parse_statement
from strongroom.online.db.locks import locked_file
from strongroom.online.evidence.store import append
from strongroom.online.exchange.outgoing import PLATFORM
from strongroom.online.exchange.store import load_brought, load_received, remove_brought, save_received
from strongroom.online.governance.retired import check_not_retired, tell_retired
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal import step4_approve, step5_verify, step6_sign, step7_release
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import open_alert
from strongroom.online.watch.freezes import keep_freeze
from strongroom.online.watch.requests import check_request

HANDLED = "handled"


def read_inbox(platform: Platform, rules: Rules, inbox: Path) -> list[str]:
    """Handle every package that is new, a courier's files first, oldest name first; returns what became of each.

    A refused package stops nobody else: it is kept with its reason, and the SOC is told (III.A7-GP). One worker of a
    home at a time, so that packages of a device are taken in their order.
    """
    with locked_file(inbox.with_suffix(".lock")):
        return _read_new(platform, rules, inbox)


def _read_new(platform: Platform, rules: Rules, inbox: Path) -> list[str]:
    outcomes = []
    for path in sorted(inbox.glob("*/*.package.json")):
        raw = path.read_bytes()
        device = path.parent.name.replace("-", ":", 1)
        digest = sha256(raw)
        if load_received(platform.connection, device, digest) is not None:
            continue
        outcomes.append(_receive_one(platform, rules, device, raw, digest))
    return outcomes + _read_brought(platform, rules)


def _read_brought(platform: Platform, rules: Rules) -> list[str]:
    """What devices handed in over the network, handled as a courier's files are; whose it is was proved at the door."""
    outcomes = []
    for device, digest, raw in load_brought(platform.connection):
        if load_received(platform.connection, device, digest) is None:
            outcomes.append(_receive_one(platform, rules, device, raw, digest))
        remove_brought(platform.connection, device, digest)
    return outcomes


def _receive_one(platform: Platform, rules: Rules, device: str, raw: bytes, digest: str) -> str:
    package: Package | None = None
    try:
        package = parse_package(raw)
        if package.sender != device or package.to != PLATFORM:
            raise refused(
                Code.PACKAGE_NOT_FOR_US, "package.from", f"{device} to {PLATFORM}", f"{package.sender} to {package.to}"
            )
        handle(platform, rules, package)
        outcome = HANDLED
    except UnavailableError:
        # The database or a node is away: nothing is decided, the file is read again.
        raise
    except StrongroomError as error:
        outcome = str(error)
        severity = "critical" if Code.RETIRED_CREDENTIAL_USED in error.codes else "high"
        open_alert(platform.connection, error.code.value, severity, f"package {digest}", f"from {device}: {error}")
        tell_retired(platform.connection, rules, _envelopes_of(package), platform.clock())
    save_received(platform.connection, device, digest, package, raw, outcome)
    return outcome


def handle(platform: Platform, rules: Rules, package: Package) -> None:
    """Do what a package asks, after checking who signed what it brings."""
    check_not_retired(rules, package.sender, platform.clock(), "package.from")
    body = package.body
    if isinstance(body, SessionRequestBody):
        asked = expect(parse_statement(body.request, "session-request"), SessionRequest, "session-request")
        check_request(asked, rules, platform.clock())
        if asked.body.terminal != package.sender:
            raise refused(Code.PACKAGE_NOT_FOR_US, "session-request.terminal", package.sender, asked.body.terminal)
        step6_sign.open_session(platform, rules, asked)
    elif isinstance(body, StatementsBody):
        for statement in _checked(platform, rules, body.statements):
            _take(platform, rules, statement)
    elif isinstance(body, TerminalResultBody):
        for statement in _checked(platform, rules, body.halts):
            _take(platform, rules, statement)
        records = _checked(platform, rules, tuple(r.record for r in body.results))
        step6_sign.check_machines(platform, rules, records)
        step6_sign.receive(platform, rules, package.sender, body, records)
    elif isinstance(body, ReleaseResultBody):
        statements = _checked(platform, rules, body.statements)
        for statement in statements:
            if isinstance(statement.body, Halt):
                _take(platform, rules, statement)
        step7_release.receive(platform, body, tuple(s for s in statements if not isinstance(s.body, Halt)))
    else:
        raise malformed(Code.TYPE_MISMATCH, "package.kind", "a package for the platform", package.kind.value)


def _checked(platform: Platform, rules: Rules, envelopes: tuple[Envelope, ...]) -> tuple[Statement[Any], ...]:
    """Statements whose signatures hold under the roster in force now."""
    found = []
    for i, envelope in enumerate(envelopes):
        path = f"statements[{i}]"
        statement = parse_statement(envelope, path)
        check_context(statement, rules.context, path)
        check_statement_signers(statement, rules.roster, platform.clock(), rules.entries, path)
        found.append(statement)
    return tuple(found)


def _envelopes_of(package: Package | None) -> tuple[Envelope, ...]:
    """Every statement that a package of a device brings."""
    body = package.body if package else None
    if isinstance(body, StatementsBody | ReleaseResultBody):
        return body.statements
    if isinstance(body, SessionRequestBody):
        return (body.request,)
    if isinstance(body, TerminalResultBody):
        return (*body.halts, *(r.record for r in body.results))
    return ()


def _take(platform: Platform, rules: Rules, statement: Statement[Any]) -> None:
    body = statement.body
    if isinstance(body, Approval | Rejection):
        step4_approve.receive(platform, rules, statement)
    elif isinstance(body, Verification):
        step5_verify.receive(platform, statement)
    elif isinstance(body, Halt):
        with platform.connection.transaction():
            append(platform.connection, statement.envelope)
            codes = ", ".join(r.code for r in body.refusals)
            detail = f"{statement.issuer} halted at {body.stage}: {codes}"
            open_alert(
                platform.connection,
                body.refusals[0].code if body.refusals else "HALT",
                "critical",
                f"halt {statement.id}",
                detail,
            )
    elif isinstance(body, Freeze) and "gate" in rules.roster.find(statement.issuer, "statement.issuer").roles:
        # The gate alone freezes by package; whoever else may freeze writes into the log.
        keep_freeze(platform.connection, statement)
    else:
        raise malformed(Code.TYPE_MISMATCH, "statement.type", "a statement of a device", statement.type.value)
