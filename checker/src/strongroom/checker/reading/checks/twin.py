"""The void twin of an Ethereum transfer, built once more with `rlp` from the transfer's bytes; spec/docket.md.

It pays nothing to the account that sends it and uses up the transfer's nonce. It needs no quorum of its own: a
rejection, or a `sign_by` that is over by a witnessed checkpoint, is what lets it be signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import rlp  # type: ignore[import-untyped]

from strongroom.checker.reading.bodies import Approval, Proposal, Rejection, Verification
from strongroom.checker.reading.checks.propose import fee_ceiling
from strongroom.checker.reading.ethereum import ethereum_address_to_bytes, read_ethereum_fees
from strongroom.checker.reading.facts import Facts, FactsOutput
from strongroom.checker.reading.fields import NONE, render_time
from strongroom.checker.reading.journey import Heard, Journey, orders_of
from strongroom.checker.reading.networks import is_ethereum
from strongroom.checker.reading.spend import Spend, SpendOutput
from strongroom.checker.reading.stages import Twin
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AssetId

GAS: Final = 21_000


def build_void(spend: Spend) -> Spend | None:
    """What the void twin of a transfer does; None on the Bitcoin family."""
    if not is_ethereum(spend.chain):
        return None
    chain_id, nonce, tip, price = rlp.decode(spend.unsigned_bytes[1:], strict=True)[:4]
    source = spend.spent[0]
    to = ethereum_address_to_bytes(source.address)
    unsigned = b"\x02" + bytes(rlp.encode([chain_id, nonce, tip, price, _number(GAS), to, b"", b"", []]))
    most, priority = read_ethereum_fees(unsigned)
    return replace(
        spend,
        twin=Twin.VOID,
        asset=AssetId(f"{spend.chain}/slip44:60"),
        unsigned_bytes=unsigned,
        outputs=(SpendOutput(index=0, address=source.address, units=0, witness_script=b""),),
        fee=GAS * most,
        terms={
            "gas_limit": str(GAS),
            "max_fee_per_gas_wei": str(most),
            "max_priority_fee_per_gas_wei": str(priority),
        },
    )


def check_void(proposal: Heard[Proposal], spend: Spend) -> None:
    """Raise VOID_MISMATCH unless the proposal names the void twin that follows from its transfer."""
    void = build_void(spend)
    ours = None if void is None else void.unsigned_digest
    if proposal.body.void != ours:
        raise refused(Code.VOID_MISMATCH, f"{proposal.path}.void", ours or NONE, proposal.body.void or NONE)


def choose_twin(journey: Journey, spend: Spend) -> Spend:
    """What the docket is about from VERIFY on. Raises VOID_NOT_DUE where there is no void twin."""
    if journey.docket.twin is Twin.TRANSFER:
        return spend
    void = build_void(spend)
    if void is None:
        raise refused(Code.VOID_NOT_DUE, "transaction.twin", Twin.TRANSFER.value, f"a void twin on {spend.chain}")
    return void


def is_answered(journey: Journey) -> bool:
    """Whether somebody was shown the transfer and said something."""
    kinds = (Approval, Rejection)
    return any(isinstance(each.statement.body, kinds) for each in journey.docket.said)


def check_due(journey: Journey, now: datetime) -> None:
    """Raise VOID_NOT_DUE unless the transfer is rejected, or its time to be signed was over when it was verified.

    That time is what was ordered, never an earlier one of the builder's, who could make a void due as it pleased him.
    The verification's moment is that of its checkpoint, by a witness; before there is one, the reader's clock decides.
    """
    if journey.all(Rejection):
        return
    verifications: Sequence[Heard[Verification]] = journey.all(Verification)
    moment = min((each.moment for each in verifications), default=now)
    last = max(each.sign_by for each in orders_of(journey))
    if moment <= last:
        expected = f"a rejection, or a time after {render_time(last)}"
        raise refused(Code.VOID_NOT_DUE, "transaction.twin", expected, render_time(moment))


def build_void_facts(journey: Journey, void: Spend) -> Facts:
    """The display model of a void twin."""
    source = void.spent[0]
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
        units=0,
    )
    return Facts(
        chain=void.chain,
        fee_asset=void.asset,
        fee_ceiling=fee_ceiling(journey),
        fee_units=void.fee,
        inputs=void.inputs,
        outputs=(output,),
        release_by=min(each.release_by for each in orders_of(journey)),
        sign_by=max(each.sign_by for each in orders_of(journey)),
        terms=dict(void.terms),
        unsigned_digest=void.unsigned_digest,
        wallet=journey.one(Proposal).body.wallet,
    )


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
