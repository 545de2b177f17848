"""The docket: the file that travels with one transaction. Its format, its stages, and nothing believed yet.

`parse_docket` gives claims. `checks.prove` turns them into a `ProvedDocket`, the only thing that a stage shows or
signs.
Source: spec/docket.md; III.10, III.11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from strongroom.core.canonical import Json, encode_with_notes, parse_with_notes
from strongroom.core.codes import Code
from strongroom.core.envelopes import read_envelope
from strongroom.core.errors import malformed
from strongroom.core.ids import ChainId, Digest
from strongroom.core.records import (
    NONE,
    HexBytes,
    HexOrNone,
    Note,
    add_reader,
    encode_record,
    parse_hex,
    parse_record,
)
from strongroom.core.statements import Envelope, Statement, StatementType

FORMAT = "strongroom-docket/1"
MAX_DOCKET_BYTES = 16 * 1024 * 1024
add_reader(Envelope, read_envelope)


class Stage(IntEnum):
    """The journey, in order."""

    INSTRUCT = 1
    DECIDE = 2
    PROPOSE = 3
    APPROVE = 4
    VERIFY = 5
    CLEAR = 6
    SIGN = 7
    RELEASE = 8
    BROADCAST = 9
    SETTLE = 10


STAGE_OF: Mapping[StatementType, Stage] = {
    StatementType.INSTRUCTION: Stage.INSTRUCT,
    StatementType.KEY_STATE: Stage.INSTRUCT,
    StatementType.DECISION: Stage.DECIDE,
    StatementType.SWEEP: Stage.DECIDE,
    StatementType.PROPOSAL: Stage.PROPOSE,
    StatementType.APPROVAL: Stage.APPROVE,
    StatementType.REJECTION: Stage.APPROVE,
    StatementType.VERIFICATION: Stage.VERIFY,
    StatementType.CLEAR_TO_SIGN: Stage.CLEAR,
    StatementType.SIGNATURE_RECORD: Stage.SIGN,
    StatementType.RELEASE: Stage.RELEASE,
    StatementType.BROADCAST: Stage.BROADCAST,
    StatementType.SETTLEMENT: Stage.SETTLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An envelope with its place in the log: leaf index and inclusion proof under one of the docket's checkpoints."""

    checkpoint: int
    envelope: Envelope
    index: int
    proof: tuple[HexBytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProof:
    """A register entry (still JSON) with its place in the register's tree."""

    entry: dict[str, Json]
    index: int
    proof: tuple[HexBytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSlice:
    """The entries of one register that this docket rests on."""

    entries: tuple[EntryProof, ...]
    head: Located


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSlices:
    """One slice a register."""

    addresses: RegisterSlice
    assets: RegisterSlice
    clients: RegisterSlice
    keys: RegisterSlice
    whitelist: RegisterSlice


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStep:
    """A signed, witnessed checkpoint and the proof that it extends the one before."""

    consistency: tuple[HexBytes, ...]
    note: Note


class Twin(StrEnum):
    """Which transaction a docket is about from VERIFY on: the transfer, or the one that makes it impossible."""

    TRANSFER = "transfer"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionPart:
    """The bytes: `unsigned` always and of the transfer, `signed` as hex from RELEASE on, of `twin`, `none` before."""

    chain: ChainId
    signed: HexOrNone
    twin: Twin
    unsigned: HexBytes

    @property
    def signed_bytes(self) -> bytes | None:
        """The signed bytes; None before RELEASE."""
        return None if self.signed == NONE else parse_hex(self.signed, "transaction.signed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """A docket as it was read: claims, none of them proved."""

    checkpoints: tuple[CheckpointStep, ...]
    format: str
    policy: Located
    prices: tuple[Located, ...]
    registers: RegisterSlices
    roots: tuple[Envelope, ...]
    rosters: tuple[Located, ...]
    statements: tuple[Located, ...]
    transaction: TransactionPart

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise malformed(Code.FIELD_INVALID, "docket.format", FORMAT, self.format)
        for name in ("checkpoints", "roots", "rosters", "statements"):
            if not getattr(self, name):
                raise malformed(Code.FIELD_INVALID, f"docket.{name}", "at least one", "none")
        if len(self.prices) > 1:
            # Two snapshots would leave it to the reader which one decides.
            raise malformed(Code.FIELD_INVALID, "docket.prices", "no or one statement", str(len(self.prices)))


def parse_docket(raw: bytes) -> Docket:
    """Read a docket file: one canonical JSON object, known fields only. Raises MalformedError with offset or path."""
    return parse_docket_value(parse_with_notes(raw, limit=MAX_DOCKET_BYTES))


def parse_docket_value(value: Json) -> Docket:
    """Read a docket that stands inside another canonical document."""
    return parse_record(Docket, value, "docket")


def encode_docket(docket: Docket) -> bytes:
    """The canonical bytes of a docket."""
    return encode_with_notes(encode_record(docket))


def build_prev(statements: Iterable[Statement[Any]], stage: Stage) -> Digest:
    """The digest that a statement of `stage` signs over all statements of earlier stages, given in docket order.

    For SIGN the clears are left out: terminals of an m-of-n wallet sign in parallel, and the record names its own
    clear.
    """
    digest = hashlib.sha256(b"strongroom-docket/1\n")
    for statement in statements:
        earlier = STAGE_OF[statement.type]
        if earlier < stage and not (stage is Stage.SIGN and earlier is Stage.CLEAR):
            digest.update(statement.id.encode() + b"\n")
    return Digest("sha256:" + digest.hexdigest())


def docket_order(statement: Statement[Any]) -> tuple[int, str]:
    """Sort key of statements in a docket: stage, then statement id."""
    return (STAGE_OF[statement.type], statement.id)
