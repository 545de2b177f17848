"""The three programs as workers: each with its own login, keys and queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from strongroom.core.ids import ChainId
from strongroom.online.bootstrap import (
    Clock,
    build_platform,
    build_reconciler,
    build_watcher,
    system_clock,
    witness_memory,
)
from strongroom.online.config import Config, load_conninfo, open_nodes
from strongroom.online.db.connect import Connection, open_connection
from strongroom.online.evidence.store import LogReader
from strongroom.online.jobs.desk import Desk
from strongroom.online.jobs.holder import load_place
from strongroom.online.jobs.lookout import Lookout, build_folder_lookout
from strongroom.online.jobs.tasks import PLATFORM, RECONCILER, WATCHER, AtPlatform, AtReconciler, AtWatcher
from strongroom.online.jobs.worker import Pace, Worker
from strongroom.online.sources import build_sources

Connect = Callable[[], Connection]


def connect_as(config: Config) -> Connect:
    """Opens connections with a program's own login, read anew each time since passwords change."""
    return lambda: open_connection(load_conninfo(Path(config.database)))


def build_platform_worker(
    config: Config, pace: Pace, connect: Connect | None = None, clock: Clock = system_clock
) -> Worker[AtPlatform]:
    """`strongroom work`."""

    def build(connection: Connection) -> AtPlatform:
        return AtPlatform(platform=build_platform(config, connection, clock), config=config)

    place = load_place(config.root, Path(config.home))
    return Worker(
        desk=Desk(program="platform", place=place, connect=connect or connect_as(config), build=build),
        conninfo=load_conninfo(Path(config.database)),
        tasks=PLATFORM,
        lookouts=(build_folder_lookout(config.inbox, "platform.inbox"),),
        pace=pace,
    )


def build_reconciler_worker(
    config: Config, pace: Pace, connect: Connect | None = None, clock: Clock = system_clock
) -> Worker[AtReconciler]:
    """`strongroom reconcile`."""

    def build(connection: Connection) -> AtReconciler:
        return AtReconciler(reconciler=build_reconciler(config, connection, clock), reader=LogReader())

    place = load_place(config.root, Path(config.home))
    return Worker(
        desk=Desk(program="reconciler", place=place, connect=connect or connect_as(config), build=build),
        conninfo=load_conninfo(Path(config.database)),
        tasks=RECONCILER,
        lookouts=build_tip_lookouts(config, lambda chain: (("reconciler.follow", chain),)),
        pace=pace,
    )


def build_watcher_worker(
    config: Config, pace: Pace, connect: Connect | None = None, clock: Clock = system_clock
) -> Worker[AtWatcher]:
    """`strongroom watch`."""

    def build(connection: Connection) -> AtWatcher:
        watcher = build_watcher(config, connection, clock)
        return AtWatcher(watcher=watcher, reader=LogReader(), memory=witness_memory(config))

    place = load_place(config.root, Path(config.home))
    return Worker(
        desk=Desk(program="watcher", place=place, connect=connect or connect_as(config), build=build),
        conninfo=load_conninfo(Path(config.database)),
        tasks=WATCHER,
        # Its own nodes may be behind the follower's: their tips wake it too.
        lookouts=build_tip_lookouts(config, lambda chain: (("watcher.settle", chain), ("watcher.countersign", ""))),
        pace=pace,
    )


def build_tip_lookouts(config: Config, wakes: Callable[[ChainId], tuple[tuple[str, str], ...]]) -> tuple[Lookout, ...]:
    """One for each chain, with clients of its own. wakes: task and subject, by chain."""
    sources = build_sources(open_nodes(config))
    return tuple(Lookout(look=source.fetch_tip, wakes=wakes(chain)) for chain, source in sorted(sources.items()))
