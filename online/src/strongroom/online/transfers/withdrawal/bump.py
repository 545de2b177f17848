"""Bump the fee of a payment that is stuck: another attempt at the same instructions, decided and approved anew.

The new transaction spends everything that the old one spends, so that the chain takes one of them at most. From step 4
on it runs like any docket; whichever attempt is mined settles, and the others are REPLACED.
Sources: spec/docket.md, Replacement; BIP-125; go-ethereum's and reth's rule of replacement (10 % and more).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongroom.chains.bitcoin.psbt import Psbt, parse_psbt
from strongroom.chains.ethereum.transactions import Transfer, parse_unsigned
from strongroom.core.bodies import Decision, Instruction, Proposal
from strongroom.core.checks.spend import is_ethereum
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import refused
from strongroom.core.ids import Digest
from strongroom.core.statements import Statement, expect
from strongroom.online.db.locks import lock_name
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.attempts import is_mined, load_family
from strongroom.online.transfers.withdrawal.build import Built, Price, rebuild_bitcoin
from strongroom.online.transfers.withdrawal.limits import check_built
from strongroom.online.transfers.withdrawal.platform import EthereumTerms, Platform
from strongroom.online.transfers.withdrawal.step2_decide import decide_again
from strongroom.online.transfers.withdrawal.step3_propose import (
    build_account,
    check_ceiling,
    check_to_ourselves,
    find_free_coins,
    say_proposal,
)
from strongroom.online.transfers.withdrawal.store import (
    DocketRow,
    State,
    load_docket_statements,
    lock_docket,
)

BUMP_PERMILLE = 1125
"""Both fees of an Ethereum transaction rise by an eighth at least; geth and reth ask for a tenth."""
_STUCK = (State.RELEASED, State.CONFIRMING)


def bump(platform: Platform, rules: Rules, proposal: Digest, fee_rate: int) -> Statement[Proposal]:
    """Make the next attempt. fee_rate: at least this; wei a unit of gas, or smallest units a 1,000 virtual bytes.

    Raises DOCKET_ORDER for a docket that is not stuck, INSTRUCTION_EXPIRED, FEE_CEILING, what policy refuses, and
    CANNOT_FUND.
    """
    with platform.connection.transaction():
        row = lock_docket(platform.connection, proposal)
        # Coins and nonces of a wallet are given out by one worker at a time.
        lock_name(platform.connection, f"propose {row.chain} {row.wallet}")
        _check_stuck(platform, row)
        instructions = _instructions_of(platform, row)
        _check_time(platform, instructions)
        built = _rebuild(platform, rules, row, instructions, fee_rate)
        check_ceiling(built, instructions)
        check_to_ourselves(platform, rules, row.wallet, built, instructions)
        check_built(platform, rules, instructions, built.fee)
        decisions: list[Statement[Decision]] = [decide_again(platform, rules, each) for each in instructions]
        return say_proposal(platform, rules, built, instructions, decisions, row)


def _check_stuck(platform: Platform, row: DocketRow) -> None:
    """It has left, it is the newest attempt, and nothing of its family is in the chain."""
    newest = load_family(platform.connection, row.family)[-1]
    if row.twin is not Twin.TRANSFER or row.state not in _STUCK:
        got = f"{row.state.value} of its {row.twin.value}"
        raise refused(Code.DOCKET_ORDER, "docket.state", "a transfer that left and is not mined", got)
    if newest.proposal != row.proposal:
        raise refused(Code.DOCKET_ORDER, "docket.attempt", f"the newest, {newest.proposal}", str(row.attempt))
    if is_mined(platform.connection, row.family):
        raise refused(Code.DOCKET_ORDER, "docket", "a payment that no block has", "one that a block has")


def _instructions_of(platform: Platform, row: DocketRow) -> list[Statement[Instruction]]:
    statements: tuple[Statement[Any], ...] = load_docket_statements(platform.connection, row.proposal)
    return [expect(s, Instruction, "instruction") for s in statements if isinstance(s.body, Instruction)]


def _check_time(platform: Platform, instructions: list[Statement[Instruction]]) -> None:
    now, last = platform.clock(), min(i.body.sign_by for i in instructions)
    if now > last:
        raise refused(Code.INSTRUCTION_EXPIRED, "instruction.sign_by", f"after {now}", str(last))


def _rebuild(
    platform: Platform,
    rules: Rules,
    row: DocketRow,
    instructions: list[Statement[Instruction]],
    fee_rate: int,
) -> Built:
    if is_ethereum(row.chain):
        return _rebuild_ethereum(platform, rules, row, instructions[0], fee_rate)
    source = platform.chains.bitcoin[row.chain]
    old: Psbt = parse_psbt(row.unsigned)
    free = find_free_coins(platform, rules, row.chain, row.wallet)
    more = [(coin, source.fetch_previous(coin.txid)) for coin in free]
    now = source.fetch_fee_rate()
    price = Price(rate=max(fee_rate, now), relay_rate=now)
    return rebuild_bitcoin(row.chain, row.wallet, instructions, old, more, price, rules.entries)


def _rebuild_ethereum(
    platform: Platform, rules: Rules, row: DocketRow, statement: Statement[Instruction], fee_rate: int
) -> Built:
    """The same payment with the same nonce; what the node asks for now, or an eighth more, whichever is higher."""
    old = parse_unsigned(row.unsigned)
    (source,) = [a for a in rules.entries.addresses.values() if a.id in _sources(platform, row)]
    terms = bump_terms(old, platform.chains.ethereum[row.chain].fetch_terms(source.address), fee_rate)
    return build_account(platform, rules, statement, source, terms)


def bump_terms(old: Transfer, now: EthereumTerms, fee_rate: int) -> EthereumTerms:
    """The terms of a replacement: the old nonce, and both prices at least an eighth higher, or nodes refuse it."""
    tip = max(_eighth_more(old.max_priority_fee_per_gas_wei), now.max_priority_fee_per_gas_wei)
    price = max(_eighth_more(old.max_fee_per_gas_wei), now.max_fee_per_gas_wei, fee_rate, tip)
    return replace(now, nonce=old.nonce, max_fee_per_gas_wei=price, max_priority_fee_per_gas_wei=tip)


def _eighth_more(price: int) -> int:
    return -(-price * BUMP_PERMILLE // 1000)


def _sources(platform: Platform, row: DocketRow) -> tuple[str, ...]:
    (proposal,) = [
        s.body for s in load_docket_statements(platform.connection, row.proposal) if isinstance(s.body, Proposal)
    ]
    return tuple(proposal.sources)
