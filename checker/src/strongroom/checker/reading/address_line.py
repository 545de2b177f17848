"""One address of an attested batch by the second reading: its line, what the terminals signed of the batch, the proof.

The line stands under the batch's root, the address derives from its keys, and every key signed the batch's challenge.
Source: spec/attestation.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from coincurve import PublicKey
from coincurve.ecdsa import cdata_to_der, deserialize_compact

from strongroom.checker.reading.bitcoin_scripts import own_script_of, script_to_address
from strongroom.checker.reading.canonical import parse_canonical
from strongroom.checker.reading.ethereum import bytes_to_ethereum_address, ethereum_address_of
from strongroom.checker.reading.fields import Node, check_sorted
from strongroom.checker.reading.log import check_inclusion
from strongroom.checker.reading.networks import is_ethereum
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import ChainId, PartyId

_MAX_LINE_BYTES: Final = 8192
_MOST_KEYS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """What the terminals signed of a batch."""

    batch: str
    chain: ChainId
    challenge: bytes
    root: bytes
    size: int
    terminals: tuple[PartyId, ...]
    wallet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineKey:
    """A key of an address."""

    id: str
    proof: bytes
    public: bytes
    terminal: PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One address of a batch."""

    address: str
    entry: str
    keys: tuple[LineKey, ...]
    purpose: str
    threshold: int


def parse_attestation(node: Node) -> Attestation:
    """Read the body of an `address-attestation`."""
    found = node.members("batch", "chain", "challenge", "root", "size", "terminals", "wallet")
    terminals = tuple(each.party_of("device") for each in found["terminals"].items())
    check_sorted(terminals, found["terminals"].path)
    return Attestation(
        batch=found["batch"].own_id("entry"),
        chain=found["chain"].chain(),
        challenge=found["challenge"].hex(size=32),
        root=bytes.fromhex(found["root"].digest().removeprefix("sha256:")),
        size=found["size"].integer(least=1),
        terminals=terminals,
        wallet=found["wallet"].own_id("wallet"),
    )


def prove_line(body: Attestation, text: bytes, index: int, proof: Sequence[bytes]) -> Line:
    """The line of a deposit address. Raises ADDRESS_NOT_ATTESTED, ADDRESS_NOT_DERIVED, SPEND_PROOF_INVALID."""
    path = f"{body.batch}.lines[{index}]"
    try:
        check_inclusion(leaf=sha256(b"\x00" + text).digest(), index=index, size=body.size, proof=proof, root=body.root)
    except RefusedError as error:
        raise refused(Code.ADDRESS_NOT_ATTESTED, path, "a line that the vault signed", repr(text[:80])) from error
    line = _parse_line(Node(parse_canonical(text, limit=_MAX_LINE_BYTES, path=path), path))
    if line.purpose != "deposit":
        raise refused(Code.ADDRESS_NOT_ATTESTED, path, "an address for deposits", line.purpose)
    derived = _derive(body.chain, line, path)
    if derived != line.address:
        raise refused(Code.ADDRESS_NOT_DERIVED, path, derived, line.address)
    said = f"strongroom-spend-proof/1\n{body.chain}\n{line.address}\n{body.challenge.hex()}\n"
    digest = sha256(said.encode()).digest()
    for key in line.keys:
        if not _is_signed(key.public, digest, key.proof):
            raise refused(Code.SPEND_PROOF_INVALID, path, f"a signature by {key.public.hex()}", key.proof.hex())
    return line


def _derive(chain: ChainId, line: Line, path: str) -> str:
    publics = [key.public for key in line.keys]
    if not is_ethereum(chain):
        return script_to_address(own_script_of(line.threshold, publics)[0], chain)
    if (line.threshold, len(publics)) != (1, 1):
        raise refused(Code.ADDRESS_NOT_DERIVED, path, "one key", f"{line.threshold} of {len(publics)}")
    return bytes_to_ethereum_address(ethereum_address_of(publics[0]))


def _is_signed(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `r || s` is this key's, with a low s: libsecp256k1 verifies no other."""
    try:
        return PublicKey(public).verify(cdata_to_der(deserialize_compact(signature)), digest, hasher=None)
    except ValueError:
        # No point, or numbers out of their range: nobody's signature.
        return False


def _parse_line(node: Node) -> Line:
    found = node.members("address", "id", "keys", "purpose", "threshold")
    rows = [each.members("id", "proof", "public", "terminal") for each in found["keys"].items()]
    if not 1 <= len(rows) <= _MOST_KEYS:
        raise found["keys"].invalid(f"1 to {_MOST_KEYS} keys")
    check_sorted([row["id"].own_id("key") for row in rows], found["keys"].path)
    return Line(
        address=found["address"].text(),
        entry=found["id"].own_id("address"),
        keys=tuple(
            LineKey(
                id=row["id"].own_id("key"),
                proof=row["proof"].hex(size=64),
                public=row["public"].hex(size=33),
                terminal=row["terminal"].party_of("device"),
            )
            for row in rows
        ),
        purpose=found["purpose"].word("deposit", "change"),
        threshold=found["threshold"].integer(least=1),
    )
