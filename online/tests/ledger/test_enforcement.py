"""PostgreSQL itself keeps the rules: tried here with plain SQL, as each role, as the owner of the tables, as superuser.

Each attempt has its honest twin: the same books go on working after it, and add up.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from books import HOUSE, SUSPENSE, WALLET, build_deposit, build_ending, build_withdrawal, client_account, make_digest
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, RefusedError
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import Connection, connect, translated_errors
from strongroom.online.db.roles import Role
from strongroom.online.ledger.store import check_ledger, post, reserve, settle

TABLES = {
    "accounts": "statement",
    "balances": "posted",
    "transfers": "statement",
    "resolutions": "statement",
    "entries": "units",
}
"""Each table with a column that somebody might like to change."""
HARBOUR = client_account("harbour")
STATEMENT = make_digest("a statement")


@pytest.fixture
def books(platform: Connection) -> Iterator[Connection]:
    """Books with a deposit, a settled and a pending withdrawal; whatever a test tried, they still add up after it."""
    post(platform, build_deposit("d1", "harbour", 100))
    reserve(platform, build_withdrawal("w1", "harbour", 10), build_withdrawal("w2", "harbour", 10))
    settle(platform, build_ending("w1"))
    yield platform
    check_ledger(platform)
    post(platform, build_deposit("d2", "harbour", 1))
    check_ledger(platform)


@pytest.fixture
def owner(admin: Connection) -> Connection:
    """A superuser's connection that has stepped into the owner of the tables, as a migration does."""
    admin.execute("set role strongroom_owner")
    return admin


@pytest.mark.parametrize("role", Role)
def test_no_role_writes_a_table(database: Database, books: Connection, role: Role) -> None:
    with connect(database.conninfo(role)) as connection:
        for table, column in TABLES.items():
            for verb in (
                "update {table} set {column} = {column}",
                "delete from {table}",
                "truncate {table} cascade",
                "insert into {table} default values",
            ):
                statement = sql.SQL(verb).format(table=sql.Identifier("ledger", table), column=sql.Identifier(column))
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


@pytest.mark.parametrize("role", [Role.RECONCILER, Role.LEDGER_READER])
def test_readers_cannot_post(database: Database, books: Connection, role: Role) -> None:
    with connect(database.conninfo(role)) as connection:
        with pytest.raises(InvariantError) as caught:
            post(connection, build_deposit("d9", "harbour", 1))
        assert "permission denied" in str(caught.value)
        check_ledger(connection)


def test_the_watcher_posts_deposits_and_cannot_settle(database: Database, books: Connection) -> None:
    with connect(database.conninfo(Role.WATCHER)) as connection:
        post(connection, build_deposit("d9", "harbour", 1))
        with pytest.raises(InvariantError) as caught:
            settle(connection, build_ending("w2"))
        assert "permission denied" in str(caught.value)


@pytest.mark.parametrize("who", ["set role strongroom_owner", "reset role"], ids=["owner", "superuser"])
@pytest.mark.parametrize("table", ["accounts", "transfers", "resolutions", "entries"])
def test_even_the_owner_only_adds(books: Connection, admin: Connection, table: str, who: str) -> None:
    admin.execute(who.encode())
    for verb in ("update {table} set {column} = {column}", "delete from {table}", "truncate {table} cascade"):
        statement = sql.SQL(verb).format(table=sql.Identifier("ledger", table), column=sql.Identifier(TABLES[table]))
        with pytest.raises(RefusedError) as caught, translated_errors():
            admin.execute(statement)
        assert Code.APPEND_ONLY in caught.value.codes


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger.balances set posted = posted + 1000",
        "update ledger.balances set pending_debits = 0, pending_credits = 0",
        "insert into ledger.balances (account, guarded) values ('account:ghost:eth', false)",
        "delete from ledger.balances",
        "truncate ledger.balances",
    ],
)
def test_a_balance_follows_from_entries_alone(books: Connection, owner: Connection, statement: str) -> None:
    with pytest.raises(RefusedError) as caught, translated_errors():
        owner.execute(statement.encode())
    assert Code.APPEND_ONLY in caught.value.codes


TRANSFER = """
  insert into ledger.transfers (id, phase, kind, statement, debit_account, credit_account, asset, units, event_at)
  values ('x1', 'posted', 'correction', %(statement)s, %(debit)s, %(credit)s, 'eip155:31337/slip44:60', 5, now())
"""
ENTRY = """
  insert into ledger.entries select {account}, b.version + 1, 'x1', 'post', {side}, {units},
    b.posted, b.posted + {change}, b.pending_debits, b.pending_debits, b.pending_credits, b.pending_credits
  from ledger.balances b where b.account = {account}
"""


