"""What a docket must show whose money goes to ourselves: the emergency sweep in the place of instruction and decision.

1. Either instructions with decisions, or one sweep with the statements about keys that justify it; never both.
2. The sweep is ordered by a quorum of officers that the policy cannot lower.
3. Every coin comes from an address of its wallet with a key that those statements name.
4. Every output is an address of another wallet of ours, derived again from keys that are all active.
Source: spec/docket.md, The sweep; 10.9, III.17.
"""

from __future__ import annotations

from strongroom.core.bodies import Decision, Instruction, Proposal
from strongroom.core.checks.foundation import Foundation, Proved
from strongroom.core.checks.journey import Journey
from strongroom.core.checks.spend import Spend, SpendOutput, check_address
from strongroom.core.checks.states import check_receiving, check_sweeping_sources, register_states
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import InvariantError, Refusal, refused, run_checks
from strongroom.core.facts import FORMAT, Facts, FactsFee, FactsOutput
from strongroom.core.ids import EntryId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.records import NONE, Units
from strongroom.core.registers import AddressPurpose, KeyState
from strongroom.core.roster import check_quorum
from strongroom.core.statements import check_signers
from strongroom.core.sweeps import Rehearsal, Sweep, officers_quorum

JUSTIFYING = frozenset({KeyState.COMPROMISED, KeyState.DEACTIVATED})
"""States of keys for which a wallet may be emptied: those that sign nothing but a sweep."""


def is_sweep(journey: Journey) -> bool:
    """Whether a docket pays ourselves on officers' word."""
    return bool(journey.all(Sweep))


def sweep_of(journey: Journey) -> Proved[Sweep]:
    """The sweep of a docket that is one."""
    found = journey.only(Sweep)
    if found is None:
        raise InvariantError(Refusal(code=Code.INVARIANT, field="statements", expected="a sweep", got="none"))
    return found


def check_one_kind(journey: Journey) -> None:
    """Raise DOCKET_ORDER for a docket that is half a transfer and half a sweep, or has two sweeps."""
    sweeps, states = journey.all(Sweep), journey.all(KeyStateChange)
    transfers = [*journey.all(Instruction), *journey.all(Decision)]
    if (sweeps or states) and transfers:
        raise refused(Code.DOCKET_ORDER, "statements", "instructions or a sweep", "both")
    if len(sweeps) > 1 or (states and not sweeps and journey.furthest > Stage.INSTRUCT):
        raise refused(Code.DOCKET_ORDER, "statements", "one sweep", str(len(sweeps)))


def check_ordered(journey: Journey, foundation: Foundation) -> None:
    """The sweep names exactly the docket's statements about keys, and enough officers signed it."""
    sweep = sweep_of(journey)
    carried = tuple(sorted(p.id for p in journey.all(KeyStateChange)))
    if sweep.body.states != carried:
        raise refused(Code.SWEEP_NOT_JUSTIFIED, "sweep.states", ", ".join(carried), ", ".join(sweep.body.states))
    for proved in journey.all(KeyStateChange):
        if proved.body.state not in JUSTIFYING:
            expected = " or ".join(sorted(JUSTIFYING))
            raise refused(Code.SWEEP_NOT_JUSTIFIED, "key-state.state", expected, proved.body.state.value)
    roster = foundation.roster_at(sweep.index)
    officers = [p for p in roster.with_role("officer") if p.is_valid_at(sweep.time)]
    signed = check_signers(sweep.statement.envelope, [p.key for p in officers], "sweep")
    signers = [p for p in officers if p.key.key_id in signed]
    check_quorum(officers_quorum(foundation.root.floors), signers, "sweep.signatures")


def check_swept(proposal: Proposal, journey: Journey, spend: Spend, foundation: Foundation) -> None:
    """Sources, outputs, claims and times against the officers' order. Raises RefusedError with all that is wrong."""
    sweep = sweep_of(journey).body
    states = register_states(foundation.entries.keys)
    run_checks(
        [
            lambda: check_ordered(journey, foundation),
            lambda: _check_claims(proposal, journey),
            lambda: _check_sources(sweep, journey, spend),
            lambda: check_sweeping_sources(spend.sources, states, "transaction.unsigned"),
            lambda: check_to_ourselves(proposal, journey, spend, foundation),
        ]
    )


