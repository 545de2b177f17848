"""Take in a batch of addresses that the vault attested: every line verified, then all of them copied at once.

1. The statement: this deployment's, signed by exactly the terminals that it names, under the roster in force. 2. The
wallet: its delegates signed it, it is active, and each line is of its kind. 3. The file: the signed number and root,
and for each line its address derived again and a proof by every key; this takes the time, and is shared out among
processes. 4. The keys: each stands in the signed register exactly so, and is active. 5. The log, and the copy, in one
transaction: an address is there with all of its batch or not at all.
Source: spec/attestation.md, "Reader"; II.1, II.2.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.core.attested import AddressAttestation, AttestedLine, parse_line, split_batch
from strongroom.core.canonical import sha256
from strongroom.core.checks.attest import (
    MAX_REFUSALS,
    check_attestation_signers,
    check_batch_root,
    check_chunk,
    check_whole,
)
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, refused
from strongroom.core.ids import Digest
from strongroom.core.merkle import leaf_hash, tree_root
from strongroom.core.registers import KeyState
from strongroom.core.statements import Envelope, Statement, check_context, expect, parse_statement
from strongroom.core.wallets import Wallet, check_wallet_active
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import append
from strongroom.online.governance.store import Rules, check_root, load_statements_in_force
from strongroom.online.keys import store
from strongroom.online.keys.wallets import Wallets, load_wallets

CHUNK: Final = 2_000
"""Lines that one process checks at a time: a few tenths of a second, so that progress is told often."""
_COPY_LINES: Final = 5_000

Progress = Callable[[int, int], None]
"""Told how many lines hold so far, and of how many; only after they were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came in."""

    attestation: Digest
    lines: int


def import_batch(
    connection: Connection, root: Digest, envelope: Envelope, raw: bytes, now: datetime, tell: Progress
) -> Imported:
    """Verify a batch whole and keep it. raw: the file of lines. Raises what each of the five steps raises."""
    rules = load_statements_in_force(connection)
    check_root(rules, root)
    statement = expect(parse_statement(envelope, "attestation"), AddressAttestation, "attestation")
    check_attested(statement, rules, now)
    wallet = check_wallet(statement.body, load_wallets(connection, rules))
    texts = split_batch(raw)
    check_batch_root(statement.body, texts)
    check_lines(statement.body, texts, tell)
    lines = [parse_line(text, "line") for text in texts]
    check_whole(statement.body, lines)
    check_kind(wallet, lines)
    check_keys(statement.body, lines, load_key_texts(connection, rules))
    with connection.transaction():
        append(connection, envelope)
        _save(connection, statement, texts, lines)
    return Imported(attestation=statement.id, lines=len(lines))


def check_attested(statement: Statement[AddressAttestation], rules: Rules, moment: datetime) -> None:
    """Raise unless the terminals that a statement of this deployment names signed it, and may."""
    check_context(statement, rules.context, "attestation")
    check_attestation_signers(statement, rules.roster, moment, "attestation")


def check_wallet(body: AddressAttestation, wallets: Wallets) -> Wallet:
    """The wallet of a batch. Raises NOT_IN_REGISTER, RETIRED_WALLET_ACTIVE, and ADDRESS_NOT_ATTESTED for its chain."""
    placed = check_wallet_active(wallets, body.wallet)
    if placed.chain != body.chain:
        raise refused(Code.ADDRESS_NOT_ATTESTED, f"{body.batch}.chain", placed.chain, body.chain)
    return placed


def check_kind(wallet: Wallet, lines: Sequence[AttestedLine]) -> None:
    """Raise ADDRESS_NOT_ATTESTED for a line of another m or n than its wallet has."""
    for number, line in enumerate(lines):
        if (line.threshold, len(line.keys)) != (wallet.threshold, wallet.keys):
            expected = f"{wallet.threshold} of {wallet.keys} keys"
            raise refused(
                Code.ADDRESS_NOT_ATTESTED, f"lines[{number}]", expected, f"{line.threshold} of {len(line.keys)}"
            )


def check_lines(body: AddressAttestation, texts: Sequence[str], tell: Progress) -> None:
    """`check_chunk` of all lines; of a large batch on every processor, each with a library's state of its own."""
    parts = [(texts[start : start + CHUNK], start) for start in range(0, len(texts), CHUNK)]
    workers = min(os.cpu_count() or 1, len(parts))
    if workers == 1:
        for part, start in parts:
            check_chunk(body, part, start)
            tell(start + len(part), len(texts))
        return
    # Processes that are born anew inherit no connection and no key of this one.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(check_part, body, part, start) for part, start in parts]
        done = 0
        try:
            for each in as_completed(waiting):
                checked, refusals = each.result()
                if refusals:
                    raise RefusedError(*refusals)
                done += checked
                tell(done, len(texts))
        finally:
            pool.shutdown(cancel_futures=True)


