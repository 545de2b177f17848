"""Packages that cross the gap: the unsigned wrapper and the bodies that a checker's device takes; spec/airgap.md.

Nothing in a wrapper is believed; it only says whose turn it is. What a body carries is proved by `update.py` and by
the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from strongroom.checker.reading.canonical import Json, encode_canonical, parse_canonical_with_notes
from strongroom.checker.reading.docket import (
    Checkpoint,
    Docket,
    parse_checkpoint,
    parse_docket_node,
    parse_hashes,
)
from strongroom.checker.reading.envelopes import Envelope, parse_envelope
from strongroom.checker.reading.fields import Node, render_time
from strongroom.checker.reading.roots import REGISTERS
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId

FORMAT: Final = "strongroom-package/1"
MAX_PACKAGE_BYTES: Final = 32 * 1024 * 1024


class Kind(StrEnum):
    """Every kind that may cross."""

    UPDATE = "update"
    VERIFICATION = "verification"
    APPROVAL_REQUEST = "approval-request"
    SESSION_REQUEST = "session-request"
    SIGNING = "signing"
    TERMINAL_RESULT = "terminal-result"
    STATEMENTS = "statements"
    RELEASE = "release"
    RELEASE_RESULT = "release-result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A wrapper around a body that is still to be read."""

    body: Node
    created_at: datetime
    kind: Kind
    sender: PartyId
    sequence: int
    to: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """U: an envelope and its place under the package's own checkpoint."""

    envelope: Envelope
    index: int
    proof: tuple[bytes, ...]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Changes of one register. added: the entries as they stood."""

    added: tuple[Node, ...]
    head: Placed
    register: str
    removed: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What every package brings: a checkpoint, freezes, lifts and notices."""

    checkpoint: Checkpoint
    freezes: tuple[Placed, ...]
    lifts: tuple[Placed, ...]
    notices: tuple[Placed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateBody:
    """News, and what changed in governance."""

    news: News
    policies: tuple[Placed, ...]
    registers: tuple[Delta, ...]
    roots: tuple[Envelope, ...]
    rosters: tuple[Placed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocketBody:
    """News and a docket. sealed: terminal to sealed bytes; empty in a package for the station."""

    news: News
    docket: Docket
    sealed: dict[PartyId, bytes]


def parse_package(raw: bytes) -> Package:
    """Read a wrapper. Raises with offset or path."""
    value = parse_canonical_with_notes(raw, limit=MAX_PACKAGE_BYTES, path="package")
    found = Node(value, "package").members("body", "created_at", "format", "from", "kind", "sequence", "to")
    found["format"].word(FORMAT)
    return Package(
        body=found["body"],
        created_at=found["created_at"].time(),
        kind=found["kind"].choice(Kind),
        sender=found["from"].party(),
        sequence=found["sequence"].integer(least=1),
        to=found["to"].party(),
    )


def check_addressed(package: Package, me: PartyId, kind: Kind) -> None:
    """Raise PACKAGE_NOT_FOR_US for another receiver's package, TYPE_MISMATCH for another kind."""
    if package.to != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.to", me, package.to)
    if package.kind is not kind:
        raise refused(Code.TYPE_MISMATCH, "package.kind", kind.value, package.kind.value)


def check_sequence(package: Package, last: int) -> None:
    """Raise PACKAGE_SEQUENCE unless the number rises."""
    if package.sequence <= last:
        raise refused(Code.PACKAGE_SEQUENCE, "package.sequence", f"above {last}", str(package.sequence))


def parse_update(node: Node) -> UpdateBody:
    """Read the body of an `update`."""
    found = node.members("checkpoint", "freezes", "lifts", "notices", "policies", "registers", "roots", "rosters")
    return UpdateBody(
        news=_parse_news(found),
        policies=_parse_placed_all(found["policies"]),
        registers=tuple(_parse_delta(item) for item in found["registers"].items()),
        roots=tuple(parse_envelope(item) for item in found["roots"].items()),
        rosters=_parse_placed_all(found["rosters"]),
    )


def parse_verification(node: Node) -> DocketBody:
    """Read the body of a `verification`."""
    found = node.members("checkpoint", "docket", "freezes", "lifts", "notices")
    return DocketBody(news=_parse_news(found), docket=_parse_ending(found), sealed={})


def parse_release(node: Node) -> DocketBody:
    """Read the body of a `release`; one sealed result a terminal."""
    found = node.members("checkpoint", "docket", "freezes", "lifts", "notices", "sealed")
    sealed: dict[PartyId, bytes] = {}
    for item in found["sealed"].items():
        members = item.members("sealed", "terminal")
        terminal = members["terminal"].party_of("device")
        if terminal in sealed:
            raise members["terminal"].invalid("each terminal once")
        sealed[terminal] = members["sealed"].base64()
    return DocketBody(news=_parse_news(found), docket=_parse_ending(found), sealed=sealed)


def encode_package(
    *, kind: Kind, sender: PartyId, to: PartyId, sequence: int, created_at: datetime, body: dict[str, Json]
) -> bytes:
    """The canonical bytes of a package."""
    return encode_canonical(
        {
            "body": body,
            "created_at": render_time(created_at),
            "format": FORMAT,
            "from": sender,
            "kind": kind.value,
            "sequence": sequence,
            "to": to,
        }
    )


def package_name(sequence: int, kind: Kind) -> str:
    """The file name of a package."""
    return f"{sequence:06d}-{kind.value}.package.json"


def encode_statements(envelopes: Sequence[Json]) -> dict[str, Json]:
    """Body of a `statements` package."""
    return {"statements": list(envelopes)}


def encode_release_result(signed: bytes | None, envelopes: Sequence[Json]) -> dict[str, Json]:
    """Body of a `release-result` package."""
    return {"signed": "none" if signed is None else signed.hex(), "statements": list(envelopes)}


def _parse_news(found: dict[str, Node]) -> News:
    return News(
        checkpoint=parse_checkpoint(found["checkpoint"]),
        freezes=_parse_placed_all(found["freezes"]),
        lifts=_parse_placed_all(found["lifts"]),
        notices=_parse_placed_all(found["notices"]),
    )


def _parse_ending(found: dict[str, Node]) -> Docket:
    """The docket of a package; its last note is the package's own."""
    docket = parse_docket_node(found["docket"])
    last, own = docket.checkpoints[-1], parse_checkpoint(found["checkpoint"])
    if last.note != own.note:
        raise refused(Code.LOG_NOT_CONSISTENT, f"{last.path}.note", "the note of the package", "another")
    return docket


def _parse_placed_all(node: Node) -> tuple[Placed, ...]:
    return tuple(_parse_placed(item) for item in node.items())


def _parse_placed(node: Node) -> Placed:
    found = node.members("envelope", "index", "proof")
    return Placed(
        envelope=parse_envelope(found["envelope"]),
        index=found["index"].integer(),
        proof=parse_hashes(found["proof"]),
        path=node.path,
    )


def _parse_delta(node: Node) -> Delta:
    found = node.members("added", "head", "register", "removed")
    return Delta(
        added=tuple(found["added"].items()),
        head=_parse_placed(found["head"]),
        register=found["register"].word(*REGISTERS),
        removed=tuple(item.text() for item in found["removed"].items()),
        path=node.path,
    )
