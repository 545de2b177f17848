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
from strongroom.online.config import Config, load_conninfo
from strongroom.online.db.connect import Connection, open_connection
from strongroom.online.evidence.store import LogReader
from strongroom.online.jobs.desk import Desk
from strongroom.online.jobs.holder import load_place
from strongroom.online.jobs.lookout import Lookout, build_folder_lookout
from strongroom.online.jobs.tasks import PLATFORM, RECONCILER, WATCHER, AtPlatform, AtReconciler, AtWatcher
from strongroom.online.jobs.worker import Pace, Worker

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
    """`strongroom reconcile`. Its lookouts ask the nodes for their tips, with clients of their own."""
    opened = connect or connect_as(config)

    def build(connection: Connection) -> AtReconciler:
        return AtReconciler(reconciler=build_reconciler(config, connection, clock), reader=LogReader())

    with opened() as connection:
        followers = build_reconciler(config, connection, clock).followers
    lookouts = tuple(
        Lookout(look=follower.fetch_tip, wakes=(("reconciler.follow", chain),)) for chain, follower in followers.items()
    )
    place = load_place(config.root, Path(config.home))
    return Worker(
        desk=Desk(program="reconciler", place=place, connect=opened, build=build),
        conninfo=load_conninfo(Path(config.database)),
        tasks=RECONCILER,
        lookouts=lookouts,
        pace=pace,
    )


def build_watcher_worker(
    config: Config, pace: Pace, connect: Connect | None = None, clock: Clock = system_clock
) -> Worker[AtWatcher]:
    """`strongroom watch`. Its own nodes may be behind the follower's: their tips wake it too."""
    opened = connect or connect_as(config)

    def build(connection: Connection) -> AtWatcher:
        watcher = build_watcher(config, connection, clock)
        return AtWatcher(watcher=watcher, reader=LogReader(), memory=witness_memory(config))

    with opened() as connection:
        chains = build_watcher(config, connection, clock).chains
    place = load_place(config.root, Path(config.home))
    return Worker(
        desk=Desk(program="watcher", place=place, connect=opened, build=build),
        conninfo=load_conninfo(Path(config.database)),
        tasks=WATCHER,
        lookouts=tuple(
            Lookout(look=holdings.fetch_tip, wakes=_tip_wakes(chain)) for chain, holdings in sorted(chains.items())
        ),
        pace=pace,
    )


def _tip_wakes(chain: ChainId) -> tuple[tuple[str, str], ...]:
    return ("watcher.settle", chain), ("watcher.countersign", "")
