"""Attack 10: somebody with the database's superuser moves value between two clients, and every sum still adds up."""

from __future__ import annotations

from demo.ended import Ended, alert_of
from demo.firm import LTC, LTC_ASSET
from demo.journey import Tell, mine, wait_reconciled
from demo.programs import DemoError
from demo.scene import Scene

TRANSFER = "deposit:gift"
FROM, TO = "account:lantau:ltc", "account:harbour:ltc"
UNITS = 10**8
ENTRY = """
insert into ledger.entries
select account, version + 1, %s, 'post', %s, %s, posted, posted + %s, pending_debits, pending_debits,
  pending_credits, pending_credits
from ledger.balances where account = %s
"""
BALANCE = "update ledger.balances set posted = posted + %s, version = version + 1 where account = %s"


def edit_row(scene: Scene, tell: Tell) -> Ended:
    """10: one LTC of Lantau's becomes Harbour's; transfer, entries, versions and balances are all rewritten alike."""
    statement = scene.query("select statement from ledger.transfers order by created_at limit 1")[0][0]
    scene.query("set session_replication_role = replica")
    scene.query(
        "insert into ledger.transfers"
        " (id, phase, kind, statement, debit_account, credit_account, asset, units, event_at)"
        " values (%s, 'posted', 'deposit', %s, %s, %s, %s, %s, now())",
        TRANSFER,
        statement,
        FROM,
        TO,
        LTC_ASSET,
        UNITS,
    )
    for account, side, units in ((FROM, "debit", -UNITS), (TO, "credit", UNITS)):
        scene.query(ENTRY, TRANSFER, side, UNITS, units, account)
        scene.query(BALANCE, units, account)
    scene.query("set session_replication_role = origin")
    tell("attacker", "1 LTC of Lantau's is Harbour's now: superuser, triggers off, every sum adds up")
    scene.ltc.mine(1)
    alert = alert_of(scene, "LEDGER_UNPROVED")
    (detail,) = scene.query("select detail from watch.alerts where code = 'LEDGER_UNPROVED' order by id limit 1")[0]
    if FROM not in detail or TO not in detail or TRANSFER not in detail:
        raise DemoError(f"the alert does not name what was moved: {detail}")
    status = scene.query("select status from watch.runs where chain = %s order by height desc limit 1", LTC)[0][0]
    if status != "BREAK":
        raise DemoError(f"the run that found it says {status}")
    tell("service:reconciler", f"BREAK: no statement justifies {TRANSFER} from {FROM} to {TO}; nothing is cleared")
    _put_back(scene)
    tell("administrator", "the rows are put back as the log says; the next run matches")
    mine(scene, 1)
    wait_reconciled(scene)
    return Ended(
        name="10 a ledger row edited by SQL",
        outcome="detected",
        stage="RECONCILE",
        code="LEDGER_UNPROVED",
        alert=alert,
        moved="nothing on chain",
    )


def _put_back(scene: Scene) -> None:
    scene.query("set session_replication_role = replica")
    scene.query("delete from ledger.entries where transfer = %s", TRANSFER)
    scene.query("delete from ledger.transfers where id = %s", TRANSFER)
    for account, units in ((FROM, UNITS), (TO, -UNITS)):
        scene.query(
            "update ledger.balances set posted = posted + %s, version = version - 1 where account = %s", units, account
        )
    scene.query("set session_replication_role = origin")
