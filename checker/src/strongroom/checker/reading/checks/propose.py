"""PROPOSE: the exact unsigned bytes against instructions and registers; spec/docket.md, point 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from strongroom.checker.reading.bitcoin_spend import read_bitcoin_spend
from strongroom.checker.reading.bodies import Decision, Instruction, Proposal, Quorum, SignatureRecord
from strongroom.checker.reading.checks.instruct import find_account
from strongroom.checker.reading.checks.own import check_own_address
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import Heard, Journey, orders_of
from strongroom.checker.reading.judge import Request, check_request, required_quorums
from strongroom.checker.reading.judge import check_void_fee as judge_void_fee
from strongroom.checker.reading.key_states import find_idle, find_unpayable
from strongroom.checker.reading.networks import is_ethereum
from strongroom.checker.reading.policy import Policy
from strongroom.checker.reading.prices import judge_worth
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.registers import Purpose
from strongroom.checker.reading.spend import (
    Spend,
    SpendOutput,
    keys_of,
    read_ethereum_spend,
)
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused

UNSIGNED = "transaction.unsigned"


def read_spend(journey: Journey) -> Spend:
    """Decode the docket's bytes. Raises the TX_, PSBT_ and SCRIPT_ codes, TX_WRONG_CHAIN and SOURCE_NOT_OURS."""
    docket, proposal = journey.docket, journey.one(Proposal)
    if proposal.body.chain != docket.chain:
        raise refused(Code.TX_WRONG_CHAIN, "transaction.chain", proposal.body.chain, docket.chain)
    entries = journey.foundation.entries
    if is_ethereum(docket.chain):
        return read_ethereum_spend(docket.chain, docket.unsigned, proposal.body.sources, entries, UNSIGNED)
    return read_bitcoin_spend(docket.chain, docket.unsigned, entries, UNSIGNED)


def check_proposal(journey: Journey, spend: Spend, *more: Callable[[], None]) -> None:
    """What the proposal claims about the bytes, whoever they pay, and `more`; all refusals at once."""
    proposal = journey.one(Proposal)
    checks: Sequence[Callable[[], None]] = (
        partial(_check_digest, proposal, spend),
        partial(_check_sources, journey, proposal, spend),
        partial(_check_wallets, journey, proposal),
        partial(_check_claims, proposal, spend),
        partial(_check_fee, journey, proposal, spend),
        partial(_check_times, journey, proposal),
        *more,
    )
    found: list[Refusal] = []
    for check in checks:
        with gathered(found):
            check()
    raise_found(found)


def check_named(journey: Journey, spend: Spend) -> None:
    """A transfer names its instructions and decisions, and spends only where enough active keys may sign."""
    proposal = journey.one(Proposal)
    found: list[Refusal] = []
    with gathered(found):
        _check_named(journey, proposal)
    with gathered(found):
        _check_outputs_exist(proposal, spend)
    states = {name: key.state for name, key in journey.foundation.entries.keys.items()}
    found += find_unpayable(spend.sources, states, UNSIGNED)
    raise_found(found)


def check_paid(journey: Journey, spend: Spend) -> None:
    """Whom the bytes pay, and what comes back to us."""
    proposal = journey.one(Proposal)
    found: list[Refusal] = []
    with gathered(found):
        _check_payments(journey, proposal, spend)
    with gathered(found):
        _check_change(journey, proposal, spend)
    raise_found(found)


def check_policy(journey: Journey, spend: Spend, policy: Policy, now: datetime, name: str) -> None:
    """A policy lets every instruction through. now: the reader's time, by which it is judged before a signature."""
    found: list[Refusal] = []
    for request in build_requests(journey, spend, policy, now):
        with gathered(found):
            check_request(policy, request, name)
    raise_found(found)


def check_void_fee(journey: Journey, void: Spend, policy: Policy, now: datetime, name: str) -> None:
    """A policy lets the void twin burn its fee; asked by every rule about the transfer that it ends."""
    found: list[Refusal] = []
    for request in build_requests(journey, void, policy, now):
        with gathered(found):
            judge_void_fee(policy, request, name)
    raise_found(found)


def build_requests(journey: Journey, spend: Spend, policy: Policy, now: datetime) -> tuple[Request, ...]:
    """What policy judges: one request an instruction, each with the fee of the whole transaction.

    The signature records are not proved yet when this is asked; SIGN proves them, or the docket is refused there.
    """
    wallet = journey.one(Proposal).body.wallet
    signed = tuple(s.statement.issued_at for s in journey.docket.said if isinstance(s.statement.body, SignatureRecord))
    snapshot, assets = journey.foundation.prices, journey.foundation.entries.assets
    return tuple(
        Request(
            asset=each.body.asset,
            client=each.body.client,
            wallet=wallet,
            amount=each.body.amount,
            fee=spend.fee,
            signed=signed,
            worth=judge_worth(
                snapshot.body if snapshot else None,
                assets.get(each.body.asset),
                each.body.amount,
                moment=min(signed, default=now),
                max_age_s=policy.price_max_age_s,
            ),
        )
        for each in journey.all(Instruction)
    )


