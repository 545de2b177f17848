"""Packages that cross the air gap: one file, one canonical JSON object, a known kind, never code.

The wrapper is not signed: everything that is believed inside it is. Source: spec/airgap.md; III.6, III.21.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strongroom.core.canonical import Json, encode_canonical, encode_with_notes, parse_canonical, parse_with_notes
from strongroom.core.codes import Code
from strongroom.core.docket import CheckpointStep, Docket
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.records import Base64Bytes, HexBytes, HexOrNone, encode_record, parse_record
from strongroom.core.statements import Envelope

FORMAT = "strongroom-package/1"
MAX_PACKAGE_BYTES = 32 * 1024 * 1024
SEALED_PLAINTEXT_BYTES = 65_536
"""Every sealed result has this size, so that its size says nothing (spec/airgap.md)."""
RESULT_FORMAT = "strongroom-terminal-result/1"


class PackageKind(StrEnum):
    """What may cross the gap."""

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
class Placed:
    """An envelope with its place in the log under the package's own checkpoint."""

    envelope: Envelope
    index: int
    proof: tuple[HexBytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDelta:
    """Entries added or replaced and ids removed, giving the register of `head`."""

    added: tuple[dict[str, Json], ...]
    head: Placed
    register: str
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateBody:
    """New roots, rosters, policies and register deltas for a device."""

    checkpoint: CheckpointStep
    freezes: tuple[Placed, ...]
    lifts: tuple[Placed, ...]
    notices: tuple[Placed, ...]
    policies: tuple[Placed, ...]
    registers: tuple[RegisterDelta, ...]
    roots: tuple[Envelope, ...]
    rosters: tuple[Placed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocketBody:
    """A docket to verify or to approve, with the freezes that stand and all notices."""

    checkpoint: CheckpointStep
    docket: Docket
    freezes: tuple[Placed, ...]
    lifts: tuple[Placed, ...]
    notices: tuple[Placed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequestBody:
    """A terminal's signed request for a clear-to-sign."""

    request: Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningBody:
    """Dockets to sign under one clear-to-sign."""

    checkpoint: CheckpointStep
    clear: Placed
    dockets: tuple[Docket, ...]
    freezes: tuple[Placed, ...]
    lifts: tuple[Placed, ...]
    nonce: HexBytes
    notices: tuple[Placed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedResult:
    """A signature record and the sealed signatures that it names."""

    proposal: Digest
    record: Envelope
    sealed: Base64Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalResultBody:
    """What comes back from a terminal."""

    halts: tuple[Envelope, ...]
    results: tuple[SealedResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsBody:
    """Statements that a device made."""

    statements: tuple[Envelope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFrom:
    """A sealed result and the terminal that made it."""

    sealed: Base64Bytes
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBody:
    """A signed docket and the sealed results, for the gate."""

    checkpoint: CheckpointStep
    docket: Docket
    freezes: tuple[Placed, ...]
    lifts: tuple[Placed, ...]
    notices: tuple[Placed, ...]
    sealed: tuple[SealedFrom, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResultBody:
    """What the gate did. `signed` is hex or `none`."""

    signed: HexOrNone
    statements: tuple[Envelope, ...]


PackageBody = (
    UpdateBody
    | DocketBody
    | SessionRequestBody
    | SigningBody
    | TerminalResultBody
    | StatementsBody
    | ReleaseBody
    | ReleaseResultBody
)
_BODY_TYPES: dict[PackageKind, type[PackageBody]] = {
    PackageKind.UPDATE: UpdateBody,
    PackageKind.VERIFICATION: DocketBody,
    PackageKind.APPROVAL_REQUEST: DocketBody,
    PackageKind.SESSION_REQUEST: SessionRequestBody,
    PackageKind.SIGNING: SigningBody,
    PackageKind.TERMINAL_RESULT: TerminalResultBody,
    PackageKind.STATEMENTS: StatementsBody,
    PackageKind.RELEASE: ReleaseBody,
    PackageKind.RELEASE_RESULT: ReleaseResultBody,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrapper:
    body: dict[str, Json]
    created_at: datetime
    format: str
    sender: str
    kind: PackageKind
    sequence: int
    to: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package as it was read: an unsigned wrapper around claims."""

    kind: PackageKind
    sender: PartyId
    to: PartyId
    sequence: int
    created_at: datetime
    body: PackageBody

    @property
    def file_name(self) -> str:
        """`{sequence:06d}-{kind}.package.json`."""
        return f"{self.sequence:06d}-{self.kind.value}.package.json"


def parse_package(raw: bytes) -> Package:
    """Read a package file. Raises MalformedError with offset or path."""
    value = parse_with_notes(raw, limit=MAX_PACKAGE_BYTES)
    if isinstance(value, dict) and "from" in value and "sender" not in value:
        # `from` is a word of Python; the record calls it sender.
        value = {("sender" if key == "from" else key): item for key, item in value.items()}
    else:
        raise malformed(Code.FIELD_MISSING, "package.from", "the sender", "nothing")
    wrapper = parse_record(_Wrapper, value, "package")
    if wrapper.format != FORMAT:
        raise malformed(Code.FIELD_INVALID, "package.format", FORMAT, wrapper.format)
    body = parse_record(_BODY_TYPES[wrapper.kind], wrapper.body, "package.body")
    return Package(
        kind=wrapper.kind,
        sender=PartyId(wrapper.sender),
        to=wrapper.to,
        sequence=wrapper.sequence,
        created_at=wrapper.created_at,
        body=body,
    )


def encode_package(package: Package) -> bytes:
    """The canonical bytes of a package."""
    wrapper = _Wrapper(
        body=encode_record(package.body),
        created_at=package.created_at,
        format=FORMAT,
        sender=package.sender,
        kind=package.kind,
        sequence=package.sequence,
        to=package.to,
    )
    record = encode_record(wrapper)
    record["from"] = record.pop("sender")
    return encode_with_notes(record)


def check_addressed(package: Package, me: PartyId, kind: PackageKind, last_sequence: int) -> None:
    """Raise PACKAGE_NOT_FOR_US, TYPE_MISMATCH or PACKAGE_SEQUENCE for what is not this device's next package."""
    if package.to != me:
        raise refused(Code.PACKAGE_NOT_FOR_US, "package.to", me, package.to)
    if package.kind is not kind:
        raise refused(Code.TYPE_MISMATCH, "package.kind", kind.value, package.kind.value)
    if package.sequence <= last_sequence:
        raise refused(Code.PACKAGE_SEQUENCE, "package.sequence", f"above {last_sequence}", str(package.sequence))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialSignature:
    """One signature of one key over one input: `r || s`, 64 bytes."""

    input: int
    key: str
    signature: HexBytes


class ResultOutcome(StrEnum):
    """What a sealed result holds; only the gate can read it."""

    SIGNED = "signed"
    NOTHING = "nothing"
    DURESS = "duress"
    """An operator was forced: nothing usable was signed, and everything outside looks as if it were. III.3."""
    DRILL = "drill"
    """The same as an exercise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalResult:
    """The plaintext that a terminal seals to the gate."""

    format: str
    outcome: ResultOutcome
    proposal: Digest
    signatures: tuple[PartialSignature, ...]
    terminal: PartyId

    def __post_init__(self) -> None:
        """Signatures come with `signed` and with nothing else. Raises FIELD_INVALID."""
        if bool(self.signatures) != (self.outcome is ResultOutcome.SIGNED):
            got = f"{self.outcome.value} with {len(self.signatures)} signatures"
            raise malformed(Code.FIELD_INVALID, "result.outcome", "signed with signatures, all else without", got)


def encode_result(result: TerminalResult) -> bytes:
    """The padded plaintext: 4-byte length, canonical JSON, zeros; always SEALED_PLAINTEXT_BYTES. Raises TOO_LARGE."""
    content = encode_canonical(encode_record(result))
    if len(content) + 4 > SEALED_PLAINTEXT_BYTES:
        raise malformed(
            Code.TOO_LARGE, "result", f"at most {SEALED_PLAINTEXT_BYTES - 4} bytes", f"{len(content)} bytes"
        )
    return (len(content).to_bytes(4, "big") + content).ljust(SEALED_PLAINTEXT_BYTES, b"\0")


def parse_result(plaintext: bytes) -> TerminalResult:
    """Read a padded plaintext; the padding must be zeros."""
    length = int.from_bytes(plaintext[:4], "big")
    padding = plaintext[4 + length :]
    if len(plaintext) != SEALED_PLAINTEXT_BYTES or length > SEALED_PLAINTEXT_BYTES - 4 or padding.strip(b"\0"):
        raise malformed(Code.FIELD_INVALID, "result", f"{SEALED_PLAINTEXT_BYTES} bytes, zero padded", "another shape")
    return parse_record(TerminalResult, parse_canonical(plaintext[4 : 4 + length]), "result")


def build_seal_info(proposal: Digest, terminal: PartyId) -> bytes:
    """HPKE `info` that binds a sealed result to its proposal and terminal."""
    return b"strongroom-terminal-result/1\n" + proposal.encode() + b"\n" + terminal.encode()
