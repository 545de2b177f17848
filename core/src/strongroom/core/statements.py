"""Statements: canonical payloads in DSSE envelopes, and who must have signed which type.

Parsing believes nothing: a parsed `Statement` is a claim until its signatures are checked against keys that the reader
already trusts. Source: spec/statement.md; DSSE v1.0 (secure-systems-lab/dsse).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, TypeVar

from strongroom.core import bodies, books
from strongroom.core.assignments import AddressAssignment
from strongroom.core.attested import AddressAttestation
from strongroom.core.canonical import Json, encode_canonical, parse_canonical, sha256
from strongroom.core.ceremonies import Ceremony
from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, MalformedError, Refusal, malformed, refused
from strongroom.core.hsms import HsmRegister
from strongroom.core.ids import Digest, PartyId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.keys import PublicKey, Sign, check_signature
from strongroom.core.leases import Lease
from strongroom.core.policy import Policy, Prices
from strongroom.core.records import Base64Bytes, check_sorted, encode_record, parse_record
from strongroom.core.registers import RegisterHead
from strongroom.core.releases import ReleaseManifest
from strongroom.core.roster import Root, Roster
from strongroom.core.sessions import SessionRequest
from strongroom.core.sweeps import Sweep
from strongroom.core.wallets import Wallet

MAX_SIGNATURES = 32
_PLAIN = re.compile(r"[0-9A-Za-z.:/+_-]*")


class StatementType(StrEnum):
    """Every kind of statement that exists."""

    ROOT = "root"
    ROSTER = "roster"
    REGISTER = "register"
    POLICY = "policy"
    PRICES = "prices"
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
    WALLET = "wallet"
    ADDRESS_ASSIGNMENT = "address-assignment"
    HSM_REGISTER = "hsm-register"
    RELEASE_MANIFEST = "release-manifest"
    LEASE = "lease"
    CEREMONY = "ceremony"
    SESSION_REQUEST = "session-request"


Body = (
    Root
    | Roster
    | RegisterHead
    | Policy
    | Prices
    | bodies.Instruction
    | bodies.Decision
    | bodies.Proposal
    | bodies.Approval
    | bodies.Rejection
    | bodies.Verification
    | bodies.ClearToSign
    | bodies.SignatureRecord
    | bodies.Release
    | bodies.Broadcast
    | bodies.Settlement
    | bodies.Freeze
    | bodies.FreezeLift
    | bodies.Halt
    | books.DepositCredit
    | books.Reconciliation
    | books.Reorganisation
    | books.DepositReversal
    | books.SettlementReversal
    | KeyStateChange
    | Sweep
    | AddressAttestation
    | Wallet
    | AddressAssignment
    | Lease
    | HsmRegister
    | ReleaseManifest
    | Ceremony
    | SessionRequest
)
BODY_TYPES: Mapping[StatementType, type[Body]] = {
    StatementType.ROOT: Root,
    StatementType.ROSTER: Roster,
    StatementType.REGISTER: RegisterHead,
    StatementType.POLICY: Policy,
    StatementType.PRICES: Prices,
    StatementType.INSTRUCTION: bodies.Instruction,
    StatementType.DECISION: bodies.Decision,
    StatementType.PROPOSAL: bodies.Proposal,
    StatementType.APPROVAL: bodies.Approval,
    StatementType.REJECTION: bodies.Rejection,
    StatementType.VERIFICATION: bodies.Verification,
    StatementType.CLEAR_TO_SIGN: bodies.ClearToSign,
    StatementType.SIGNATURE_RECORD: bodies.SignatureRecord,
    StatementType.RELEASE: bodies.Release,
    StatementType.BROADCAST: bodies.Broadcast,
    StatementType.SETTLEMENT: bodies.Settlement,
    StatementType.FREEZE: bodies.Freeze,
    StatementType.FREEZE_LIFT: bodies.FreezeLift,
    StatementType.HALT: bodies.Halt,
    StatementType.DEPOSIT_CREDIT: books.DepositCredit,
    StatementType.RECONCILIATION: books.Reconciliation,
    StatementType.REORGANISATION: books.Reorganisation,
    StatementType.DEPOSIT_REVERSAL: books.DepositReversal,
    StatementType.SETTLEMENT_REVERSAL: books.SettlementReversal,
    StatementType.KEY_STATE: KeyStateChange,
    StatementType.SWEEP: Sweep,
    StatementType.ADDRESS_ATTESTATION: AddressAttestation,
    StatementType.WALLET: Wallet,
    StatementType.ADDRESS_ASSIGNMENT: AddressAssignment,
    StatementType.LEASE: Lease,
    StatementType.HSM_REGISTER: HsmRegister,
    StatementType.RELEASE_MANIFEST: ReleaseManifest,
    StatementType.CEREMONY: Ceremony,
    StatementType.SESSION_REQUEST: SessionRequest,
}


class Environment(StrEnum):
    """Statements of one environment mean nothing in the other."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature of an envelope. `keyid` selects a key; it proves nothing."""

    keyid: Digest
    sig: Base64Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A DSSE envelope; field names are DSSE's."""

    payload: Base64Bytes
    payloadType: str  # noqa: N815 - the name is fixed by DSSE
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise malformed(Code.FIELD_INVALID, "signatures", f"1 to {MAX_SIGNATURES}", str(len(self.signatures)))
        check_sorted([s.keyid for s in self.signatures], "signatures")

    @property
    def pae(self) -> bytes:
        """The pre-authentication encoding: what is signed."""
        return build_pae(self.payloadType, self.payload)

    @property
    def id(self) -> Digest:
        """The statement id."""
        return sha256(self.pae)

    def encode(self) -> bytes:
        """Canonical bytes: the leaf of the log.

        Every statement of a docket is a leaf to be hashed, so where no character can need an escape they are written
        as they stand: the three names of an envelope, in their order.
        """
        plain = (self.payloadType, *(s.keyid for s in self.signatures))
        if not all(map(_PLAIN.fullmatch, plain)):
            return encode_canonical(encode_record(self))
        signatures = b",".join(
            b'{"keyid":"%s","sig":"%s"}' % (s.keyid.encode(), base64.b64encode(s.sig)) for s in self.signatures
        )
        payload = base64.b64encode(self.payload)
        kind = self.payloadType.encode()
        return b'{"payload":"%s","payloadType":"%s","signatures":[%s]}' % (payload, kind, signatures)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Payload:
    body: dict[str, Json]
    environment: Environment
    issued_at: datetime
    issuer: PartyId
    organization: str
    type: StatementType
    version: int


