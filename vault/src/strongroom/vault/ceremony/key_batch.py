"""A pool of asset keys: made in the token by several sessions, screened, proved, written, and listed for the register.

A key is made, wrapped and dropped; what is kept of it is its blob. That a blob opens, and is this key's, is proved by
unwrapping it and signing with what came out, for every key: before it is written, or, where an attestation follows, by
its spend proof from the file, so that the token does this dear work once (ADR 0021).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import malformed
from strongroom.core.ids import EntryId, WalletId, parse_own_id
from strongroom.vault.ceremony.pool_writer import FORMAT, PoolHead, PoolWriter, Proving
from strongroom.vault.ceremony.progress import Progress
from strongroom.vault.ceremony.workers import Bench, TokenFacts, Workers
from strongroom.vault.hsm.wrapped_keys import WrappedKey, generate_wrapped_key, sign_digest_with
from strongroom.vault.weak_keys.screen import check_new_key

MAX_COUNT: Final = 100_000
CHUNK: Final = 64
"""Keys of one job, and of one flush to the disk: what an interruption may cost of the token's work."""
_TRIAL: Final = b"strongroom-key-trial/1\n"

Screen = Callable[[bytes, str], None]
"""Raises for a public key (33 bytes) that must not be used; the text names it in the refusal."""
SCREENS: Final[tuple[Screen, ...]] = (check_new_key,)
"""What every new key must pass before it is written, in the process that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What to make. names: prefix of the key ids, `ltc-1` gives `key:ltc-1-1`; empty names keys after their points."""

    count: int
    wallet: WalletId
    names: str
    folder: Path
    proving: Proving = Proving.TRIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class _MakeJob:
    names: tuple[EntryId | None, ...]
    proving: Proving


def parse_order(count: int, wallet: str, names: str, folder: Path, proving: Proving = Proving.TRIAL) -> BatchOrder:
    """Read an order as it was typed. Raises MalformedError FIELD_INVALID."""
    if not 1 <= count <= MAX_COUNT:
        raise malformed(Code.FIELD_INVALID, "count", f"1 to {MAX_COUNT}", str(count))
    if names:
        parse_own_id(f"key:{names}-{count}", "key", "names")
    return BatchOrder(
        count=count,
        wallet=WalletId(parse_own_id(wallet, "wallet", "wallet")),
        names=names,
        folder=folder,
        proving=proving,
    )


def make_keys(workers: Workers, order: BatchOrder, tell: Callable[[int], Progress]) -> int:
    """Make the pool in `order.folder`, or what is left of it, and return how many keys this run made.

    1. Each worker has tried that the wrapping key unwraps nothing readable. 2. Keys come back in the order of their
    names and are flushed chunk by chunk, so an interruption leaves the first so many, and the next run goes on behind
    them. 3. Index and list are written last: without them a pool is unfinished, and a terminal finds none of its keys.
    tell: makes the bar, given how many are there already.
    Raises ALREADY_EXISTS, KEY_NOT_IN_TOKEN, what a screen raises; UnavailableError TOKEN_UNAVAILABLE, FILE_UNAVAILABLE.
    """
    with PoolWriter(order.folder, build_head(order, workers.facts)) as writer:
        already = writer.done
        progress = tell(already)
        for made in workers.run(_make, _build_jobs(order, already)):
            writer.append(made)
            progress.add(len(made))
        writer.finish()
        return writer.done - already


def build_head(order: BatchOrder, facts: TokenFacts) -> PoolHead:
    """What stands in `pool.json`."""
    return PoolHead(
        check=facts.check,
        count=order.count,
        format=FORMAT,
        names=order.names,
        proving=order.proving,
        token=facts.serial,
        wallet=order.wallet,
    )


def _build_jobs(order: BatchOrder, already: int) -> Iterator[_MakeJob]:
    for start in range(already, order.count, CHUNK):
        numbers = range(start + 1, min(start + CHUNK, order.count) + 1)
        names = tuple(EntryId(f"key:{order.names}-{n}") if order.names else None for n in numbers)
        yield _MakeJob(names=names, proving=order.proving)


def _make(bench: Bench, job: _MakeJob) -> tuple[WrappedKey, ...]:
    """A worker's work: as many keys as the job names, each screened, and tried where nothing else will."""
    made = []
    for name in job.names:
        key = generate_wrapped_key(bench.session, bench.wrapping_key, name)
        for screen in SCREENS:
            screen(key.public_key, key.key_id)
        if job.proving is Proving.TRIAL:
            # The digest has a domain of its own and a random part, so it is no transaction's; the signature is dropped.
            sign_digest_with(bench.wrapping_key, key, hashlib.sha256(_TRIAL + os.urandom(32)).digest())
        made.append(key)
    return tuple(made)
