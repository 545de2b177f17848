"""The endpoints' database: five functions, and no table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, UnavailableError, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.statements import Envelope, parse_envelope_bytes
from strongroom.online.db.connect import Connection, execute, load_all, load_first
from strongroom.online.db.queries import load_queries

_QUERIES = load_queries("strongroom.online.approvals")


@dataclass(frozen=True, slots=True, kw_only=True)
class Governing:
    """A root or roster and its place in the log; nothing is verified."""

    place: int
    kind: str
    envelope: Envelope


def save_admitted(
    connection: Connection, device: PartyId, nonce: bytes, at: datetime, oldest: datetime, most: int
) -> None:
    """Remember a request. Raises REQUEST_REPLAYED for one that is known; REQUEST_RATE, to be tried again later."""
    fields = {"device": device, "nonce": nonce, "at": at, "oldest": oldest, "most": most}
    match load_first(connection, _QUERIES["admit"], lambda answer: str(answer), fields):
        case "fresh":
            return
        case "replayed":
            raise refused(Code.REQUEST_REPLAYED, "request.nonce", "a nonce of its own", nonce.hex())
        case "too many":
            expected = f"at most {most} requests a minute"
            raise UnavailableError(Refusal(code=Code.REQUEST_RATE, field=device, expected=expected, got="one more"))
        case other:
            raise InvariantError(Refusal(code=Code.INVARIANT, field="approvals.admit", got=str(other)))


def load_governance(connection: Connection, first: int) -> tuple[Governing, ...]:
    """Roots and rosters from a place of the log on."""

    def build(idx: int, kind: str, leaf: bytes) -> Governing:
        return Governing(place=int(idx), kind=kind, envelope=parse_envelope_bytes(bytes(leaf)))

    return load_all(connection, _QUERIES["load_governance"], build, {"first": first})


def load_packages(connection: Connection, device: PartyId, after: int, most_bytes: int) -> tuple[list[bytes], int]:
    """A device's packages after a number, as many as fit, and how many are left."""
    rows = load_all(
        connection,
        _QUERIES["load_packages"],
        lambda raw, remaining: (bytes(raw), int(remaining)),
        {"device": device, "after": after, "bytes": most_bytes},
    )
    left = rows[-1][1] - 1 if rows else 0
    return [raw for raw, _ in rows], left


def save_alert(connection: Connection, code: Code, device: PartyId, detail: str) -> None:
    """Tell the SOC of a device, once a code."""
    execute(connection, _QUERIES["tell"], {"code": code.value, "device": device, "detail": detail})


def save_brought(connection: Connection, device: PartyId, digest: Digest, raw: bytes) -> str:
    """Hand a package to the intake; what became of it, `waiting` until it was read."""
    fields = {"device": device, "digest": digest, "raw": raw}
    outcome = load_first(connection, _QUERIES["bring"], lambda outcome: str(outcome), fields)
    if outcome is None:
        raise InvariantError(Refusal(code=Code.INVARIANT, field="approvals.bring", expected="an outcome", got="none"))
    return outcome
