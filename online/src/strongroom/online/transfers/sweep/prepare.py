"""From officers' order to dockets, in one transaction: every address of the wallet whose keys they declared.

What another docket holds already (a coin, a nonce) is left alone: that one ends first, and the same order is prepared
again for what is free then. 10.9.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from strongroom.chains.ethereum.addresses import parse_address
from strongroom.chains.ethereum.tokens import TokenTransfer, encode_token_transfer
from strongroom.core.bodies import Proposal
from strongroom.core.checks.signers import check_statement_signers
from strongroom.core.checks.spend import is_ethereum
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, build_prev, docket_order
from strongroom.core.errors import RefusedError, refused
from strongroom.core.ids import Digest
from strongroom.core.key_states import KeyStateChange
from strongroom.core.records import NONE, DigestOrNone, Units
from strongroom.core.registers import AddressEntry, AssetKind
from strongroom.core.roster import check_quorum
from strongroom.core.statements import Envelope, Statement, check_context, expect, parse_statement
from strongroom.core.sweeps import Sweep, officers_quorum
from strongroom.online.db.locks import lock_name
from strongroom.online.evidence.store import append, load_statements
from strongroom.online.governance.store import Rules
from strongroom.online.keys.proven import check_own_outputs
from strongroom.online.transfers.sweep.build import build_coin_sweep, build_coins_sweep, build_token_sweep
from strongroom.online.transfers.withdrawal.attempts import NewDocket, add_docket
from strongroom.online.transfers.withdrawal.build import MAX_COINS, Built, Price
from strongroom.online.transfers.withdrawal.platform import Platform
from strongroom.online.transfers.withdrawal.step3_propose import load_all_free_coins
from strongroom.online.transfers.withdrawal.store import load_commitments


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What was made of an order. left: what could not be built, and why; people look at each."""

    sweep: Digest
    proposals: tuple[Digest, ...]
    left: tuple[str, ...]


def prepare_sweep(platform: Platform, rules: Rules, envelope: Envelope) -> Prepared:
    """Take in an order and build every docket that it needs, in one transaction. The same order may come again."""
    with platform.connection.transaction():
        sweep = _accept(platform, rules, envelope)
        states = [
            expect(s, KeyStateChange, "key-state") for s in load_statements(platform.connection, sweep.body.states)
        ]
        lock_name(platform.connection, f"propose {sweep.body.chain} {sweep.body.wallet}")
        proposals: list[Digest] = []
        left: list[str] = []
        for built in _build_all(platform, rules, sweep.body, find_sources(rules, sweep.body, states), left):
            if built.fee > sweep.body.fee_ceiling:
                left.append(f"{', '.join(built.sources)}: a fee of {built.fee} is above {sweep.body.fee_ceiling}")
                continue
            proposals.append(_say(platform, rules, sweep, states, built).id)
    return Prepared(sweep=sweep.id, proposals=tuple(proposals), left=tuple(left))


def _accept(platform: Platform, rules: Rules, envelope: Envelope) -> Statement[Sweep]:
    """The order as every device will judge it, logged. Raises QUORUM_NOT_MET, SWEEP_NOT_JUSTIFIED, EXPIRED."""
    sweep = expect(parse_statement(envelope, "sweep"), Sweep, "sweep")
    now = platform.clock()
    check_context(sweep, rules.context, "sweep")
    check_statement_signers(sweep, rules.roster, now, rules.entries, "sweep")
    signed = {s.keyid for s in envelope.signatures}
    officers = [p for p in rules.roster.with_role("officer") if p.key.key_id in signed]
    check_quorum(officers_quorum(rules.root.floors), officers, "sweep.signatures")
    known = load_statements(platform.connection, sweep.body.states)
    if len(known) != len(sweep.body.states) or any(not isinstance(s.body, KeyStateChange) for s in known):
        raise refused(Code.SWEEP_NOT_JUSTIFIED, "sweep.states", "statements about keys in the log", "others")
    if now > sweep.body.sign_by:
        raise refused(Code.INSTRUCTION_EXPIRED, "sweep.sign_by", f"after {now}", str(sweep.body.sign_by))
    append(platform.connection, envelope)
    return sweep


def find_sources(rules: Rules, sweep: Sweep, states: Sequence[Statement[KeyStateChange]]) -> tuple[AddressEntry, ...]:
    """The wallet's addresses that have a declared key, sorted by id."""
    named = {key for each in states for key in each.body.keys}
    found = [
        a
        for a in rules.entries.addresses.values()
        if a.wallet == sweep.wallet and a.chain == sweep.chain and named & set(a.keys)
    ]
    return tuple(sorted(found, key=lambda a: a.id))


