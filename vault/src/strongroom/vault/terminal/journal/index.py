"""Keeping the indexes: each mark is checked against what is remembered, then remembered.

The same functions run when an entry is appended and when the chain is replayed to rebuild the indexes, so an entry that
could not have been appended is found as a broken one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import assert_never

from strongroom.core.codes import Code
from strongroom.core.errors import refused, run_checks
from strongroom.core.ids import AssetId, Digest, EntryId
from strongroom.core.policy.usage import Use, merge_use
from strongroom.core.records import NONE, encode_time, parse_time
from strongroom.vault.terminal.journal.bindings import save_binding
from strongroom.vault.terminal.journal.marks import (
    Binding,
    CheckpointSeen,
    ClearUse,
    CodesSet,
    FreezeLatched,
    FreezeLifted,
    HeadSeen,
    LimitUse,
    Mark,
    PackageIn,
    PackageOut,
    Paid,
    PricesSeen,
    RightPin,
    SignedR,
    WrongPin,
)
from strongroom.vault.terminal.journal.queries import query

Row = tuple[object, ...]


def save_marks(connection: sqlite3.Connection, entry: int, time: datetime, marks: Sequence[Mark]) -> None:
    """Check and remember every mark of an entry, inside the caller's transaction.

    Raises one RefusedError with every refusal, not the first; the caller rolls back.
    """
    run_checks([partial(_save_mark, connection, entry, time, mark) for mark in marks])


def _save_mark(connection: sqlite3.Connection, entry: int, time: datetime, mark: Mark) -> None:
    match mark:
        case Binding():
            save_binding(connection, entry, mark)
        case SignedR():
            _save_signed_r(connection, entry, mark)
        case ClearUse():
            _save_clear_use(connection, entry, mark)
        case HeadSeen():
            _save_head(connection, entry, time, mark)
        case FreezeLatched() | FreezeLifted():
            _save_freeze(connection, entry, mark)
        case PackageIn() | PackageOut():
            _save_package(connection, entry, mark)
        case CheckpointSeen():
            _save_checkpoint(connection, entry, time, mark)
        case PricesSeen():
            _save_prices(connection, entry, mark)
        case LimitUse():
            _save_limit_use(connection, entry, time, mark)
        case Paid():
            _save_paid(connection, entry, time, mark)
        case WrongPin() | RightPin() | CodesSet():
            _save_secret(connection, entry, mark)
        case _:
            assert_never(mark)


def _save_signed_r(connection: sqlite3.Connection, entry: int, mark: SignedR) -> None:
    # One r under two digests, or two keys, lets anyone compute a private key. The same r for the same key and digest
    # is the same signature, made again by a module with deterministic nonces (RFC 6979).
    used = _one(connection, "signed_r", r=mark.r.hex())
    if used is None:
        _write(connection, "insert_signed_r", r=mark.r.hex(), key=mark.key, digest=mark.digest.hex(), entry=entry)
    elif used != (mark.key, mark.digest.hex()):
        raise refused(Code.NONCE_REUSED, mark.key, "an r never used before", f"the r of a signature by {used[0]}")


def _save_clear_use(connection: sqlite3.Connection, entry: int, mark: ClearUse) -> None:
    used = _one(connection, "clear_use", clear=mark.clear, nonce=mark.nonce.hex())
    if used is not None:
        raise refused(Code.CLEAR_USED, mark.clear, "a clear and a nonce never used before", str(used[0]))
    _write(connection, "insert_clear_use", clear=mark.clear, nonce=mark.nonce.hex(), entry=entry)


def _save_head(connection: sqlite3.Connection, entry: int, time: datetime, mark: HeadSeen) -> None:
    # An older whitelist brings back an entry that was removed; a second one of the same version means two worlds.
    last = _one(connection, "last_head", name=mark.name)
    if last is not None and mark.version < int(str(last[0])):
        raise refused(Code.HEAD_ROLLBACK, mark.name, f"version {last[0]} or later", f"version {mark.version}")
    if last is not None and mark.version == last[0]:
        if mark.digest != last[1]:
            raise refused(Code.HEAD_UNEQUAL, mark.name, str(last[1]), mark.digest)
        return
    _write(
        connection,
        "insert_head",
        name=mark.name,
        version=mark.version,
        digest=mark.digest,
        first_seen=encode_time(time),
        entry=entry,
    )


def _save_freeze(connection: sqlite3.Connection, entry: int, mark: FreezeLatched | FreezeLifted) -> None:
    # Both are remembered by the freeze's id, each once: an old freeze that is fed again stays lifted.
    match mark:
        case FreezeLatched():
            if _one(connection, "freeze", freeze=mark.freeze) is None:
                _write(connection, "insert_freeze", freeze=mark.freeze, scope=mark.scope, entry=entry)
        case FreezeLifted():
            if _one(connection, "freeze_lift", freeze=mark.freeze) is None:
                _write(connection, "insert_freeze_lift", freeze=mark.freeze, lift=mark.lift, entry=entry)
        case _:
            assert_never(mark)


def _save_package(connection: sqlite3.Connection, entry: int, mark: PackageIn | PackageOut) -> None:
    # A package played again, or an older one, would be worked through twice.
    direction, party = ("in", mark.sender) if isinstance(mark, PackageIn) else ("out", mark.receiver)
    last = _number(connection, "last_package", direction=direction, party=party)
    if mark.sequence <= last:
        raise refused(Code.PACKAGE_SEQUENCE, f"{direction} {party}", f"more than {last}", str(mark.sequence))
    _write(
        connection,
        "insert_package",
        direction=direction,
        party=party,
        sequence=mark.sequence,
        digest=mark.digest,
        entry=entry,
    )


def _save_secret(connection: sqlite3.Connection, entry: int, mark: WrongPin | RightPin | CodesSet) -> None:
    if isinstance(mark, CodesSet):
        salt, slots = mark.salt.hex(), mark.slots.hex()
        _write(connection, "save_codes", person=mark.person, salt=salt, slots=slots, entry=entry)
        return
    wrong_before = _number(connection, "pin_failures", token=mark.token)
    failures = wrong_before + 1 if isinstance(mark, WrongPin) else 0
    _write(connection, "save_pin_failures", token=mark.token, failures=failures, entry=entry)


def _save_checkpoint(connection: sqlite3.Connection, entry: int, time: datetime, mark: CheckpointSeen) -> None:
    # That the tree of the larger one extends the smaller one is proved before (core's log); here it never falls.
    last = _one(connection, "last_checkpoint")
    if mark.time > time:
        raise refused(Code.CLOCK_BEHIND, "checkpoint", f"not after {encode_time(time)}", encode_time(mark.time))
    if last is not None and mark.size < int(str(last[0])):
        raise refused(Code.HEAD_ROLLBACK, "checkpoint", f"size {last[0]} or more", f"size {mark.size}")
    if last is not None and mark.size == last[0] and mark.root != last[1]:
        raise refused(Code.HEAD_UNEQUAL, "checkpoint", str(last[1]), mark.root)
    if last != (mark.size, mark.root, encode_time(mark.time)):
        _write(
            connection,
            "insert_checkpoint",
            size=mark.size,
            root=mark.root,
            time=encode_time(mark.time),
            entry=entry,
        )


def _save_prices(connection: sqlite3.Connection, entry: int, mark: PricesSeen) -> None:
    # Prices have no head. Attack: after a rise, the snapshot from before it, which is still fresh enough by the policy.
    last, as_of = _one(connection, "last_prices"), encode_time(mark.as_of)
    if last is not None and mark.as_of < parse_time(last[0], "prices.as_of"):
        raise refused(Code.PRICE_ROLLBACK, "prices.as_of", f"{last[0]} or later", as_of)
    if last is None or last[0] != as_of:
        _write(connection, "insert_prices", as_of=as_of, entry=entry)


def _save_limit_use(connection: sqlite3.Connection, entry: int, time: datetime, mark: LimitUse) -> None:
    again = Use(
        rule=mark.rule,
        instruction=mark.instruction,
        asset=mark.asset,
        amount=mark.units,
        fee=mark.fee,
        hkd_cents=mark.hkd_cents,
        at=time,
    )
    row = _one(connection, "limit_use", rule=mark.rule, instruction=mark.instruction)
    if row is None:
        _write(
            connection,
            "insert_limit_use",
            asset=mark.asset,
            units=str(mark.units),
            time=encode_time(time),
            entry=entry,
            **_name_use(again),
        )
        return
    known = parse_use(mark.rule, mark.instruction, *row)
    # An instruction pays one amount of one asset for ever, so another one is not the same instruction. Its void pays
    # nobody and counts its fee alone, whether it comes first or after.
    if known.asset != mark.asset or (known.amount != mark.units and 0 not in (known.amount, mark.units)):
        expected, got = f"{known.amount} {known.asset}", f"{mark.units} {mark.asset}"
        raise refused(Code.DIGEST_MISMATCH, f"{mark.rule} {mark.instruction}", expected, got)
    merged = merge_use(known, again)
    _write(connection, "raise_limit_use", time=encode_time(merged.at), **_name_use(merged))


def _save_paid(connection: sqlite3.Connection, entry: int, time: datetime, mark: Paid) -> None:
    _write(
        connection,
        "insert_paid",
        instruction=mark.instruction,
        destination=mark.destination,
        client=mark.client,
        asset=mark.asset,
        units=str(mark.units),
        time=encode_time(time),
        entry=entry,
    )


@lru_cache(maxsize=16384)
def parse_use(*row: object) -> Use:
    """A row of `limit_use`, in the order of its queries: rule, instruction, asset, units, fee, hkd_cents, time."""
    rule, instruction, asset, units, fee, hkd_cents, time = map(str, row)
    return Use(
        rule=EntryId(rule),
        instruction=Digest(instruction),
        asset=AssetId(asset),
        amount=int(units),
        fee=int(fee),
        hkd_cents=None if hkd_cents == NONE else int(hkd_cents),
        at=parse_time(time, "limit_use.time"),
    )


def _name_use(use: Use) -> dict[str, str]:
    return {
        "rule": use.rule,
        "instruction": use.instruction,
        "fee": str(use.fee),
        "hkd_cents": NONE if use.hkd_cents is None else str(use.hkd_cents),
    }


def _one(connection: sqlite3.Connection, name: str, /, **values: str | int) -> Row | None:
    row: Row | None = connection.execute(query(name), values).fetchone()
    return row


def _number(connection: sqlite3.Connection, name: str, /, **values: str | int) -> int:
    row = _one(connection, name, **values)
    return 0 if row is None or row[0] is None else int(str(row[0]))


def _write(connection: sqlite3.Connection, name: str, /, **values: str | int) -> None:
    connection.execute(query(name), values)
