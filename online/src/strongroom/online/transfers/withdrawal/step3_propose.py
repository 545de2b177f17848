"""Step 3, propose: the exact unsigned bytes, their inputs or nonce committed to this docket and to no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, assert_never

from strongroom.chains.ethereum.tokens import encode_token_transfer
from strongroom.core.bodies import Decision, Instruction, Proposal
from strongroom.core.checks.instruct import find_account
from strongroom.core.checks.spend import is_ethereum
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, build_prev, docket_order
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import ChainId, WalletId
from strongroom.core.records import NONE, DigestOrNone, Units
from strongroom.core.registers import AddressEntry, AssetKind
from strongroom.core.statements import Statement, expect
from strongroom.online.evidence.store import load_statements
from strongroom.online.governance.store import Rules
from strongroom.online.keys.proven import check_own_outputs
from strongroom.online.keys.states import find_payable
from strongroom.online.ledger.rules import Ending
from strongroom.online.ledger.store import void
from strongroom.online.transfers.withdrawal.attempts import NewDocket, add_docket
from strongroom.online.transfers.withdrawal.build import (
    Built,
    build_bitcoin,
    build_ethereum,
    build_token,
    token_transfer_of,
)
from strongroom.online.transfers.withdrawal.limits import check_built
from strongroom.online.transfers.withdrawal.platform import EthereumTerms, Platform
from strongroom.online.transfers.withdrawal.step2_decide import build_blocked, withdrawal_transfer
from strongroom.online.transfers.withdrawal.store import (
    Coin,
    DocketRow,
    InstructionRow,
    State,
    load_coins,
    load_commitments,
    open_alert,
    save_instruction,
)
from strongroom.online.transfers.withdrawal.usage import void_usage


def group_rows(rows: Sequence[InstructionRow]) -> list[list[InstructionRow]]:
    """Which instructions share a transaction: one each on Ethereum, all of a wallet on the Bitcoin family."""
    groups: dict[tuple[str, str], list[InstructionRow]] = {}
    for row in rows:
        key = (row.id, "") if is_ethereum(row.chain) else (row.chain, row.wallet)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def propose(platform: Platform, rules: Rules, rows: Sequence[InstructionRow]) -> None:
    """Build, say and commit one docket for these instructions, in one transaction. What cannot be funded waits."""
    instructions = [
        expect(s, Instruction, "instruction") for s in load_statements(platform.connection, [r.id for r in rows])
    ]
    instructions, rows = _drop_expired(platform, rules, instructions, rows)
    if not rows:
        return
    decisions = [
        expect(s, Decision, "decision")
        for s in load_statements(platform.connection, [r.decision for r in rows if r.decision])
    ]
    try:
        built = build(platform, rules, rows[0].chain, rows[0].wallet, instructions)
        check_ceiling(built, instructions)
        check_to_ourselves(platform, rules, rows[0].wallet, built, instructions)
        with platform.connection.transaction():
            check_built(platform, rules, instructions, built.fee)
    except RefusedError as error:
        for row in rows:
            save_instruction(platform.connection, row.id, State.SCREENING, why=str(error))
            _tell(platform, row, error)
        return
    say_proposal(platform, rules, built, instructions, decisions, None)


def _tell(platform: Platform, row: InstructionRow, error: RefusedError) -> None:
    """Page for what our own builder made and may not be proposed: a fee above its ceiling, change that is not ours.

    Only waiting for coins is silent. Attack: who owns the builder tries fees until one passes, and nobody hears of it.
    """
    for code in sorted(error.codes - {Code.CANNOT_FUND}):
        open_alert(platform.connection, code.value, "high", f"instruction {row.id}", str(error))


def say_proposal(
    platform: Platform,
    rules: Rules,
    built: Built,
    instructions: Sequence[Statement[Instruction]],
    decisions: Sequence[Statement[Decision]],
    before: DocketRow | None,
) -> Statement[Proposal]:
    """Say the proposal and make its docket, in one transaction. before: the attempt that it replaces, if any.

    Raises ALREADY_COMMITTED when a docket of another payment has one of its coins or its nonce.
    """
    everything: list[Statement[Any]] = [*instructions, *decisions]
    earlier = sorted(everything, key=docket_order)
    order = instructions[0].body
    body = Proposal(
        attempt=before.attempt + 1 if before else 1,
        chain=order.chain,
        change=built.change,
        commits=built.commits,
        decisions=tuple(sorted(d.id for d in decisions)),
        fee=Units(built.fee),
        heads=rules.build_heads(),
        instructions=tuple(sorted(i.id for i in instructions)),
        outputs=built.outputs,
        prev=build_prev(earlier, Stage.PROPOSE),
        release_by=min(i.body.release_by for i in instructions),
        replaces=DigestOrNone(before.proposal if before else NONE),
        sign_by=min(i.body.sign_by for i in instructions),
        sources=built.sources,
        unsigned_digest=built.unsigned_digest,
        void=built.void_digest,
        wallet=find_account(order, rules.entries).wallet,
    )
    made = NewDocket(
        unsigned=built.unsigned, void=built.void, void_fee=built.void_fee, family=before.family if before else None
    )
    with platform.connection.transaction():
        statement = expect(platform.say(rules, body), Proposal, "proposal")
        add_docket(platform.connection, statement, made, earlier)
    return statement


def _drop_expired(
    platform: Platform, rules: Rules, instructions: Sequence[Statement[Instruction]], rows: Sequence[InstructionRow]
) -> tuple[list[Statement[Instruction]], list[InstructionRow]]:
    """Instructions that waited for coins beyond their `sign_by` end here, with what was reserved for them."""
    now = platform.clock()
    late = {i.id: i for i in instructions if now > i.body.sign_by}
    for statement in late.values():
        word = platform.say(rules, build_blocked(rules, statement))
        void(platform.connection, Ending(transfer=withdrawal_transfer(statement.id), statement=word.id, event_at=now))
        void_usage(platform.connection, statement.id)
        save_instruction(platform.connection, statement.id, State.EXPIRED, why="expired before it could be funded")
    return [i for i in instructions if i.id not in late], [r for r in rows if r.id not in late]


def build(
    platform: Platform, rules: Rules, chain: ChainId, wallet: WalletId, instructions: Sequence[Statement[Instruction]]
) -> Built:
    """The unsigned bytes for these instructions, with coins or a nonce that no other docket holds."""
    if is_ethereum(chain):
        source = _find_account(platform, rules, chain, wallet)
        terms = platform.chains.ethereum[chain].fetch_terms(source.address)
        # A nonce that a docket holds is not free, even while the chain does not know it yet.
        taken = load_commitments(platform.connection, f"nonce:{chain}:{source.address}:")
        used = {int(commitment.rsplit(":", 1)[1]) for commitment in taken}
        nonce = max({terms.nonce, *(n + 1 for n in used)})
        return build_account(platform, rules, instructions[0], source, replace(terms, nonce=nonce))
    chain_source = platform.chains.bitcoin[chain]
    with_previous = [
        (coin, chain_source.fetch_previous(coin.txid)) for coin in find_free_coins(platform, rules, chain, wallet)
    ]
    return build_bitcoin(chain, wallet, instructions, with_previous, chain_source.fetch_fee_rate(), rules.entries)


def find_free_coins(platform: Platform, rules: Rules, chain: ChainId, wallet: WalletId) -> list[Coin]:
    """Confirmed coins of a wallet that no docket holds and whose keys may pay, oldest first."""
    payable = find_payable(platform.connection, rules, wallet)
    return [coin for coin in load_all_free_coins(platform, chain, wallet) if coin.address in payable]


def load_all_free_coins(platform: Platform, chain: ChainId, wallet: WalletId) -> list[Coin]:
    """Confirmed coins of a wallet that no docket holds, whatever their keys may sign."""
    committed = load_commitments(platform.connection, f"outpoint:{chain}:")
    return [
        coin
        for coin in load_coins(platform.connection, chain, wallet)
        if f"outpoint:{chain}:{coin.txid}:{coin.output}" not in committed
    ]


def build_account(
    platform: Platform, rules: Rules, statement: Statement[Instruction], source: AddressEntry, terms: EthereumTerms
) -> Built:
    """Ether or a token, as the instruction's asset is; a token's gas is the node's estimate. Raises ASSET_UNKNOWN."""
    body = statement.body
    asset = rules.entries.assets.get(body.asset)
    if asset is None:
        raise refused(Code.ASSET_UNKNOWN, "instruction.asset", "an asset of the register", body.asset)
    match asset.kind:
        case AssetKind.NATIVE:
            return build_ethereum(body.chain, statement, source, terms)
        case AssetKind.ERC20:
            data = encode_token_transfer(token_transfer_of(body))
            gas_limit = platform.chains.ethereum[body.chain].fetch_token_gas(source.address, asset.contract, data)
            return build_token(body.chain, statement, source, terms, asset.contract, gas_limit)
        case _:
            assert_never(asset.kind)