def build_entry(account: str, side: str, units: int = 5) -> str:
    change = units if side == "credit" else -units
    return ENTRY.format(account=f"'{account}'", side=f"'{side}'::ledger.side", units=units, change=change)


def write(connection: Connection, *parts: str, debit: str = SUSPENSE, credit: str = HOUSE) -> None:
    """All parts as one statement, as the posting function writes them."""
    withs = ", ".join(f"part{number} as ({part})" for number, part in enumerate(parts[:-1]))
    text = f"with {withs} {parts[-1]}" if withs else parts[-1]
    with translated_errors():
        connection.execute(text.encode(), {"statement": STATEMENT, "debit": debit, "credit": credit})


def test_the_owner_may_write_what_is_balanced(books: Connection, owner: Connection) -> None:
    """The honest twin of everything below: the rules bind the owner, they do not shut it out."""
    write(owner, TRANSFER, build_entry(SUSPENSE, "debit"), build_entry(HOUSE, "credit"))


@pytest.mark.parametrize(
    "parts",
    [
        [TRANSFER],
        [TRANSFER, build_entry(HOUSE, "credit")],
        [TRANSFER, build_entry(SUSPENSE, "debit")],
        [TRANSFER, build_entry(SUSPENSE, "debit", 4), build_entry(HOUSE, "credit")],
        [TRANSFER, build_entry(SUSPENSE, "debit", 6), build_entry(HOUSE, "credit", 6)],
        [TRANSFER, build_entry(SUSPENSE, "debit"), build_entry(HARBOUR, "credit")],
        [TRANSFER, build_entry(HOUSE, "debit"), build_entry(SUSPENSE, "credit")],
        [TRANSFER, build_entry(SUSPENSE, "debit").replace("'post'", "'reserve'"), build_entry(HOUSE, "credit")],
    ],
    ids=["none", "credit-only", "debit-only", "unequal", "not-its-units", "not-its-account", "swapped", "other-step"],
)
def test_even_the_owner_cannot_write_unbalanced_entries(books: Connection, owner: Connection, parts: list[str]) -> None:
    with pytest.raises((RefusedError, InvariantError)) as caught:
        write(owner, *parts)
    if isinstance(caught.value, RefusedError):
        assert Code.LEDGER_UNBALANCED in caught.value.codes
    else:
        # A reservation that moves what is posted breaks the arithmetic of its own row, before any balance is looked at.
        assert caught.value.refusals[0].field.startswith("entries_")


def test_entries_of_a_transfer_that_is_already_recorded_are_refused(books: Connection, owner: Connection) -> None:
    write(owner, TRANSFER, build_entry(SUSPENSE, "debit"), build_entry(HOUSE, "credit"))
    with pytest.raises(InvariantError) as caught:
        write(owner, build_entry(SUSPENSE, "debit"), build_entry(HOUSE, "credit"))
    assert "entries_once" == caught.value.refusals[0].field


def test_an_entry_that_skips_history_is_refused(books: Connection, owner: Connection) -> None:
    skipping = build_entry(SUSPENSE, "debit").replace("b.version + 1", "b.version + 2")
    lying = build_entry(SUSPENSE, "debit").replace("b.posted, b.posted", "b.posted + 9, b.posted + 9")
    for entry in (skipping, lying):
        with pytest.raises(RefusedError) as caught:
            write(owner, TRANSFER, entry, build_entry(HOUSE, "credit"))
        assert Code.LEDGER_UNBALANCED in caught.value.codes


def test_even_the_owner_cannot_overdraw_a_client(books: Connection, owner: Connection) -> None:
    parts = [TRANSFER.replace(" 5,", " 81,"), build_entry(HARBOUR, "debit", 81), build_entry(HOUSE, "credit", 81)]
    with pytest.raises(RefusedError) as caught:
        write(owner, *parts, debit=HARBOUR)
    assert Code.LEDGER_OVERDRAFT in caught.value.codes
    write(owner, *(part.replace("81", "80") for part in parts), debit=HARBOUR)