B = TypeVar("B", bound=Body)
B_co = TypeVar("B_co", bound=Body, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Generic[B_co]):
    """A parsed statement: a claim of `issuer` until its signatures are checked."""

    id: Digest
    type: StatementType
    organization: str
    environment: Environment
    issuer: PartyId
    issued_at: datetime
    body: B_co
    envelope: Envelope


def build_pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding. Source: dsse/protocol.md."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def payload_type(kind: StatementType) -> str:
    """The DSSE payload type of a statement type."""
    return f"application/vnd.strongroom.{kind.value}.v1+json"


def parse_envelope(value: Json, path: str) -> Envelope:
    """Read an envelope from parsed JSON."""
    return parse_record(Envelope, value, path)


def parse_envelope_bytes(raw: bytes) -> Envelope:
    """Read an envelope from canonical bytes."""
    return parse_envelope(parse_canonical(raw), "envelope")


def parse_statement(envelope: Envelope, path: str = "statement") -> Statement[Any]:
    """Read the payload of an envelope into its typed body. Checks no signature.

    Raises TYPE_MISMATCH when the payload type and the payload disagree, and whatever the body's fields refuse.
    """
    try:
        return _parse_known(envelope)
    except MalformedError:
        # What is wrong is said again, with the caller's own path.
        return _read_statement(envelope, path)


@lru_cache(maxsize=2048)
def _parse_known(envelope: Envelope) -> Statement[Any]:
    """Every docket of a package carries the same roots, rosters and lists; what is read is never changed."""
    return _read_statement(envelope, "statement")


def _read_statement(envelope: Envelope, path: str) -> Statement[Any]:
    payload = parse_record(_Payload, parse_canonical(envelope.payload), f"{path}.payload")
    if envelope.payloadType != payload_type(payload.type) or payload.version != 1:
        raise malformed(Code.TYPE_MISMATCH, f"{path}.payloadType", payload_type(payload.type), envelope.payloadType)
    body = parse_record(BODY_TYPES[payload.type], payload.body, f"{path}.payload.body")
    return Statement(
        id=envelope.id,
        type=payload.type,
        organization=payload.organization,
        environment=payload.environment,
        issuer=payload.issuer,
        issued_at=payload.issued_at,
        body=body,
        envelope=envelope,
    )


