"""The file that a client gets with a deposit address: verifiable without us, with nothing but the root.

It holds what the vault said of the address, its place in that batch, and what the assigner said of it. Whoever shows
another address, by a changed page, row or name server, has no such file for it. Source: spec/wallets.md, "Package".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.core.assignments import AddressAssignment
from strongroom.core.attested import AddressAttestation
from strongroom.core.canonical import encode_canonical, parse_canonical, sha256
from strongroom.core.checks.attest import check_attestation_signers
from strongroom.core.checks.foundation import prove_roots, prove_roster_chain
from strongroom.core.checks.issue import check_offered_line
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.records import Base64Bytes, encode_record, parse_record
from strongroom.core.roster import check_party
from strongroom.core.statements import (
    Context,
    Envelope,
    check_context,
    check_exact_signers,
    expect,
    parse_statement,
)

MAX_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPackage:
    """line: the batch's line as it stands there; index, proof: its place under the signed root."""

    assignment: Envelope
    attestation: Envelope
    index: int
    line: Base64Bytes
    proof: tuple[Base64Bytes, ...]
    roots: tuple[Envelope, ...]
    rosters: tuple[Envelope, ...]


def encode_package(package: AddressPackage) -> bytes:
    """The file."""
    return encode_canonical(encode_record(package))


def parse_package(raw: bytes) -> AddressPackage:
    """Read a file; believes nothing of it."""
    return parse_record(AddressPackage, parse_canonical(raw, limit=MAX_BYTES), "package")


def prove_package(package: AddressPackage, root: Digest, now: datetime) -> AddressAssignment:
    """Whose address it is, and which. root: the fingerprint that the reader has from elsewhere.

    1. Roots from the pinned one, and the rosters under them. 2. The attestation, by its terminals. 3. The line, under
    its root, derived and spend-proved. 4. The assignment, by the assigner, names that line. That no other assignment
    stands in the log is for whoever reads the log to say.
    Raises ROOT_MISMATCH, ADDRESS_NOT_ATTESTED, and what each of these raises.
    """
    if not package.roots or package.roots[0].id != root:
        got = package.roots[0].id if package.roots else "none"
        raise refused(Code.ROOT_MISMATCH, "package.roots", root, got)
    roots = prove_roots(package.roots, package.roots[:1])
    context = Context(organization=roots[0].organization, environment=roots[0].environment)
    roster = prove_roster_chain(package.rosters, roots, context)[-1].body
    attestation = expect(parse_statement(package.attestation, "attestation"), AddressAttestation, "attestation")
    check_context(attestation, context, "attestation")
    check_attestation_signers(attestation, roster, attestation.issued_at, "attestation")
    text = package.line.decode("ascii", "replace")
    line = check_offered_line(attestation.body, text, package.index, package.proof)
    assignment = expect(parse_statement(package.assignment, "assignment"), AddressAssignment, "assignment")
    check_context(assignment, context, "assignment")
    assigner = check_party(roster, assignment.issuer, "assigner", assignment.issued_at, "assignment.issuer")
    check_exact_signers(package.assignment, [assigner.key], "assignment")
    body = assignment.body
    if assignment.issued_at > now:
        raise refused(Code.CLOCK_BEHIND, "assignment.issued_at", f"not after {now}", str(assignment.issued_at))
    said = (body.attestation, body.line, body.entry, body.address, body.chain, body.wallet)
    shown = (
        attestation.id,
        sha256(text.encode()),
        line.id,
        line.address,
        attestation.body.chain,
        attestation.body.wallet,
    )
    if said != shown:
        raise refused(Code.ADDRESS_NOT_ATTESTED, "package.assignment", ", ".join(shown), ", ".join(said))
    return body
