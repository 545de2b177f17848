"""DSSE envelopes and the statements inside them, as claims; spec/statement.md, "Envelope".

Reading verifies nothing. `signers.py` says whose signatures must be there, by the keys that were in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, Generic, TypeVar

from strongroom.checker.reading.assertions import MAX_BYTES
from strongroom.checker.reading.canonical import Json, encode_canonical, parse_canonical
from strongroom.checker.reading.fields import Node, check_sorted
from strongroom.checker.reading.keys import Key, check_signature
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, malformed, refused
from strongroom.core.ids import Digest, PartyId

MAX_PAYLOAD_BYTES: Final = 1024 * 1024
MAX_SIGNATURES: Final = 32
PAYLOAD_TYPE: Final = "application/vnd.strongroom.{}.v1+json"
B_co = TypeVar("B_co", covariant=True)


class Type(StrEnum):
    """Every statement type of spec/statement.md."""

    ROOT = "root"
    ROSTER = "roster"
    POLICY = "policy"
    PRICES = "prices"
    REGISTER = "register"
    INSTRUCTION = "instruction"
    DECISION = "decision"
    PROPOSAL = "proposal"
    APPROVAL = "approval"
    REJECTION = "rejection"
    VERIFICATION = "verification"
    CLEAR_TO_SIGN = "clear-to-sign"
    SIGNATURE_RECORD = "signature-record"
    RELEASE = "release"
    BROADCAST = "broadcast"
    SETTLEMENT = "settlement"
    FREEZE = "freeze"
    FREEZE_LIFT = "freeze-lift"
    HALT = "halt"
    DEPOSIT_CREDIT = "deposit-credit"
    RECONCILIATION = "reconciliation"
    REORGANISATION = "reorganisation"
    DEPOSIT_REVERSAL = "deposit-reversal"
    SETTLEMENT_REVERSAL = "settlement-reversal"
    KEY_STATE = "key-state"
    SWEEP = "sweep"
    ADDRESS_ATTESTATION = "address-attestation"
    LEASE = "lease"
    HSM_REGISTER = "hsm-register"
    RELEASE_MANIFEST = "release-manifest"
    CEREMONY = "ceremony"
    WALLET = "wallet"
    ADDRESS_ASSIGNMENT = "address-assignment"


class Environment(StrEnum):
    """Statements of one environment mean nothing in the other."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature: the id of the key that is claimed, and 64 bytes or a FIDO2 key's assertion."""

    keyid: Digest
    sig: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An envelope as it came. path: where it stood."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]
    value: Json
    path: str

    @property
    def pae(self) -> bytes:
        """What is signed. Source: DSSE 1.0, pre-authentication encoding."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)

    @property
    def id(self) -> Digest:
        """The statement id; signatures are not part of it."""
        return Digest("sha256:" + sha256(self.pae).hexdigest())

    @property
    def leaf(self) -> bytes:
        """The canonical bytes that the log holds, signatures included."""
        return encode_canonical(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The deployment whose statements are believed."""

    organization: str
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Generic[B_co]):
    """What an envelope says; a claim until its signatures and its place are checked."""

    type: Type
    issuer: PartyId
    issued_at: datetime
    context: Context
    body: B_co
    envelope: Envelope

    @property
    def id(self) -> Digest:
        """The statement id."""
        return self.envelope.id

    @property
    def path(self) -> str:
        """Where the envelope stood."""
        return self.envelope.path

    @property
    def body_path(self) -> str:
        """Where the body stood."""
        return f"{self.path}.payload.body"


def parse_envelope(node: Node) -> Envelope:
    """Read an envelope and refuse second spellings; nothing is verified."""
    found = node.members("payload", "payloadType", "signatures")
    payload = found["payload"].base64()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise malformed(Code.TOO_LARGE, found["payload"].path, f"at most {MAX_PAYLOAD_BYTES} bytes", str(len(payload)))
    signatures = tuple(_parse_signature(item) for item in found["signatures"].items())
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise found["signatures"].invalid(f"1 to {MAX_SIGNATURES} signatures")
    check_sorted([each.keyid for each in signatures], found["signatures"].path)
    return Envelope(
        payload=payload,
        payload_type=found["payloadType"].text(),
        signatures=signatures,
        value=node.value,
        path=node.path,
    )


