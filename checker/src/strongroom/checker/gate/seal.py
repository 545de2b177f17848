"""Open what terminals sealed to this gate; spec/airgap.md, "The sealed result".

Anybody can seal to a public key, so a sealed result counts only when a signature record names its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from strongroom.checker.reading.bodies import SignatureRecord
from strongroom.checker.reading.canonical import parse_canonical
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.journey import Heard
from strongroom.checker.reading.refusals import gathered
from strongroom.checker.reading.roots import Root
from strongroom.checker.state.device import SEAL_KEY
from strongroom.checker.state.home import load_secret, save_secret
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, malformed, refused
from strongroom.core.ids import Digest, EntryId, PartyId

FORMAT: Final = "strongroom-terminal-result/1"
PLAINTEXT_BYTES: Final = 65_536
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class Outcome(StrEnum):
    """What a terminal says of its session; the later ones weigh more."""

    NOTHING = "nothing"
    SIGNED = "signed"
    DRILL = "drill"
    DURESS = "duress"

    @property
    def is_held(self) -> bool:
        """Whether somebody typed the code for duress, or for a drill of it: then nothing of the payment leaves."""
        return self in (Outcome.DRILL, Outcome.DURESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialSignature:
    """What one key signed. signature: r || s, 64 bytes."""

    input: int
    key: EntryId
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one terminal sealed. signatures: with outcome `signed` only."""

    outcome: Outcome
    proposal: Digest
    signatures: tuple[PartialSignature, ...]
    terminal: PartyId


def make_seal_key(folder: Path) -> X25519PrivateKey:
    """The gate's sealing key, made when it is not there yet."""
    path = folder / SEAL_KEY
    if not path.exists():
        save_secret(path, X25519PrivateKey.generate().private_bytes_raw())
    return load_seal_key(folder)


def load_seal_key(folder: Path) -> X25519PrivateKey:
    """The gate's sealing key. Raises FILE_UNAVAILABLE."""
    return X25519PrivateKey.from_private_bytes(load_secret(folder / SEAL_KEY, 32))


def check_seal_key(private: X25519PrivateKey, device: PartyId, root: Root) -> None:
    """Raise SEAL_INVALID unless the root names this gate and this key."""
    public = private.public_key().public_bytes_raw()
    if (root.gate_device, root.gate_public) != (device, public):
        expected = f"{root.gate_device} {root.gate_public.hex()}"
        raise refused(Code.SEAL_INVALID, "root.gate_seal", expected, f"{device} {public.hex()}")


def open_results(
    sealed: Mapping[PartyId, bytes],
    records: tuple[Heard[SignatureRecord], ...],
    private: X25519PrivateKey,
    found: list[Refusal],
) -> tuple[Result, ...]:
    """The results that could be opened, of the signature records in their order.

    found: takes what is wrong with the others: SIGNATURES_MISSING, SEAL_DIGEST_MISMATCH, SEAL_INVALID,
    SIGNER_KEY_MISMATCH.
    """
    results: list[Result] = []
    for record in records:
        with gathered(found):
            results.append(_open_one(sealed, record, private))
    unrecorded = sorted(set(sealed) - {record.body.terminal for record in records})
    if unrecorded:
        found.append(
            Refusal(
                code=Code.SEAL_DIGEST_MISMATCH,
                field="sealed",
                expected="results that a signature record names",
                got=" ".join(unrecorded),
            )
        )
    return tuple(results)


def parse_plaintext(plaintext: bytes, path: str) -> Result:
    """Read a padded result: four bytes of length, canonical JSON, zeros. Raises SEAL_INVALID for another shape."""
    length = int.from_bytes(plaintext[:4], "big")
    if len(plaintext) != PLAINTEXT_BYTES or length > PLAINTEXT_BYTES - 4 or plaintext[4 + length :].strip(b"\0"):
        raise malformed(Code.SEAL_INVALID, path, f"{PLAINTEXT_BYTES} bytes, zero padded", "another shape")
    value = parse_canonical(plaintext[4 : 4 + length], limit=PLAINTEXT_BYTES, path=path)
    found = Node(value, path).members("format", "outcome", "proposal", "signatures", "terminal")
    found["format"].word(FORMAT)
    outcome = Outcome(found["outcome"].word(*(each.value for each in Outcome)))
    signatures = tuple(_parse_signature(item) for item in found["signatures"].items())
    places = [(each.input, each.key) for each in signatures]
    if places != sorted(set(places)):
        raise found["signatures"].invalid("signatures sorted by input and key, none twice")
    if bool(signatures) != (outcome is Outcome.SIGNED):
        raise found["outcome"].invalid("signed with signatures, all else without")
    return Result(
        outcome=outcome,
        proposal=found["proposal"].digest(),
        signatures=signatures,
        terminal=found["terminal"].party_of("device"),
    )


def _open_one(sealed: Mapping[PartyId, bytes], record: Heard[SignatureRecord], private: X25519PrivateKey) -> Result:
    body, path = record.body, f"sealed[{record.body.terminal}]"
    blob = sealed.get(body.terminal)
    if blob is None:
        raise refused(Code.SIGNATURES_MISSING, path, "the sealed result of the record", "none")
    digest = "sha256:" + sha256(blob).hexdigest()
    if digest != body.sealed_digest:
        raise refused(Code.SEAL_DIGEST_MISMATCH, path, body.sealed_digest, digest)
    info = b"strongroom-terminal-result/1\n" + body.proposal.encode() + b"\n" + body.terminal.encode()
    try:
        plaintext = _SUITE.decrypt(blob, private, info=info)
    except (InvalidTag, ValueError) as error:
        raise malformed(Code.SEAL_INVALID, path, "a result sealed to this gate for this proposal", "another") from error
    result = parse_plaintext(plaintext, path)
    if (result.proposal, result.terminal) != (body.proposal, body.terminal):
        expected, got = f"{body.proposal} {body.terminal}", f"{result.proposal} {result.terminal}"
        raise refused(Code.SEAL_INVALID, path, expected, got)
    if result.outcome.is_held:
        return result
    if not result.signatures:
        raise refused(Code.SIGNATURES_MISSING, path, "signatures", "nothing")
    keys = sorted({each.key for each in result.signatures})
    if keys != list(body.keys):
        raise refused(Code.SIGNER_KEY_MISMATCH, path, " ".join(body.keys), " ".join(keys))
    return result


def _parse_signature(node: Node) -> PartialSignature:
    found = node.members("input", "key", "signature")
    return PartialSignature(
        input=found["input"].integer(),
        key=EntryId(found["key"].own_id("key")),
        signature=found["signature"].hex(size=64),
    )