def expect(statement: Statement[Any], body_type: type[B], path: str) -> Statement[B]:
    """The same statement, known to have this body. Raises TYPE_MISMATCH."""
    if not isinstance(statement.body, body_type):
        raise malformed(Code.TYPE_MISMATCH, path, _type_of(body_type).value, statement.type.value)
    return statement


def _type_of(body_type: type) -> StatementType:
    for kind, known in BODY_TYPES.items():
        if known is body_type:
            return kind
    raise InvariantError(Refusal(code=Code.INVARIANT, field="body", expected="a statement body", got=str(body_type)))


def check_signers(envelope: Envelope, keys: Iterable[PublicKey], path: str) -> frozenset[Digest]:
    """Verify every signature of the envelope, each by one of `keys`; returns the key ids that signed.

    Raises SIGNER_UNKNOWN for a signature by any other key: an extra signature is an unexplained byte.
    """
    known = {key.key_id: key for key in keys}
    message = envelope.pae
    for index, signature in enumerate(envelope.signatures):
        field = f"{path}.signatures[{index}]"
        key = known.get(signature.keyid)
        if key is None:
            raise refused(Code.SIGNER_UNKNOWN, f"{field}.keyid", "a key that may sign this statement", signature.keyid)
        check_signature(key, message, signature.sig, f"{field}.sig")
    return frozenset(s.keyid for s in envelope.signatures)


def check_exact_signers(envelope: Envelope, keys: Iterable[PublicKey], path: str) -> None:
    """Verify that exactly these keys signed. Raises SIGNATURES_MISSING when one did not."""
    wanted = tuple(keys)
    signed = check_signers(envelope, wanted, path)
    missing = {k.key_id for k in wanted} - signed
    if missing:
        raise refused(
            Code.SIGNATURES_MISSING, f"{path}.signatures", ", ".join(sorted(missing)), f"{len(signed)} signatures"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The organization and environment that a deployment's statements name."""

    organization: str
    environment: Environment


def check_context(statement: Statement[Any], context: Context, path: str) -> None:
    """Raise WRONG_ORGANIZATION or ENVIRONMENT_MISMATCH for a statement made elsewhere."""
    if statement.organization != context.organization:
        raise refused(Code.WRONG_ORGANIZATION, f"{path}.organization", context.organization, statement.organization)
    if statement.environment is not context.environment:
        raise refused(
            Code.ENVIRONMENT_MISMATCH, f"{path}.environment", context.environment.value, statement.environment.value
        )


def build_payload(body: Body, *, context: Context, issuer: PartyId, issued_at: datetime) -> tuple[str, bytes]:
    """The DSSE payload type and the canonical payload of a new statement."""
    kind = _type_of(type(body))
    payload = _Payload(
        body=encode_record(body),
        environment=context.environment,
        issued_at=issued_at,
        issuer=issuer,
        organization=context.organization,
        type=kind,
        version=1,
    )
    return payload_type(kind), encode_canonical(encode_record(payload))


def sign_payload(kind: str, payload: bytes, signers: Iterable[tuple[PublicKey, Sign]]) -> Envelope:
    """Sign a payload with each signer; signatures are sorted by key id."""
    message = build_pae(kind, payload)
    signatures = [Signature(keyid=key.key_id, sig=Base64Bytes(sign(message))) for key, sign in signers]
    signatures.sort(key=lambda s: s.keyid)
    return Envelope(payload=Base64Bytes(payload), payloadType=kind, signatures=tuple(signatures))


def add_signature(envelope: Envelope, key: PublicKey, sign: Sign) -> Envelope:
    """The same payload with one more signature (the watcher beside the reconciler, the second officer)."""
    kept = tuple(s for s in envelope.signatures if s.keyid != key.key_id)
    fresh = Signature(keyid=key.key_id, sig=Base64Bytes(sign(envelope.pae)))
    signatures = tuple(sorted((*kept, fresh), key=lambda s: s.keyid))
    return Envelope(payload=envelope.payload, payloadType=envelope.payloadType, signatures=signatures)
