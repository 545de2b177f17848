"""Build packages and keep the outbox: updates first, then what rests on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from strongroom.core.assemble import build_package_checkpoint, build_placed
from strongroom.core.checks.notices import CHECKS
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep
from strongroom.core.errors import Refusal, UnavailableError
from strongroom.core.ids import PartyId
from strongroom.core.packages import Package, PackageBody, PackageKind, Placed, RegisterDelta, UpdateBody
from strongroom.core.roster import REGISTERS
from strongroom.core.statements import Statement, StatementType
from strongroom.online.db.connect import Connection
from strongroom.online.db.locks import locked_file
from strongroom.online.evidence.store import LogReader, load_by_kind, load_readable
from strongroom.online.exchange.store import Device, load_all_devices, load_packages, lock_device, save_package
from strongroom.online.governance.notices import is_notice
from strongroom.online.governance.store import Rules, load_delta
from strongroom.online.watch.freezes import KINDS, is_freeze_or_lift
from strongroom.online.watch.store import open_alert

PLATFORM = PartyId("service:platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What every package brings: freezes, lifts and notices of the log, with places under the package's checkpoint."""

    freezes: tuple[Placed, ...]
    lifts: tuple[Placed, ...]
    notices: tuple[Placed, ...]


BuildBody = Callable[[CheckpointStep, int, News], PackageBody]
"""Makes a package's body from its checkpoint, that checkpoint's size, and the news."""
NEWS = (*KINDS, *CHECKS)
"""Every kind that goes to every device."""


def send(
    connection: Connection,
    reader: LogReader,
    rules: Rules,
    device: PartyId,
    kind: PackageKind,
    subject: str,
    build: BuildBody,
    *,
    now: datetime,
) -> Package:
    """Record one package in the caller's transaction: the next number, a checkpoint that extends the device's last."""
    known = lock_device(connection, device)
    check_read_on(reader, known)
    step, size = build_package_checkpoint(reader, known.seen)
    package = Package(
        kind=kind,
        sender=PLATFORM,
        to=device,
        sequence=known.sent + 1,
        created_at=now,
        body=build(step, size, build_news(connection, reader, rules, size, known.seen)),
    )
    save_package(connection, package, size, subject)
    return package


def check_read_on(reader: LogReader, device: Device) -> None:
    """Raise LOG_BEHIND, to be tried again, when another worker sent this device more of the log than is read here."""
    if device.seen > reader.witnessed_size:
        raise UnavailableError(
            Refusal(
                code=Code.LOG_BEHIND, field=device.id, expected=f"size {device.seen}", got=str(reader.witnessed_size)
            )
        )


def send_update(
    connection: Connection, reader: LogReader, rules: Rules, device: PartyId, now: datetime
) -> Package | None:
    """Record an update with all that was published since the device's last package; None when there is nothing."""
    known = lock_device(connection, device)

    def build(step: CheckpointStep, size: int, news: News) -> PackageBody:
        return _update_body(connection, reader, rules, known, step, size, news)

    newest = _newest_place(connection, reader, rules, known.seen)
    if newest < known.seen or newest >= reader.witnessed_size:
        return None
    return send(connection, reader, rules, device, PackageKind.UPDATE, f"update {known.sent + 1}", build, now=now)


def send_updates(connection: Connection, reader: LogReader, rules: Rules, now: datetime) -> None:
    """Record an update for every device that lacks something, each in its own transaction."""
    for device in load_all_devices(connection):
        with connection.transaction():
            send_update(connection, reader, rules, device.id, now)


