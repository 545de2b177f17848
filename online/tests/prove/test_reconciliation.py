"""What a reconciliation makes of a ledger that the log does not justify: a break, alerts that name it, and no clear."""

from __future__ import annotations

import pytest

from book_thief import rewrite
from firm import ETHER, Firm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError
from strongroom.online.ledger.store import check_ledger
from strongroom.online.watch.clear import check_world
from strongroom.online.watch.follow import follow
from world import ETH

HARBOUR, PEAK = "account:harbour:eth", "account:peak:eth"


def steal_in_the_books(firm: Firm) -> str:
    """The deposit of one client becomes another's, and everything in the ledger agrees with it."""
    ((transfer,),) = firm.query("select id from ledger.transfers where kind = 'deposit'")
    rewrite(firm.admin, f"update ledger.transfers set credit_account = '{PEAK}' where id = '{transfer}'")
    check_ledger(firm.admin)
    return str(transfer)


def test_it_is_a_break_although_ledger_and_chain_match(firm: Firm) -> None:
    transfer = steal_in_the_books(firm)
    firm.chain(ETH).mine(1)
    assert 1 == follow(firm.reconciler, ETH)
    assert [("BREAK",)] == firm.query("select status from watch.runs order by height desc limit 1")
    alerts = firm.query("select code, severity, subject, detail from watch.alerts where closed_at is null")
    assert {(Code.LEDGER_UNPROVED.value, "critical")} == {(code, severity) for code, severity, _, _ in alerts}
    told = {subject: detail for _, _, subject, detail in alerts}
    assert {f"ledger {place}" for place in (transfer, HARBOUR, PEAK)} == set(told)
    assert f"to {HARBOUR} by sha256:" in told[f"ledger {transfer}"]
    # Once a subject, however often it is seen.
    firm.chain(ETH).mine(1)
    assert 1 == follow(firm.reconciler, ETH)
    assert [(3,)] == firm.query("select count(*) from watch.alerts")


def test_nothing_is_cleared_even_before_the_next_block(firm: Firm) -> None:
    check_world(firm.reconciler, firm.rules)
    transfer = steal_in_the_books(firm)
    assert [("MATCHED",)] == firm.query("select status from watch.runs order by height desc limit 1")
    with pytest.raises(RefusedError) as caught:
        check_world(firm.reconciler, firm.rules)
    assert {Code.LEDGER_UNPROVED} == caught.value.codes
    assert transfer in {r.field for r in caught.value.refusals}
    # Put back as the statement says, it is proved again.
    rewrite(firm.admin, f"update ledger.transfers set credit_account = '{HARBOUR}' where id = '{transfer}'")
    check_world(firm.reconciler, firm.rules)


def test_honest_blocks_match(firm: Firm) -> None:
    firm.deposit("eth-1", ETHER)
    firm.mine(3)
    assert [("MATCHED",)] == firm.query("select distinct status from watch.runs")
    assert [] == firm.query("select code from watch.alerts")
