"""Deposits: credited once, when deep enough, to the account that the signed register names."""

from __future__ import annotations

from firm import CONFIRMATIONS, ETHER, Firm
from strongroom.core.codes import Code
from strongroom.core.ids import AccountId
from strongroom.online.evidence.store import load_statement
from strongroom.online.ledger.store import check_ledger, load_balance

ACCOUNT = AccountId("account:harbour:eth")


def posted(firm: Firm, account: AccountId = ACCOUNT) -> int:
    return load_balance(firm.admin, account).posted


def test_a_deposit_is_credited_after_its_confirmations_and_once(firm: Firm) -> None:
    assert 5 * ETHER == posted(firm)
    firm.deposit("eth-1", ETHER)
    firm.mine(CONFIRMATIONS - 1)
    assert 5 * ETHER == posted(firm)
    firm.mine(1)
    assert 6 * ETHER == posted(firm)
    firm.mine(2)
    assert 6 * ETHER == posted(firm)
    check_ledger(firm.admin)
    (statement,) = firm.query("select statement from watch.deposits where units = %s", ETHER)[0]
    body = load_statement(firm.admin, statement)[1].body
    assert (ACCOUNT, ETHER, CONFIRMATIONS) == (body.account, body.amount, body.confirmations)


def test_an_address_that_is_nobodys_credits_nobody(firm: Firm) -> None:
    firm.deposit("eth-2", ETHER)
    firm.mine(3)
    assert 5 * ETHER == posted(firm)
    assert [("SEEN",)] == firm.query("select state from watch.deposits where account = 'none'")
    # It is counted as arriving: ledger and chain still match.
    assert [("MATCHED",)] == firm.query("select distinct status from watch.runs")


def test_a_row_that_was_redirected_credits_nobody_and_stops_no_other(firm: Firm) -> None:
    firm.deposit("eth-1", ETHER)
    firm.mine(1)
    firm.query("update watch.deposits set account = 'account:peak:eth' where state = 'SEEN'")
    firm.deposit("eth-1", 2 * ETHER)
    firm.mine(2)
    assert 7 * ETHER == posted(firm)
    assert 0 == posted(firm, AccountId("account:peak:eth"))
    assert [(Code.NOT_IN_REGISTER.value, "critical")] == firm.query("select code, severity from watch.alerts")
