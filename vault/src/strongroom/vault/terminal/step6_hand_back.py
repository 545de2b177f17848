"""Step 6, hand back: the signatures sealed to the gate, the record signed by terminal and operators, one package out.

What was signed never reaches a disk in the clear: it is sealed in memory, and only the sealed bytes are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from strongroom.core.bodies import JournalPlace, SignatureRecord
from strongroom.core.canonical import Json, encode_canonical, sha256
from strongroom.core.docket import Stage, build_prev
from strongroom.core.ids import Digest, PartyId
from strongroom.core.packages import (
    RESULT_FORMAT,
    PackageKind,
    ResultOutcome,
    SealedResult,
    TerminalResult,
    TerminalResultBody,
    build_seal_info,
    encode_result,
)
from strongroom.core.records import Base64Bytes
from strongroom.core.roster import Root
from strongroom.core.statements import Envelope, build_payload, sign_payload
from strongroom.vault.terminal.codes import Meaning
from strongroom.vault.terminal.desk import Desk, Plan, Signed
from strongroom.vault.terminal.journal.entry import Entry, EntryKind
from strongroom.vault.terminal.outbox import send_package
from strongroom.vault.terminal.terminal import Terminal

OUTCOMES = {
    Meaning.NORMAL: ResultOutcome.SIGNED,
    Meaning.DRILL: ResultOutcome.DRILL,
    Meaning.DURESS: ResultOutcome.DURESS,
}
"""The one place in which a session under duress differs, and only the gate can read it. III.3."""


def seal(desk: Desk, plan: Plan, signed: Signed) -> SealedResult:
    """Seal the signatures, remember what was made, and say so with three signatures.

    Raises NONCE_REUSED; UnavailableError JOURNAL_UNWRITABLE: then nothing leaves.
    """
    outcome = OUTCOMES[desk.crew.meaning]
    result = TerminalResult(
        format=RESULT_FORMAT,
        outcome=outcome,
        proposal=plan.proposal,
        signatures=signed.signatures if outcome is ResultOutcome.SIGNED else (),
        terminal=desk.me,
    )
    sealed = seal_result(desk.terminal.trust.root, result)
    fields: dict[str, Json] = {
        "proposal": plan.proposal,
        "sealed_digest": sha256(sealed),
        "twin": plan.proved.twin.value,
    }
    entry = desk.terminal.journal.append(EntryKind.SIGNED, encode_canonical(fields), signed.marks)
    record = sign_record(desk, build_record(desk, plan, sha256(sealed), entry), signed)
    return SealedResult(proposal=plan.proposal, record=record, sealed=Base64Bytes(sealed))


def seal_result(root: Root, result: TerminalResult) -> bytes:
    """HPKE base mode to the gate's key of our own root; always the same size. Source: RFC 9180, spec/airgap.md."""
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    gate = X25519PublicKey.from_public_bytes(root.gate_seal.public)
    return suite.encrypt(encode_result(result), gate, info=build_seal_info(result.proposal, PartyId(result.terminal)))


def build_record(desk: Desk, plan: Plan, sealed_digest: Digest, entry: Entry) -> SignatureRecord:
    """What the terminal says about its signing. Base-mode HPKE proves no sender: the sealed digest is named here."""
    statements = [p.statement for p in plan.proved.journey.statements]
    return SignatureRecord(
        clear=desk.clear.statement.id,
        heads=desk.terminal.trust.build_heads(),
        journal=JournalPlace(head=entry.hash, number=entry.number),
        keys=tuple(sorted({use.key.key_id for use in plan.uses})),
        nonce=desk.session.nonce,
        operators=desk.crew.people,
        prev=build_prev(statements, Stage.SIGN),
        proposal=plan.proposal,
        sealed_digest=sealed_digest,
        terminal=desk.me,
        unsigned_digest=plan.proved.facts.unsigned_digest,
    )


def sign_record(desk: Desk, record: SignatureRecord, signed: Signed) -> Envelope:
    """The record with the signatures of the terminal and of both operators."""
    kind, payload = build_payload(record, context=desk.terminal.trust.context, issuer=desk.me, issued_at=signed.at)
    tokens = [desk.crew.terminal, *(token for _, token in desk.crew.operators)]
    return sign_payload(kind, payload, [(token.key, token.sign) for token in tokens])


def hand_back(
    terminal: Terminal, out: Path, results: Sequence[SealedResult], halts: Sequence[Envelope], names: Sequence[str]
) -> Path:
    """One package with every result and every halt of the session. names: of the results, as the journal keeps them.

    The token learns first what was bound: until here nothing that was signed is on any disk, so that an older disk can
    be put back at no moment at which a result exists. Raises UnavailableError TOKEN_UNAVAILABLE: then nothing leaves.
    """
    terminal.journal.mirror_place()
    body = TerminalResultBody(halts=tuple(halts), results=tuple(results))
    return send_package(terminal, out, PackageKind.TERMINAL_RESULT, body, names)
