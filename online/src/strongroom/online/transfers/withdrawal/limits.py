"""The policy as the platform asks it: before a docket exists without its fee, and again when the bytes are built."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from strongroom.core.bodies import Instruction
from strongroom.core.checks.instruct import find_account
from strongroom.core.checks.limits import value_request
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.policy import Evaluation, Request, evaluate
from strongroom.core.policy.usage import Use, build_usage, build_uses
from strongroom.core.records import NONE, DigestOrNone
from strongroom.core.statements import Statement
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.usage import UsageStore, lock_usage, raise_fee

_PASSES = {Code.POLICY_NOT_EVALUABLE, Code.PRICE_STALE}


def is_waiting_for_facts(error: RefusedError) -> bool:
    """Whether nothing speaks against it but what is not known now: prices come, and windows move on."""
    return error.codes <= _PASSES


def build_request(rules: Rules, statement: Statement[Instruction], now: datetime, fee: int, fee_share: int) -> Request:
    """The instruction as policy sees it, with its value by the newest prices."""
    body = statement.body
    asset = rules.entries.assets.get(body.asset)
    if asset is None:
        raise refused(Code.ASSET_UNKNOWN, "instruction.asset", "an asset of the register", body.asset)
    request = Request(
        asset=body.asset,
        client=body.client,
        wallet=find_account(body, rules.entries).wallet,
        amount=body.amount,
        fee=fee,
        fee_share=fee_share,
        at=None,
        hkd_cents=None,
    )
    prices = rules.prices.body if rules.prices else None
    return value_request(rules.policy[1].body, request, prices, asset, now)


def judge(
    rules: Rules, usage: UsageStore, statement: Statement[Instruction], request: Request, now: datetime
) -> Evaluation:
    """The policy's answer with its windows. Raises RefusedError with everything that speaks against it."""
    policy = rules.policy[1].body
    return evaluate(policy, request, build_usage(policy, request, statement.id, usage, now))


def check_built(platform: Platform, rules: Rules, instructions: Sequence[Statement[Instruction]], fee: int) -> None:
    """Judge instructions again when their transaction's fee is known, and count the fee. In a transaction.

    The first in order carries the whole fee in its windows, as at the terminal. Raises RefusedError with all refusals.
    """
    now, usage, policy = platform.clock(), lock_usage(platform.connection), rules.policy[1].body
    uses: list[Use] = []
    found: list[Refusal] = []
    for i, statement in enumerate(sorted(instructions, key=lambda s: s.id)):
        request = build_request(rules, statement, now, fee, fee if i == 0 else 0)
        try:
            table = build_usage(policy, request, statement.id, usage, now, also=uses)
            evaluation = evaluate(policy, request, table)
        except RefusedError as error:
            found += [r for r in error.refusals if r not in found]
            continue
        uses += build_uses(evaluation.rules, request, statement.id, now)
        raise_fee(platform.connection, statement.id, request.fee_share)
    if found:
        raise RefusedError(*found)


def prices_used(rules: Rules, request: Request) -> DigestOrNone:
    """The snapshot by which a request was valued, as a decision quotes it."""
    return DigestOrNone(NONE if rules.prices is None or request.hkd_cents is None else rules.prices.id)
