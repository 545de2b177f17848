"""The emergency sweep, read a second time: coins of leaked keys go to another wallet of ours and nowhere else.

spec/docket.md, "The sweep". The order's own signatures are proved where statements are heard; here is what it may do.
"""

from __future__ import annotations

from strongroom.checker.reading.bodies import Decision, Instruction, Proposal, Quorum
from strongroom.checker.reading.checks.own import check_own_address
from strongroom.checker.reading.emergency_bodies import KeyState, KeyStateChange, Sweep
from strongroom.checker.reading.facts import Facts, FactsOutput
from strongroom.checker.reading.fields import NONE, render_time
from strongroom.checker.reading.journey import Heard, Journey
from strongroom.checker.reading.key_states import find_idle, find_unsweepable
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.registers import Address, Purpose
from strongroom.checker.reading.rosters import check_quorum
from strongroom.checker.reading.spend import Spend, SpendOutput, keys_of
from strongroom.checker.reading.stages import Stage
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused

UNSIGNED = "transaction.unsigned"


def is_sweep(journey: Journey) -> bool:
    """Whether officers ordered this docket. Asked of what was said, since it decides how all of it is judged."""
    return any(isinstance(each.statement.body, Sweep) for each in journey.docket.said)


def check_one_kind(journey: Journey) -> None:
    """Raise DOCKET_ORDER where orders of clients and of officers stand in one docket, or two sweeps."""
    bodies = [each.statement.body for each in journey.docket.said]
    clients = sum(isinstance(body, Instruction | Decision) for body in bodies)
    officers = sum(isinstance(body, Sweep | KeyStateChange) for body in bodies)
    sweeps = sum(isinstance(body, Sweep) for body in bodies)
    beyond = journey.docket.furthest > Stage.INSTRUCT
    if (clients and officers) or sweeps > 1 or (officers and beyond and not sweeps):
        got = f"{clients} of clients, {officers} of officers, {sweeps} sweeps"
        raise refused(Code.DOCKET_ORDER, "statements", "instructions with decisions, or one sweep", got)


def check_ordered(journey: Journey) -> None:
    """The sweep rests on exactly the docket's statements about keys, each of a key that signs nothing else any more."""
    found: list[Refusal] = []
    sweep, states = journey.one(Sweep), journey.all(KeyStateChange)
    ids = sorted(each.statement.id for each in states)
    if list(sweep.body.states) != ids:
        got = " ".join(sweep.body.states)
        found.append(_wrong(Code.SWEEP_NOT_JUSTIFIED, f"{sweep.path}.states", " ".join(ids) or "none", got))
    found += [
        _wrong(Code.SWEEP_NOT_JUSTIFIED, f"{each.path}.state", "compromised or deactivated", each.body.state.value)
        for each in states
        if each.body.state not in {KeyState.COMPROMISED, KeyState.DEACTIVATED}
    ]
    with gathered(found):
        _check_officers(journey, sweep)
    raise_found(found)


def _check_officers(journey: Journey, sweep: Heard[Sweep]) -> None:
    """As many officers as the root's floor has approvers, never fewer than two; no policy lowers it."""
    roster = journey.foundation.roster_at(sweep.index, sweep.path)
    people = max(2, journey.foundation.chain.last.floors.people)
    signers = [roster.party(name, sweep.path) for name in roster.parties if name in sweep.signers]
    check_quorum(Quorum(groups=1, people=people, role="officer"), signers, f"{sweep.statement.path}.signatures")


def check_swept(journey: Journey, spend: Spend) -> None:
    """Where the coins come from and where they go, with every refusal."""
    found: list[Refusal] = []
    proposal, sweep = journey.one(Proposal), journey.one(Sweep)
    with gathered(found):
        _check_claims(proposal, sweep)
    _find_unjustified(journey, spend, found)
    keys = journey.foundation.entries.keys
    found += find_unsweepable(spend.sources, {name: key.state for name, key in keys.items()}, UNSIGNED)
    for output in spend.outputs:
        with gathered(found):
            _check_output(journey, output, spend)
    beyond = sorted(set(proposal.body.change) - {each.index for each in spend.outputs})
    if beyond:
        got = " ".join(str(index) for index in beyond)
        found.append(_wrong(Code.SWEEP_NOT_OURS, f"{proposal.path}.change", "outputs that exist", got))
    if sweep.body.is_drill and journey.docket.furthest > Stage.VERIFY:
        got = journey.docket.furthest.name
        found.append(_wrong(Code.SWEEP_REHEARSAL, f"{sweep.path}.rehearsal", "nothing after VERIFY", got))
    raise_found(found)


