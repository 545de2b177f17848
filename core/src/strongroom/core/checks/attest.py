"""What makes a batch of addresses true: the signed root, addresses derived again, and a proof by every key.

    check_attestation_signers   the right terminals signed, and no others
    check_batch                 the lines are the signed ones, and each is true
    check_chunk                 the part of it that takes the time, for so many lines: a caller with several
                                processors gives each of them some
    check_batch_keys            the lines' keys are those of the key register
    check_line_proof            one line alone, against the signed root

Pure, and every refusal is named up to a number that a person reads. Source: spec/attestation.md; II.1, II.2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import coincurve

from strongroom.chains.bitcoin.addresses import render_address as render_bitcoin_address
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.ethereum.addresses import address_of, chain_id_of, render_address
from strongroom.core.attested import (
    AddressAttestation,
    AttestedKey,
    AttestedLine,
    batch_root,
    build_challenge_text,
    parse_line,
    split_batch,
)
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, Refusal, RefusedError, malformed, refused
from strongroom.core.ids import ChainId, EntryId
from strongroom.core.merkle import check_inclusion, leaf_hash
from strongroom.core.registers import KeyEntry, KeyState
from strongroom.core.roster import Roster, check_party
from strongroom.core.statements import Statement, check_exact_signers

MAX_REFUSALS: Final = 16
"""Refusals that one check names: 100,000 of the same kind tell nobody more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBatch:
    """A batch whose every line holds. lines: in the order of the file, which is the order of their ids."""

    body: AddressAttestation
    lines: tuple[AttestedLine, ...]


def check_attestation_signers(
    statement: Statement[AddressAttestation], roster: Roster, moment: datetime, path: str
) -> None:
    """Raise unless exactly the terminals that the statement names signed it, one of them as its issuer."""
    body = statement.body
    if statement.issuer not in body.terminals:
        raise refused(Code.SIGNER_UNKNOWN, f"{path}.issuer", ", ".join(body.terminals), statement.issuer)
    parties = [check_party(roster, each, "terminal", moment, f"{path}.terminals") for each in body.terminals]
    check_exact_signers(statement.envelope, [party.key for party in parties], path)


def check_batch(body: AddressAttestation, raw: bytes) -> CheckedBatch:
    """Read a batch file and check all of it against the signed body.

    1. Number and Merkle root of the lines are the signed ones; nothing of a line is read before. 2. Each line: strict,
    its address follows from its keys, every key signed the challenge. 3. No address, key or nonce stands twice, and
    the keys' terminals are exactly those that signed.
    Raises ADDRESS_NOT_ATTESTED, ADDRESS_NOT_DERIVED, SPEND_PROOF_INVALID, ATTESTED_TWICE, NONCE_REUSED, or what
    `parse_line` raises.
    """
    lines = split_batch(raw)
    check_batch_root(body, lines)
    checked = check_chunk(body, lines, 0)
    check_whole(body, checked)
    return CheckedBatch(body=body, lines=checked)


def check_batch_root(body: AddressAttestation, lines: Sequence[str]) -> None:
    """Raise ADDRESS_NOT_ATTESTED unless these are the lines that the terminals signed: none more, fewer or changed."""
    if len(lines) != body.size:
        raise refused(Code.ADDRESS_NOT_ATTESTED, f"{body.batch}.size", f"{body.size} lines", f"{len(lines)} lines")
    root = batch_root(lines)
    if root != body.root:
        raise refused(Code.ADDRESS_NOT_ATTESTED, f"{body.batch}.root", body.root, root)


def check_chunk(body: AddressAttestation, lines: Sequence[str], start: int) -> tuple[AttestedLine, ...]:
    """Read and check lines of a batch, each for itself. start: number of the first one, for messages.

    What only shows in the whole batch is left to `check_whole`. Raises as `check_batch`.
    """
    found: list[Refusal] = []
    checked = []
    is_malformed = False
    for number, text in enumerate(lines, start):
        try:
            checked.append(_check_line(body, text, f"lines[{number}]"))
        except (MalformedError, RefusedError) as error:
            is_malformed |= isinstance(error, MalformedError)
            found += error.refusals
            if len(found) >= MAX_REFUSALS:
                break
    if found:
        raise (MalformedError if is_malformed else RefusedError)(*found[:MAX_REFUSALS])
    return tuple(checked)


def check_whole(body: AddressAttestation, lines: Sequence[AttestedLine]) -> None:
    """What no line shows by itself: order, nothing twice, and whose keys they are.

    A key of two addresses would tie two clients' coins to one secret; a nonce of two proofs gives its key away, and two
    of different keys show a token whose chance is broken (`android-securerandom-2013`).
    """
    _check_ascending([line.id for line in lines], "id")
    keys = [key for line in lines for key in line.keys]
    _check_each_once(Code.ATTESTED_TWICE, "address", [line.address for line in lines])
    _check_each_once(Code.ATTESTED_TWICE, "keys.id", [key.id for key in keys])
    _check_each_once(Code.ATTESTED_TWICE, "keys.public", [key.public for key in keys])
    _check_each_once(Code.NONCE_REUSED, "keys.proof", [key.proof[:32] for key in keys])
    holders = tuple(sorted({key.terminal for key in keys}))
    if holders != body.terminals:
        expected = ", ".join(body.terminals)
        raise refused(Code.ADDRESS_NOT_ATTESTED, f"{body.batch}.terminals", expected, ", ".join(holders)[:200])


