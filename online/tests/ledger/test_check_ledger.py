"""Adding everything up again: whoever goes around the triggers is found, and the first bad place is named.

Only a superuser who switches triggers off can do any of this; that is the attacker here.
"""

from __future__ import annotations

import pytest

from books import WALLET, build_deposit, build_ending, build_withdrawal, client_account
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError
from strongroom.online.db.connect import Connection
from strongroom.online.ledger.store import check_ledger, post, reserve, settle

HARBOUR = client_account("harbour")
PEAK = client_account("peak")


@pytest.fixture
def books(platform: Connection) -> Connection:
    post(platform, build_deposit("d1", "harbour", 100), build_deposit("d2", "peak", 50))
    reserve(platform, build_withdrawal("w1", "harbour", 10), build_withdrawal("w2", "harbour", 5))
    settle(platform, build_ending("w1"))
    check_ledger(platform)
    return platform


@pytest.mark.parametrize(
    ("tampering", "place"),
    [
        (f"update ledger.balances set posted = posted + 1 where account = '{HARBOUR}'", HARBOUR),
        (f"update ledger.balances set pending_debits = 0 where account = '{HARBOUR}'", HARBOUR),
        (f"update ledger.balances set version = version + 1 where account = '{PEAK}'", PEAK),
        (f"delete from ledger.balances where account = '{PEAK}'", PEAK),
        (f"update ledger.entries set units = 51, posted_after = 51 where account = '{PEAK}'", PEAK),
        (f"update ledger.entries set posted_before = 7, posted_after = 57 where account = '{PEAK}'", PEAK),
        (f"delete from ledger.entries where account = '{PEAK}'", PEAK),
        (f"update ledger.entries set account = 'account:nobody:eth' where account = '{PEAK}'", "account:nobody:eth"),
        (
            f"""with e as (update ledger.entries set units = 51, posted_after = 51 where account = '{PEAK}')
               update ledger.balances set posted = 51 where account = '{PEAK}'""",
            "d2",
        ),
        ("update ledger.transfers set units = 49 where id = 'd2'", "d2"),
        (f"update ledger.transfers set credit_account = '{HARBOUR}' where id = 'd2'", "d2"),
        ("delete from ledger.transfers where id = 'd2'", "d2"),
        ("update ledger.resolutions set outcome = 'void' where transfer = 'w1'", "w1"),
        ("delete from ledger.resolutions where transfer = 'w1'", "w1"),
        (
            """insert into ledger.resolutions (transfer, outcome, statement, event_at)
               select transfer, 'void', statement, event_at from ledger.resolutions
               on conflict do nothing; update ledger.resolutions set transfer = 'w2'""",
            "w1",
        ),
    ],
)
def test_one_changed_row_is_found_and_named(books: Connection, admin: Connection, tampering: str, place: str) -> None:
    admin.execute("set session_replication_role = replica")
    admin.execute(tampering.encode())
    with pytest.raises(InvariantError) as caught:
        check_ledger(books)
    assert Code.LEDGER_UNBALANCED in caught.value.codes
    assert place == caught.value.refusals[0].field


def test_both_values_are_told(books: Connection, admin: Connection) -> None:
    admin.execute("set session_replication_role = replica")
    admin.execute(f"update ledger.balances set posted = posted + 1 where account = '{WALLET}'".encode())
    with pytest.raises(InvariantError) as caught:
        check_ledger(books)
    assert ("5/-140/0/5", "5/-139/0/5") == (caught.value.refusals[0].expected, caught.value.refusals[0].got)


def test_honest_books_add_up(books: Connection) -> None:
    check_ledger(books)
