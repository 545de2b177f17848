"""Many writers at once: no deadlock, no lost update, no overdraft, and one winner for one id."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise

import psycopg
import pytest

from books import (
    WALLET,
    build_deposit,
    build_ending,
    build_posting,
    build_withdrawal,
    client_account,
    open_books,
)
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import Connection, connect
from strongroom.online.db.roles import Role
from strongroom.online.ledger.rules import Posting, Result
from strongroom.online.ledger.store import (
    check_ledger,
    load_balance,
    lock_accounts,
    post,
    post_batch,
    reserve,
    reserve_batch,
    settle_batch,
    void_batch,
)

THREADS = 8
NAMES = ("ann", "ben", "cho", "dai")
ACCOUNTS = tuple(client_account(name) for name in NAMES)


def run_at_once(database: Database, work: Callable[[int, Connection], Counter[Result]]) -> Counter[Result]:
    """Run `work` in eight threads with a connection each, started together; adds up what they counted."""
    ready = threading.Barrier(THREADS)

    def run(number: int) -> Counter[Result]:
        with connect(database.conninfo(Role.PLATFORM)) as connection:
            ready.wait()
            return work(number, connection)

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(run, range(THREADS)), Counter())


@pytest.fixture
def books(database: Database) -> None:
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        open_books(connection, *NAMES)
        post(connection, *(build_deposit(f"open-{name}", name, 1000) for name in NAMES))


def test_hot_accounts_in_every_order(database: Database, books: None) -> None:
    """Eight writers move units between the same four clients, each batch in an order of its own."""

    def work(number: int, connection: Connection) -> Counter[Result]:
        pick = random.Random(number)
        counted: Counter[Result] = Counter()
        for round_number in range(25):
            batch = []
            for row in range(10):
                debit, credit = pick.sample(ACCOUNTS, 2)
                batch.append(build_posting(f"t{number}-{round_number}-{row}", debit, credit, pick.randint(1, 300)))
            counted.update(outcome.result for outcome in post_batch(connection, batch))
        return counted

    counted = run_at_once(database, work)
    assert THREADS * 25 * 10 == counted.total()
    assert {Result.POSTED, Result.OVERDRAFT} == set(counted)
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        check_ledger(connection)
        balances = [load_balance(connection, account) for account in ACCOUNTS]
        assert 4000 == sum(balance.posted for balance in balances)
        assert all(balance.posted >= 0 for balance in balances)
        assert 2 * counted[Result.POSTED] + 4 == sum(balance.version for balance in balances)


def test_a_balance_is_spent_once(database: Database, books: None) -> None:
    """Eight writers each try to reserve 300 of Ann's 1,000: three succeed."""

    def work(number: int, connection: Connection) -> Counter[Result]:
        batch = [build_withdrawal(f"w{number}", "ann", 300)]
        return Counter(outcome.result for outcome in reserve_batch(connection, batch))

    assert Counter({Result.RESERVED: 3, Result.OVERDRAFT: 5}) == run_at_once(database, work)


def test_one_id_has_one_winner(database: Database, books: None) -> None:
    """The same instruction posted by all at once is recorded once; the others are told it is there."""

    def work(number: int, connection: Connection) -> Counter[Result]:
        return Counter(outcome.result for outcome in post_batch(connection, [build_deposit("d1", "ann", 5)]))

    assert Counter({Result.POSTED: 1, Result.DUPLICATE: 7}) == run_at_once(database, work)


def test_one_id_for_different_accounts_has_one_winner(database: Database, books: None) -> None:
    """Their row locks do not meet, so only the id's uniqueness can decide; the losers see a conflict, not an error."""

    def build(number: int) -> Posting:
        return build_posting("x1", ACCOUNTS[number % 2 * 2], ACCOUNTS[number % 2 * 2 + 1], 5)

    def work(number: int, connection: Connection) -> Counter[Result]:
        own = build(number)
        batch = [own, build_posting(f"own-{number}", own.debit, own.credit, 1)]
        first, second = post_batch(connection, batch)
        assert Result.POSTED == second.result
        return Counter([first.result])

    assert Counter({Result.POSTED: 1, Result.DUPLICATE: 3, Result.CONFLICT: 4}) == run_at_once(database, work)


