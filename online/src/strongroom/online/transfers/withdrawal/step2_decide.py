"""Step 2, screen and decide: policy, limits, whitelist age, ledger balance, reconciliation. What holds is reserved."""

from __future__ import annotations

from datetime import datetime

from strongroom.core.bodies import Decision, Head, Instruction, Screening, ScreeningVerdict, Verdict, sorted_quorums
from strongroom.core.checks.instruct import check_destination
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import AccountId
from strongroom.core.policy import Evaluation, Request
from strongroom.core.records import NONE, DigestOrNone
from strongroom.core.registers import check_entry_age
from strongroom.core.roster import check_overseers
from strongroom.core.statements import Statement, expect
from strongroom.online.evidence.store import load_statement
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import Posting, PostingKind, TransferId
from strongroom.online.ledger.store import reserve
from strongroom.online.transfers.accounts import build_custody_account
from strongroom.online.transfers.deposit.reversed import check_no_hold
from strongroom.online.transfers.withdrawal.limits import build_request, is_waiting_for_facts, judge, prices_used
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import (
    InstructionRow,
    State,
    load_last_run,
    open_alert,
    save_instruction,
)
from strongroom.online.transfers.withdrawal.usage import UsageStore, lock_usage
from strongroom.online.watch.freezes import load_standing_freezes

SCREENING_PROVIDER = "whitelist"
"""The destination was screened when officers listed it; a provider's verdict joins here."""


def decide(platform: Platform, rules: Rules, row: InstructionRow) -> None:
    """Decide on one instruction, in one transaction: ALLOW with its quorums, or BLOCK. A hold leaves it where it is.

    Held, not refused: a freeze, a reconciliation that does not match, a missing overseer, a price that is too old.
    These pass; a limit does not.
    """
    connection, now = platform.connection, platform.clock()
    _, found = load_statement(connection, row.id)
    statement = expect(found, Instruction, "instruction")
    if now > statement.body.sign_by:
        # Held too long: it is over, and nothing is reserved for it yet.
        word = platform.say(rules, build_blocked(rules, statement))
        save_instruction(connection, row.id, State.EXPIRED, why="expired before it was decided", decision=word.id)
        return
    try:
        _check_world(platform, rules, row, now)
    except RefusedError as error:
        save_instruction(connection, row.id, State.SUBMITTED, why=str(error))
        return
    try:
        # Again, and from the log's own bytes: whoever writes to the database can insert an order that nobody signed.
        check_statement_signers(statement, rules.roster, now, rules.entries, "instruction")
        with connection.transaction():
            usage, request = lock_usage(connection), build_request(rules, statement, now, 0, 0)
            evaluation = _evaluate(rules, statement, request, usage, now)
            decision = platform.say(rules, _decision(rules, statement, request, evaluation))
            custody = build_custody_account(row.wallet, statement.body.asset)
            reserve(connection, build_reservation(statement, custody, now))
            usage.add(evaluation.rules, row.id, request, now)
            save_instruction(connection, row.id, State.SCREENING, decision=decision.id)
    except RefusedError as error:
        if is_waiting_for_facts(error):
            save_instruction(connection, row.id, State.SUBMITTED, why=str(error))
            return
        with connection.transaction():
            blocked = platform.say(rules, build_blocked(rules, statement))
            save_instruction(connection, row.id, State.BLOCKED, why=str(error), decision=blocked.id)
            open_alert(connection, error.code.value, "medium", f"instruction {row.id}", str(error))


def decide_again(platform: Platform, rules: Rules, statement: Statement[Instruction]) -> Statement[Decision]:
    """A fresh decision for another attempt at the same payment; what is reserved stays. Raises what policy refuses."""
    now = platform.clock()
    usage, request = UsageStore(platform.connection), build_request(rules, statement, now, 0, 0)
    evaluation = _evaluate(rules, statement, request, usage, now)
    return platform.say(rules, _decision(rules, statement, request, evaluation))


def withdrawal_transfer(instruction: str) -> TransferId:
    """The ledger's idempotency key of one instruction's payment."""
    return TransferId(f"withdrawal:{instruction}")


def build_reservation(statement: Statement[Instruction], custody: AccountId, now: datetime) -> Posting:
    """The client's units, set aside: debit client, credit custody, pending."""
    body = statement.body
    return Posting(
        id=withdrawal_transfer(statement.id),
        kind=PostingKind.WITHDRAWAL,
        statement=statement.id,
        debit=body.account,
        credit=custody,
        asset=body.asset,
        units=body.amount,
        event_at=now,
    )


def _check_world(platform: Platform, rules: Rules, row: InstructionRow, now: datetime) -> None:
    frozen = load_standing_freezes(platform.connection, rules)
    if frozen:
        raise refused(Code.FROZEN, "freezes", "none standing", ", ".join(frozen))
    check_no_hold(platform.connection, row.id)
    run = load_last_run(platform.connection, row.chain)
    if run is None or run[0] != "MATCHED":
        raise refused(
            Code.RECONCILIATION_BREAK, row.chain, "ledger and chain matched", "no run yet" if run is None else run[0]
        )
    check_overseers(rules.roster, now)


def _evaluate(
    rules: Rules, statement: Statement[Instruction], request: Request, usage: UsageStore, now: datetime
) -> Evaluation:
    body = statement.body
    if now > body.sign_by:
        raise refused(Code.INSTRUCTION_EXPIRED, "instruction.sign_by", f"after {now}", str(body.sign_by))
    entry = check_destination(body, rules.entries)
    policy = rules.policy[1].body
    check_entry_age(entry, None, policy.parameters.whitelist_min_age_s, now)
    native_asset_of(body.chain)
    # The fee is not known before the bytes are built; step 3 judges it.
    return judge(rules, usage, statement, request, now)


def _decision(rules: Rules, statement: Statement[Instruction], request: Request, evaluation: Evaluation) -> Decision:
    return Decision(
        delay_s=0,
        instruction=statement.id,
        limits=evaluation.limits,
        policy=Head(version=rules.policy[1].body.version, digest=rules.policy[1].id),
        prices=prices_used(rules, request),
        quorums=sorted_quorums([*evaluation.quorums, rules.root.floors.quorum]),
        rules=evaluation.rules,
        screening=Screening(provider=SCREENING_PROVIDER, verdict=ScreeningVerdict.PASS),
        verdict=Verdict.REQUIRE_APPROVAL,
    )


def build_blocked(rules: Rules, statement: Statement[Instruction]) -> Decision:
    """The platform's last word on an instruction that is not paid: refused, or over."""
    return Decision(
        delay_s=0,
        instruction=statement.id,
        limits=(),
        policy=Head(version=rules.policy[1].body.version, digest=rules.policy[1].id),
        prices=DigestOrNone(NONE),
        quorums=(),
        rules=(),
        screening=Screening(provider=SCREENING_PROVIDER, verdict=ScreeningVerdict.REVIEW),
        verdict=Verdict.BLOCK,
    )
