"""Following a chain: every block once, in order; what no docket explains freezes in its block's own transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from firm import ETHER, Firm, drive, find_proposal
from nodes import start_anvil
from office import open_office
from strongroom.core.bodies import Freeze
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError
from strongroom.online.db.roles import Role
from strongroom.online.evidence.store import load_statement
from strongroom.online.ledger.store import load_totals
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.sources import build_followers
from strongroom.online.watch.follow import follow, follow_or_tell
from strongroom.online.watch.freezes import load_standing_freezes
from thief import chain_of, steal
from world import ETH, ETH_ASSET


def test_a_spend_that_no_docket_explains_freezes_while_its_block_is_processed(firm: Firm) -> None:
    txid = steal(firm, ETHER)
    chain_of(firm).mine(1)
    assert 1 == follow(firm.reconciler, ETH)
    (freeze,) = load_standing_freezes(firm.admin, firm.rules)
    body = load_statement(firm.admin, freeze)[1].body
    assert isinstance(body, Freeze)
    assert f"{ETH} {txid}" == body.evidence
    assert [(Code.UNEXPLAINED_OUTFLOW.value, "critical")] == firm.query(
        "select code, severity from watch.alerts where subject = %s", body.evidence
    )
    assert [("BREAK",)] == firm.query("select status from watch.runs order by height desc limit 1")
    # One transaction: block, outflow, freeze and alert have the same transaction id.
    together = firm.query(
        """select xmin::text from watch.blocks where height = (select max(height) from watch.blocks)
           union select xmin::text from watch.outflows union select xmin::text from watch.freezes
           union select xmin::text from watch.alerts"""
    )
    assert 1 == len(together)


def test_a_withdrawal_with_its_docket_freezes_nothing(firm: Firm) -> None:
    office = open_office(firm, {ETH: ("device:terminal-1",)})
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    drive(firm, proposal, office.serve, "RECONCILED")
    assert () == load_standing_freezes(firm.admin, firm.rules)
    assert [(proposal, True)] == firm.query("select proposal, settled from watch.outflows")
    assert [] == firm.query("select code from watch.alerts")


def test_the_same_nonce_with_other_bytes_explains_nothing(firm: Firm) -> None:
    open_office(firm, {ETH: ("device:terminal-1",)})
    proposal = find_proposal(firm, firm.instruct("client:harbour", ETH, ETHER).id)
    firm.query("update transfers.dockets set state = 'RELEASED' where proposal = %s", proposal)
    steal(firm, ETHER)
    chain_of(firm).mine(1)
    follow(firm.reconciler, ETH)
    assert [(None,)] == firm.query("select proposal from watch.outflows")
    assert 1 == len(load_standing_freezes(firm.admin, firm.rules))


def test_a_block_is_taken_in_whole_or_not_at_all(firm: Firm) -> None:
    before = firm.query("select count(*) from watch.blocks")
    steal(firm, ETHER)
    chain_of(firm).mine(1)
    firm.query("revoke insert on watch.runs from strongroom_reconciler")
    with pytest.raises(StrongroomError):
        follow(firm.reconciler, ETH)
    assert before == firm.query("select count(*) from watch.blocks")
    assert [] == firm.query("select statement from watch.freezes")
    firm.query("grant insert on watch.runs to strongroom_reconciler")
    assert 1 == follow(firm.reconciler, ETH)
    assert 1 == len(firm.query("select statement from watch.freezes"))


class Interleaved(psycopg.Connection[TupleRow]):
    """A connection beside which something happens, once, right after it read the ledger."""

    meanwhile: Callable[[], object] | None = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[TupleRow]:
        """Run a statement; then let the other program work."""
        cursor = super().execute(query, params, **options)
        happen, reads = self.meanwhile, "accounts_now" in str(query)
        if happen is not None and reads:
            self.meanwhile = None
            happen()
        return cursor


def test_what_the_platform_posts_meanwhile_is_no_break(firm: Firm) -> None:
    firm.deposit("eth-1", ETHER)
    chain_of(firm).mine(2)
    follow(firm.reconciler, ETH)
    # Deep enough by now; it is credited in the middle of the next block's reconciliation.
    chain_of(firm).mine(1)
    conninfo, passes = firm.database.conninfo(Role.RECONCILER).reveal(), list[list[str]]()
    with Interleaved.connect(conninfo, autocommit=True) as connection:
        connection.meanwhile = lambda: passes.append(firm.work())
        assert 1 == follow(replace(firm.reconciler, connection=connection), ETH)
    assert 1 == len(passes)
    assert 6 * ETHER == load_totals(firm.admin, ETH_ASSET).custody
    assert [("MATCHED",)] == firm.query("select distinct status from watch.runs")


def test_another_chain_is_not_followed_and_one_that_turned_back_is(firm: Firm) -> None:
    chain_of(firm).mine(2)
    assert 2 == follow(firm.reconciler, ETH)
    with start_anvil(genesis_time_s=1_700_000_000) as other:
        other.mine(9)
        elsewhere = replace(firm.reconciler, followers=build_followers({ETH: other.nodes()}))
        with pytest.raises(RefusedError) as caught:
            follow(elsewhere, ETH)
        assert Code.CHAIN_REORGANISED in caught.value.codes
        follow_or_tell(elsewhere, ETH)
    assert [(Code.CHAIN_REORGANISED.value, ETH)] == firm.query("select code, subject from watch.alerts")
    chain_of(firm).reorganise(1)
    chain_of(firm).mine(1)
    assert 2 == follow(firm.reconciler, ETH)


def test_a_node_that_is_away_is_told_and_stops_no_other_chain(firm: Firm) -> None:
    with EthereumNode("http://127.0.0.1:9") as nobody:
        away = replace(firm.reconciler, followers=build_followers({ETH: (nobody,)}))
        follow_or_tell(away, ETH)
    assert [(Code.NODE_UNAVAILABLE.value,)] == firm.query("select code from watch.alerts")
    chain_of(firm).mine(1)
    assert 1 == follow(firm.reconciler, ETH)


def test_nothing_is_double_counted_when_blocks_come_one_by_one(firm: Firm) -> None:
    for _ in range(3):
        chain_of(firm).mine(1)
        assert 1 == follow(firm.reconciler, ETH)
        assert 0 == follow(firm.reconciler, ETH)
    assert {"MATCHED"} == {status for (status,) in firm.query("select status from watch.runs")}
