"""The ledger beside pgbench's TPC-B: four clients, the same server, the same durability, the same minutes.

Postings go one by one and in batches of 100 and 1,000, through the store's own functions from Python, over 10 and
10,000 accounts and over 10,000 of which ten are hot. The machine is rarely idle, so everything is measured in rounds,
one short turn each, and a result is the median over the rounds of its ratio to TPC-B in the same round.

    benchmarks/bench_ledger.py            about a minute
    benchmarks/bench_ledger.py --full     long turns, many rounds
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from pathlib import Path
from statistics import median

from strongroom.core.ids import AccountId, AssetId, Digest
from strongroom.online.db.bootstrap import Database, prepare_database, save_database
from strongroom.online.db.connect import Connection, connect
from strongroom.online.db.roles import Role
from strongroom.online.db.secret import Secret, make_secret
from strongroom.online.db.server import Server, running_server
from strongroom.online.db.system_user import load_binaries, load_system_user
from strongroom.online.ledger.rules import Account, AccountKind, Posting, PostingKind, TransferId
from strongroom.online.ledger.store import check_ledger, open_account, post, post_batch

ETH = AssetId("eip155:31337/slip44:60")
WALLET = AccountId("account:custody:eth-cold-1")
CLIENTS = 4
SIZES = (1, 100, 1000)
HOT = 10
MANY = 10_000
GOAL = 10
"""Postings a second in batches of 100, as a multiple of TPC-B's transactions a second."""
RESULTS = Path("build/bench")
# As in production, where durability is concerned; the log of changes has room, so that no turn pays for another's.
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_wal_size": "4GB"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Postings of a batch size over some accounts. hot: how many of them take part in every posting; 0 for none."""

    size: int
    accounts: int
    hot: int

    @property
    def name(self) -> str:
        """The case in a table."""
        spread = f"{self.hot} hot of {self.accounts}" if self.hot else f"{self.accounts}"
        return f"{spread} accounts, batches of {self.size}"


