"""Stage PROPOSE: the exact unsigned bytes against what clients instructed. Zero implicit value, no exemption by type.

Requirements: III.5, III.16, III.17, III.4.
"""

from __future__ import annotations

from strongroom.core.bodies import Decision, Instruction, Proposal
from strongroom.core.checks.foundation import Entries, Proved
from strongroom.core.checks.instruct import check_destination, find_account
from strongroom.core.checks.journey import Journey
from strongroom.core.checks.spend import Spend, SpendOutput, check_address
from strongroom.core.checks.states import check_receiving, register_states
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.facts import FORMAT, Facts, FactsFee, FactsOutput
from strongroom.core.policy import Request
from strongroom.core.records import NONE, Units
from strongroom.core.registers import AddressEntry, AddressPurpose
from strongroom.core.sweeps import Sweep


def check_digest(proposal: Proposal, spend: Spend) -> None:
    """The proposal is about these bytes and no others."""
    if proposal.unsigned_digest != spend.unsigned_digest:
        raise refused(Code.DIGEST_MISMATCH, "proposal.unsigned_digest", spend.unsigned_digest, proposal.unsigned_digest)


def check_instructed(proposal: Proposal, journey: Journey, spend: Spend) -> None:
    """The proposal names exactly the docket's instructions and decisions, and maps each instruction to one output.

    Asked of a void as well, whoever its transfer would have paid. Attack: three instructions for the one output of an
    Ethereum transfer, so that its void takes three clients' ceilings together and ends three payments with one nonce.
    """
    instructions = tuple(p.id for p in journey.all(Instruction))
    if proposal.instructions != instructions:
        raise refused(
            Code.STAGE_MISSING, "proposal.instructions", ", ".join(instructions), ", ".join(proposal.instructions)
        )
    decisions = tuple(p.id for p in journey.all(Decision))
    if tuple(sorted(proposal.decisions)) != tuple(sorted(decisions)):
        raise refused(Code.STAGE_MISSING, "proposal.decisions", ", ".join(decisions), ", ".join(proposal.decisions))
    for proved in journey.all(Instruction):
        if proved.body.chain != spend.chain:
            raise refused(Code.TX_WRONG_CHAIN, "instruction.chain", spend.chain, proved.body.chain)
    mapped = sorted(o.instruction for o in proposal.outputs)
    indexes = [o.index for o in proposal.outputs] + [c.index for c in proposal.change]
    if tuple(mapped) != instructions or len(set(indexes)) != len(indexes):
        raise refused(Code.OUTPUT_UNEXPLAINED, "proposal.outputs", "one output for each instruction", str(len(mapped)))
    for output in proposal.outputs:
        _output(spend, output.index)


def check_payments(proposal: Proposal, journey: Journey, spend: Spend) -> None:
    """Each instruction's output pays the instructed address the instructed amount, to the last unit."""
    for output in proposal.outputs:
        body = journey.instruction(output.instruction).body
        paid = _output(spend, output.index)
        field = f"transaction.unsigned.outputs[{output.index}]"
        if paid.address != body.destination.address:
            raise refused(Code.DEST_NOT_INSTRUCTED, f"{field}.address", body.destination.address, paid.address)
        if paid.units != body.amount or body.asset != spend.asset or body.chain != spend.chain:
            raise refused(
                Code.AMOUNT_NOT_INSTRUCTED,
                f"{field}.units",
                f"{body.amount} {body.asset}",
                f"{paid.units} {spend.asset}",
            )
        if paid.witness_script:
            raise refused(
                Code.OUTPUT_UNEXPLAINED, f"{field}.witness_script", "none on a payment", paid.witness_script.hex()
            )


def check_change(proposal: Proposal, spend: Spend, entries: Entries) -> None:
    """Every other output comes back to a change address of this wallet, derived again from our keys.

    Attack: "change" to a stranger, or to an own address that is not spendable (III.17; T-CHG).
    """
    named = {c.index: c.address for c in proposal.change}
    paid = {o.index for o in proposal.outputs}
    for output in spend.outputs:
        field = f"transaction.unsigned.outputs[{output.index}]"
        if output.index in paid:
            continue
        if output.index not in named:
            raise refused(Code.OUTPUT_UNEXPLAINED, field, "a payment or change", f"{output.units} to {output.address}")
        entry = entries.addresses.get(named[output.index])
        if entry is None or entry.address != output.address:
            raise refused(Code.CHANGE_NOT_OURS, field, entry.address if entry else "an address of ours", output.address)
        _check_change_entry(entry, output, proposal, spend, entries, field)
    missing = set(named) - {o.index for o in spend.outputs}
    if missing:
        raise refused(
            Code.CHANGE_NOT_OURS, "proposal.change", "outputs that exist", ", ".join(map(str, sorted(missing)))
        )


def _check_change_entry(
    entry: AddressEntry, output: SpendOutput, proposal: Proposal, spend: Spend, entries: Entries, field: str
) -> None:
    if entry.purpose is not AddressPurpose.CHANGE or entry.wallet != proposal.wallet or entry.chain != spend.chain:
        raise refused(
            Code.CHANGE_NOT_OURS, field, f"a change address of {proposal.wallet}", f"{entry.id} of {entry.wallet}"
        )
    # An address of ours whose keys are gone: change sent there is burnt (attack: a builder who wants to destroy).
    check_receiving(entry, register_states(entries.keys), Code.CHANGE_NOT_OURS, field)
    if check_address(entry, entries, Code.CHANGE_NOT_OURS, field) != output.witness_script:
        raise refused(
            Code.CHANGE_NOT_OURS, f"{field}.witness_script", "the script of our keys", output.witness_script.hex()
        )


