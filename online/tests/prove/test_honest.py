"""An honest day is proved, whatever came in it; so it is again by a reconciler that starts in the evening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from book_thief import rewrite, tamper
from day import EDITS, Day, begin_day
from firm import ETHER, open_firm
from strongroom.core.codes import Code
from strongroom.online.cli import main
from strongroom.online.db.bootstrap import Database
from strongroom.online.prove.prover import LedgerProver


@pytest.fixture
def day(tmp_path: Path, database: Database) -> Iterator[Day]:
    with open_firm(tmp_path, database, edits=EDITS) as firm:
        yield begin_day(firm)


def late_prover(day: Day) -> LedgerProver:
    """A reconciler that starts now, with the memory of the one before."""
    return LedgerProver(root=day.prover.root, memory=day.prover.memory, clock=day.prover.clock)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_trading_day_is_proved(day: Day, seed: int) -> None:
    connection = day.firm.reconciler.connection
    random = Random(seed)
    for _ in range(6):
        day.trade(random, 15)
        assert () == day.prover.prove(connection)
    assert () == day.prover.prove_whole(connection)
    assert () == late_prover(day).prove(connection)
    assert 20 < day.firm.query("select count(*) from ledger.transfers")[0][0]


def test_what_officers_lifted_is_proved_with_the_units_of_the_chain(day: Day) -> None:
    connection = day.firm.reconciler.connection
    day.deposit("harbour", 5 * ETHER)
    day.lose(2 * ETHER)
    assert () == day.prover.prove(connection)
    assert () == late_prover(day).prove(connection)
    assert [(2 * ETHER,)] == day.firm.query("select units from ledger.transfers where kind = 'unexplained'")


def test_what_a_reorganisation_took_is_shared_as_its_statement_says(day: Day) -> None:
    """How much the client still had is not in the statement; that the parts are the whole credit is."""
    firm, connection = day.firm, day.firm.reconciler.connection
    spent = day.deposit("harbour", 5 * ETHER)
    day.settle(day.propose(day.order("harbour", 2 * ETHER)), 0)
    day.take_back(spent)
    assert () == day.prover.prove(connection)
    day.deposit("harbour", 4 * ETHER)
    assert 1 == day.recover()
    assert () == day.prover.prove(connection)
    assert () == late_prover(day).prove(connection)
    parts = firm.query(
        "select id, units from ledger.transfers where kind in ('reversal', 'recovery') order by kind, id"
    )
    assert [2 * ETHER, 3 * ETHER, 2 * ETHER] == [int(units) for _, units in parts]
    _, (reversal, _), (shortfall, _) = parts
    for changed in (reversal, shortfall):
        rewrite(firm.admin, f"update ledger.transfers set units = units + 1 where id = '{changed}'")
        for prover in (day.prover, late_prover(day)):
            assert {reversal, changed} & {r.field for r in prover.prove(connection)}
        rewrite(firm.admin, f"update ledger.transfers set units = units - 1 where id = '{changed}'")
    assert () == day.prover.prove(connection)


def test_a_settlement_is_posted_by_the_next_pass_and_overdue_after_a_while(day: Day) -> None:
    firm, connection = day.firm, day.firm.reconciler.connection
    day.deposit("harbour", 5 * ETHER)
    proposal = day.propose(day.order("harbour", ETHER))
    settlement = day.say_settlement(proposal, 1000)
    assert () == day.prover.prove(connection)
    firm.clock.forward(minutes=11)
    overdue = day.prover.prove(connection)
    assert {Code.LEDGER_UNPROVED} == {r.code for r in overdue}
    assert {f"fee:{settlement}", "withdrawal"} == {
        r.field.split(":sha256")[0] if "with" in r.field else r.field for r in overdue
    }
    assert all(settlement in r.expected for r in overdue)
    day.post_settlement(proposal)
    assert () == day.prover.prove(connection)


def test_a_large_ledger_is_read_whole_once_a_minute(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between whole runs balances and new transfers are compared."""
    monkeypatch.setattr("strongroom.online.prove.prover.SMALL", 0)
    firm, connection = day.firm, day.firm.reconciler.connection
    prover, transfer = day.prover, day.deposit("harbour", 5 * ETHER)
    assert () == prover.prove(connection)
    firm.query("set session_replication_role = replica")
    firm.query("update ledger.transfers set kind = 'funding' where id = %s", transfer)
    assert () == prover.prove(connection)
    firm.clock.forward(seconds=61)
    assert [transfer] == [r.field for r in prover.prove(connection)]
    # From then on every run looks at everything, until all is proved again.
    assert [transfer] == [r.field for r in prover.prove(connection)]
    firm.query("update ledger.transfers set kind = 'deposit' where id = %s", transfer)
    assert () == prover.prove(connection)
    other = day.deposit("peak", ETHER)
    firm.query("update ledger.transfers set kind = 'funding' where id = %s", other)
    assert [other] == [r.field for r in prover.prove(connection)]


def test_entries_are_judged_at_the_time_of_their_checkpoint(day: Day) -> None:
    """What was signed in time stays justified when its signer's time is over."""
    firm = day.firm
    day.deposit("harbour", 5 * ETHER)
    day.witness()
    late = late_prover(day)
    far = replace(firm.clock, offset=firm.clock.offset + timedelta(days=3000))
    late.clock = far
    assert () == late.prove(firm.reconciler.connection)
    day.deposit("harbour", 5 * ETHER)
    (refusal, *_) = late.prove(firm.reconciler.connection)
    assert Code.EXPIRED.value in refusal.expected


def test_the_command_proves_the_ledger_too(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    transfer = day.deposit("harbour", 5 * ETHER)
    # The command lives in the host's time, years before the firm's; what is witnessed is judged at the witness's.
    day.witness()
    command = ["check-ledger", "--config", str(day.firm.config("reconcile"))]
    assert 0 == main(command)
    tamper(day.firm.admin, f"update ledger.transfers set kind = 'funding' where id = '{transfer}'")
    capsys.readouterr()
    assert 3 == main(command)
    said = capsys.readouterr()
    assert Code.LEDGER_UNPROVED.value in said.err
    assert transfer in said.err
