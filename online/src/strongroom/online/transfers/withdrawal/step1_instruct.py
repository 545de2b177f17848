"""Step 1, instruct: a client's signed order is taken in. The sequence number is used, refused or not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from strongroom.core.bodies import Instruction
from strongroom.core.checks.instruct import check_destination, find_account
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused, run_checks
from strongroom.core.statements import Envelope, Statement, check_context, expect, parse_statement
from strongroom.online.evidence.store import append
from strongroom.online.governance.store import Rules, load_rules
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import add_instruction, load_instruction, open_alert, take_sequence


def accept(platform: Platform, envelope: Envelope) -> Statement[Any]:
    """Take in one instruction: signature, sequence, account, destination, expiry. The same one again changes nothing.

    Raises RefusedError with every reason. Each refusal opens an alert, so that a replayed or altered order is seen
    (III.2); one after the signature held uses the number as well.
    """
    rules = load_rules(platform.connection)
    statement = expect(parse_statement(envelope, "instruction"), Instruction, "instruction")
    if load_instruction(platform.connection, statement.id):
        return statement
    check_context(statement, rules.context, "instruction")
    now = platform.clock()
    _check_signed(platform, rules, statement, now)
    try:
        with platform.connection.transaction():
            take_sequence(platform.connection, statement.body.client, statement.body.sequence)
            _check(statement, rules, platform)
            append(platform.connection, envelope)
            wallet = find_account(statement.body, rules.entries).wallet
            add_instruction(platform.connection, statement, wallet)
    except RefusedError as error:
        with platform.connection.transaction():
            if error.code not in (Code.INSTRUCTION_REPLAYED, Code.SEQUENCE_GAP):
                take_sequence(platform.connection, statement.body.client, statement.body.sequence)
            open_alert(platform.connection, error.code.value, "high", f"instruction {statement.id}", str(error))
        raise
    return statement


def _check_signed(platform: Platform, rules: Rules, statement: Statement[Instruction], now: datetime) -> None:
    """The client's own key signed exactly this. An order that was altered on its way, or signed by another key, pages.

    It takes no number of the client's, and the alert is one for each client while it is open: strangers can send as
    many orders as they like (attack: DMM 2024, a real order rewritten between the client and who builds it).
    """
    client = statement.body.client
    try:
        check_statement_signers(statement, rules.roster, now, rules.entries, "instruction")
    except (MalformedError, RefusedError) as error:
        known = client if client in rules.entries.clients else "nobody we know"
        with platform.connection.transaction():
            open_alert(platform.connection, error.code.value, "high", f"instruction in the name of {known}", str(error))
        raise


def _check(statement: Statement[Instruction], rules: Rules, platform: Platform) -> None:
    body = statement.body
    run_checks(
        [
            lambda: _check_known_account(body, rules),
            lambda: _check_listed(body, rules),
            lambda: _check_not_expired(body, platform),
        ]
    )


def _check_known_account(body: Instruction, rules: Rules) -> None:
    find_account(body, rules.entries)


def _check_listed(body: Instruction, rules: Rules) -> None:
    check_destination(body, rules.entries)


def _check_not_expired(body: Instruction, platform: Platform) -> None:
    if platform.clock() > body.sign_by or body.sign_by > body.release_by:
        raise refused(Code.INSTRUCTION_EXPIRED, "instruction.sign_by", f"after {platform.clock()}", str(body.sign_by))
