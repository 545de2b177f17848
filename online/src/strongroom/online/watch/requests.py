"""What a terminal asks for in its own signed words; columns of a table and unsigned packages say nothing for it.

One request in a terminal's name with a journal number that it never reaches would lock it out for good.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Statement, check_context, expect, parse_envelope_bytes, parse_statement
from strongroom.online.governance.store import Rules
from strongroom.online.watch.store import WaitingSession

_PATH = "session-request"


def check_request(statement: Statement[Any], rules: Rules, now: datetime) -> SessionRequest:
    """The request of a terminal of the roster in force, signed by its own key. Raises what the signature lacks."""
    request = expect(statement, SessionRequest, _PATH)
    check_context(request, rules.context, _PATH)
    check_statement_signers(request, rules.roster, now, rules.entries, _PATH)
    if request.issuer != request.body.terminal:
        raise refused(Code.SIGNER_UNKNOWN, f"{_PATH}.issuer", request.body.terminal, request.issuer)
    return request.body


def read_request(session: WaitingSession, rules: Rules, now: datetime) -> SessionRequest:
    """What was asked for in a session that waits. Raises CLEAR_NOT_FOR_SESSION for another session's request."""
    request = check_request(parse_statement(parse_envelope_bytes(session.request), _PATH), rules, now)
    if (request.nonce.hex(), request.terminal) != (session.nonce, session.terminal):
        got = f"{request.nonce.hex()} of {request.terminal}"
        raise refused(Code.CLEAR_NOT_FOR_SESSION, _PATH, f"{session.nonce} of {session.terminal}", got)
    return request
