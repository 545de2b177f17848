"""Somebody with the database's superuser: rewrites the books so that everything in them adds up again."""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.online.db.connect import Connection
from strongroom.online.prove.rows import Sums

STEPS = """
select t.id, case t.phase when 'posted' then 'post' else 'reserve' end as step, t.debit_account, t.credit_account,
  t.units, t.created_at as at, 0 as later from ledger.transfers t
union all
select t.id, case r.outcome when 'posted' then 'settle' else 'void' end, t.debit_account, t.credit_account, t.units,
  r.created_at, 1 from ledger.resolutions r join ledger.transfers t on t.id = r.transfer
order by at, later, id
"""
ENTRY = "insert into ledger.entries values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
BALANCE = """
update ledger.balances set version = %s, posted = %s, pending_debits = %s, pending_credits = %s where account = %s
"""


def tamper(admin: Connection, *statements: str) -> None:
    """Run statements with every trigger and foreign key switched off."""
    admin.execute("set session_replication_role = replica")
    for statement in statements:
        admin.execute(statement.encode())
    admin.execute("set session_replication_role = origin")


def rewrite(admin: Connection, *statements: str) -> None:
    """The same, then write entries and balances anew from what transfers and resolutions say by now."""
    tamper(admin, *statements, "delete from ledger.entries")
    admin.execute("set session_replication_role = replica")
    sums: dict[str, Sums] = {}
    for transfer, step, debit, credit, units, _, _ in admin.execute(STEPS.encode()).fetchall():
        for account, side in ((debit, "debit"), (credit, "credit")):
            _enter(admin, sums.setdefault(account, Sums()), account, (transfer, step, side), int(units))
    admin.execute("update ledger.balances set version = 0, posted = 0, pending_debits = 0, pending_credits = 0")
    for account, total in sums.items():
        values = (total.version, total.posted, total.pending_debits, total.pending_credits, account)
        admin.execute(BALANCE.encode(), values)
    admin.execute("set session_replication_role = origin")


def _enter(admin: Connection, total: Sums, account: str, leg: tuple[str, str, str], units: int) -> None:
    _, step, side = leg
    before = (total.posted, total.pending_debits, total.pending_credits)
    if step in ("post", "settle"):
        total.posted += units if side == "credit" else -units
    if step != "post":
        change = units if step == "reserve" else -units
        total.pending_debits += change if side == "debit" else 0
        total.pending_credits += change if side == "credit" else 0
    total.version += 1
    after = (total.posted, total.pending_debits, total.pending_credits)
    pairs = _interleave(before, after)
    admin.execute(ENTRY.encode(), (account, total.version, *leg, units, *pairs))


def _interleave(before: Iterable[int], after: Iterable[int]) -> tuple[int, ...]:
    return tuple(value for pair in zip(before, after, strict=True) for value in pair)