def _check_claims(proposal: Heard[Proposal], sweep: Heard[Sweep]) -> None:
    found: list[Refusal] = []
    body, path = proposal.body, proposal.path
    if body.instructions or body.outputs or body.decisions != (sweep.statement.id,):
        got = f"{len(body.instructions)} instructions, {len(body.outputs)} payments, {' '.join(body.decisions)}"
        found.append(_wrong(Code.OUTPUT_UNEXPLAINED, path, f"no payment, decided by {sweep.statement.id}", got))
    if (body.wallet, body.chain) != (sweep.body.wallet, sweep.body.chain):
        expected = f"{sweep.body.wallet} on {sweep.body.chain}"
        found.append(_wrong(Code.SOURCE_NOT_OURS, f"{path}.wallet", expected, f"{body.wallet} on {body.chain}"))
    raise_found(found)


def _find_unjustified(journey: Journey, spend: Spend, found: list[Refusal]) -> None:
    named = {key for each in journey.all(KeyStateChange) for key in each.body.keys}
    for address in spend.sources:
        if named.isdisjoint(address.keys):
            expected = f"a key of {address.id} that is declared"
            found.append(_wrong(Code.SWEEP_NOT_JUSTIFIED, UNSIGNED, expected, " ".join(sorted(named))))


def _check_output(journey: Journey, output: SpendOutput, spend: Spend) -> None:
    path = f"{UNSIGNED}.outputs[{output.index}]"
    proposal, sweep = journey.one(Proposal).body, journey.one(Sweep).body
    entries = journey.foundation.entries
    name = proposal.change.get(output.index)
    address = entries.addresses.get(name) if name else None
    if address is None or address.id not in sweep.destinations:
        expected = f"one of {' '.join(sweep.destinations)}"
        raise refused(Code.SWEEP_NOT_OURS, path, expected, f"{output.units} to {output.address}")
    if address.address != output.address:
        raise refused(Code.SWEEP_NOT_OURS, f"{path}.address", address.address, output.address)
    if address.wallet == sweep.wallet or address.purpose is not Purpose.CHANGE:
        expected = f"a change address of another wallet than {sweep.wallet}"
        raise refused(
            Code.SWEEP_NOT_OURS, path, expected, f"{address.id} ({address.purpose.value}) of {address.wallet}"
        )
    script = check_own_address(address, address.wallet, spend, entries, Code.SWEEP_NOT_OURS, path)
    if script != output.witness_script:
        raise refused(Code.SWEEP_NOT_OURS, f"{path}.witness_script", script.hex(), output.witness_script.hex())
    _check_safe(journey, address, path)


def _check_safe(journey: Journey, address: Address, path: str) -> None:
    """No key of the destination is declared, by the register or by this docket: a thief must not be paid."""
    states = {key.id: key.state for key in keys_of(address, journey.foundation.entries, Code.SWEEP_NOT_OURS, path)}
    declared = {key: each.body.state for each in journey.all(KeyStateChange) for key in each.body.keys}
    idle = find_idle(address, {name: declared.get(name, state) for name, state in states.items()})
    if idle:
        raise refused(Code.SWEEP_NOT_OURS, f"{path}.keys", f"active keys of {address.id}", ", ".join(idle))


def find_self_approval(journey: Journey, keys: frozenset[str]) -> list[str]:
    """Ids of statements of the order that were signed with any of these keys."""
    return [
        each.statement.id
        for each in (*journey.all(Sweep), *journey.all(KeyStateChange))
        if keys & {signature.keyid for signature in each.statement.envelope.signatures}
    ]


def build_sweep_facts(journey: Journey, spend: Spend) -> Facts:
    """What people are shown of a sweep. Call it only after `check_swept` has held."""
    proposal, sweep = journey.one(Proposal).body, journey.one(Sweep).body
    outputs = tuple(
        FactsOutput(
            address=each.address,
            asset=spend.asset,
            client=NONE,
            entry=proposal.change[each.index],
            index=each.index,
            instruction=NONE,
            kind="sweep",
            owner=NONE,
            reason=sweep.reason,
            reference="rehearsal yes" if sweep.is_drill else "rehearsal no",
            units=each.units,
        )
        for each in spend.outputs
    )
    return Facts(
        chain=spend.chain,
        fee_asset=spend.fee_asset,
        fee_ceiling=sweep.fee_ceiling,
        fee_units=spend.fee,
        inputs=spend.inputs,
        outputs=outputs,
        release_by=sweep.release_by,
        sign_by=sweep.sign_by,
        terms=dict(spend.terms),
        unsigned_digest=spend.unsigned_digest,
        wallet=proposal.wallet,
    )


def describe(sweep: Sweep) -> str:
    """The order in one line."""
    drill = "REHEARSAL of an " if sweep.is_drill else ""
    return (
        f"{drill}EMERGENCY SWEEP: pays only ourselves, from {sweep.wallet} to {' '.join(sweep.destinations)}, "
        f"until {render_time(sweep.sign_by)}: {sweep.reason}"
    )


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
