"""The tasks of each program: name, and the plain function of one subject that it calls.

`platform.docket` for a docket's id takes the step that the docket's state asks for, and so on. The same functions run
in `flow.advance` and in the programs' rounds, all subjects one after the other; here one worker of many has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.codes import Code
from strongroom.core.ids import ChainId, WalletId, parse_digest
from strongroom.online.bootstrap import reconcile_once, watch_once, work_once
from strongroom.online.config import Config
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import LogReader, sign_checkpoint
from strongroom.online.exchange.outgoing import send_updates, write_outbox
from strongroom.online.governance.store import Rules, load_rules_under
from strongroom.online.jobs import store
from strongroom.online.transfers.deposit.credited import credit_chain
from strongroom.online.transfers.undo import undo_reorganised
from strongroom.online.transfers.withdrawal import flow, inbox
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.watch.clear import Watcher, clear_sessions, countersign_sessions, settle_chain
from strongroom.online.watch.follow import follow_or_tell
from strongroom.online.watch.hsms import tell_hsms
from strongroom.online.watch.reconciler import Reconciler
from strongroom.online.watch.store import load_last_block, open_alert
from strongroom.online.watch.witness import witness_checkpoints

MANY_BLOCKS = 100
"""As many blocks as `follow` takes in one pass: after so many there may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPlatform:
    """What the platform's tasks work with."""

    platform: Platform
    config: Config

    def read_on(self) -> Rules:
        """The governance in force under this program's own root, with the log read to its end."""
        self.platform.reader.refresh(self.platform.connection)
        return load_rules_under(self.platform.connection, self.config.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtReconciler:
    """What the reconciler's tasks work with."""

    reconciler: Reconciler
    reader: LogReader


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWatcher:
    """What the watcher's tasks work with. memory: the witness's own file."""

    watcher: Watcher
    reader: LogReader
    memory: Path


# --- platform ---------------------------------------------------------------------------------------------------------


def _read_inbox(at: AtPlatform, _subject: str) -> None:
    inbox.read_inbox(at.platform, at.read_on(), at.config.inbox)


def _write_outbox(at: AtPlatform, _subject: str) -> None:
    write_outbox(at.platform.connection, at.config.outbox)


def _decide(at: AtPlatform, _subject: str) -> None:
    flow.decide_all(at.platform, at.read_on())


def _propose(at: AtPlatform, subject: str) -> None:
    chain, _, wallet = subject.partition(" ")
    flow.propose_wallet(at.platform, at.read_on(), ChainId(chain), WalletId(wallet))


def _advance_docket(at: AtPlatform, subject: str) -> None:
    flow.advance_docket(at.platform, at.read_on(), parse_digest(subject, "job.subject"))


def _export_session(at: AtPlatform, subject: str) -> None:
    flow.export_session(at.platform, at.read_on(), subject)


def _credit(at: AtPlatform, subject: str) -> None:
    needed = at.config.confirmations.get(ChainId(subject))
    if needed is not None:
        # With a new block comes what a reorganisation before it took away.
        undo_reorganised(at.platform, at.read_on())
        credit_chain(at.platform, at.read_on(), ChainId(subject), needed)


def _sign_checkpoint(at: AtPlatform, _subject: str) -> None:
    rules, platform = at.read_on(), at.platform
    sign_checkpoint(platform.connection, platform.reader, rules.root.log, platform.log_key)


def _send_updates(at: AtPlatform, _subject: str) -> None:
    rules, platform = at.read_on(), at.platform
    send_updates(platform.connection, platform.reader, rules, platform.clock())


def _sweep_platform(at: AtPlatform, _subject: str) -> None:
    store.sweep_platform(at.platform.connection)
    tell_failed(at.platform.connection)


def _sweep_dockets(at: AtPlatform, _subject: str) -> None:
    store.sweep_dockets(at.platform.connection, [state.value for state in flow.STATES])


def _pass_platform(at: AtPlatform, _subject: str) -> None:
    work_once(at.platform, at.config)


# --- reconciler -------------------------------------------------------------------------------------------------------


def _follow(at: AtReconciler, subject: str) -> None:
    chain, connection = ChainId(subject), at.reconciler.connection
    if chain not in at.reconciler.followers:
        return
    before = load_last_block(connection, chain)
    follow_or_tell(at.reconciler, chain)
    after = load_last_block(connection, chain)
    if after is not None and after[0] - (before[0] if before else -1) >= MANY_BLOCKS:
        store.wake(connection, "reconciler.follow", chain)


def _clear(at: AtReconciler, _subject: str) -> None:
    clear_sessions(at.reconciler, at.reader)


def _sweep_reconciler(at: AtReconciler, _subject: str) -> None:
    connection = at.reconciler.connection
    store.sweep_subjects(connection, "reconciler.follow", sorted(at.reconciler.followers))
    store.sweep_subjects(connection, "reconciler.clear", [""])
    tell_hsms(connection, at.reconciler.load_rules(), at.reconciler.clock())
    tell_failed(connection)


def _pass_reconciler(at: AtReconciler, _subject: str) -> None:
    reconcile_once(at.reconciler, at.reader)


# --- watcher ----------------------------------------------------------------------------------------------------------


def _witness(at: AtWatcher, _subject: str) -> None:
    watcher = at.watcher
    origin = watcher.load_rules().root.log
    witness_checkpoints(watcher.connection, at.reader, watcher.key, origin, at.memory, watcher.clock)


def _countersign(at: AtWatcher, _subject: str) -> None:
    countersign_sessions(at.watcher)


def _settle(at: AtWatcher, subject: str) -> None:
    if ChainId(subject) in at.watcher.chains:
        settle_chain(at.watcher, at.watcher.load_rules(), ChainId(subject))


def _sweep_watcher(at: AtWatcher, _subject: str) -> None:
    connection = at.watcher.connection
    store.sweep_subjects(connection, "watcher.settle", sorted(at.watcher.chains))
    for task in ("watcher.witness", "watcher.countersign"):
        store.sweep_subjects(connection, task, [""])
    tell_failed(connection)


def _pass_watcher(at: AtWatcher, _subject: str) -> None:
    watch_once(at.watcher, at.reader, at.memory)


def tell_failed(connection: Connection) -> None:
    """Tell the SOC of jobs that failed by a fault of our own, once a subject."""
    for task, subject in store.load_failed(connection):
        detail = "the job ended with a fault of our own; see the program's log. It is tried again with the next sweep"
        open_alert(connection, Code.JOB_FAILED.value, "critical", f"job {task} {subject}".strip(), detail)


PLATFORM: Mapping[str, Callable[[AtPlatform, str], None]] = {
    "platform.inbox": _read_inbox,
    "platform.decide": _decide,
    "platform.propose": _propose,
    "platform.docket": _advance_docket,
    "platform.session": _export_session,
    "platform.credit": _credit,
    "platform.checkpoint": _sign_checkpoint,
    "platform.updates": _send_updates,
    "platform.outbox": _write_outbox,
    "platform.sweep": _sweep_platform,
    "platform.sweep_dockets": _sweep_dockets,
    "platform.pass": _pass_platform,
}
RECONCILER: Mapping[str, Callable[[AtReconciler, str], None]] = {
    "reconciler.follow": _follow,
    "reconciler.clear": _clear,
    "reconciler.sweep": _sweep_reconciler,
    "reconciler.pass": _pass_reconciler,
}
WATCHER: Mapping[str, Callable[[AtWatcher, str], None]] = {
    "watcher.witness": _witness,
    "watcher.countersign": _countersign,
    "watcher.settle": _settle,
    "watcher.sweep": _sweep_watcher,
    "watcher.pass": _pass_watcher,
}
PERIODS: Mapping[str, str] = {
    "platform.sweep": "* * * * * */5",
    "platform.sweep_dockets": "* * * * * */15",
    "reconciler.sweep": "* * * * * */5",
    "watcher.sweep": "* * * * * */5",
    "platform.pass": "* * * * * */20",
    "reconciler.pass": "* * * * * */20",
    "watcher.pass": "* * * * * */20",
}
"""When each sweep and pass comes, in cron's words with the seconds last. All else is woken by what changed.

A sweep wakes one job for each thing that waits; a pass is the program's whole round, for what no task knows of yet.
"""