def build_news(connection: Connection, reader: LogReader, rules: Rules, size: int, seen: int) -> News:
    """All freezes, lifts and notices below a log size; a device takes each once and forgets none.

    What lacks its signatures is left out, since a device refuses the whole package for it, and told when a package
    first covers it (seen: how much of the log this device was sent). That nothing else is left out is for the clear-
    to-sign to show: reconciler and watcher quote a digest of all that latches by their own reading of the log.
    """
    found = [(i, s) for i, s in load_readable(connection, *NEWS) if i < size]
    counted = [s for i, s in found if _counts(s, rules, i)]
    known = {s.id for s in counted}
    _tell_left_out(connection, [(i, s) for i, s in found if i >= seen and s.id not in known])

    def placed(*kinds: StatementType) -> tuple[Placed, ...]:
        return tuple(build_placed(reader, s.envelope, size) for s in counted if s.type in kinds)

    return News(freezes=placed(StatementType.FREEZE), lifts=placed(StatementType.FREEZE_LIFT), notices=placed(*CHECKS))


def _counts(statement: Statement[Any], rules: Rules, place: int) -> bool:
    judge = is_notice if statement.type in CHECKS else is_freeze_or_lift
    return judge(statement, rules, place)


def _tell_left_out(connection: Connection, entries: Iterable[tuple[int, Statement[Any]]]) -> None:
    """Page: a program that checks what it logs wrote none of these, so somebody else writes to the log."""
    for place, statement in entries:
        detail = f"log entry {place}, a {statement.type.value} in the name of {statement.issuer}, lacks its signatures"
        open_alert(connection, Code.LOGGED_UNSIGNED.value, "critical", f"statement {statement.id}", detail)


def write_outbox(connection: Connection, outbox: Path) -> list[Path]:
    """Write the files that are missing, each to a temporary name first.

    A file once taken away by a courier is not written again: the `.sent` mark beside it stays. One worker of a home
    at a time, since another's file may be taken away between a look at its mark and the writing.
    """
    with locked_file(outbox.with_suffix(".lock")):
        return _write_missing(connection, outbox)


def _write_missing(connection: Connection, outbox: Path) -> list[Path]:
    written = []
    for device, sequence, kind, raw in load_packages(connection):
        folder = outbox / device.replace(":", "-")
        path = folder / f"{sequence:06d}-{kind}.package.json"
        mark = path.with_suffix(".sent")
        if mark.exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as handle:
            handle.write(raw)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        mark.touch()
        written.append(path)
    return written


def _newest_place(connection: Connection, reader: LogReader, rules: Rules, seen: int) -> int:
    """Place of the newest thing that devices must know: governance, and news from a log size on."""
    news = [i for i, s in load_readable(connection, *NEWS) if i >= seen and _counts(s, rules, i)]
    heads = [place for place, _ in rules.heads.values()]
    return max(rules.rosters[-1][0], rules.policy[0], *heads, *news, *_root_places(reader, rules))


def _root_places(reader: LogReader, rules: Rules) -> list[int]:
    return [reader.index_of(r.id) for r in rules.roots]


def _update_body(
    connection: Connection,
    reader: LogReader,
    rules: Rules,
    device: Device,
    step: CheckpointStep,
    size: int,
    news: News,
) -> UpdateBody:
    def put(statement: Statement[Any]) -> Placed:
        return build_placed(reader, statement.envelope, size)

    deltas = []
    for name in REGISTERS:
        place, head = rules.heads[name]
        if place < device.seen:
            continue
        known = _version_seen(connection, name, device.seen)
        added, removed = load_delta(connection, name, known)
        deltas.append(RegisterDelta(added=tuple(added), head=put(head), register=name, removed=tuple(removed)))
    first = reader.index_of(rules.roots[0].id)
    return UpdateBody(
        checkpoint=step,
        freezes=news.freezes,
        lifts=news.lifts,
        notices=news.notices,
        policies=tuple(put(p) for i, p in [rules.policy] if i >= device.seen),
        registers=tuple(deltas),
        # A device starts with the first root; later ones come with updates.
        roots=tuple(r.envelope for r in rules.roots if reader.index_of(r.id) >= max(device.seen, first + 1)),
        rosters=tuple(put(r) for i, r in rules.rosters if i >= device.seen),
    )


def _version_seen(connection: Connection, register: str, seen: int) -> int:
    versions = [
        s.body.version
        for i, s in load_by_kind(connection, StatementType.REGISTER)
        if i < seen and s.body.register == register
    ]
    return max(versions, default=0)
