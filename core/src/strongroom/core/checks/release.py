"""Stages RELEASE to SETTLE: signed minus signatures is the approved unsigned, byte for byte.

The signatures themselves are the gate's and the verifier's to check, with other libraries (strongroom.checker); the
connected side has no say in them. Requirements: III.C1-GP, III.C2-GP, III.11.
"""

from __future__ import annotations

from strongroom.chains.bitcoin.transactions import encode_stripped, parse_transaction, txid_hex
from strongroom.chains.ethereum.transactions import encode_unsigned, parse_signed, transaction_hash
from strongroom.chains.ethereum.void import Void, strip_signed_void
from strongroom.core.bodies import Broadcast, Outcome, Proposal, Release, Settlement
from strongroom.core.canonical import sha256
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.journey import Journey
from strongroom.core.checks.spend import Spend, is_ethereum
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage, Twin
from strongroom.core.errors import malformed, refused


def strip_signatures(spend: Spend, signed: bytes) -> tuple[bytes, str]:
    """The unsigned bytes inside signed ones, and the transaction id."""
    if isinstance(spend.decoded, Void):
        return strip_signed_void(signed)
    if is_ethereum(spend.chain):
        return encode_unsigned(parse_signed(signed).transfer), "0x" + transaction_hash(signed).hex()
    transaction = parse_transaction(signed)
    return encode_stripped(transaction), txid_hex(transaction)


def check_release(docket: Docket, journey: Journey, proposal: Proved[Proposal], spend: Spend) -> None:
    """Signed bytes stand there exactly from RELEASE on, are the unsigned ones but for signatures, and were released."""
    signed = docket.transaction.signed_bytes
    release = journey.only(Release)
    if (signed is None) != (release is None):
        raise refused(Code.STAGE_MISSING, "transaction.signed", "signed bytes exactly from RELEASE on", "the other")
    if signed is None or release is None:
        return
    stripped, txid = strip_signatures(spend, signed)
    if stripped != spend.unsigned_bytes:
        raise refused(Code.SIGNED_MISMATCH, "transaction.signed", spend.unsigned_bytes.hex(), stripped.hex())
    if release.body.signed_digest != sha256(signed) or release.body.txid != txid:
        raise refused(Code.DIGEST_MISMATCH, "release.signed_digest", sha256(signed), release.body.signed_digest)
    if docket.transaction.twin is Twin.TRANSFER and release.time > proposal.body.release_by:
        raise refused(Code.RELEASE_EXPIRED, "release", f"not after {proposal.body.release_by}", str(release.time))
    claims: tuple[Proved[Release | Broadcast | Settlement], ...] = (
        *journey.all(Release),
        *journey.all(Broadcast),
        *journey.all(Settlement),
    )
    for settlement in journey.all(Settlement):
        if (settlement.body.outcome is Outcome.VOIDED) != (docket.transaction.twin is Twin.VOID):
            expected = "voided for a void twin, and for nothing else"
            raise malformed(Code.FIELD_INVALID, "settlement.outcome", expected, settlement.body.outcome.value)
    for claim in claims:
        if claim.body.txid != txid or claim.body.proposal != proposal.id:
            raise refused(Code.DIGEST_MISMATCH, f"{claim.statement.type.value}.txid", txid, claim.body.txid)


def check_chain(docket: Docket, journey: Journey, spend: Spend) -> None:
    """The chain beside the bytes is the one that was signed; Bitcoin-family bytes name no network."""
    if docket.transaction.chain != spend.chain or journey.furthest < Stage.PROPOSE:
        raise refused(Code.TX_WRONG_CHAIN, "transaction.chain", spend.chain, docket.transaction.chain)
