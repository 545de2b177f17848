"""The batch: all terminals' proofs on one list, checked whole by each of them, and signed with each device's key.

Every terminal makes the same file from the same order, lists and proofs, checks it exactly as the platform will, and
signs; so the first one's signature asks no belief of the second. The device key signs a statement; no asset key signs
here. Source: spec/attestation.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.core.attested import (
    AddressAttestation,
    AttestedKey,
    AttestedLine,
    batch_root,
    derive_address_id,
    join_batch,
    parse_line,
    split_batch,
)
from strongroom.core.checks.attest import check_batch_root, check_chunk, check_whole, derive_attested_address
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import EntryId, PartyId
from strongroom.core.keys import PublicKey, Sign
from strongroom.core.records import Base64Bytes, HexBytes
from strongroom.core.statements import (
    Envelope,
    add_signature,
    build_payload,
    parse_envelope_bytes,
    parse_statement,
    sign_payload,
)
from strongroom.vault.ceremony.address_order import AddressOrder, PublicHalf
from strongroom.vault.ceremony.progress import Progress
from strongroom.vault.ceremony.workers import Bench, Workers
from strongroom.vault.terminal.files import load_file

CHUNK: Final = 256
_MAX_ENVELOPE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _CheckJob:
    """Lines of a batch file, by their place in it: they are read where they are checked."""

    body: AddressAttestation
    path: Path
    offset: int
    length: int
    start: int


def build_batch(
    order: AddressOrder, plan: Sequence[tuple[PublicHalf, ...]], proofs: dict[EntryId, HexBytes]
) -> tuple[AddressAttestation, bytes]:
    """The batch file and the body over it. Checks nothing but that each key has its proof (SPEND_PROOF_INVALID)."""
    raw = join_batch(_build_line(order, number, row, proofs) for number, row in enumerate(plan))
    return order.body(batch_root(split_batch(raw))), raw


def check_saved_batch(workers: Workers, body: AddressAttestation, path: Path, raw: bytes, progress: Progress) -> None:
    """The checks of `check_batch`, with the work shared out among the workers. Raises as `check_batch`."""
    lines = split_batch(raw)
    check_batch_root(body, lines)
    for checked in workers.run(_check, _build_jobs(body, path, lines)):
        progress.add(checked)
    check_whole(body, [parse_line(text, "line") for text in lines])


def sign_attestation(
    order: AddressOrder, body: AddressAttestation, envelope: Path, me: PartyId, signer: tuple[PublicKey, Sign]
) -> Envelope:
    """The statement with this device's signature added; a new one where no file is yet.

    Raises SIGNER_UNKNOWN when none of the keys is this terminal's; DIGEST_MISMATCH when the file is another statement.
    """
    if me not in body.terminals:
        raise refused(Code.SIGNER_UNKNOWN, "me", " or ".join(body.terminals), me)
    # The issuer is the same whoever signs first: all sign the same bytes.
    kind, payload = build_payload(body, context=order.context, issuer=body.terminals[0], issued_at=order.issued_at)
    if not envelope.exists():
        fresh = sign_payload(kind, payload, [signer])
        parse_statement(fresh)
        return fresh
    known = parse_envelope_bytes(load_file(envelope, _MAX_ENVELOPE_BYTES))
    if (known.payloadType, known.payload) != (kind, Base64Bytes(payload)):
        raise refused(Code.DIGEST_MISMATCH, str(envelope), "signatures over this batch", "another statement")
    return add_signature(known, *signer)


def render_attestation(body: AddressAttestation, changes: int) -> tuple[str, ...]:
    """What the person at the device reads before they type the word."""
    return (
        f"batch: {body.batch}",
        f"wallet: {body.wallet}",
        f"chain: {body.chain}",
        f"addresses: {body.size}, {changes} of them for change",
        f"terminals: {', '.join(body.terminals)}",
        f"challenge: {body.challenge.hex()}",
        f"root: {body.root}",
    )


def _build_line(
    order: AddressOrder, number: int, row: tuple[PublicHalf, ...], proofs: dict[EntryId, HexBytes]
) -> AttestedLine:
    missing = [half.key for half in row if half.key not in proofs]
    if missing:
        raise refused(Code.SPEND_PROOF_INVALID, ", ".join(missing), "a proof by every key of the address", "none")
    address = derive_attested_address(order.chain, order.threshold, [half.public for half in row], row[0].key)
    keys = tuple(
        AttestedKey(id=half.key, proof=proofs[half.key], public=HexBytes(half.public), terminal=half.terminal)
        for half in row
    )
    return AttestedLine(
        address=address,
        id=order.name(number) or derive_address_id(order.chain, address),
        keys=keys,
        purpose=order.purpose(number),
        threshold=order.threshold,
    )


def _build_jobs(body: AddressAttestation, path: Path, lines: Sequence[str]) -> Iterator[_CheckJob]:
    offset = 0
    for start in range(0, len(lines), CHUNK):
        length = sum(len(line) + 1 for line in lines[start : start + CHUNK])
        yield _CheckJob(body=body, path=path, offset=offset, length=length, start=start)
        offset += length


def _check(_bench: Bench, job: _CheckJob) -> int:
    """A worker's work: lines read from the file and checked, each for itself."""
    with job.path.open("rb") as file:
        file.seek(job.offset)
        lines = split_batch(file.read(job.length))
    return len(check_chunk(job.body, lines, job.start))
