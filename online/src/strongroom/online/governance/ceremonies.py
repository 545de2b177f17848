"""Transcripts of key ceremonies come into the log: proved like every device would, and in one line for each key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from strongroom.core.ceremonies import Ceremony
from strongroom.core.checks.ceremony import check_ceremony, check_ceremony_follows
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.records import NONE
from strongroom.core.statements import Envelope, Statement, StatementType, check_context, expect, parse_statement
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import append, load_by_kind
from strongroom.online.governance.store import load_rules

_PATH = "ceremony"


def publish_ceremony(connection: Connection, envelope: Envelope, now: datetime) -> Statement[Ceremony]:
    """Verify a transcript and log it, in one transaction.

    The people are judged by the roster in force and the platform's clock; the ceremony before must be in the log, and
    no other may carry on from it: two futures of one wrapping key would be two truths about who holds its shares.
    Raises what `check_ceremony` raises, NOT_IN_LOG, LOG_CONFLICT.
    """
    rules = load_rules(connection)
    statement = expect(parse_statement(envelope, _PATH), Ceremony, _PATH)
    check_context(statement, rules.context, _PATH)
    check_ceremony(statement, rules.roster, now, _PATH)
    with connection.transaction():
        known = {each.id: each for _, each in load_by_kind(connection, StatementType.CEREMONY)}
        _check_place(statement, known)
        append(connection, envelope)
    return statement


def _check_place(statement: Statement[Ceremony], known: Mapping[Digest, Statement[Any]]) -> None:
    """The same statement may be given twice; its place in the log stays the first."""
    previous = str(statement.body.previous)
    others = [each for each in known.values() if each.id != statement.id]
    if any(each.body.id == statement.body.id for each in others):
        raise refused(Code.LOG_CONFLICT, f"{_PATH}.id", "one transcript a ceremony", "another one of this ceremony")
    if previous == NONE:
        return
    if previous not in known:
        raise refused(Code.NOT_IN_LOG, f"{_PATH}.previous", "the ceremony before in the log", previous)
    if any(each.body.previous == previous for each in others):
        raise refused(Code.LOG_CONFLICT, f"{_PATH}.previous", "the newest ceremony of this wrapping key", previous)
    check_ceremony_follows(statement.body, known[Digest(previous)].body, _PATH)
