"""Build the facts of a proved proposal from the bytes, the instructions and the registers; spec/facts.md."""

from __future__ import annotations

from strongroom.checker.reading.bodies import Instruction, Proposal
from strongroom.checker.reading.checks.instruct import find_destination
from strongroom.checker.reading.checks.propose import fee_ceiling
from strongroom.checker.reading.facts import Facts, FactsOutput
from strongroom.checker.reading.fields import NONE
from strongroom.checker.reading.journey import Heard, Journey
from strongroom.checker.reading.spend import Spend, SpendOutput


def build_facts(journey: Journey, spend: Spend) -> Facts:
    """The display model. Call it only after `check_proposal` has held."""
    proposal = journey.one(Proposal).body
    instructions = {each.statement.id: each for each in journey.all(Instruction)}
    outputs = tuple(
        _payment(journey, each, instructions[proposal.outputs[each.index]], spend)
        if each.index in proposal.outputs
        else _change(each, proposal.change[each.index], spend)
        for each in spend.outputs
    )
    return Facts(
        chain=spend.chain,
        fee_asset=spend.fee_asset,
        fee_ceiling=fee_ceiling(journey),
        fee_units=spend.fee,
        inputs=spend.inputs,
        outputs=outputs,
        release_by=min(each.body.release_by for each in instructions.values()),
        sign_by=min(each.body.sign_by for each in instructions.values()),
        terms=dict(spend.terms),
        unsigned_digest=spend.unsigned_digest,
        wallet=proposal.wallet,
    )


def _payment(journey: Journey, output: SpendOutput, instruction: Heard[Instruction], spend: Spend) -> FactsOutput:
    entry, body = find_destination(instruction, journey.foundation), instruction.body
    return FactsOutput(
        address=output.address,
        asset=spend.asset,
        client=body.client,
        entry=entry.id,
        index=output.index,
        instruction=instruction.statement.id,
        kind="payment",
        owner=entry.owner,
        reason=body.reason,
        reference=body.reference,
        units=output.units,
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
        units=output.units,
    )
