"""Build the real parts of each online program from its configuration; tests build the same with other parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strongroom.core.ids import PartyId
from strongroom.online.config import Config, load_conninfo, open_nodes
from strongroom.online.db.connect import Connection, open_connection
from strongroom.online.evidence.store import LogReader
from strongroom.online.governance.store import load_rules
from strongroom.online.keys import load_service_key
from strongroom.online.prove.prover import build_prover
from strongroom.online.sources import BitcoinNodeSource, EthereumNodeSource, build_followers, build_sources
from strongroom.online.transfers.deposit.credited import credit_confirmed
from strongroom.online.transfers.withdrawal.flow import advance
from strongroom.online.transfers.withdrawal.platform import Chains, Platform
from strongroom.online.watch.clear import Watcher, clear_sessions, countersign_sessions, settle_outflows
from strongroom.online.watch.follow import follow_or_tell
from strongroom.online.watch.hsms import tell_hsms
from strongroom.online.watch.reconciler import Reconciler
from strongroom.online.watch.witness import witness_checkpoints

Clock = Callable[[], datetime]
Round = Callable[[], None]
"""One pass of a program over its work; run again and again."""


def system_clock() -> datetime:
    """The host's time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running program: its round, and its connection."""

    connection: Connection
    round: Round


def build_platform(config: Config, connection: Connection | None = None, clock: Clock = system_clock) -> Platform:
    """The withdrawal worker's parts."""
    sources = build_sources(open_nodes(config))
    return Platform(
        connection=connection or open_connection(load_conninfo(Path(config.database))),
        reader=LogReader(),
        platform_key=load_service_key(config.key_file("service:platform"), PartyId("service:platform")),
        builder_key=load_service_key(config.key_file("service:builder"), PartyId("service:builder")),
        log_key=load_service_key(config.key_file("service:log"), PartyId("service:log")),
        chains=Chains(
            ethereum={c: s for c, s in sources.items() if isinstance(s, EthereumNodeSource)},
            bitcoin={c: s for c, s in sources.items() if isinstance(s, BitcoinNodeSource)},
        ),
        clock=clock,
    )


def build_work(config: Config, connection: Connection | None = None, clock: Clock = system_clock) -> Program:
    """`strongroom work`: credits deposits and moves withdrawals on."""
    platform = build_platform(config, connection, clock)
    return Program(connection=platform.connection, round=lambda: work_once(platform, config))


def work_once(platform: Platform, config: Config) -> None:
    """One pass of `strongroom work` over everything."""
    credit_confirmed(platform, load_rules(platform.connection), config.confirmations)
    advance(platform, inbox_path=config.inbox, outbox_path=config.outbox)


def build_reconciler(config: Config, connection: Connection, clock: Clock = system_clock) -> Reconciler:
    """The reconciler's parts."""
    return Reconciler(
        connection=connection,
        key=load_service_key(config.key_file("service:reconciler"), PartyId("service:reconciler")),
        followers=build_followers(open_nodes(config)),
        confirmations=config.confirmations,
        clock=clock,
        root=config.root,
        prover=build_prover(config.root, Path(config.home), clock),
        places=Path(config.home) / "journals-reconciler.json",
        doors=config.doors_of_vaults,
    )


def build_reconcile(config: Config, connection: Connection | None = None, clock: Clock = system_clock) -> Program:
    """`strongroom reconcile`: follows the chains, compares them with the ledger, gives its half of clears."""
    connection = connection or open_connection(load_conninfo(Path(config.database)))
    reconciler, reader = build_reconciler(config, connection, clock), LogReader()
    return Program(connection=connection, round=lambda: reconcile_once(reconciler, reader))


def reconcile_once(reconciler: Reconciler, reader: LogReader) -> None:
    """One pass of `strongroom reconcile` over everything."""
    for chain in sorted(reconciler.followers):
        follow_or_tell(reconciler, chain)
    tell_hsms(reconciler.connection, reconciler.load_rules(), reconciler.clock())
    clear_sessions(reconciler, reader)


def build_watcher(config: Config, connection: Connection, clock: Clock = system_clock) -> Watcher:
    """The watcher's parts."""
    key = load_service_key(config.key_file("service:watcher"), PartyId("service:watcher"))
    return Watcher(
        connection=connection,
        key=key,
        chains=build_sources(open_nodes(config)),
        confirmations=config.confirmations,
        clock=clock,
        root=config.root,
        places=Path(config.home) / "journals-watcher.json",
        memory=witness_memory(config),
        doors=config.doors_of_vaults,
    )


def witness_memory(config: Config) -> Path:
    """The witness's own file, outside the database that it watches."""
    return Path(config.home) / "witness.json"


def build_watch(config: Config, connection: Connection | None = None, clock: Clock = system_clock) -> Program:
    """`strongroom watch`: witnesses the log, gives the second half of clears, says settlements."""
    connection = connection or open_connection(load_conninfo(Path(config.database)))
    watcher, reader = build_watcher(config, connection, clock), LogReader()
    return Program(connection=connection, round=lambda: watch_once(watcher, reader, witness_memory(config)))


def watch_once(watcher: Watcher, reader: LogReader, memory: Path) -> None:
    """One pass of `strongroom watch` over everything. memory: the witness's own file."""
    origin = watcher.load_rules().root.log
    witness_checkpoints(watcher.connection, reader, watcher.key, origin, memory, watcher.clock)
    settle_outflows(watcher)
    countersign_sessions(watcher)