def check_batch_keys(batch: CheckedBatch, keys: Mapping[EntryId, KeyEntry]) -> None:
    """Raise unless every key of the batch stands in the key register as the line has it, and is active.

    keys: the entries of the register, by id. Raises NOT_IN_REGISTER for a key that is not there, ADDRESS_NOT_ATTESTED
    for one of another point, terminal, wallet, chain or state: an address must not outlive what holds it.
    """
    found: list[Refusal] = []
    for line in batch.lines:
        for key in line.keys:
            entry = keys.get(key.id)
            if entry is None:
                found.append(Refusal(code=Code.NOT_IN_REGISTER, field=key.id, expected="a registered key", got="none"))
                continue
            expected = (bytes(entry.public), entry.terminal, entry.wallet, entry.chain, entry.state)
            got = (bytes(key.public), key.terminal, batch.body.wallet, batch.body.chain, KeyState.ACTIVE)
            if expected != got:
                words = f"{entry.public.hex()} {entry.state.value} of {entry.wallet} at {entry.terminal}"
                mine = f"{key.public.hex()} of {batch.body.wallet} at {key.terminal}"
                found.append(Refusal(code=Code.ADDRESS_NOT_ATTESTED, field=key.id, expected=words, got=mine))
        if len(found) >= MAX_REFUSALS:
            break
    if found:
        raise RefusedError(*found[:MAX_REFUSALS])


def check_line_proof(body: AddressAttestation, text: str, index: int, proof: Sequence[bytes]) -> AttestedLine:
    """One line alone: it is in the signed batch, its address follows from its keys, and they signed the challenge.

    Raises PROOF_INVALID when it is not under the signed root, and as `check_batch`.
    """
    if not 0 <= index < body.size:
        raise malformed(Code.PROOF_INVALID, "index", f"below {body.size}", str(index))
    root = bytes.fromhex(body.root.removeprefix("sha256:"))
    check_inclusion(leaf=leaf_hash(text.encode()), index=index, size=body.size, proof=tuple(proof), root=root)
    return _check_line(body, text, f"lines[{index}]")


def derive_attested_address(chain: ChainId, threshold: int, points: Sequence[bytes], field: str) -> str:
    """The address of so many of these keys (33 bytes each), as the address register derives it (spec/registers.md).

    Raises ADDRESS_NOT_DERIVED for a chain, number or key that gives none of ours.
    """
    try:
        if chain.startswith("eip155:"):
            chain_id_of(chain)
            if len(points) != 1 or threshold != 1:
                raise refused(Code.ADDRESS_NOT_DERIVED, field, "one key", f"{threshold} of {len(points)}")
            # libsecp256k1 finds y twenty times faster than our own arithmetic; `address_of` checks that it is one.
            return render_address(address_of(coincurve.PublicKey(points[0]).format(compressed=False)))
        for point in points:
            coincurve.PublicKey(point)
        return render_bitcoin_address(own_script(threshold, points)[0], network_of(chain))
    except ValueError as error:
        got = ", ".join(point.hex() for point in points)
        raise refused(Code.ADDRESS_NOT_DERIVED, field, "points of secp256k1", got) from error


def check_spend_proof(key: AttestedKey, digest: bytes, field: str) -> None:
    """Raise SPEND_PROOF_INVALID unless this key signed the digest, with a low s. A high one does not verify here."""
    try:
        if coincurve.PublicKey(key.public).verify(_encode_der(key.proof), digest, hasher=None):
            return
    except ValueError as error:
        raise refused(Code.SPEND_PROOF_INVALID, field, "a signature", key.proof.hex()) from error
    expected = f"a signature by {key.public.hex()} over {digest.hex()}"
    raise refused(Code.SPEND_PROOF_INVALID, field, expected, "one that does not verify")


def _check_line(body: AddressAttestation, text: str, field: str) -> AttestedLine:
    line = parse_line(text, field)
    derived = derive_attested_address(body.chain, line.threshold, [key.public for key in line.keys], field)
    if derived != line.address:
        raise refused(Code.ADDRESS_NOT_DERIVED, f"{field}.address", derived, line.address)
    digest = build_challenge_text(body.chain, line.address, body.challenge)
    for key in line.keys:
        check_spend_proof(key, digest, f"{field}.{key.id}")
    return line


def _encode_der(proof: bytes) -> bytes:
    """DER of `r || s`, which is what libsecp256k1 reads. Source: BIP-66."""
    parts = [proof[:32].lstrip(b"\0") or b"\0", proof[32:].lstrip(b"\0") or b"\0"]
    # A first bit that is set would make the integer negative.
    parts = [b"\0" + part if part[0] & 0x80 else part for part in parts]
    body = b"".join(b"\x02" + bytes([len(part)]) + part for part in parts)
    return b"\x30" + bytes([len(body)]) + body


def _check_ascending(names: Sequence[str], field: str) -> None:
    for number, (before, after) in enumerate(itertools.pairwise(names), 1):
        if before == after:
            raise refused(Code.ATTESTED_TWICE, f"lines[{number}].{field}", "each address once", after)
        if before > after:
            raise malformed(Code.FIELD_INVALID, f"lines[{number}].{field}", f"after {before}", after)


def _check_each_once(code: Code, field: str, values: Sequence[str] | Sequence[bytes]) -> None:
    if len(set(values)) == len(values):
        return
    twice = sorted(_repeated(values))
    shown = ", ".join(v if isinstance(v, str) else v.hex() for v in twice[:MAX_REFUSALS])
    raise refused(code, field, "each once in a batch", f"{len(twice)} twice: {shown}")


def _repeated(values: Iterable[str | bytes]) -> set[str | bytes]:
    seen: set[str | bytes] = set()
    twice: set[str | bytes] = set()
    for value in values:
        (twice if value in seen else seen).add(value)
    return twice
