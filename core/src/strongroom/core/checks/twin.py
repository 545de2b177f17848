"""The void twin: built again from the transfer and the proved source, shown as what it is, signed only when it is due.

It moves nothing but a fee that is not above the transfer's, so no quorum is asked for it, and of the limits only those
of fees (`limits.check_void`): a rejection, or its orders' `sign_by` that has passed by a witnessed checkpoint, is its
authority (docs/adr/0017). Source: spec/docket.md, The void twin; III.5, III.16.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from strongroom.chains.bitcoin.psbt import Psbt
from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.void import VOID_GAS, Void, encode_void
from strongroom.core.bodies import Proposal, Rejection, Verification
from strongroom.core.canonical import sha256
from strongroom.core.checks.journey import Journey
from strongroom.core.checks.propose import fee_ceiling, orders_of
from strongroom.core.checks.spend import Spend, SpendOutput, native_asset_of
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import refused
from strongroom.core.facts import FORMAT, Facts, FactsFee, FactsOutput
from strongroom.core.records import NONE, Units, encode_time


def build_void(spend: Spend) -> Spend | None:
    """The void twin of a transfer, as a spend of its own; None on the Bitcoin family, where a replacement does."""
    if isinstance(spend.decoded, Psbt | Void):
        return None
    source, transfer = spend.sources[0], spend.decoded
    void = Void(
        chain_id=transfer.chain_id,
        nonce=transfer.nonce,
        max_priority_fee_per_gas_wei=transfer.max_priority_fee_per_gas_wei,
        max_fee_per_gas_wei=transfer.max_fee_per_gas_wei,
        source=parse_address(source.address),
    )
    unsigned = encode_void(void)
    return replace(
        spend,
        asset=native_asset_of(spend.chain),
        unsigned_digest=sha256(unsigned),
        unsigned_bytes=unsigned,
        outputs=(SpendOutput(index=0, address=source.address, units=0, script=b"", witness_script=b""),),
        fee=void.max_fee_wei,
        terms={
            "gas_limit": str(VOID_GAS),
            "max_fee_per_gas_wei": str(void.max_fee_per_gas_wei),
            "max_priority_fee_per_gas_wei": str(void.max_priority_fee_per_gas_wei),
        },
        decoded=void,
    )


def check_void(proposal: Proposal, spend: Spend) -> None:
    """The proposal names the void twin that follows from its transfer. Raises VOID_MISMATCH.

    Attack: a builder who names other bytes would have a way around every quorum.
    """
    void = build_void(spend)
    expected = NONE if void is None else void.unsigned_digest
    if proposal.void != expected:
        raise refused(Code.VOID_MISMATCH, "proposal.void", expected, proposal.void)


def choose_twin(spend: Spend, twin: Twin) -> Spend:
    """What the docket is about from VERIFY on. Raises VOID_NOT_DUE where there is no void twin."""
    if twin is Twin.TRANSFER:
        return spend
    void = build_void(spend)
    if void is None:
        raise refused(Code.VOID_NOT_DUE, "transaction.twin", Twin.TRANSFER.value, f"{twin.value} on {spend.chain}")
    return void


def check_due(journey: Journey, now: datetime | None) -> None:
    """Raise VOID_NOT_DUE unless somebody rejected the transfer, or its time to be signed is over.

    Its time is what its clients signed, the latest of it: a builder who wrote an earlier `sign_by` into the proposal
    must not make a void due at will. The moment is the checkpoint of the verification, by its witness and not by any
    signer; before there is one, the reader's clock.
    """
    if journey.all(Rejection):
        return
    last = max(each.sign_by for each in orders_of(journey))
    verification = journey.only(Verification)
    moment = now if verification is None else verification.time
    if moment is None or moment <= last:
        got = "a docket without a verification" if moment is None else encode_time(moment)
        raise refused(Code.VOID_NOT_DUE, "transaction.twin", f"a rejection, or a time after {encode_time(last)}", got)


def build_void_facts(proposal: Proposal, journey: Journey, void: Spend) -> Facts:
    """The display model of a void twin: one output of kind `void`, nothing to ourselves."""
    source = void.sources[0]
    orders = orders_of(journey)
    output = FactsOutput(
        address=source.address,
        asset=void.asset,
        client=NONE,
        entry=source.id,
        index=0,
        instruction=NONE,
        kind="void",
        owner=NONE,
        reason=NONE,
        reference=NONE,
        units=Units(0),
    )
    return Facts(
        chain=void.chain,
        fee=FactsFee(asset=void.asset, ceiling=Units(fee_ceiling(journey)), units=Units(void.fee)),
        format=FORMAT,
        inputs=void.inputs,
        outputs=(output,),
        release_by=min(each.release_by for each in orders),
        sign_by=max(each.sign_by for each in orders),
        terms=dict(void.terms),
        unsigned_digest=void.unsigned_digest,
        wallet=proposal.wallet,
    )