CASES = tuple(
    Case(size=size, accounts=accounts, hot=hot)
    for size in SIZES
    for accounts, hot in ((HOT, 0), (MANY, 0), (MANY, HOT))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a feeder is told to do. seconds: for how long."""

    conninfo: str
    case: Case
    seconds: float


def name_account(number: int) -> AccountId:
    """One of the accounts that postings go between."""
    return AccountId(f"account:client-{number}:eth")


def make_statement(words: str) -> Digest:
    """A digest that stands for a signed statement."""
    return Digest("sha256:" + sha256(words.encode()).hexdigest())


def feed(pipe: Pipe, client: int) -> None:
    """One client: takes turns until the pipe closes, and tells how many postings each recorded, in how long."""
    numbers, chance = count(), random.Random(client)  # noqa: S311 -- amounts and accounts of a load, no secrets
    while (turn := pipe.recv()) is not None:
        with connect(Secret(turn.conninfo)) as connection:
            post_batch(connection, [])
            pipe.send(None)
            pipe.recv()
            begun, done = time.perf_counter(), 0
            while time.perf_counter() - begun < turn.seconds:
                batch = [build_posting(turn.case, f"{client}-{next(numbers)}", chance) for _ in range(turn.case.size)]
                outcomes = post_batch(connection, batch)
                done += sum(1 for outcome in outcomes if outcome.is_done)
            pipe.send((done, time.perf_counter() - begun))


def build_posting(case: Case, name: str, chance: random.Random) -> Posting:
    """A posting between two of the accounts; each has a statement of its own, as each of ours does."""
    debit = chance.randrange(case.hot or case.accounts)
    credit = (debit + 1 + chance.randrange(case.accounts - 1)) % case.accounts
    if chance.random() < 0.5:
        debit, credit = credit, debit
    return Posting(
        id=TransferId(f"withdrawal:{name}"),
        kind=PostingKind.TREASURY,
        statement=make_statement(name),
        debit=name_account(debit),
        credit=name_account(credit),
        asset=ETH,
        units=chance.randrange(1, 10**15),
        event_at=datetime.now(UTC),
    )


@contextmanager
def running_feeders() -> Iterator[list[Pipe]]:
    """Four processes that wait for turns: as four programs, not four threads that wait for one another."""
    context, pipes, processes = get_context("spawn"), list[Pipe](), list[SpawnProcess]()
    for client in range(CLIENTS):
        ours, theirs = context.Pipe()
        process = context.Process(target=feed, args=(theirs, client), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    try:
        yield pipes
    finally:
        for pipe in pipes:
            pipe.send(None)
        for process in processes:
            process.join(10)


def measure_ledger(pipes: Sequence[Pipe], turn: Turn) -> float:
    """Postings a second over all clients."""
    for pipe in pipes:
        pipe.send(turn)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send(None)
    results: list[tuple[int, float]] = [pipe.recv() for pipe in pipes]
    return sum(done / seconds for done, seconds in results)


def measure_pgbench(server: Server, seconds: float) -> float:
    """TPC-B transactions a second, as pgbench says."""
    command = ["-c", str(CLIENTS), "-j", str(CLIENTS), "-T", str(max(1, round(seconds))), "-n", "tpcb"]
    said = run_pgbench(server, command)
    found = re.search(r"tps = ([0-9.]+)", said)
    if found is None:
        raise SystemExit(f"pgbench said no rate: {said}")
    return float(found[1])


def run_pgbench(server: Server, arguments: Sequence[str]) -> str:
    """Run the pgbench that belongs to this server."""
    program = load_binaries(load_system_user()) / "pgbench"
    environment = {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGUSER": server.admin,
        "PGPASSWORD": server.password.reveal(),
    }
    done = subprocess.run([str(program), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"pgbench failed: {done.stderr}")
    return done.stdout


def prepare_ledger(server: Server, accounts: int, passwords: dict[Role, Secret]) -> Database:
    """A migrated database with so many funded accounts."""
    database = prepare_database(server, f"bench_{accounts}", passwords)
    with connect(database.conninfo(Role.PLATFORM)) as connection, connection.transaction():
        open_one(connection, WALLET, AccountKind.CUSTODY, "wallet:eth-cold-1")
        for number in range(accounts):
            open_one(connection, name_account(number), AccountKind.CLIENT, f"client:client-{number}")
        for first in range(0, accounts, 1000):
            post(connection, *(fund(number) for number in range(first, min(first + 1000, accounts))))
    with connect(database.admin_conninfo()) as admin:
        admin.execute("vacuum analyze")
    return database


def open_one(connection: Connection, account: AccountId, kind: AccountKind, holder: str) -> None:
    """Open one account in ETH."""
    said = make_statement(f"open {account}")
    open_account(connection, Account(id=account, kind=kind, asset=ETH, holder=holder, statement=said))


def fund(number: int) -> Posting:
    """Enough for every posting of a run: an overdraft would be refused, and nothing measured."""
    return Posting(
        id=TransferId(f"fund-{number}"),
        kind=PostingKind.DEPOSIT,
        statement=make_statement(f"fund {number}"),
        debit=WALLET,
        credit=name_account(number),
        asset=ETH,
        units=10**30,
        event_at=datetime.now(UTC),
    )


def run(rounds: int, seconds: float, scale: int) -> dict[str, list[float]]:
    """Every case and TPC-B in turns, round after round; each case's ratio to TPC-B, round by round."""
    ratios: dict[str, list[float]] = {case.name: [] for case in CASES}
    folder = Path(tempfile.mkdtemp(prefix="strongroom-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        pipes = stack.enter_context(running_feeders())
        server = stack.enter_context(running_server({}, folder, SETTINGS))
        passwords = {role: make_secret() for role in Role}
        databases = {accounts: prepare_ledger(server, accounts, passwords) for accounts in (HOT, MANY)}
        with connect(server.build_admin_conninfo()) as admin:
            save_database(admin, "tpcb")
        run_pgbench(server, ["-i", "-q", "-s", str(scale), "tpcb"])
        for number in range(rounds):
            before = measure_pgbench(server, seconds)
            rates = {}
            for case in CASES:
                conninfo = databases[case.accounts].conninfo(Role.PLATFORM).reveal()
                rates[case.name] = measure_ledger(pipes, Turn(conninfo=conninfo, case=case, seconds=seconds))
            base = (before + measure_pgbench(server, seconds)) / 2
            for name, rate in rates.items():
                ratios[name].append(rate / base)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for database in databases.values():
            with connect(database.admin_conninfo()) as admin:
                check_ledger(admin)
    return ratios


def render(ratios: dict[str, list[float]]) -> str:
    """The table: each case beside TPC-B, and what the goal asks."""
    lines = [f"{'postings a second / TPC-B transactions a second':58} median    low   high"]
    for name, values in ratios.items():
        lines.append(f"{name:58} {median(values):6.2f} {min(values):6.2f} {max(values):6.2f}")
    hundred = {case: median(ratios[case.name]) for case in CASES if case.size == 100}
    worst = min(hundred.values())
    lines.append(
        f"batches of 100: {worst:.1f} times TPC-B; goal {GOAL}: {'reached' if worst >= GOAL else 'not reached'}"
    )
    few, many = (hundred[Case(size=100, accounts=a, hot=0)] for a in (HOT, MANY))
    hot = hundred[Case(size=100, accounts=MANY, hot=HOT)]
    lines.append(f"ten hot accounts / many accounts: {hot / many:.2f}; ten accounts / many: {few / many:.2f}; goal 1")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="7 rounds of 10 seconds a turn, instead of 3 of 1")
    options = parser.parse_args(argv)
    rounds, seconds, scale = (7, 10.0, 50) if options.full else (3, 1.0, 10)
    ratios = run(rounds, seconds, scale)
    print(render(ratios))
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "ledger.json").write_text(json.dumps({"clients": CLIENTS, "goal": GOAL, "ratios": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
