"""Entry point of the crash tests: the online programs on a connection that counts its writes and kills its process.

Nothing of this is in shipped code: the programs take a connection, and this one is handed in. Each life is a process of
its own, forked from one that has imported everything, so that a hundred lives cost no more than their work. A request
is one line of JSON on standard input, its answer one on standard output:

    {"program": "work", "kill_after": 3, "instruction": "/path/or/empty"}
    {"signal": 9, "exit": 0, "writes": ["insert into transfers.dockets #0a1b...", ...], "durable": false}

kill_after: SIGKILL right after that many writes of this life; 0: never. A life is one pass of its program's work.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from strongroom.core.canonical import parse_canonical
from strongroom.core.statements import parse_envelope
from strongroom.online.bootstrap import Program, build_platform, build_reconcile, build_watch, build_work
from strongroom.online.config import Config, load_config, load_conninfo
from strongroom.online.transfers.withdrawal.step1_instruct import accept

_CHANGES = re.compile(r"\b(insert\s+into|(?<!for )update|delete\s+from)\s+[a-z_.]+", re.IGNORECASE)
_WRITERS = """select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where p.provolatile = 'v' and n.nspname in ('ledger', 'evidence', 'custody', 'transfers', 'watch')"""


@dataclass(frozen=True, kw_only=True)
class Write:
    """One thing written. durable: it is saved, whatever becomes of the process."""

    label: str
    durable: bool


class CountingConnection(psycopg.Connection[TupleRow]):
    """Counts every statement that changes something and every commit of such; after the last one allowed, SIGKILL."""

    told: Callable[[Write], None]
    writers: frozenset[str]
    unsaved: bool = False

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[TupleRow]:
        """Run a statement, then count it."""
        cursor = super().execute(query, params, **options)
        written = self._find_write(str(query))
        if written:
            durable = self.info.transaction_status is TransactionStatus.IDLE
            self.unsaved = not durable
            self.told(Write(label=f"{written} #{hash_parameters(params)}", durable=durable))
        return cursor

    @contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        """A transaction, then its commit counted, if it wrote."""
        with super().transaction(*arguments, **options) as transaction:
            yield transaction
        if self.unsaved and self.info.transaction_status is TransactionStatus.IDLE:
            self.unsaved = False
            self.told(Write(label="commit", durable=True))

    def _find_write(self, text: str) -> str:
        change = _CHANGES.search(text)
        if change:
            return change[0]
        return next((name for name in self.writers if f"{name}(" in text), "")


def hash_parameters(params: Any) -> str:
    """A few digits that tell one write from another of the same kind."""
    return sha256(repr(sorted(params.items()) if isinstance(params, dict) else params).encode()).hexdigest()[:12]


def open_counting(config: Config, kill_after: int, report: int) -> CountingConnection:
    """A program's connection that reports each write to a file descriptor and ends its process after so many."""
    connection = CountingConnection.connect(load_conninfo(Path(config.database)).reveal(), autocommit=True)
    connection.writers = frozenset(str(name) for (name,) in psycopg.Connection.execute(connection, _WRITERS))
    done = 0

    def told(write: Write) -> None:
        nonlocal done
        done += 1
        os.write(report, json.dumps([write.label, write.durable]).encode() + b"\n")
        if done == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.told = told
    return connection


def live(configs: Path, offset_s: float, request: dict[str, Any], report: int) -> None:
    """One life of a program."""

    def clock() -> datetime:
        return (datetime.now(UTC) + timedelta(seconds=offset_s)).replace(microsecond=0)

    builders: dict[str, Callable[..., Program]] = {
        "work": build_work,
        "reconcile": build_reconcile,
        "watch": build_watch,
    }
    config = load_config(configs / f"{request['program']}.json")
    connection = open_counting(config, request["kill_after"], report)
    if request["instruction"]:
        raw = Path(request["instruction"]).read_bytes()
        accept(build_platform(config, connection, clock), parse_envelope(parse_canonical(raw), "instruction"))
    builders[request["program"]](config, connection, clock).round()


def run_life(configs: Path, offset_s: float, request: dict[str, Any]) -> dict[str, Any]:
    """Fork, let it live, wait for its end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            live(configs, offset_s, request, writer)
        except Exception:  # noqa: BLE001 -- Whatever it is must not run on as a second parent: it is told and ends here.
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        told = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
    durable = bool(told and told[-1][1])
    return {"signal": killed, "exit": code, "writes": [written for written, _ in told], "durable": durable}


def main() -> None:
    """Answer requests until standard input ends. Arguments: folder of configurations, the clock's offset in seconds."""
    configs, offset_s = Path(sys.argv[1]), float(sys.argv[2])
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run_life(configs, offset_s, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