def quorums_in_force(
    journey: Journey, spend: Spend, policies: Sequence[Policy], floors: Sequence[Quorum], now: datetime
) -> tuple[Quorum, ...]:
    """The union of what the decisions and these policies require, and of the floors of these roots.

    The floors stand in the root, so that whoever signs policies cannot lower every rule to one person.
    """
    quorums = {*floors, *(quorum for each in journey.all(Decision) for quorum in each.body.quorums)}
    for policy in policies:
        quorums |= required_quorums(policy, build_requests(journey, spend, policy, now))
    return tuple(sorted(quorums, key=lambda each: (each.role, each.people, each.groups)))


def fee_ceiling(journey: Journey) -> int:
    """The most that those who ordered the docket together let the fee be."""
    return sum(each.fee_ceiling for each in orders_of(journey))


def _check_digest(proposal: Heard[Proposal], spend: Spend) -> None:
    if proposal.body.unsigned_digest != spend.unsigned_digest:
        path = f"{proposal.path}.unsigned_digest"
        raise refused(Code.DIGEST_MISMATCH, path, spend.unsigned_digest, proposal.body.unsigned_digest)


def _check_named(journey: Journey, proposal: Heard[Proposal]) -> None:
    """The proposal names exactly the docket's instructions and decisions, and one output for each instruction."""
    found: list[Refusal] = []
    body, path = proposal.body, proposal.path
    instructions = [each.statement.id for each in journey.all(Instruction)]
    decisions = [each.statement.id for each in journey.all(Decision)]
    for name, ours, theirs in (
        ("instructions", instructions, body.instructions),
        ("decisions", decisions, body.decisions),
    ):
        if sorted(ours) != list(theirs):
            found.append(_wrong(Code.STAGE_MISSING, f"{path}.{name}", " ".join(sorted(ours)), " ".join(theirs)))
    if sorted(body.outputs.values()) != sorted(instructions):
        got = " ".join(f"{index}:{name}" for index, name in body.outputs.items())
        found.append(_wrong(Code.OUTPUT_UNEXPLAINED, f"{path}.outputs", "one output for each instruction", got))
    raise_found(found)


def _check_outputs_exist(proposal: Heard[Proposal], spend: Spend) -> None:
    """Each named output is one of the bytes, asked of a void as well: Ethereum has one, so one instruction at most.

    Otherwise a void took many clients' ceilings together, and ended many payments with one nonce.
    """
    beyond = sorted(set(proposal.body.outputs) - {each.index for each in spend.outputs})
    if beyond:
        got = " ".join(str(index) for index in beyond)
        raise refused(Code.OUTPUT_UNEXPLAINED, f"{proposal.path}.outputs", "outputs that exist", got)


def _check_payments(journey: Journey, proposal: Heard[Proposal], spend: Spend) -> None:
    """Each instruction's output pays its address its amount, to the last unit."""
    found: list[Refusal] = []
    instructions = {each.statement.id: each.body for each in journey.all(Instruction)}
    for index, name in proposal.body.outputs.items():
        path = f"{UNSIGNED}.outputs[{index}]"
        output = next((each for each in spend.outputs if each.index == index), None)
        wanted = instructions.get(name)
        if output is None or wanted is None:
            found.append(_wrong(Code.OUTPUT_UNEXPLAINED, path, "an output that pays an instruction", f"{index}:{name}"))
            continue
        if output.address != wanted.destination_address:
            found.append(
                _wrong(Code.DEST_NOT_INSTRUCTED, f"{path}.address", wanted.destination_address, output.address)
            )
        if output.units != wanted.amount:
            found.append(_wrong(Code.AMOUNT_NOT_INSTRUCTED, f"{path}.units", str(wanted.amount), str(output.units)))
        if spend.asset != wanted.asset:
            found.append(_wrong(Code.ASSET_UNKNOWN, f"{path}.asset", wanted.asset, spend.asset))
        if output.witness_script:
            found.append(_wrong(Code.OUTPUT_UNEXPLAINED, f"{path}.witness_script", "none on a payment", "one"))
    raise_found(found)


