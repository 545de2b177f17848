"""RELEASE to SETTLE: signed minus signatures is unsigned, signed by proved keys; spec/docket.md, points 10 and 11."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from eth_utils.crypto import keccak

from strongroom.checker.reading.bitcoin import read_psbt
from strongroom.checker.reading.bitcoin_signed import read_bitcoin_signed, verify_signatures
from strongroom.checker.reading.bodies import Broadcast, Proposal, Release, Settlement, SignatureRecord
from strongroom.checker.reading.ethereum import (
    bytes_to_ethereum_address,
    read_ethereum_signed,
    split_ethereum_signed,
)
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import Heard, Journey, orders_of
from strongroom.checker.reading.networks import is_ethereum
from strongroom.checker.reading.refusals import raise_found
from strongroom.checker.reading.registers import Entries
from strongroom.checker.reading.spend import Spend, prefixed
from strongroom.checker.reading.stages import Twin
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused
from strongroom.core.ids import EntryId

SIGNED = "transaction.signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedReading:
    """What signed bytes are: their txid as nodes write it, the keys that signed, and the `r` of every signature."""

    txid: str
    keys: frozenset[EntryId]
    r_values: tuple[bytes, ...]


def check_release(journey: Journey, spend: Spend) -> str:
    """The release and the signed bytes that it lets go; returns the txid."""
    release = journey.one(Release)
    signed = journey.docket.signed
    if signed is None:
        raise refused(Code.STAGE_MISSING, SIGNED, "signed bytes", "none")
    reading = read_signed(spend, journey.docket.unsigned, signed, journey.foundation.entries, SIGNED)
    found: list[Refusal] = []
    _check_recorded(journey, reading, found)
    digest = "sha256:" + sha256(signed).hexdigest()
    if release.body.signed_digest != digest:
        found.append(_wrong(Code.DIGEST_MISMATCH, f"{release.path}.signed_digest", digest, release.body.signed_digest))
    _check_claim(journey, release, reading.txid, found)
    last = min(journey.one(Proposal).body.release_by, *(each.release_by for each in orders_of(journey)))
    if spend.twin is Twin.TRANSFER and release.moment > last:
        expected = f"not after {render_time(last)}"
        found.append(_wrong(Code.RELEASE_EXPIRED, release.path, expected, render_time(release.moment)))
    raise_found(found)
    return reading.txid


def check_broadcast(journey: Journey) -> None:
    """The gate's claim is about the released transaction."""
    found: list[Refusal] = []
    _check_claim(journey, journey.one(Broadcast), journey.one(Release).body.txid, found)
    raise_found(found)


def check_settlement(journey: Journey) -> None:
    """The watcher's claim is about the released transaction, and calls a void twin one."""
    found: list[Refusal] = []
    settlement = journey.one(Settlement)
    if (settlement.body.outcome == "voided") != (journey.docket.twin is Twin.VOID):
        expected = "voided for a void twin, and for nothing else"
        found.append(_wrong(Code.FIELD_INVALID, f"{settlement.path}.outcome", expected, settlement.body.outcome))
    _check_claim(journey, journey.one(Settlement), journey.one(Release).body.txid, found)
    raise_found(found)


def read_signed(spend: Spend, unsigned: bytes, signed: bytes, entries: Entries, path: str) -> SignedReading:
    """Compare signed with unsigned byte for byte and verify every signature and its key.

    unsigned: as the docket has it, since on the Bitcoin family the values that are signed stand in the PSBT only.
    Raises SIGNED_MISMATCH, SIGNER_KEY_MISMATCH, SIGNATURE_HIGH_S, SIGNATURE_INVALID, SIGNATURES_MISSING and the TX_
    codes.
    """
    if is_ethereum(spend.chain):
        return _read_ethereum(spend, signed, path)
    return _read_bitcoin(spend, unsigned, signed, entries, path)


def _read_ethereum(spend: Spend, signed: bytes, path: str) -> SignedReading:
    with prefixed(path):
        unsigned, r, sender = _split(spend, signed)
    if unsigned != spend.unsigned_bytes:
        raise refused(Code.SIGNED_MISMATCH, path, spend.unsigned_bytes.hex(), unsigned.hex())
    source = spend.spent[0]
    recovered = bytes_to_ethereum_address(sender)
    if recovered != source.address:
        raise refused(Code.SIGNER_KEY_MISMATCH, f"{path}.sender", source.address, recovered)
    return SignedReading(
        txid="0x" + keccak(signed).hex(),
        keys=frozenset(source.keys),
        r_values=(r.to_bytes(32, "big"),),
    )


def _split(spend: Spend, signed: bytes) -> tuple[bytes, int, bytes]:
    """Unsigned bytes, r and sender. A transfer is read as strictly as before it was signed; a void twin is compared."""
    if spend.twin is Twin.VOID:
        return split_ethereum_signed(signed)
    reading, _, r, _, sender = read_ethereum_signed(signed)
    return reading.unsigned_bytes, r, sender


def _read_bitcoin(spend: Spend, unsigned: bytes, signed: bytes, entries: Entries, path: str) -> SignedReading:
    with prefixed(path):
        reading = read_psbt(unsigned)
        signatures = verify_signatures(reading, signed)
        txid = read_bitcoin_signed(signed).txid_hex
    keys: set[EntryId] = set()
    for i, (address, by) in enumerate(zip(spend.spent, signatures, strict=True)):
        points = {entries.keys[name].public: name for name in address.keys}
        strange = [each.public_key.hex() for each in by if each.public_key not in points]
        if strange:
            raise refused(Code.SIGNER_KEY_MISMATCH, f"{path}.inputs[{i}]", f"keys of {address.id}", " ".join(strange))
        if len(by) < address.threshold:
            expected, got = f"{address.threshold} of {address.id}", str(len(by))
            raise refused(Code.SIGNATURES_MISSING, f"{path}.inputs[{i}]", expected, got)
        keys |= {points[each.public_key] for each in by}
    r_values = tuple(each.r.to_bytes(32, "big") for by in signatures for each in by)
    return SignedReading(txid=txid, keys=frozenset(keys), r_values=r_values)


def _check_recorded(journey: Journey, reading: SignedReading, found: list[Refusal]) -> None:
    """Every key that signed is one that a terminal recorded."""
    recorded = {name for each in journey.all(SignatureRecord) for name in each.body.keys}
    strange = sorted(reading.keys - recorded)
    found += [_wrong(Code.SIGNER_KEY_MISMATCH, SIGNED, "keys of the signature records", name) for name in strange]


def _check_claim(
    journey: Journey, claim: Heard[Release] | Heard[Broadcast] | Heard[Settlement], txid: str, found: list[Refusal]
) -> None:
    proposal = journey.one(Proposal).statement.id
    if claim.body.proposal != proposal:
        found.append(_wrong(Code.DIGEST_MISMATCH, f"{claim.path}.proposal", proposal, claim.body.proposal))
    if claim.body.txid != txid:
        found.append(_wrong(Code.DIGEST_MISMATCH, f"{claim.path}.txid", txid, claim.body.txid))


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
