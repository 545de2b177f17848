"""The facts of a transaction: what a human is shown and two readings agree on; spec/facts.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from strongroom.checker.reading.canonical import Json, encode_canonical
from strongroom.checker.reading.fields import render_time
from strongroom.core.ids import AssetId, ChainId, Digest, WalletId

FORMAT: Final = "strongroom-facts/1"
RENDERER: Final = "strongroom-display/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsInput:
    """Where coins come from. txid and units are `none` for an account, whose index is its nonce."""

    address: str
    entry: str
    index: str
    kind: str
    txid: str
    units: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsOutput:
    """Where coins go. The words about a client are `none` for change."""

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
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is shown. fee_*: smallest units of the native asset. terms: what else the bytes fix, by name."""

    chain: ChainId
    fee_asset: AssetId
    fee_ceiling: int
    fee_units: int
    inputs: tuple[FactsInput, ...]
    outputs: tuple[FactsOutput, ...]
    release_by: datetime
    sign_by: datetime
    terms: dict[str, str]
    unsigned_digest: Digest
    wallet: WalletId

    @property
    def digest(self) -> Digest:
        """`display_digest` and `reading_digest`."""
        return Digest("sha256:" + sha256(encode_facts(self)).hexdigest())


def encode_facts(facts: Facts) -> bytes:
    """The canonical bytes of the facts."""
    terms: dict[str, Json] = dict(facts.terms)
    return encode_canonical(
        {
            "chain": facts.chain,
            "fee": {"asset": facts.fee_asset, "ceiling": str(facts.fee_ceiling), "units": str(facts.fee_units)},
            "format": FORMAT,
            "inputs": [_encode_input(each) for each in facts.inputs],
            "outputs": [_encode_output(each) for each in facts.outputs],
            "release_by": render_time(facts.release_by),
            "sign_by": render_time(facts.sign_by),
            "terms": terms,
            "unsigned_digest": facts.unsigned_digest,
            "wallet": facts.wallet,
        }
    )


def _encode_input(each: FactsInput) -> Json:
    return {
        "address": each.address,
        "entry": each.entry,
        "index": each.index,
        "kind": each.kind,
        "txid": each.txid,
        "units": each.units,
    }


def _encode_output(each: FactsOutput) -> Json:
    return {
        "address": each.address,
        "asset": each.asset,
        "client": each.client,
        "entry": each.entry,
        "index": each.index,
        "instruction": each.instruction,
        "kind": each.kind,
        "owner": each.owner,
        "reason": each.reason,
        "reference": each.reference,
        "units": str(each.units),
    }
