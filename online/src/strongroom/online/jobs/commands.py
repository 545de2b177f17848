"""`strongroom work`, `reconcile`, `watch`: workers; `jobs` and `take-over`: what people ask of them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from strongroom.core.errors import StrongroomError, UnavailableError
from strongroom.online.bootstrap import Program, build_reconcile, build_watch, build_work
from strongroom.online.config import Config
from strongroom.online.db.connect import Connection
from strongroom.online.jobs import holder, store
from strongroom.online.jobs.desk import log
from strongroom.online.jobs.overview import build_overview, render_overview
from strongroom.online.jobs.programs import (
    build_platform_worker,
    build_reconciler_worker,
    build_watcher_worker,
    connect_as,
)
from strongroom.online.jobs.supervise import Crew
from strongroom.online.jobs.worker import Pace, Worker

AddCommand = Callable[[str, str, Callable[[Config, argparse.Namespace], int]], argparse.ArgumentParser]
"""Adds a command: name, its words, what it does."""
_REFUSED, _UNAVAILABLE = 3, 4


def add_commands(add: AddCommand) -> None:
    """Add the programs and the tools for them."""
    for name, words, program, worker in (
        ("work", "credit deposits, move withdrawals on", build_work, build_platform_worker),
        ("reconcile", "follow the chains, reconcile, clear", build_reconcile, build_reconciler_worker),
        ("watch", "witness, countersign, settle", build_watch, build_watcher_worker),
    ):
        parser = add(name, words, _runner(program, worker))
        bounds = parser.add_mutually_exclusive_group()
        bounds.add_argument("--workers", type=_count, default=1, help="so many processes (1)")
        bounds.add_argument("--rounds", type=_count, help="instead: so many passes over everything, then stop")
        bounds.add_argument("--until-idle", action="store_true", help="instead: until no job waits, then stop")
        parser.add_argument("--stalled-after", type=_seconds, default=5.0, metavar="SECONDS",
                            help="a worker silent for so long is dead and its jobs are taken over (5)")  # fmt: skip
        parser.add_argument("--verbose", action="store_true", help="a line for every job")
    shown = add("jobs", "show what waits, runs, failed and is stalled", _show_jobs)
    shown.add_argument("--json", action="store_true", help="for machines")
    shown.add_argument("--stalled-after", type=_seconds, default=5.0, metavar="SECONDS")
    over = add("take-over", "take the database over from a platform that died", _take_over)
    over.add_argument("--from", dest="old", required=True, metavar="HOME", help="the home that the refusal names")
    over.add_argument("--dead-after", type=_seconds, default=holder.DEAD_AFTER_S, metavar="SECONDS")


def _runner(
    build_program: Callable[[Config, Connection], Program], build_worker: Callable[[Config, Pace], Worker[Any]]
) -> Callable[[Config, argparse.Namespace], int]:
    def run(config: Config, options: argparse.Namespace) -> int:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
        log.setLevel(logging.DEBUG if options.verbose else logging.INFO)
        if options.rounds is not None:
            with connect_as(config)() as connection:
                holder.claim(connection, holder.load_place(config.root, Path(config.home)))
                return run_rounds(build_program(config, connection), options.rounds)
        pace = Pace(look=config.poll_ms / 1000, stalled=options.stalled_after, heartbeat=options.stalled_after / 5)
        if options.until_idle:
            build_worker(config, pace).run_until_idle()
            return 0
        if options.workers == 1:
            build_worker(config, pace).run()
            return 0
        return Crew(body=lambda: _run_one_of_crew(config, pace, build_worker)).run(options.workers)

    return run


def _run_one_of_crew(config: Config, pace: Pace, build_worker: Callable[[Config, Pace], Worker[Any]]) -> int:
    try:
        worker = build_worker(config, pace)
        worker.parent = os.getppid()
        worker.run()
    except StrongroomError as error:
        log.error("%s", error)
        return _UNAVAILABLE if isinstance(error, UnavailableError) else _REFUSED
    return 0


def run_rounds(program: Program, rounds: int) -> int:
    """So many passes. What does not answer is tried again in the next one."""
    for _ in range(rounds):
        try:
            program.round()
        except UnavailableError as error:
            log.warning("waiting: %s", error)
    return 0


def _show_jobs(config: Config, options: argparse.Namespace) -> int:
    with connect_as(config)() as connection:
        tasks, holders = store.load_overview(connection, options.stalled_after), store.load_holders(connection)
    if options.json:
        sys.stdout.write(json.dumps(build_overview(tasks, holders)) + "\n")
    else:
        sys.stdout.write(render_overview(tasks, holders))
    return 0


def _take_over(config: Config, options: argparse.Namespace) -> int:
    place = holder.load_place(config.root, Path(config.home))
    with connect_as(config)() as connection:
        now = holder.take_over(connection, options.old, place, options.dead_after)
    facts = {**asdict(now), "since": now.since.isoformat(), "seen_at": now.seen_at.isoformat()}
    sys.stdout.write(json.dumps({"taken_over": facts}) + "\n")
    return 0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1000):
        raise argparse.ArgumentTypeError(f"a number from 1 to 999, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 3600.0:
        raise argparse.ArgumentTypeError(f"seconds from 0.5 to 3600, not {text!r}")
    return seconds
