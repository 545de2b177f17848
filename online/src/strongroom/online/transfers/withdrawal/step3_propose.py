"""Step 3, propose: the exact unsigned bytes, their inputs or nonce committed to this docket and to no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, assert_never

from strongroom.chains.ethereum.tokens import encode_token_transfer
from strongroom.core.bodies import Decision, Instruction, Proposal
from strongroom.core.checks.spend import is_ethereum
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, build_prev, docket_order
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import ChainId, WalletId
from strongroom.core.records import DigestOrNone, Units
from strongroom.core.registers import AddressEntry, AssetKind
from strongroom.core.statements import Statement, expect
from strongroom.online.evidence.store import load_statements
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.build import (
    Built,
    build_bitcoin,
    build_ethereum,
    build_token,
    token_transfer_of,
)
from strongroom.online.transfers.withdrawal.limits import check_built
from strongroom.online.transfers.withdrawal.platform import EthereumTerms, Platform
from strongroom.online.transfers.withdrawal.store import (
    InstructionRow,
    State,
    add_docket,
    load_coins,
    load_commitments,
    save_instruction,
)


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
    decisions = [
        expect(s, Decision, "decision")
        for s in load_statements(platform.connection, [r.decision for r in rows if r.decision])
    ]
    try:
        built = build(platform, rules, rows[0].chain, rows[0].wallet, instructions)
        _check_ceiling(built, instructions)
        with platform.connection.transaction():
            check_built(platform, rules, instructions, built.fee)
    except RefusedError as error:
        for row in rows:
            save_instruction(platform.connection, row.id, State.SCREENING, why=str(error))
        return
    everything: list[Statement[Any]] = [*instructions, *decisions]
    earlier = sorted(everything, key=docket_order)
    body = Proposal(
        attempt=1,
        chain=rows[0].chain,
        change=built.change,
        commits=built.commits,
        decisions=tuple(sorted(d.id for d in decisions)),
        fee=Units(built.fee),
        heads=rules.build_heads(),
        instructions=tuple(sorted(i.id for i in instructions)),
        outputs=built.outputs,
        prev=build_prev(earlier, Stage.PROPOSE),
        release_by=min(i.body.release_by for i in instructions),
        replaces=DigestOrNone("none"),
        sign_by=min(i.body.sign_by for i in instructions),
        sources=built.sources,
        unsigned_digest=built.unsigned_digest,
        void=built.void_digest,
        wallet=rows[0].wallet,
    )
    with platform.connection.transaction():
        statement = platform.say(rules, body)
        add_docket(platform.connection, statement, built.unsigned, earlier)


def build(
    platform: Platform, rules: Rules, chain: ChainId, wallet: WalletId, instructions: Sequence[Statement[Instruction]]
) -> Built:
    """The unsigned bytes for these instructions, with coins or a nonce that no other docket holds."""
    if is_ethereum(chain):
        source = _find_account(rules, chain, wallet)
        terms = platform.chains.ethereum[chain].fetch_terms(source.address)
        # A nonce that a docket holds is not free, even while the chain does not know it yet.
        taken = load_commitments(platform.connection, f"nonce:{chain}:{source.address}:")
        used = {int(commitment.rsplit(":", 1)[1]) for commitment in taken}
        nonce = max({terms.nonce, *(n + 1 for n in used)})
        return build_account(platform, rules, instructions[0], source, replace(terms, nonce=nonce))
    committed = load_commitments(platform.connection, f"outpoint:{chain}:")
    coins = [
        coin
        for coin in load_coins(platform.connection, chain, wallet)
        if f"outpoint:{chain}:{coin.txid}:{coin.output}" not in committed
    ]
    chain_source = platform.chains.bitcoin[chain]
    with_previous = [(coin, chain_source.fetch_previous(coin.txid)) for coin in coins]
    return build_bitcoin(chain, wallet, instructions, with_previous, chain_source.fetch_fee_rate(), rules.entries)


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


def _find_account(rules: Rules, chain: ChainId, wallet: WalletId) -> AddressEntry:
    for entry in sorted(rules.entries.addresses.values(), key=lambda e: e.id):
        if entry.wallet == wallet and entry.chain == chain:
            return entry
    raise refused(Code.CANNOT_FUND, wallet, "an address", "none")


def _check_ceiling(built: Built, instructions: Sequence[Statement[Instruction]]) -> None:
    ceiling = sum(i.body.fee_ceiling for i in instructions)
    if built.fee > ceiling:
        raise refused(Code.FEE_CEILING, "proposal.fee", f"at most {ceiling}", str(built.fee))
