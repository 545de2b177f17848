"""What it costs to prove the ledger by the log: a start, a whole run and a short run, beside adding up the ledger.

The ledger has as many deposits as asked for, each with its signed statement in the log. Adding everything up again
(`check_ledger`) reads what any audit must read; the others are given as multiples of it, each the median of some runs.

    .venv/bin/python benchmarks/prove/runs.py [--transfers 100000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from day import EDITS, Day, begin_day
from firm import open_firm
from postgres import fresh_database
from strongroom.core.books import DepositCredit
from strongroom.core.ids import AccountId, EntryId, PartyId
from strongroom.core.records import Units
from strongroom.core.statements import build_payload, parse_statement, sign_payload
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import append
from strongroom.online.ledger.rules import Posting, PostingKind, TransferId
from strongroom.online.ledger.store import check_ledger, post
from strongroom.online.prove import prover as provers
from strongroom.online.prove.prover import LedgerProver
from strongroom.online.prove.undone import name_credit
from strongroom.online.transfers.accounts import build_custody_account
from world import ETH, ETH_ASSET, ETH_WALLET

BATCH = 500
RUNS = 3
RESULTS = Path("build/bench")


def build_credit(number: int) -> DepositCredit:
    """A deposit of one of two clients."""
    name = "harbour" if number % 2 else "peak"
    return DepositCredit(
        account=AccountId(f"account:{name}:eth"),
        address=EntryId("address:eth-1" if number % 2 else "address:eth-2"),
        amount=Units(number + 1),
        asset=ETH_ASSET,
        block_hash="0x" + sha256(b"block %d" % number).hexdigest(),
        chain=ETH,
        client=PartyId(f"client:{name}"),
        confirmations=2,
        height=1 + number,
        output=0,
        txid="0x" + sha256(b"payment %d" % number).hexdigest(),
    )


def credit_many(day: Day, first: int, end: int) -> None:
    """Say and post some deposits, in one transaction."""
    connection, context, key = day.platform.connection, day.firm.rules.context, day.platform.platform_key
    now, postings = day.firm.clock(), list[Posting]()
    with connection.transaction():
        for number in range(first, end):
            body = build_credit(number)
            kind, payload = build_payload(body, context=context, issuer=key.party, issued_at=now)
            envelope = sign_payload(kind, payload, [(key.key, key.sign)])
            append(connection, envelope)
            postings.append(
                Posting(
                    id=TransferId(name_credit(body)),
                    kind=PostingKind.DEPOSIT,
                    statement=parse_statement(envelope).id,
                    debit=build_custody_account(ETH_WALLET, ETH_ASSET),
                    credit=body.account,
                    asset=ETH_ASSET,
                    units=body.amount,
                    event_at=now,
                )
            )
        post(connection, *postings)


@contextmanager
def filled_day(transfers: int) -> Iterator[Day]:
    """A day with so many deposits."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_database() as database,
        open_firm(Path(folder), database, edits=EDITS) as firm,
    ):
        day = begin_day(firm)
        for first in range(0, transfers, BATCH):
            credit_many(day, first, min(first + BATCH, transfers))
        day.witness()
        firm.query("vacuum analyze")
        yield day


def time_of(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def check_proved(run: Callable[[Connection], object], connection: Connection) -> None:
    """One run that must find nothing."""
    if (found := run(connection)) != ():
        raise SystemExit(f"the benchmark's own ledger is not proved: {found}")


def measure(day: Day) -> dict[str, float]:
    """Each kind of run, as a multiple of adding up the ledger."""
    connection = day.firm.reconciler.connection
    base = statistics.median(time_of(lambda: check_ledger(connection)) for _ in range(RUNS))
    started = LedgerProver(root=day.prover.root, memory=day.prover.memory, clock=day.prover.clock)
    costs = {"a start": time_of(lambda: check_proved(started.prove_whole, connection))}
    whole = [time_of(lambda: check_proved(started.prove_whole, connection)) for _ in range(RUNS)]
    provers.SMALL = 0
    short = [time_of(lambda: check_proved(started.prove, connection)) for _ in range(RUNS)]
    costs |= {"a whole run": statistics.median(whole), "a short run": statistics.median(short)}
    return {name: seconds / base for name, seconds in costs.items()}


def main() -> int:
    """Fill, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transfers", type=int, default=100_000)
    options = parser.parse_args()
    with filled_day(options.transfers) as day:
        ratios = measure(day)
    for name, ratio in ratios.items():
        print(f"{name:12} {ratio:8.2f} times adding up a ledger of {options.transfers} transfers")
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "prove.json").write_text(json.dumps({"transfers": options.transfers, "ratios": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