def check_wallets(proposal: Proposal, journey: Journey, entries: Entries) -> None:
    """Each debit account lives in the wallet that pays: debit account to wallet to key."""
    for proved in journey.all(Instruction):
        account = find_account(proved.body, entries)
        if account.wallet != proposal.wallet:
            raise refused(Code.SOURCE_NOT_OURS, "proposal.wallet", account.wallet, proposal.wallet)


def check_claims(proposal: Proposal, spend: Spend) -> None:
    """What the builder claims beside the bytes is what the bytes say: chain, fee, commitments, sources."""
    if proposal.chain != spend.chain:
        raise refused(Code.TX_WRONG_CHAIN, "proposal.chain", spend.chain, proposal.chain)
    if proposal.fee != spend.fee:
        raise refused(Code.FEE_CEILING, "proposal.fee", str(spend.fee), str(proposal.fee))
    if proposal.commits != spend.commits:
        raise refused(Code.DIGEST_MISMATCH, "proposal.commits", ", ".join(spend.commits), ", ".join(proposal.commits))
    sources = tuple(s.id for s in spend.sources)
    if proposal.sources != sources:
        raise refused(Code.SOURCE_NOT_OURS, "proposal.sources", ", ".join(sources), ", ".join(proposal.sources))


def orders_of(journey: Journey) -> tuple[Instruction | Sweep, ...]:
    """What the docket was ordered by, and until when: its clients' instructions, or the officers' sweep."""
    return (*(p.body for p in journey.all(Instruction)), *(p.body for p in journey.all(Sweep)))


def fee_ceiling(journey: Journey) -> int:
    """The most that those who ordered it allow as a fee, together, in the native asset."""
    return sum(each.fee_ceiling for each in orders_of(journey))


def check_fee(journey: Journey, spend: Spend) -> None:
    """The fee, as derived from the bytes and the full previous transactions, is inside the ceilings."""
    ceiling = fee_ceiling(journey)
    if spend.fee > ceiling:
        raise refused(Code.FEE_CEILING, "transaction.fee", f"at most {ceiling}", str(spend.fee))


def check_times(proposal: Proposal, journey: Journey) -> None:
    """The proposal lives no longer than any of its orders."""
    for body in orders_of(journey):
        if proposal.sign_by > body.sign_by or proposal.release_by > body.release_by:
            raise refused(
                Code.INSTRUCTION_EXPIRED, "proposal.sign_by", f"not after {body.sign_by}", str(proposal.sign_by)
            )


def build_requests(proposal: Proposal, journey: Journey, spend: Spend) -> tuple[Request, ...]:
    """What the policy judges: one request an instruction, each with the whole transaction's fee.

    The first in order carries the fee in its windows, so that it counts once. Hours and value are added by `limits.py`.
    """
    return tuple(
        Request(
            asset=p.body.asset,
            client=p.body.client,
            wallet=proposal.wallet,
            amount=p.body.amount,
            fee=spend.fee,
            fee_share=spend.fee if i == 0 else 0,
            at=None,
            hkd_cents=None,
        )
        for i, p in enumerate(journey.all(Instruction))
    )


def build_facts(proposal: Proved[Proposal], journey: Journey, spend: Spend, entries: Entries) -> Facts:
    """The display model, from the bytes, the instructions and the registers only."""
    mapped = {o.index: o.instruction for o in proposal.body.outputs}
    named = {c.index: c.address for c in proposal.body.change}
    outputs = []
    for output in spend.outputs:
        if output.index in mapped:
            outputs.append(_payment(output, journey.instruction(mapped[output.index]), spend, entries))
        else:
            outputs.append(_change(output, named.get(output.index, NONE), spend))
    bodies = [p.body for p in journey.all(Instruction)]
    return Facts(
        chain=spend.chain,
        fee=FactsFee(asset=spend.fee_asset, ceiling=Units(fee_ceiling(journey)), units=Units(spend.fee)),
        format=FORMAT,
        inputs=spend.inputs,
        outputs=tuple(outputs),
        release_by=min(b.release_by for b in bodies),
        sign_by=min(b.sign_by for b in bodies),
        terms=dict(spend.terms),
        unsigned_digest=spend.unsigned_digest,
        wallet=proposal.body.wallet,
    )


def _payment(output: SpendOutput, instruction: Proved[Instruction], spend: Spend, entries: Entries) -> FactsOutput:
    body = instruction.body
    entry = check_destination(body, entries)
    return FactsOutput(
        address=output.address,
        asset=spend.asset,
        client=body.client,
        entry=entry.id,
        index=output.index,
        instruction=instruction.id,
        kind="payment",
        owner=entry.owner,
        reason=body.reason,
        reference=body.reference,
        units=Units(output.units),
    )


def _change(output: SpendOutput, entry: str, spend: Spend) -> FactsOutput:
    return FactsOutput(
        address=output.address,
        asset=spend.asset,
        client=NONE,
        entry=entry,
        index=output.index,
        instruction=NONE,
        kind="change",
        owner=NONE,
        reason=NONE,
        reference=NONE,
        units=Units(output.units),
    )


def _output(spend: Spend, index: int) -> SpendOutput:
    if index >= len(spend.outputs):
        raise refused(Code.OUTPUT_UNEXPLAINED, "proposal.outputs", f"below {len(spend.outputs)}", str(index))
    return spend.outputs[index]
