"""How long an order waits: from `submit` until it is decided and proposed, and until it waits for people.

Workers that are woken, beside the same programs that look again every 0.1 s (as the demo ran them before there were
jobs), on one database and chain in one run. Real processes, real PostgreSQL with its default durability, real anvil.

    .venv/bin/python benchmarks/jobs/latency.py [--orders 20]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from crew import Crew, running_crew
from crew_scene import AMOUNT, DEPOSIT
from firm import Firm, open_firm
from nodes import start_anvil
from strongroom.core.ids import Digest
from strongroom.online.db.bootstrap import prepare_database
from strongroom.online.db.embedded import running_embedded
from strongroom.online.db.roles import make_passwords
from strongroom.online.db.server import Server
from strongroom.online.transfers.withdrawal.step1_instruct import accept
from world import ETH

_PATIENCE_S = 60.0


def main() -> None:
    """Measure both, alternating, and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=20, help="orders each way")
    orders = parser.parse_args().orders
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as name, start_anvil() as chain:
        folder = Path(name)
        folder.chmod(0o755)
        with running_embedded(folder / "postgres", {}) as made:
            server = Server(
                host=made.host, port=made.port, admin=made.admin, password=made.password, database="postgres"
            )
            database = prepare_database(server, "strongroom_latency", make_passwords())
            with open_firm(folder / "firm", database, eth=chain) as firm:
                firm.deposit("eth-1", DEPOSIT)
                firm.mine()
                found = {kind: measure(firm, kind, orders) for kind in ("poll", "start")}
    for step in ("proposed", "pending approval"):
        polled, woken = (statistics.median(found[kind][step]) for kind in ("poll", "start"))
        print(f"submit to {step:<17} polling {polled:7.1f} ms   workers {woken:7.1f} ms   {polled / woken:5.1f} times")


def measure(firm: Firm, kind: str, orders: int) -> dict[str, list[float]]:
    """Milliseconds of each order. kind: workers, or programs that poll."""
    found = {"proposed": list[float](), "pending approval": list[float]()}
    with running_crew(firm, 1, kind) as crew:
        for number in range(orders + 1):
            # Pauses of every length, so that no order always meets the programs at the same point of their round.
            time.sleep(0.3 + 0.37 * number % 0.3)
            began = time.monotonic()
            order = accept(firm.platform, firm.order("client:harbour", ETH, AMOUNT)).id
            proposed = wait(crew, began, partial(is_past, firm, order, "SUBMITTED", "SCREENING"))
            pending = wait(crew, began, partial(is_past, firm, order, "SUBMITTED", "SCREENING", "PREPARED"))
            if number:
                # The first one also waits for the programs to start.
                found["proposed"].append(proposed)
                found["pending approval"].append(pending)
        if kind == "poll":
            crew.kill_all()
    return found


def wait(crew: Crew, began: float, ready: Callable[[], bool]) -> float:
    """Milliseconds since `began`, once something holds."""
    while not ready():
        if time.monotonic() > began + _PATIENCE_S:
            raise TimeoutError(crew.tail())
        time.sleep(0.001)
    return 1000 * (time.monotonic() - began)


def is_past(firm: Firm, order: Digest, *states: str) -> bool:
    """Whether an order has left these states."""
    return firm.query("select state from transfers.instructions where id = %s", order)[0][0] not in states


if __name__ == "__main__":
    main()