def test_a_reservation_ends_once(database: Database, books: None) -> None:
    """Half the writers settle, half void; whoever comes first decides, and nobody else changes anything."""
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        reserve(connection, build_withdrawal("w1", "ann", 400))

    def work(number: int, connection: Connection) -> Counter[Result]:
        end = settle_batch if number % 2 else void_batch
        return Counter(outcome.result for outcome in end(connection, [build_ending("w1")]))

    counted = run_at_once(database, work)
    assert (3, 4) == (counted[Result.DUPLICATE], counted[Result.CONFLICT])
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        ann = load_balance(connection, ACCOUNTS[0])
        assert (600 if counted[Result.SETTLED] else 1000, 0) == (ann.posted, ann.pending_out)
        check_ledger(connection)


def test_several_batches_in_one_transaction_lock_first(database: Database, books: None) -> None:
    """Taking all locks at the start keeps transactions of several batches from waiting in a circle."""

    def work(number: int, connection: Connection) -> Counter[Result]:
        pick = random.Random(number)
        counted: Counter[Result] = Counter()
        for round_number in range(15):
            accounts = pick.sample(ACCOUNTS, 3)
            with connection.transaction():
                lock_accounts(connection, accounts)
                for part, (debit, credit) in enumerate(pairwise(accounts)):
                    batch = [build_posting(f"t{number}-{round_number}-{part}", debit, credit, 1)]
                    counted.update(outcome.result for outcome in post_batch(connection, batch))
        return counted

    assert Counter({Result.POSTED: THREADS * 15 * 2}) == run_at_once(database, work)
    with connect(database.conninfo(Role.PLATFORM)) as connection:
        check_ledger(connection)
        assert 4000 == load_balance(connection, WALLET).posted


def test_a_writer_without_the_lock_cannot_lose_an_update(database: Database, books: None) -> None:
    """The owner of the tables, writing around the functions, sees the balances before another's commit: refused."""
    entry = """
      insert into ledger.entries select b.account, b.version + 1, 'x1', 'post', s.side, 5,
        b.posted, b.posted + s.change, b.pending_debits, b.pending_debits, b.pending_credits, b.pending_credits
      from ledger.balances b join (values (%(debit)s, 'debit'::ledger.side, -5), (%(credit)s, 'credit', 5))
        as s (account, side, change) on s.account = b.account, pg_advisory_xact_lock_shared(77)
    """
    transfer = """
      insert into ledger.transfers (id, phase, kind, statement, debit_account, credit_account, asset, units, event_at)
      values ('x1', 'posted', 'correction', %(statement)s, %(debit)s, %(credit)s, %(asset)s, 5, now())
    """
    posting = build_posting("x1", ACCOUNTS[0], ACCOUNTS[1], 5)
    fields = {"debit": posting.debit, "credit": posting.credit, "statement": posting.statement, "asset": posting.asset}
    with ExitStack() as stack:
        owner, gate = (stack.enter_context(connect(database.admin_conninfo())) for _ in range(2))
        platform = stack.enter_context(connect(database.conninfo(Role.PLATFORM)))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        gate.execute("select pg_advisory_lock(77)")
        written = pool.submit(owner.execute, f"with t as ({transfer}) {entry}".encode(), fields)
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and objid = 77 and not granted"
        while gate.execute(waiting).fetchone() != (1,):
            time.sleep(0.01)
        post(platform, build_posting("t1", ACCOUNTS[0], ACCOUNTS[1], 7))
        gate.execute("select pg_advisory_unlock(77)")
        with pytest.raises(psycopg.DatabaseError):
            written.result()
        check_ledger(platform)
        assert 993 == load_balance(platform, ACCOUNTS[0]).posted
