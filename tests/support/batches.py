"""Small batches of addresses with software keys, signed by the tests' terminals; as a program: the vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from strongroom.core.attested import (
    AddressAttestation,
    AttestedKey,
    AttestedLine,
    batch_root,
    build_challenge_text,
    derive_address_id,
    join_batch,
    split_batch,
)
from strongroom.core.canonical import Json
from strongroom.core.checks.attest import derive_attested_address
from strongroom.core.ids import ChainId, EntryId, PartyId, WalletId
from strongroom.core.records import HexBytes, encode_record
from strongroom.core.registers import AddressPurpose, KeyEntry, KeyState
from strongroom.core.statements import Context, Statement, build_payload, parse_statement, sign_payload
from world_keys import ETH, LTC, START, chain_key, signer_of

TERMINALS = tuple(PartyId(f"device:terminal-{n}") for n in (1, 2, 3))
VECTORS = Path(__file__).parents[2] / "vectors" / "attestation" / "batches.json"
CHALLENGE = HexBytes(hashlib.sha256(b"strongroom test challenge").digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as it leaves the vault: the body that is signed, and the file."""

    body: AddressAttestation
    raw: bytes

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the file."""
        return split_batch(self.raw)

    def changed(self, old: str, new: str) -> Batch:
        """This batch with a text replaced once, and the root over what came of it."""
        raw = self.raw.replace(old.encode(), new.encode(), 1)
        assert raw != self.raw
        return rooted(self.body, raw)


def rooted(body: AddressAttestation, raw: bytes) -> Batch:
    """A batch whose signed root and size are those of the file."""
    lines = split_batch(raw)
    return Batch(body=replace(body, root=batch_root(lines), size=len(lines)), raw=raw)


def key_of(name: str, terminal: PartyId, digest: bytes) -> AttestedKey:
    """The key of a name with its proof. coincurve's nonces are RFC 6979's, so the proof is the same in every run."""
    private = chain_key(name)
    proof = private.sign_recoverable(digest, hasher=None)[:64]
    return AttestedKey(
        id=EntryId(f"key:{name}"),
        proof=HexBytes(proof),
        public=HexBytes(private.public_key.format()),
        terminal=terminal,
    )


def line_of(
    chain: ChainId, names: Sequence[str], threshold: int, challenge: bytes = CHALLENGE, *, purpose: str = "deposit"
) -> AttestedLine:
    """The line of an address of these keys; with several, each is at a terminal of its own."""
    points = [chain_key(name).public_key.format() for name in names]
    address = derive_attested_address(chain, threshold, points, "line")
    digest = build_challenge_text(chain, address, challenge)
    keys = [key_of(name, TERMINALS[i], digest) for i, name in enumerate(names)]
    return AttestedLine(
        address=address,
        id=derive_address_id(chain, address),
        keys=tuple(sorted(keys, key=lambda key: key.id)),
        purpose=AddressPurpose(purpose),
        threshold=threshold,
    )


def batch_of(chain: ChainId, lines: Sequence[AttestedLine], wallet: str = "wallet:cold") -> Batch:
    """A batch of these lines."""
    terminals = tuple(sorted({key.terminal for line in lines for key in line.keys}))
    raw = join_batch(lines)
    body = AddressAttestation(
        batch=EntryId("entry:test-1"),
        chain=chain,
        challenge=CHALLENGE,
        root=batch_root(split_batch(raw)),
        size=len(lines),
        terminals=terminals,
        wallet=WalletId(wallet),
    )
    return Batch(body=body, raw=raw)


def eoa_batch(count: int = 3) -> Batch:
    """Ethereum addresses of one key each."""
    return batch_of(ETH, [line_of(ETH, [f"eoa-{n}"], 1) for n in range(count)])


def one_key_batch(count: int = 3) -> Batch:
    """P2WPKH addresses."""
    return batch_of(LTC, [line_of(LTC, [f"one-{n}"], 1) for n in range(count)])


def multisig_batch(count: int = 2) -> Batch:
    """P2WSH addresses of 2-of-3, whose keys are at three terminals; the first is for change."""
    return batch_of(
        LTC,
        [line_of(LTC, [f"t{t}-{n}" for t in (1, 2, 3)], 2, purpose="deposit" if n else "change") for n in range(count)],
    )


def sign_batch(batch: Batch, context: Context, issued_at: datetime = START) -> Statement[AddressAttestation]:
    """The statement, signed by the terminals that hold its keys."""
    kind, payload = build_payload(batch.body, context=context, issuer=batch.body.terminals[0], issued_at=issued_at)
    signers = [signer_of(name) for name in batch.body.terminals]
    return parse_statement(sign_payload(kind, payload, [(signer.key, signer.sign) for signer in signers]))


def key_entries(batch: Batch, lines: Sequence[AttestedLine]) -> dict[EntryId, KeyEntry]:
    """What the key register would say of these lines' keys."""
    return {
        key.id: KeyEntry(
            chain=batch.body.chain,
            id=key.id,
            public=key.public,
            state=KeyState.ACTIVE,
            terminal=key.terminal,
            wallet=batch.body.wallet,
        )
        for line in lines
        for key in line.keys
    }


def later(seconds: int) -> datetime:
    """So many seconds after the tests' first moment."""
    return START + timedelta(seconds=seconds)


def build_vectors() -> dict[str, Json]:
    """The content of `vectors/attestation/batches.json`."""
    batches = {"eoa": eoa_batch(), "p2wpkh": one_key_batch(), "p2wsh": multisig_batch()}
    found: dict[str, Json] = {}
    for name, batch in batches.items():
        digests: list[Json] = []
        for line in batch.lines:
            address = str(json.loads(line)["address"])
            digests.append(build_challenge_text(batch.body.chain, address, batch.body.challenge).hex())
        found[name] = {"body": encode_record(batch.body), "digests": digests, "lines": list(batch.lines)}
    eoa = batches["eoa"].lines
    proof = str(json.loads(eoa[0])["keys"][0]["proof"])
    other = str(json.loads(eoa[1])["keys"][0]["proof"])
    address, stranger = (str(json.loads(line)["address"]) for line in eoa[:2])
    refused: list[Json] = [
        {"batch": "eoa", "code": "ADDRESS_NOT_ATTESTED", "new": other, "old": proof, "root": "signed"},
        {"batch": "eoa", "code": "SPEND_PROOF_INVALID", "new": other, "old": proof, "root": "anew"},
        {"batch": "eoa", "code": "ADDRESS_NOT_DERIVED", "new": stranger, "old": address, "root": "anew"},
        {
            "batch": "p2wsh",
            "code": "ADDRESS_NOT_DERIVED",
            "new": '"threshold":1',
            "old": '"threshold":2',
            "root": "anew",
        },
        {"batch": "p2wsh", "code": "FIELD_INVALID", "new": '"threshold":4', "old": '"threshold":2', "root": "anew"},
        {"batch": "p2wpkh", "code": "JSON_NOT_CANONICAL", "new": '{ "address"', "old": '{"address"', "root": "anew"},
        {"batch": "p2wpkh", "code": "FIELD_UNKNOWN", "new": '{"a":1,"address"', "old": '{"address"', "root": "anew"},
    ]
    return {"batches": found, "refused": refused}


def render_vectors() -> str:
    """The file as it is committed."""
    return json.dumps(build_vectors(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    VECTORS.parent.mkdir(parents=True, exist_ok=True)
    VECTORS.write_text(render_vectors(), encoding="utf-8")