def _check_claims(proposal: Proposal, journey: Journey) -> None:
    sweep = sweep_of(journey)
    if proposal.instructions or proposal.outputs or proposal.decisions != (sweep.id,):
        got = f"{len(proposal.instructions)} instructions, {len(proposal.outputs)} payments"
        raise refused(Code.OUTPUT_UNEXPLAINED, "proposal", f"no payment, and the decision {sweep.id}", got)
    if (proposal.wallet, proposal.chain) != (sweep.body.wallet, sweep.body.chain):
        expected = f"{sweep.body.wallet} on {sweep.body.chain}"
        raise refused(Code.SOURCE_NOT_OURS, "proposal.wallet", expected, f"{proposal.wallet} on {proposal.chain}")


def _check_sources(sweep: Sweep, journey: Journey, spend: Spend) -> None:
    named = {key for proved in journey.all(KeyStateChange) for key in proved.body.keys}
    for source in spend.sources:
        if not named & set(source.keys):
            raise refused(Code.SWEEP_NOT_JUSTIFIED, "proposal.sources", f"a named key of {sweep.wallet}", source.id)


def check_to_ourselves(proposal: Proposal, journey: Journey, spend: Spend, foundation: Foundation) -> None:
    """Every output pays an address that the officers named, of another wallet of ours, whose keys are all active."""
    claimed = {c.index: c.address for c in proposal.change}
    for output in spend.outputs:
        field = f"transaction.unsigned.outputs[{output.index}]"
        if output.index not in claimed:
            raise refused(Code.SWEEP_NOT_OURS, field, "an address of ours", f"{output.units} to {output.address}")
        _check_destination(claimed[output.index], output, journey, foundation, field)
    if set(claimed) != {o.index for o in spend.outputs}:
        raise refused(Code.SWEEP_NOT_OURS, "proposal.change", "outputs that exist", ", ".join(map(str, claimed)))


def _check_destination(
    name: EntryId, output: SpendOutput, journey: Journey, foundation: Foundation, field: str
) -> None:
    sweep, entries = sweep_of(journey).body, foundation.entries
    entry = entries.addresses.get(name)
    if entry is None or entry.address != output.address or name not in sweep.destinations:
        raise refused(Code.SWEEP_NOT_OURS, field, "an address that the officers named", f"{name}: {output.address}")
    if entry.wallet == sweep.wallet or entry.chain != sweep.chain or entry.purpose is not AddressPurpose.CHANGE:
        # A deposit address would credit a client with what is the house's to move.
        expected = f"a change address of another wallet than {sweep.wallet}"
        raise refused(Code.SWEEP_NOT_OURS, field, expected, f"{entry.id}: {entry.purpose.value} of {entry.wallet}")
    if check_address(entry, entries, Code.SWEEP_NOT_OURS, field) != output.witness_script:
        raise refused(
            Code.SWEEP_NOT_OURS, f"{field}.witness_script", "the script of our keys", output.witness_script.hex()
        )
    states: dict[str, KeyState] = register_states(entries.keys)
    states |= {key: p.body.state for p in journey.all(KeyStateChange) for key in p.body.keys}
    check_receiving(entry, states, Code.SWEEP_NOT_OURS, field)


def check_no_drill_signed(journey: Journey) -> None:
    """Raise SWEEP_REHEARSAL when a drill has gone past its verification."""
    if sweep_of(journey).body.rehearsal is Rehearsal.YES and journey.furthest > Stage.VERIFY:
        raise refused(Code.SWEEP_REHEARSAL, "sweep.rehearsal", "nothing after VERIFY", journey.furthest.name)


def build_sweep_facts(proposal: Proposal, journey: Journey, spend: Spend) -> Facts:
    """The display model of a sweep: outputs of kind `sweep`, nothing to anybody else."""
    sweep = sweep_of(journey).body
    claimed = {c.index: c.address for c in proposal.change}
    outputs = tuple(
        FactsOutput(
            address=output.address,
            asset=spend.asset,
            client=NONE,
            entry=claimed[output.index],
            index=output.index,
            instruction=NONE,
            kind="sweep",
            owner=NONE,
            reason=sweep.reason,
            reference=f"rehearsal {sweep.rehearsal.value}",
            units=Units(output.units),
        )
        for output in spend.outputs
    )
    return Facts(
        chain=spend.chain,
        fee=FactsFee(asset=spend.fee_asset, ceiling=sweep.fee_ceiling, units=Units(spend.fee)),
        format=FORMAT,
        inputs=spend.inputs,
        outputs=outputs,
        release_by=sweep.release_by,
        sign_by=sweep.sign_by,
        terms=dict(spend.terms),
        unsigned_digest=spend.unsigned_digest,
        wallet=proposal.wallet,
    )
