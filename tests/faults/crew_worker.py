"""Entry point of the tests with real workers: the workers of `strongroom work`, `reconcile` and `watch`, many of them.

    python crew_worker.py FOLDER_OF_CONFIGURATIONS CLOCK_OFFSET_SECONDS STALLED_AFTER_SECONDS

Each worker is a process of its own, forked from one that imported everything, so that a killed one is soon replaced.
Only the clock is handed in. Requests come on standard input, one line each, and each is answered by one line of JSON:

    start work      its process id
    idle work       the same, for a worker that stops when nothing waits
    poll work       the same, for the program as it was before there were jobs: pass after pass, with a pause of 0.1 s
    end 4711        waits for the end of a process: its exit code, negative for a signal
    look 4711       the same, without waiting; null while it runs
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from strongroom.online.bootstrap import Program, build_reconcile, build_watch, build_work
from strongroom.online.config import load_config
from strongroom.online.jobs.programs import (
    build_platform_worker,
    build_reconciler_worker,
    build_watcher_worker,
)
from strongroom.online.jobs.worker import Pace, Worker

BUILDERS: dict[str, Callable[..., Worker[Any]]] = {
    "work": build_platform_worker,
    "reconcile": build_reconciler_worker,
    "watch": build_watcher_worker,
}

ROUNDS: dict[str, Callable[..., Program]] = {"work": build_work, "reconcile": build_reconcile, "watch": build_watch}


def work(folder: Path, offset: timedelta, stalled: float, program: str, kind: str) -> None:
    """One worker's life, to its end."""
    config = load_config(folder / f"{program}.json")

    def clock() -> datetime:
        return (datetime.now(UTC) + offset).replace(microsecond=0)

    if kind == "poll":
        rounds = ROUNDS[program](config, clock=clock)
        while True:
            rounds.round()
            time.sleep(0.1)
    worker = BUILDERS[program](config, Pace(look=0.05, heartbeat=stalled / 5, stalled=stalled), None, clock)
    if kind == "idle":
        worker.run_until_idle()
    else:
        worker.run()


def answer(words: list[str], folder: Path, offset: timedelta, stalled: float) -> int | None:
    """One request."""
    match words:
        case ["start" | "idle" | "poll" as kind, program]:
            child = os.fork()
            if child == 0:
                try:
                    work(folder, offset, stalled, program, kind)
                except BaseException:  # noqa: BLE001 -- Whatever it is must not run on as a second parent.
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            return child
        case ["end", pid]:
            return os.waitstatus_to_exitcode(os.waitpid(int(pid), 0)[1])
        case ["look", pid]:
            ended, status = os.waitpid(int(pid), os.WNOHANG)
            return os.waitstatus_to_exitcode(status) if ended else None
        case _:
            raise ValueError(words)


def main() -> None:
    """Answer until standard input ends."""
    folder, offset, stalled = Path(sys.argv[1]), timedelta(seconds=float(sys.argv[2])), float(sys.argv[3])
    logging.basicConfig(format="%(asctime)s %(process)d %(message)s", stream=sys.stderr)
    logging.getLogger("strongroom.jobs").setLevel(logging.DEBUG)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(line.split(), folder, offset, stalled)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
