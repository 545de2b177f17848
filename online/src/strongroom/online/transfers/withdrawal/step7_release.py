"""Steps 7 and 8, release and broadcast: the gate gets docket and sealed results; what it released comes back.

The gate broadcasts itself. Only then are signed bytes here, for the docket and for nothing else.
"""

from __future__ import annotations

from typing import Any

from strongroom.chains.ethereum.void import strip_signed_void
from strongroom.core.bodies import Broadcast, Release
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep, Stage, Twin
from strongroom.core.errors import refused
from strongroom.core.packages import PackageBody, PackageKind, ReleaseBody, ReleaseResultBody, SealedFrom
from strongroom.core.records import NONE, Base64Bytes, parse_hex
from strongroom.core.statements import Statement
from strongroom.online.evidence.store import append
from strongroom.online.exchange.outgoing import News, send, send_update
from strongroom.online.exchange.store import load_devices
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.attempts import save_twin
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    add_statement,
    load_docket_statements,
    load_sealed,
    lock_docket,
    save_docket,
    save_signed,
)


def export(platform: Platform, rules: Rules, row: DocketRow) -> None:
    """Send the signed docket to the gate once every record is witnessed: no log, no release."""
    statements = load_docket_statements(platform.connection, row.proposal)
    if not all(platform.is_witnessed(s.id) for s in statements):
        return
    with platform.connection.transaction():
        docket = platform.assemble(rules, row, up_to=Stage.SIGN)
        sealed = tuple(
            SealedFrom(sealed=Base64Bytes(raw), terminal=terminal)
            for terminal, raw in load_sealed(platform.connection, row.proposal, row.twin)
        )

        def build(step: CheckpointStep, _size: int, news: News) -> PackageBody:
            return ReleaseBody(
                checkpoint=step,
                docket=docket,
                freezes=news.freezes,
                lifts=news.lifts,
                notices=news.notices,
                sealed=sealed,
            )

        now = platform.clock()
        for device in load_devices(platform.connection, "gate")[:1]:
            send_update(platform.connection, platform.reader, rules, device.id, now)
            send(
                platform.connection,
                platform.reader,
                rules,
                device.id,
                PackageKind.RELEASE,
                row.proposal,
                build,
                now=now,
            )
            save_docket(platform.connection, row.proposal, State.RELEASED)


_HANDED_OVER = frozenset({State.APPROVED, State.EXPORTED, State.VERIFIED, State.SIGNED, State.RELEASED})
"""A transfer's release may come back when its void twin was begun already, since nobody knew that it had left."""


def _twin_of(row: DocketRow, signed: bytes) -> Twin:
    """Which twin these signed bytes are."""
    if not row.void:
        return Twin.TRANSFER
    unsigned, _ = strip_signed_void(signed)
    return Twin.VOID if unsigned == row.void else Twin.TRANSFER


def receive(platform: Platform, body: ReleaseResultBody, statements: tuple[Statement[Any], ...]) -> None:
    """Take what the gate released, with its statements, whose signers were checked, into the docket."""
    releases = [s for s in statements if isinstance(s.body, Release)]
    broadcasts = [s for s in statements if isinstance(s.body, Broadcast)]
    with platform.connection.transaction():
        for statement in statements:
            append(platform.connection, statement.envelope)
        for release in releases:
            row = lock_docket(platform.connection, release.body.proposal)
            signed = parse_hex(body.signed, "signed") if body.signed != NONE else b""
            if sha256(signed) != release.body.signed_digest:
                raise refused(Code.DIGEST_MISMATCH, "release-result.signed", release.body.signed_digest, sha256(signed))
            # Of one proposal the gate lets one twin go; whichever that is, the docket is about it from here on.
            twin = _twin_of(row, signed)
            if twin is not row.twin:
                save_twin(platform.connection, row.proposal, twin, row.closing if twin is Twin.VOID else None)
            save_signed(platform.connection, row.proposal, signed, release.body.txid)
            add_statement(platform.connection, row.proposal, release)
        for broadcast in broadcasts:
            row = lock_docket(platform.connection, broadcast.body.proposal)
            add_statement(platform.connection, row.proposal, broadcast)
            if row.state in _HANDED_OVER:
                save_docket(platform.connection, row.proposal, State.CONFIRMING)
