"""Least privilege of log, custody, transfers and watch: each program writes what it decides, and no more."""

from __future__ import annotations

import pytest

from strongroom.core.errors import InvariantError
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import connect, translated_errors
from strongroom.online.db.roles import Role

DIGEST = "sha256:" + "0" * 64
ALL = (Role.PLATFORM, Role.RECONCILER, Role.WATCHER)
FORBIDDEN = [
    *[(role, f"update evidence.entries set leaf = '' where statement = '{DIGEST}'") for role in ALL],
    *[(role, "delete from evidence.entries") for role in ALL],
    *[(role, "truncate evidence.entries cascade") for role in ALL],
    *[
        (role, f"insert into evidence.entries values (0, '{DIGEST}', 'freeze', 'nobody', now(), '')")
        for role in (*ALL, Role.LEDGER_READER, Role.ASSIGNER)
    ],
    *[(role, "update evidence.tail set size = 0") for role in ALL],
    (Role.PLATFORM, "select evidence.witness_checkpoint(1, 'note')"),
    (Role.RECONCILER, "select evidence.witness_checkpoint(1, 'note')"),
    (Role.WATCHER, "select evidence.sign_checkpoint(1, 'note')"),
    (Role.RECONCILER, "select evidence.sign_checkpoint(1, 'note')"),
    (Role.PLATFORM, "delete from custody.packages_out"),
    (Role.PLATFORM, "update custody.packages_out set raw = ''"),
    (Role.PLATFORM, "update custody.register_entries set entry = '{}'"),
    (Role.WATCHER, "insert into custody.register_entries values ('assets', 'a', '{}', 1, null)"),
    (Role.WATCHER, "insert into transfers.dockets (proposal) values ('x')"),
    (Role.RECONCILER, "insert into transfers.dockets (proposal) values ('x')"),
    (Role.WATCHER, "insert into transfers.commitments values ('x', 'y')"),
    (Role.WATCHER, "update transfers.dockets set unsigned = ''"),
    (Role.WATCHER, "update transfers.sessions set clear_payload = ''"),
    (Role.RECONCILER, f"update transfers.sessions set clear = '{DIGEST}'"),
    (Role.RECONCILER, "delete from transfers.commitments"),
    (Role.PLATFORM, "delete from transfers.commitments"),
    (Role.PLATFORM, "insert into watch.blocks values ('c', 1, 'h', 'p')"),
    (Role.PLATFORM, f"insert into watch.runs values ('c', 1, 'MATCHED', '{DIGEST}')"),
    (Role.WATCHER, f"insert into watch.runs values ('c', 1, 'MATCHED', '{DIGEST}')"),
    (Role.PLATFORM, "insert into watch.outflows (chain) values ('c')"),
    (Role.PLATFORM, "update watch.outflows set proposal = null"),
    (Role.PLATFORM, "update watch.blocks set reorganisation = null"),
    (Role.PLATFORM, "delete from watch.coins"),
    (Role.RECONCILER, "delete from watch.deposits"),
    (Role.RECONCILER, "update watch.outflows set settled = true"),
    (Role.RECONCILER, "update transfers.shortfalls set recovered = true"),
    (Role.PLATFORM, "update watch.deposits set account = 'account:mine:eth'"),
    (Role.RECONCILER, "delete from watch.freezes"),
    (Role.PLATFORM, "delete from watch.freezes"),
    (Role.PLATFORM, "delete from watch.alerts"),
    *[(role, "insert into custody.assignments values ('c', 'a', 'e', 'x', 'w', 's')") for role in ALL],
    (Role.ASSIGNER, "update custody.assignments set account = 'account:mine:eth'"),
    (Role.ASSIGNER, "delete from custody.assignments"),
    (Role.ASSIGNER, "insert into custody.register_entries values ('assets', 'a', '{}', 1, null)"),
    (Role.ASSIGNER, "insert into custody.attested_addresses (place) values (1)"),
    (Role.ASSIGNER, "select * from watch.runs"),
    (Role.PLATFORM, "update custody.attested_addresses set line = ''"),
    (Role.PLATFORM, "delete from custody.address_batches"),
    *[
        (Role.APPROVALS, f"select * from {table}")
        for table in (
            "watch.alerts",
            "custody.packages_out",
            "custody.packages_in",
            "custody.packages_brought",
            "approvals.requests",
            "evidence.entries",
            "transfers.dockets",
        )
    ],
    (Role.APPROVALS, "insert into custody.packages_brought values ('device:a', 'd', '')"),
    (Role.APPROVALS, f"select evidence.append('{DIGEST}', 'freeze', 'nobody', now(), '')"),
    *[(role, "select approvals.bring('device:a', 'd', '')") for role in ALL],
    *[
        (Role.LEDGER_READER, f"select * from {table}")
        for table in ("transfers.dockets", "watch.runs", "evidence.entries")
    ],
]


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN, ids=[f"{r.value}-{s[:60]}" for r, s in FORBIDDEN])
def test_a_program_writes_nothing_of_the_others(module_database: Database, role: Role, statement: str) -> None:
    with connect(module_database.conninfo(role)) as connection:
        with pytest.raises(InvariantError) as caught, translated_errors():
            connection.execute(statement.encode())
        assert "42501" in str(caught.value), caught.value


OWN = [
    (Role.PLATFORM, f"select evidence.append('{DIGEST}', 'freeze', 'nobody', now(), '')"),
    (Role.PLATFORM, "select evidence.sign_checkpoint(1, 'note')"),
    (Role.WATCHER, "select evidence.witness_checkpoint(1, 'note')"),
    (Role.PLATFORM, "insert into custody.devices (id, kind) values ('device:a', 'gate')"),
    (Role.RECONCILER, "insert into watch.blocks (chain, height, hash, parent) values ('c', 1, 'h', 'p')"),
    (
        Role.RECONCILER,
        (
            "insert into watch.runs (chain, height, block_hash, status, statement)"
            f" values ('c', 1, 'h', 'MATCHED', '{DIGEST}')"
        ),
    ),
    (Role.WATCHER, "insert into watch.alerts (code, severity, subject, detail) values ('c', 'low', 's', 'd')"),
    *[(role, "select * from transfers.dockets") for role in ALL],
    (Role.LEDGER_READER, "select * from ledger.accounts_now"),
    (Role.APPROVALS, "select approvals.admit('device:a', 'n', now(), now(), 1)"),
    (Role.APPROVALS, "select * from approvals.governance(0)"),
    (Role.APPROVALS, "select * from approvals.packages('device:a', 0, 1)"),
    (Role.APPROVALS, "select approvals.bring('device:a', 'd', '')"),
    (Role.APPROVALS, "select approvals.tell('REQUEST_REPLAYED', 'device:a', 'd')"),
]


@pytest.mark.parametrize(("role", "statement"), OWN, ids=[f"{r.value}-{s[:60]}" for r, s in OWN])
def test_a_program_does_its_own_work(module_database: Database, role: Role, statement: str) -> None:
    with connect(module_database.conninfo(role)) as connection:
        connection.execute(statement.encode())
