"""What the policy's rules let through, as the platform remembers it: core's `Memory` over PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from strongroom.core.ids import AssetId, Digest, EntryId
from strongroom.core.policy import Request
from strongroom.core.policy.usage import Use
from strongroom.online.db.connect import Connection, execute, load_all
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.transfers.withdrawal")


def lock_usage(connection: Connection) -> UsageStore:
    """The uses, locked until the end of the transaction in which the caller also writes what it decides."""
    execute(connection, _QUERIES["lock_usage"], {})
    return UsageStore(connection)


class UsageStore:
    """The rows of `transfers.usage`. Deciders take it from `lock_usage`; who only asks may go without."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load_uses(self, rules: Sequence[EntryId], since: datetime) -> tuple[Use, ...]:
        """Every use of these rules from `since` on."""
        return load_all(self._connection, _QUERIES["load_uses"], _use, {"rules": list(rules), "since": since})

    def add(self, rules: Sequence[EntryId], instruction: Digest, request: Request, now: datetime) -> None:
        """Count an instruction in its rules' windows; another attempt raises its fee and value."""
        fields = {
            "rules": list(rules),
            "instruction": instruction,
            "asset": request.asset,
            "amount": request.amount,
            "fee": request.fee_share,
            "hkd_cents": request.hkd_cents,
            "at": now,
        }
        execute(self._connection, _QUERIES["add_uses"], fields)


def raise_fee(connection: Connection, instruction: Digest, fee: int) -> None:
    """Count the fee that the built transaction may pay."""
    execute(connection, _QUERIES["raise_fee"], {"instruction": instruction, "fee": fee})


def void_usage(connection: Connection, instruction: Digest) -> None:
    """What ends without payment no longer counts in windows."""
    execute(connection, _QUERIES["void_usage"], {"instruction": instruction})


def _use(rule: str, instruction: str, asset: str, amount: str, fee: str, hkd_cents: str | None, at: datetime) -> Use:
    return Use(
        rule=EntryId(rule),
        instruction=Digest(instruction),
        asset=AssetId(asset),
        amount=int(amount),
        fee=int(fee),
        hkd_cents=None if hkd_cents is None else int(hkd_cents),
        at=at,
    )