def _find_account(platform: Platform, rules: Rules, chain: ChainId, wallet: WalletId) -> AddressEntry:
    """The wallet's first address whose key may pay. Raises CANNOT_FUND when there is none."""
    payable = find_payable(platform.connection, rules, wallet)
    for entry in sorted(rules.entries.addresses.values(), key=lambda e: e.id):
        if entry.chain == chain and entry.id in payable:
            return entry
    raise refused(Code.CANNOT_FUND, wallet, "an address whose key may pay", "none")


def check_to_ourselves(
    platform: Platform, rules: Rules, wallet: WalletId, built: Built, instructions: Sequence[Statement[Instruction]]
) -> None:
    """Raise SWEEP_TO_UNPROVEN_ADDRESS for an output to an address of ours that nobody has shown to be spendable."""
    change = [each.address for each in built.change]
    check_own_outputs(platform.connection, rules, wallet, change, instructions, platform.clock())


def check_ceiling(built: Built, instructions: Sequence[Statement[Instruction]]) -> None:
    """Raise FEE_CEILING when the fee is above what the clients together allow."""
    ceiling = sum(i.body.fee_ceiling for i in instructions)
    if built.fee > ceiling:
        raise refused(Code.FEE_CEILING, "proposal.fee", f"at most {ceiling}", str(built.fee))