def _target(platform: Platform, rules: Rules, sweep: Sweep) -> AddressEntry:
    """The first address that the officers named. Raises SWEEP_NOT_OURS, and SWEEP_TO_UNPROVEN_ADDRESS.

    Attack, or haste: coins are saved from a thief into an address whose key nobody has.
    """
    target = rules.entries.addresses.get(sweep.destinations[0])
    if target is None or target.wallet == sweep.wallet:
        raise refused(Code.SWEEP_NOT_OURS, "sweep.destinations", "an address of another wallet", sweep.destinations[0])
    check_own_outputs(platform.connection, rules, target.wallet, [target.id], (), platform.clock())
    return target


def _build_all(
    platform: Platform, rules: Rules, sweep: Sweep, sources: Sequence[AddressEntry], left: list[str]
) -> Iterator[Built]:
    target = _target(platform, rules, sweep)
    if is_ethereum(sweep.chain):
        for source in sources:
            yield from _build_account(platform, rules, source, target, left)
        return
    chain, here = platform.chains.bitcoin[sweep.chain], {a.id for a in sources}
    coins = [c for c in load_all_free_coins(platform, sweep.chain, sweep.wallet) if c.address in here]
    price = Price(rate=chain.fetch_fee_rate())
    for start in range(0, len(coins), MAX_COINS):
        batch = [(coin, chain.fetch_previous(coin.txid)) for coin in coins[start : start + MAX_COINS]]
        try:
            yield build_coins_sweep(sweep.chain, target, batch, price, rules.entries)
        except RefusedError as error:
            left.append(str(error))


def _build_account(
    platform: Platform, rules: Rules, source: AddressEntry, target: AddressEntry, left: list[str]
) -> Iterator[Built]:
    """Every token of an address, then its coin; the coin waits until last, since it pays the gas of all."""
    chain = platform.chains.ethereum[source.chain]
    terms = chain.fetch_terms(source.address)
    taken = load_commitments(platform.connection, f"nonce:{source.chain}:{source.address}:")
    if any(int(each.rpartition(":")[2]) >= terms.nonce for each in taken):
        # The chain has not used it yet: a sweep with the next nonce would wait behind it.
        left.append(f"{source.id}: a docket that is not final holds its nonce; end it, then prepare again")
        return
    balance = chain.fetch_balance(source.address)
    for asset in sorted(rules.entries.assets.values(), key=lambda a: a.id):
        if asset.chain != source.chain or asset.kind is not AssetKind.ERC20:
            continue
        units = chain.fetch_token_balance(source.address, asset.contract)
        if not units:
            continue
        data = encode_token_transfer(TokenTransfer(recipient=parse_address(target.address), units=units))
        gas = chain.fetch_token_gas(source.address, asset.contract, data)
        built = build_token_sweep(source, target, terms, asset.contract, units, gas)
        yield built
        terms, balance = replace(terms, nonce=terms.nonce + 1), balance - built.fee
    try:
        yield build_coin_sweep(source.chain, source, target, terms, balance)
    except RefusedError as error:
        left.append(str(error))


def _say(
    platform: Platform,
    rules: Rules,
    sweep: Statement[Sweep],
    states: Sequence[Statement[KeyStateChange]],
    built: Built,
) -> Statement[Proposal]:
    everything: list[Statement[Any]] = [*states, sweep]
    earlier = sorted(everything, key=docket_order)
    body = Proposal(
        attempt=1,
        chain=sweep.body.chain,
        change=built.change,
        commits=built.commits,
        decisions=(sweep.id,),
        fee=Units(built.fee),
        heads=rules.build_heads(),
        instructions=(),
        outputs=(),
        prev=build_prev(earlier, Stage.PROPOSE),
        release_by=sweep.body.release_by,
        replaces=DigestOrNone(NONE),
        sign_by=sweep.body.sign_by,
        sources=built.sources,
        unsigned_digest=built.unsigned_digest,
        void=built.void_digest,
        wallet=sweep.body.wallet,
    )
    statement = expect(platform.say(rules, body), Proposal, "proposal")
    made = NewDocket(unsigned=built.unsigned, void=built.void, void_fee=built.void_fee, family=None)
    add_docket(platform.connection, statement, made, earlier)
    return statement
