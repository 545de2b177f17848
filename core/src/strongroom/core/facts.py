"""The display model: the structured facts that a human is shown, independent of language, and their digest.

Approver, terminal and station build it each from their own reading of the bytes; their digests must be equal.
Source: spec/facts.md; III.23, III.A4-GP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strongroom.core.canonical import Json, encode_canonical, sha256
from strongroom.core.ids import AssetId, ChainId, Digest, WalletId
from strongroom.core.records import Units, encode_record

FORMAT = "strongroom-facts/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsFee:
    """The most that can be paid, and what the clients allow, in the native asset."""

    asset: AssetId
    ceiling: Units
    units: Units


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsInput:
    """Where the coins come from: an account with its nonce, or an outpoint with its value."""

    address: str
    entry: str
    index: str
    kind: str
    txid: str
    units: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsOutput:
    """Where the coins go: a payment of an instruction, or change to ourselves."""

    address: str
    asset: AssetId
    client: str
    entry: str
    index: int
    instruction: str
    kind: str
    owner: str
    reason: str
    reference: str
    units: Units


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is shown. What cannot be put in here cannot be signed."""

    chain: ChainId
    fee: FactsFee
    format: str
    inputs: tuple[FactsInput, ...]
    outputs: tuple[FactsOutput, ...]
    release_by: datetime
    sign_by: datetime
    terms: dict[str, Json]
    unsigned_digest: Digest
    wallet: WalletId

    @property
    def digest(self) -> Digest:
        """`sha256:` of the canonical facts."""
        return sha256(encode_canonical(encode_record(self)))
