"""Step 2: what the policy, the books, a freeze or a break do to an order; each beside an order that passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from firm import ETHER, Firm, change_register, open_firm, widen_windows
from nodes import start_anvil
from strongroom.core.bodies import Freeze, FreezeLift, FreezeScope, Verdict
from strongroom.core.codes import Code
from strongroom.core.ids import AccountId, Digest, EntryId
from strongroom.core.policy import Effect, Policy, Window
from strongroom.core.records import Units
from strongroom.online.db.bootstrap import Database
from strongroom.online.evidence.store import append, load_statement
from strongroom.online.ledger.store import load_balance
from strongroom.online.transfers.withdrawal.step2_decide import decide
from strongroom.online.transfers.withdrawal.store import State, load_instruction
from strongroom.online.watch.lift import accept_lift
from world import ETH

CLIENT = "client:harbour"
ACCOUNT = AccountId("account:harbour:eth")


def decide_on(firm: Firm, amount: int, edit: Callable[[Any], Any] = lambda body: body) -> tuple[State, str]:
    """Take an order in and decide; returns its state and why."""
    return decide_again(firm, firm.instruct(CLIENT, ETH, amount, edit).id)


def decide_again(firm: Firm, instruction: Digest) -> tuple[State, str]:
    """Decide on an order that waits; returns its state and why."""
    row = load_instruction(firm.platform.connection, instruction)
    assert row is not None
    decide(firm.platform, firm.rules, row)
    after = load_instruction(firm.platform.connection, instruction)
    assert after is not None
    return after.state, after.why


def assert_blocked(firm: Firm, found: tuple[State, str], code: Code) -> None:
    """Refused for good, by a signed decision, with an alert, and nothing reserved."""
    state, why = found
    assert (State.BLOCKED, code.value) == (state, why.split(":")[0])
    (decision,) = firm.query("select decision from transfers.instructions where state = 'BLOCKED'")[-1]
    assert Verdict.BLOCK is load_statement(firm.admin, decision)[1].body.verdict
    assert (code.value,) in firm.query("select code from watch.alerts")


def test_what_holds_is_reserved(firm: Firm) -> None:
    assert (State.SCREENING, "") == decide_on(firm, ETHER)
    assert ETHER == load_balance(firm.admin, ACCOUNT).pending_out
    assert [(EntryId("rule:eth"), ETHER, False)] == [
        (rule, int(amount), voided)
        for rule, amount, voided in firm.query("select rule, amount, voided from transfers.usage")
    ]


def test_nobody_spends_more_than_they_have(firm: Firm) -> None:
    assert (State.SCREENING, "") == decide_on(firm, 3 * ETHER)
    assert_blocked(firm, decide_on(firm, 2 * ETHER + 1), Code.LEDGER_OVERDRAFT)
    assert 3 * ETHER == load_balance(firm.admin, ACCOUNT).pending_out
    assert (State.SCREENING, "") == decide_on(firm, 2 * ETHER)


def test_more_than_a_transaction_may_move(firm: Firm) -> None:
    assert_blocked(firm, decide_on(firm, 100 * ETHER + 1), Code.LIMIT_TRANSACTION)
    assert (State.SCREENING, "") == decide_on(firm, ETHER)


def test_an_order_that_waited_too_long(firm: Firm) -> None:
    late = firm.instruct(CLIENT, ETH, ETHER)
    firm.clock.forward(hours=9)
    assert State.EXPIRED is decide_again(firm, late.id)[0]
    (decision,) = firm.query("select decision from transfers.instructions where state = 'EXPIRED'")[0]
    assert Verdict.BLOCK is load_statement(firm.admin, decision)[1].body.verdict
    assert (State.SCREENING, "") == decide_on(firm, ETHER)


def test_a_destination_that_was_taken_off_the_list(firm: Firm) -> None:
    waiting = firm.instruct(CLIENT, ETH, ETHER)
    entry = firm.world.registers["whitelist"].find("entry:harbour-eth", "whitelist")
    change_register(firm, "whitelist", removed=(entry.id,))
    assert_blocked(firm, decide_again(firm, waiting.id), Code.DEST_NOT_WHITELISTED)
    change_register(firm, "whitelist", added=(replace(entry, added_at=firm.clock()),))
    assert_blocked(firm, decide_on(firm, ETHER), Code.ENTRY_TOO_YOUNG)
    firm.clock.forward(days=2)
    assert (State.SCREENING, "") == decide_on(firm, ETHER)


def _window(most: int, count: int) -> Callable[[Policy], Policy]:
    def edit(policy: Policy) -> Policy:
        window = Window(max_amount=Units(most), max_count=count, max_fee=None, max_hkd_cents=None, seconds=3600)
        return replace(policy, rules=tuple(replace(r, windows=(window,)) for r in policy.rules))

    return edit


def _without_eth(policy: Policy) -> Policy:
    return replace(widen_windows(policy), rules=tuple(r for r in policy.rules if r.id != "rule:eth"))


def _blocking(policy: Policy) -> Policy:
    rules = widen_windows(policy).rules
    return replace(policy, rules=tuple(replace(r, effect=Effect.BLOCK) if r.id == "rule:eth" else r for r in rules))


@pytest.mark.parametrize(
    ("policy", "amounts", "code"),
    [
        (_window(2 * ETHER, 10), (ETHER, ETHER + 1), Code.LIMIT_WINDOW),
        (_window(10 * ETHER, 1), (ETHER, ETHER), Code.LIMIT_COUNT),
        (_without_eth, (ETHER,), Code.POLICY_NO_RULE),
        (_blocking, (ETHER,), Code.POLICY_BLOCKED),
    ],
)
def test_the_policy_is_asked(
    tmp_path: Path, database: Database, policy: Callable[[Policy], Policy], amounts: tuple[int, ...], code: Code
) -> None:
    with start_anvil() as eth, open_firm(tmp_path, database, eth=eth, edits={"policy": policy}) as firm:
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        *passing, last = amounts
        for amount in passing:
            assert (State.SCREENING, "") == decide_on(firm, amount)
        assert_blocked(firm, decide_on(firm, last), code)
        if passing:
            # When the window has passed, the same amount holds.
            firm.clock.forward(hours=2)
            assert (State.SCREENING, "") == decide_on(firm, last)


def test_an_order_is_held_while_a_freeze_stands(firm: Firm) -> None:
    firm.world.now = firm.clock()
    body = Freeze(evidence="somebody called", reason="suspicion", scope=FreezeScope.VAULT)
    freeze = firm.world.sign(body, "service:watcher", ("service:watcher",))
    append(firm.platform.connection, freeze)
    order = firm.instruct(CLIENT, ETH, ETHER)
    state, why = decide_again(firm, order.id)
    assert (State.SUBMITTED, Code.FROZEN.value) == (state, why.split(":")[0])
    officers = ("person:r.ho", "person:s.lee")
    lift = firm.world.sign(FreezeLift(freeze=freeze.id, reason="explained"), officers[0], officers)
    accept_lift(firm.platform.connection, lift, firm.clock())
    assert (State.SCREENING, "") == decide_again(firm, order.id)


def test_an_order_is_held_until_ledger_and_chain_match(tmp_path: Path, database: Database) -> None:
    with start_anvil() as eth, open_firm(tmp_path, database, eth=eth) as firm:
        order = firm.instruct(CLIENT, ETH, ETHER)
        state, why = decide_again(firm, order.id)
        assert (State.SUBMITTED, Code.RECONCILIATION_BREAK.value) == (state, why.split(":")[0])
        firm.deposit("eth-1", 5 * ETHER)
        firm.mine()
        # The match and the deposit came with the same blocks, and a pass credits before it decides.
        assert [("PREPARED",)] == firm.query("select state from transfers.instructions where id = %s", order.id)


def test_an_order_is_held_while_a_section_has_no_overseer(firm: Firm) -> None:
    later = timedelta(days=90)
    patient = partial(replace, sign_by=firm.clock() + later, release_by=firm.clock() + later)
    order = firm.instruct(CLIENT, ETH, ETHER, patient)
    firm.clock.forward(days=61)
    state, why = decide_again(firm, order.id)
    assert State.SUBMITTED is state
    assert Code.OVERSEER_MISSING.value in why
    firm.clock.offset -= timedelta(days=61)
    assert (State.SCREENING, "") == decide_again(firm, order.id)