def parse_header(envelope: Envelope) -> tuple[Statement[None], Node]:
    """The statement without its body, and the body still to be read.

    Raises TYPE_MISMATCH when payload and `payloadType` do not say the same known type and version.
    """
    path = f"{envelope.path}.payload"
    value = parse_canonical(envelope.payload, limit=MAX_PAYLOAD_BYTES, path=path)
    found = Node(value, path).members("body", "environment", "issued_at", "issuer", "organization", "type", "version")
    claimed = found["type"].text()
    kind = next((each for each in Type if each.value == claimed), None)
    if kind is None or envelope.payload_type != PAYLOAD_TYPE.format(kind.value):
        raise malformed(
            Code.TYPE_MISMATCH, f"{envelope.path}.payloadType", PAYLOAD_TYPE.format(claimed), envelope.payload_type
        )
    if found["version"].integer() != 1:
        raise malformed(Code.TYPE_MISMATCH, found["version"].path, "1", str(found["version"].value))
    context = Context(organization=found["organization"].text(), environment=found["environment"].choice(Environment))
    statement = Statement(
        type=kind,
        issuer=found["issuer"].party(),
        issued_at=found["issued_at"].time(),
        context=context,
        body=None,
        envelope=envelope,
    )
    return statement, found["body"]


def check_context(statement: Statement[object], context: Context) -> None:
    """Raise WRONG_ORGANIZATION or ENVIRONMENT_MISMATCH for another deployment's statement."""
    found, path = statement.context, f"{statement.path}.payload"
    if found.organization != context.organization:
        raise refused(Code.WRONG_ORGANIZATION, f"{path}.organization", context.organization, found.organization)
    if found.environment is not context.environment:
        raise refused(
            Code.ENVIRONMENT_MISMATCH, f"{path}.environment", context.environment.value, found.environment.value
        )


def check_type(statement: Statement[object], *types: Type) -> None:
    """Raise TYPE_MISMATCH unless the statement is of one of these types."""
    if statement.type not in types:
        expected = " or ".join(each.value for each in types)
        raise malformed(Code.TYPE_MISMATCH, f"{statement.path}.payloadType", expected, statement.type.value)


def check_signatures(envelope: Envelope, keys: Iterable[Key]) -> frozenset[Digest]:
    """Verify every signature; each must be by one of these keys. Returns the ids of the keys that signed.

    An extra signature is an unexplained byte, so a stranger's is refused (SIGNER_UNKNOWN) and not skipped.
    """
    known: Mapping[Digest, Key] = {key.id: key for key in keys}
    found: list[Refusal] = []
    for i, signature in enumerate(envelope.signatures):
        path = f"{envelope.path}.signatures[{i}]"
        key = known.get(signature.keyid)
        if key is None:
            found.append(
                Refusal(
                    code=Code.SIGNER_UNKNOWN,
                    field=f"{path}.keyid",
                    expected="a key that may sign this statement",
                    got=signature.keyid,
                )
            )
            continue
        try:
            check_signature(key, envelope.pae, signature.sig, f"{path}.sig")
        except RefusedError as error:
            found.extend(error.refusals)
    if found:
        raise RefusedError(*found)
    return frozenset(each.keyid for each in envelope.signatures)


def check_exact(envelope: Envelope, keys: Iterable[Key]) -> None:
    """Verify that exactly these keys signed. Raises SIGNATURES_MISSING for one that did not."""
    wanted = list(keys)
    missing = sorted({key.id for key in wanted} - check_signatures(envelope, wanted))
    if missing:
        raise refused(
            Code.SIGNATURES_MISSING, f"{envelope.path}.signatures", f"{len(wanted)} signatures", f"without {missing[0]}"
        )


def _parse_signature(node: Node) -> Signature:
    found = node.members("keyid", "sig")
    raw = found["sig"].base64()
    # Which length is right is a matter of the key, which is not known yet.
    if not 64 <= len(raw) <= MAX_BYTES:
        expected = f"64 to {MAX_BYTES} bytes"
        raise MalformedError(
            Refusal(code=Code.SIGNATURE_INVALID, field=found["sig"].path, expected=expected, got=f"{len(raw)} bytes")
        )
    return Signature(keyid=found["keyid"].digest(), sig=raw)