def test_a_resolution_without_entries_is_refused(books: Connection, owner: Connection) -> None:
    with pytest.raises(RefusedError) as caught, translated_errors():
        owner.execute(
            "insert into ledger.resolutions (transfer, outcome, statement, event_at) values ('w2', 'void', %s, now())",
            [STATEMENT],
        )
    assert Code.LEDGER_UNBALANCED in caught.value.codes
    settle(books, build_ending("w2"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("statement", None),
        ("statement", ""),
        ("statement", "because"),
        ("units", "0"),
        ("units", "-5"),
        ("debit_account", HOUSE),
        ("debit_account", "account:ghost:eth"),
        ("asset", "bip122:530827f38f93b43ed12af0b3ad25a288/slip44:2"),
        ("id", ""),
        ("event_at", None),
    ],
)
def test_a_transfer_names_its_statement_and_is_well_formed(
    books: Connection, owner: Connection, column: str, value: str | None
) -> None:
    """By the table's own constraints, whoever writes: no statement, no posting."""
    columns = {
        "id": "x1",
        "phase": "posted",
        "kind": "correction",
        "statement": STATEMENT,
        "debit_account": SUSPENSE,
        "credit_account": HOUSE,
        "asset": "eip155:31337/slip44:60",
        "units": "5",
        "event_at": "2025-11-03T12:00:00Z",
    }
    statement = sql.SQL("with t as (insert into ledger.transfers ({}) values ({})), a as ({}) {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(map(sql.Placeholder, columns)),
        sql.SQL(build_entry(SUSPENSE, "debit")),
        sql.SQL(build_entry(HOUSE, "credit")),
    )
    with pytest.raises((RefusedError, InvariantError)), translated_errors():
        owner.execute(statement, {**columns, column: value})
    owner.execute(statement, columns)


def test_every_posting_names_its_statement(books: Connection, admin: Connection) -> None:
    unjustified = admin.execute(
        """select e.transfer from ledger.entries e
           left join ledger.transfers t on t.id = e.transfer and e.step in ('post', 'reserve')
           left join ledger.resolutions r on r.transfer = e.transfer and e.step in ('settle', 'void')
           where coalesce(t.statement, r.statement) is null"""
    ).fetchall()
    assert [] == unjustified


def test_what_the_functions_refuse_they_refuse_from_plain_sql_too(books: Connection) -> None:
    """Rows that Python would never send: absent, mistyped and fractional fields are `malformed`, never rounded."""
    good = (
        f'{{"id": "x1", "phase": "posted", "kind": "deposit", "statement": "{STATEMENT}", "debit": "{WALLET}",'
        f' "credit": "{HARBOUR}", "asset": "eip155:31337/slip44:60", "units": "5", "event_at": "2025-11-03T12:00Z"}}'
    )
    wrong = [
        good.replace('"units": "5"', '"units": "1.5"'),
        good.replace('"units": "5"', '"units": "0"'),
        good.replace('"units": "5"', '"units": "-5"'),
        good.replace('"units": "5"', '"units": "NaN"'),
        good.replace('"units": "5"', '"units": "Infinity"'),
        good.replace('"units"', '"unit"'),
        good.replace('"statement"', '"statment"'),
        good.replace("sha256:", "sha512:"),
        good.replace('"posted"', '"void"'),
        good.replace('"event_at"', '"at"'),
        good.replace('"id": "x1"', '"id": "x 1"'),
        good.replace('"kind": "deposit"', '"kind": "Deposit!"'),
        "{}",
    ]
    batch = "[" + ",".join([*wrong, good]) + "]"
    rows = books.execute("select outcome::text from ledger.post_batch(%s::jsonb) order by n", [batch]).fetchall()
    assert [*(["malformed"] * len(wrong)), "posted"] == [outcome for (outcome,) in rows]


def test_endings_from_plain_sql_are_checked_too(books: Connection) -> None:
    good = f'{{"transfer": "w2", "outcome": "void", "statement": "{STATEMENT}", "event_at": "2025-11-03T12:00Z"}}'
    wrong = [
        good.replace("void", "pending"),
        good.replace("sha256:", ""),
        good.replace('"event_at"', '"at"'),
        good.replace('"transfer"', '"id"'),
    ]
    batch = "[" + ",".join([*wrong, good]) + "]"
    rows = books.execute("select outcome::text from ledger.resolve_batch(%s::jsonb) order by n", [batch]).fetchall()
    assert [*(["malformed"] * len(wrong)), "voided"] == [outcome for (outcome,) in rows]


@pytest.mark.parametrize("role", Role)
def test_nobody_can_shadow_a_table(database: Database, books: Connection, role: Role) -> None:
    """A temporary table would be searched first by a statement that forgets a schema; no role of ours may make one."""
    with connect(database.conninfo(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create temporary table accounts (id text)")