def _check_change(journey: Journey, proposal: Heard[Proposal], spend: Spend) -> None:
    """Every other output comes back to a change address of the same wallet, derived again from proved, active keys."""
    found: list[Refusal] = []
    body = proposal.body
    for output in spend.outputs:
        if output.index not in body.outputs:
            with gathered(found):
                _check_change_output(journey, body, output, spend)
    beyond = sorted(set(body.change) - {each.index for each in spend.outputs})
    if beyond:
        got = " ".join(str(index) for index in beyond)
        found.append(_wrong(Code.CHANGE_NOT_OURS, f"{proposal.path}.change", "outputs that exist", got))
    raise_found(found)


def _check_change_output(journey: Journey, body: Proposal, output: SpendOutput, spend: Spend) -> None:
    path = f"{UNSIGNED}.outputs[{output.index}]"
    entries = journey.foundation.entries
    if output.index not in body.change:
        raise refused(Code.OUTPUT_UNEXPLAINED, path, "a payment or change", f"{output.units} to {output.address}")
    address = entries.addresses.get(body.change[output.index])
    if address is None:
        raise refused(Code.CHANGE_NOT_OURS, path, "a proved address", body.change[output.index])
    if address.purpose is not Purpose.CHANGE:
        raise refused(
            Code.CHANGE_NOT_OURS, path, "an address of purpose change", f"{address.id}: {address.purpose.value}"
        )
    script = check_own_address(address, body.wallet, spend, entries, Code.CHANGE_NOT_OURS, path)
    if address.address != output.address:
        raise refused(Code.CHANGE_NOT_OURS, f"{path}.address", address.address, output.address)
    # An address of ours whose keys sign no more: change sent there is lost, as if it were burnt.
    keys = keys_of(address, entries, Code.CHANGE_NOT_OURS, path)
    idle = find_idle(address, {key.id: key.state for key in keys})
    if idle:
        raise refused(Code.CHANGE_NOT_OURS, f"{path}.keys", f"active keys of {address.id}", ", ".join(idle))
    if script != output.witness_script:
        raise refused(Code.CHANGE_NOT_OURS, f"{path}.witness_script", script.hex(), output.witness_script.hex())


def _check_sources(journey: Journey, proposal: Heard[Proposal], spend: Spend) -> None:
    """Every input is spent from an address of the wallet that follows from proved keys."""
    found: list[Refusal] = []
    entries = journey.foundation.entries
    for address in spend.sources:
        with gathered(found):
            check_own_address(address, proposal.body.wallet, spend, entries, Code.SOURCE_NOT_OURS, UNSIGNED)
    raise_found(found)


def _check_wallets(journey: Journey, proposal: Heard[Proposal]) -> None:
    """Each debit account is paid from the wallet that it lives in."""
    found: list[Refusal] = []
    for each in journey.all(Instruction):
        wallet = find_account(each, journey.foundation).wallet
        if wallet != proposal.body.wallet:
            found.append(_wrong(Code.SOURCE_NOT_OURS, f"{proposal.path}.wallet", wallet, proposal.body.wallet))
    raise_found(found)


def _check_claims(proposal: Heard[Proposal], spend: Spend) -> None:
    """Beside the bytes the builder claims commitments and sources; both are exactly what the bytes say."""
    found: list[Refusal] = []
    body, path = proposal.body, proposal.path
    sources = tuple(each.id for each in spend.sources)
    if body.commits != spend.commits:
        found.append(_wrong(Code.DIGEST_MISMATCH, f"{path}.commits", " ".join(spend.commits), " ".join(body.commits)))
    if body.sources != sources:
        found.append(_wrong(Code.SOURCE_NOT_OURS, f"{path}.sources", " ".join(sources), " ".join(body.sources)))
    raise_found(found)


def _check_fee(journey: Journey, proposal: Heard[Proposal], spend: Spend) -> None:
    """The fee as derived is what is claimed, and at most what the clients together allow."""
    found: list[Refusal] = []
    ceiling = fee_ceiling(journey)
    if proposal.body.fee != spend.fee:
        found.append(_wrong(Code.FEE_CEILING, f"{proposal.path}.fee", str(spend.fee), str(proposal.body.fee)))
    if spend.fee > ceiling:
        found.append(_wrong(Code.FEE_CEILING, f"{UNSIGNED}.fee", f"at most {ceiling}", str(spend.fee)))
    raise_found(found)


def _check_times(journey: Journey, proposal: Heard[Proposal]) -> None:
    """A proposal lives no longer than any of its orders."""
    found: list[Refusal] = []
    body = proposal.body
    for each in orders_of(journey):
        pairs = (("sign_by", body.sign_by, each.sign_by), ("release_by", body.release_by, each.release_by))
        for name, ours, theirs in pairs:
            if ours > theirs:
                expected = f"not after {render_time(theirs)}"
                found.append(_wrong(Code.INSTRUCTION_EXPIRED, f"{proposal.path}.{name}", expected, render_time(ours)))
    raise_found(found)


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