def check_part(body: AddressAttestation, texts: Sequence[str], start: int) -> tuple[int, tuple[Refusal, ...]]:
    """One part in a process of its own: how many lines hold, or why they do not."""
    try:
        return len(check_chunk(body, texts, start)), ()
    except (MalformedError, RefusedError) as error:
        return 0, error.refusals


def load_key_texts(connection: Connection, rules: Rules) -> dict[str, str]:
    """The key register's entries as they were signed, by id. Raises HEAD_MISMATCH when they are not the signed ones."""
    head = rules.heads["keys"][1].body
    texts = dict(store.load_key_texts(connection, head.version))
    root = "sha256:" + tree_root([leaf_hash(texts[name].encode()) for name in sorted(texts)]).hex()
    if (root, len(texts)) != (head.root, head.size):
        expected = f"keys of {head.size} entries, {head.root}"
        raise refused(Code.HEAD_MISMATCH, "registers.keys", expected, f"{len(texts)} entries, {root}")
    return texts


def check_keys(body: AddressAttestation, lines: Sequence[AttestedLine], texts: Mapping[str, str]) -> None:
    """Raise unless every key stands in the register with this point, terminal, wallet and chain, and is active.

    As `check_batch_keys` of core does with parsed entries; an entry has one spelling, so here texts are compared, which
    300,000 keys need. Raises NOT_IN_REGISTER or ADDRESS_NOT_ATTESTED.
    """
    found: list[Refusal] = []
    for key in (key for line in lines for key in line.keys):
        expected = (
            f'{{"chain":"{body.chain}","id":"{key.id}","public":"{key.public.hex()}","state":"{KeyState.ACTIVE.value}"'
            f',"terminal":"{key.terminal}","wallet":"{body.wallet}"}}'
        )
        text = texts.get(key.id)
        if text == expected:
            continue
        code = Code.NOT_IN_REGISTER if text is None else Code.ADDRESS_NOT_ATTESTED
        found.append(Refusal(code=code, field=key.id, expected=expected, got=text or "no such key"))
        if len(found) == MAX_REFUSALS:
            break
    if found:
        raise RefusedError(*found)


def _save(
    connection: Connection,
    statement: Statement[AddressAttestation],
    texts: Sequence[str],
    lines: Sequence[AttestedLine],
) -> None:
    if store.has_batch(connection, statement.id):
        raise refused(Code.ALREADY_EXISTS, statement.body.batch, "a batch that is not imported yet", statement.id)
    leaves = b"".join(leaf_hash(text.encode()) for text in texts)
    store.add_batch(connection, statement.id, statement.body, leaves)
    store.copy_addresses(connection, _rows(statement, texts, lines))
    twice = store.load_contradictions(connection, statement.id)
    if twice:
        raise refused(Code.ATTESTED_TWICE, statement.body.batch, "one name for an address", "; ".join(twice))


def _rows(
    statement: Statement[AddressAttestation], texts: Sequence[str], lines: Sequence[AttestedLine]
) -> Iterator[bytes]:
    """PostgreSQL's text format; a line that was parsed has neither a tab nor a backslash."""
    chain = statement.body.chain
    for start in range(0, len(texts), _COPY_LINES):
        part = zip(texts[start : start + _COPY_LINES], lines[start : start + _COPY_LINES], strict=True)
        rows = [
            f"{statement.id}\t{start + number}\t{line.id}\t{chain}\t{line.address}\t{text}\n"
            for number, (text, line) in enumerate(part)
        ]
        yield "".join(rows).encode()


def digest_line(text: str) -> Digest:
    """What an assignment calls a line."""
    return sha256(text.encode())
