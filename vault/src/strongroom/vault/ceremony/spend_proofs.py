"""Spend proofs: every key of an order that lives in this token signs the challenge, from the blob as it is kept.

A key that could sign only while it was young proves nothing about what is in the files. So each is read from its pool,
unwrapped in the token, and what came out signs; the signature is verified against the listed point before it counts.
Two blobs that changed places are found here. II.1, II.2; incidents `primetrust-2021`, `multisig-receive-2019`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.core.attested import build_challenge_text
from strongroom.core.canonical import encode_canonical, parse_canonical
from strongroom.core.checks.attest import derive_attested_address
from strongroom.core.codes import Code
from strongroom.core.errors import malformed, refused
from strongroom.core.ids import ChainId, EntryId, PartyId, WalletId
from strongroom.core.records import HexBytes, encode_record, parse_record
from strongroom.vault.ceremony.address_order import AddressOrder, PublicHalf
from strongroom.vault.ceremony.progress import Progress
from strongroom.vault.ceremony.workers import Bench, Workers
from strongroom.vault.hsm.ecdsa import encode_signature
from strongroom.vault.hsm.pool_file import find_pool_key
from strongroom.vault.hsm.wrapped_keys import WrappedKey, sign_digest_with
from strongroom.vault.terminal.files import load_file

CHUNK: Final = 64
MAX_PROOFS_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """One proof: the key, and `r || s` over the digest of its address."""

    key: EntryId
    proof: HexBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProveJob:
    """rows: the keys of each address. me: whose keys are proved."""

    chain: ChainId
    challenge: bytes
    pool: Path
    me: PartyId
    rows: tuple[tuple[PublicHalf, ...], ...]
    threshold: int
    wallet: WalletId


def make_proofs(
    workers: Workers,
    order: AddressOrder,
    plan: Sequence[tuple[PublicHalf, ...]],
    me: PartyId,
    pool: Path,
    progress: Progress,
) -> list[ProofRow]:
    """The proof of every key of this terminal, in the order of the addresses.

    Raises KEY_NOT_IN_TOKEN for a key that the pool lacks, holds under another point or that does not open;
    InvariantError SIGNATURE_INVALID when what came out of a blob is another key; UnavailableError.
    """
    made: list[ProofRow] = []
    for rows in workers.run(_prove, _build_jobs(order, plan, me, pool)):
        made += rows
        progress.add(len(rows))
    return made


def encode_proofs(rows: Iterable[ProofRow]) -> bytes:
    """A file of proofs: a canonical line each."""
    return b"".join(encode_canonical(encode_record(row)) + b"\n" for row in rows)


def load_proofs(paths: Iterable[Path]) -> dict[EntryId, HexBytes]:
    """Every proof of these files, by key. Raises FIELD_INVALID for a key twice, and as `parse_record`."""
    found: dict[EntryId, HexBytes] = {}
    for path in paths:
        for line in load_file(path, MAX_PROOFS_BYTES).splitlines():
            row = parse_record(ProofRow, parse_canonical(line), str(path))
            if row.key in found:
                raise malformed(Code.FIELD_INVALID, str(path), "each key once", f"{row.key} twice")
            found[row.key] = row.proof
    return found


def _build_jobs(
    order: AddressOrder, plan: Sequence[tuple[PublicHalf, ...]], me: PartyId, pool: Path
) -> Iterator[_ProveJob]:
    for start in range(0, len(plan), CHUNK):
        yield _ProveJob(
            chain=order.chain,
            challenge=bytes(order.challenge),
            pool=pool,
            me=me,
            rows=tuple(plan[start : start + CHUNK]),
            threshold=order.threshold,
            wallet=order.wallet,
        )


def _prove(bench: Bench, job: _ProveJob) -> tuple[ProofRow, ...]:
    """A worker's work: derive each address, and sign for it with each of this terminal's keys."""
    made = []
    for row in job.rows:
        points = [half.public for half in row]
        address = derive_attested_address(job.chain, job.threshold, points, row[0].key)
        digest = build_challenge_text(job.chain, address, job.challenge)
        for half in row:
            if half.terminal == job.me:
                key = _load_key(job, half)
                proof = encode_signature(*sign_digest_with(bench.wrapping_key, key, digest))
                made.append(ProofRow(key=half.key, proof=HexBytes(proof)))
    return tuple(made)


def _load_key(job: _ProveJob, half: PublicHalf) -> WrappedKey:
    file = find_pool_key(job.pool, half.key)
    if file is None:
        raise refused(Code.KEY_NOT_IN_TOKEN, half.key, f"a key of the pool in {job.pool}", "none of this name")
    if (file.key.public_key, file.wallet) != (half.public, job.wallet):
        got = f"{file.key.public_key.hex()} of {file.wallet}"
        raise refused(Code.KEY_NOT_IN_TOKEN, half.key, f"{half.public.hex()} of {job.wallet}", got)
    return file.key
