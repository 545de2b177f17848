"""Real worker processes on a `Firm`'s database: started, killed, replaced, stopped; people answer from the test."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from firm import CONFIRMATIONS, Firm
from office import Office
from strongroom.core.ids import ChainId

ENTRY_POINT = Path(__file__).parent.parent / "faults" / "crew_worker.py"
PROGRAMS = ("work", "reconcile", "watch")
STALLED_S = 1.5


@dataclass(kw_only=True)
class Crew:
    """Workers' process ids by program. kills: how often one was killed."""

    firm: Firm
    server: subprocess.Popen[str]
    workers: dict[str, list[int]] = field(default_factory=dict)
    kills: int = 0

    def ask(self, request: str) -> int | None:
        """One request to the process that the workers are forked from."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(request + "\n")
        self.server.stdin.flush()
        told: int | None = json.loads(self.server.stdout.readline())
        return told

    def start(self, program: str, kind: str = "start") -> int:
        """One more worker of a program. kind: as of the entry point's requests."""
        pid = self.ask(f"{kind} {program}")
        assert pid is not None
        self.workers.setdefault(program, []).append(pid)
        return pid

    def run_until_idle(self, program: str) -> None:
        """A worker that stops when nothing waits for it, to its end."""
        assert self.ask(f"end {self.ask(f'idle {program}')}") == 0, self.tail()

    def kill_one(self, choice: random.Random) -> str:
        """SIGKILL to one worker, whatever it does just now, and another in its place; says whose it was."""
        program = choice.choice(PROGRAMS)
        worker = self.workers[program].pop(choice.randrange(len(self.workers[program])))
        os.kill(worker, signal.SIGKILL)
        assert self.ask(f"end {worker}") == -signal.SIGKILL, self.tail()
        self.kills += 1
        self.start(program)
        return program

    def count_done(self) -> int:
        """How many jobs were done by all workers."""
        return sum(line.endswith(" ms") for line in log_of(self.firm).read_text(errors="replace").splitlines())

    def kill_all(self) -> None:
        """SIGKILL to everyone."""
        for worker in self.everyone:
            os.kill(worker, signal.SIGKILL)
            self.ask(f"end {worker}")
        self.workers.clear()

    def check_alive(self) -> None:
        """No worker ended by itself."""
        for program, workers in self.workers.items():
            for worker in workers:
                code = self.ask(f"look {worker}")
                assert code is None, f"a worker of {program} ended with {code}:\n{self.tail()}"

    def stop(self) -> None:
        """SIGTERM to all; each finishes its job and ends well."""
        everyone = self.everyone
        for worker in everyone:
            os.kill(worker, signal.SIGTERM)
        codes = [self.ask(f"end {worker}") for worker in everyone]
        self.workers.clear()
        # One that was forked just now dies of the signal, since it has not taken it over yet.
        assert set(codes) <= {0, -signal.SIGTERM}, f"{codes}\n{self.tail()}"

    @property
    def everyone(self) -> list[int]:
        """All workers."""
        return [worker for workers in self.workers.values() for worker in workers]

    def tail(self) -> str:
        """The end of what they said."""
        return "\n".join(log_of(self.firm).read_text(errors="replace").splitlines()[-60:])


def log_of(firm: Firm) -> Path:
    """What all workers say."""
    return firm.folder / "crew.log"


@contextmanager
def running_crew(firm: Firm, count: int, kind: str = "start") -> Iterator[Crew]:
    """So many workers of each program, stopped at the end; what a failed test leaves is killed."""
    offset = str(firm.clock.offset.total_seconds())
    command = [sys.executable, str(ENTRY_POINT), str(firm.folder / "config"), offset, str(STALLED_S)]
    with log_of(firm).open("ab") as log:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    with server:
        crew = Crew(firm=firm, server=server)
        try:
            for program in PROGRAMS:
                for _ in range(count):
                    crew.start(program, kind)
            yield crew
            crew.stop()
        finally:
            for worker in crew.everyone:
                if Path(f"/proc/{worker}").exists():
                    os.kill(worker, signal.SIGKILL)


def serve_until(
    office: Office, crew: Crew, wanted: Callable[[], bool], *, meanwhile: Callable[[], None], patience_s: float
) -> None:
    """People answer and blocks come until something holds. meanwhile: what happens to the workers."""
    firm, end = office.firm, time.monotonic() + patience_s
    while not wanted():
        assert time.monotonic() < end, f"after {patience_s} s: {explain(firm)}\n{crew.tail()}"
        crew.check_alive()
        meanwhile()
        office.serve()
        for chain in mining(firm):
            firm.chain(chain).mine(CONFIRMATIONS)
        time.sleep(0.02)


def mining(firm: Firm) -> list[ChainId]:
    """Chains with a transaction that waits for blocks which are not there yet."""
    return [
        ChainId(row[0])
        for row in firm.query(
            """select distinct d.chain from transfers.dockets d where d.state = 'CONFIRMING' and not exists (
                 select from transfers.docket_statements s where s.proposal = d.proposal and s.stage = 10)
               and not exists (select from watch.outflows o where o.proposal = d.proposal
                 and o.height + %s <= (select max(height) from watch.blocks b where b.chain = d.chain) + 1)""",
            CONFIRMATIONS,
        )
    ]


def explain(firm: Firm) -> list[object]:
    """What stands where, for a failed test."""
    return [
        *firm.query("select 'instruction', state, why from transfers.instructions where state <> 'RECONCILED'"),
        *firm.query("select 'docket', state, why from transfers.dockets where state <> 'RECONCILED'"),
        *firm.query("select 'session', terminal, withheld from transfers.sessions where clear is null"),
        *firm.query("select 'alert', code, subject, detail from watch.alerts where closed_at is null"),
        *firm.query("select 'job', task, subject, status, attempts from jobs.overview"),
        *firm.query("select 'run', chain, max(height), min(status) from watch.runs group by chain"),
    ]
