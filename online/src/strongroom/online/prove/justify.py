"""From a verified statement to exactly the ledger rows that it justifies. Pure: statements in, claims out.

    deposit-credit     the deposit, at once; the address must be assigned to that account, and the register agree
    decision           the reservation of its instruction, at once, unless it blocks or holds
    settlement         each reservation of its docket settled, or void when it failed, and the network fee; by the
                       platform's next pass
    reversals          what `undone.py` says
    rejection          each reservation of its docket may be void
    freeze-lift        what the frozen transaction moved may go to suspense; how much, the chain says

Everything else justifies nothing. V.4; spec/ledger.md, "Ledger against log".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from strongroom.core.assignments import AddressAssignment, Assigned
from strongroom.core.bodies import (
    Decision,
    Freeze,
    FreezeLift,
    Instruction,
    Outcome,
    Proposal,
    Rejection,
    Settlement,
    Verdict,
)
from strongroom.core.books import DepositCredit, DepositReversal, SettlementReversal
from strongroom.core.checks.foundation import Entries
from strongroom.core.checks.instruct import find_account
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, WalletId, parse_chain_id
from strongroom.core.records import NONE
from strongroom.core.statements import Statement
from strongroom.online.ledger.rules import PostingKind, TransferId
from strongroom.online.prove.rows import Claim, Duty, End, Ended, Ending, Phase, Posting, Row
from strongroom.online.prove.undone import (
    Credited,
    Settled,
    name_credit,
    reservation_again,
    uncredit,
    unlift,
    unsettle,
)
from strongroom.online.transfers.accounts import (
    HOUSE,
    build_custody_account,
    build_expense_account,
    build_suspense_account,
    find_credited,
    treasury_transfer,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an instruction asks for, with the wallet that its account had when it was taken in."""

    account: AccountId
    asset: AssetId
    units: int
    wallet: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a proposal pays, and from where. own: for a sweep, each output and the wallet of ours that it pays."""

    chain: ChainId
    own: tuple[tuple[int, WalletId], ...]
    instructions: tuple[Digest, ...]
    wallet: WalletId


@dataclass(slots=True, kw_only=True)
class Facts:
    """What the log said before a statement. entries: clients, addresses and assets in force at its place.

    reserved: the reservation that stands for an instruction, where a reorganisation undid the first one's end.
    taken_back: how often a credit of the same payment in the same block was taken back. assigned: whose addresses are.
    """

    entries: Entries
    orders: dict[Digest, Order] = field(default_factory=dict)
    plans: dict[Digest, Plan] = field(default_factory=dict)
    frozen: dict[Digest, str] = field(default_factory=dict)
    credits: dict[Digest, Credited] = field(default_factory=dict)
    settled: dict[Digest, Settled] = field(default_factory=dict)
    reserved: dict[Digest, TransferId] = field(default_factory=dict)
    taken_back: dict[str, int] = field(default_factory=dict)
    assigned: Assigned = field(default_factory=Assigned)

    def learn(self, statement: Statement[Any]) -> None:
        """Keep what later statements refer to. Raises NOT_IN_REGISTER for an instruction on nobody's account."""
        match statement.body:
            case Instruction() as body:
                self.orders[statement.id] = Order(
                    account=body.account,
                    asset=body.asset,
                    units=body.amount,
                    wallet=find_account(body, self.entries).wallet,
                )
            case Proposal() as body:
                plan = Plan(
                    chain=body.chain,
                    instructions=body.instructions,
                    own=_own_outputs(body, self.entries),
                    wallet=body.wallet,
                )
                self.plans[statement.id] = plan
            case Freeze() as body:
                self.frozen[statement.id] = body.evidence
            case DepositCredit() as body:
                wallet = self.entries.addresses[body.address].wallet
                self.credits[statement.id] = Credited(base=name_credit(body), body=body, wallet=wallet)
            case DepositReversal() as body:
                base = self.credits[body.credit].base
                self.taken_back[base] = self.taken_back.get(base, 0) + 1
            case Settlement() as body:
                plan = self.plan(body.proposal)
                orders = tuple((i, self.orders[i]) for i in plan.instructions)
                moves = _moves(statement.id, body, plan, self.entries)
                self.settled[statement.id] = Settled(
                    body=body, chain=plan.chain, wallet=plan.wallet, orders=orders, moves=moves
                )
            case AddressAssignment() as body:
                self.assigned.take(body)
            case SettlementReversal() as body:
                for instruction, _ in self.settled[body.settlement].orders:
                    self.reserved[instruction] = reservation_again(instruction, body.settlement)
            case _:
                return

    def reservation(self, instruction: Digest) -> TransferId:
        """The reservation that stands for an instruction."""
        return self.reserved.get(instruction, withdrawal_of(instruction))

    def plan(self, proposal: Digest) -> Plan:
        """What a proposal pays. Raises NOT_IN_LOG when no proposal of a builder has this id."""
        if proposal not in self.plans:
            raise refused(Code.NOT_IN_LOG, "proposal", proposal, "no such proposal")
        return self.plans[proposal]


def justify(statement: Statement[Any], facts: Facts) -> tuple[Claim, ...]:
    """The rows that a statement justifies, its signers being verified and `facts` what came before it.

    Raises NOT_IN_REGISTER or NOT_IN_LOG when the statement contradicts what the registers or the log say.
    """
    match statement.body:
        case DepositCredit() as body:
            return (_deposit(statement.id, body, facts),)
        case Decision() as body:
            return _reservation(body, facts) or _over(statement.id, body, facts)
        case Settlement() | SettlementReversal() | DepositReversal():
            return _settled_or_undone(statement, facts)
        case Rejection() as body:
            plan = facts.plan(body.proposal)
            voided = [facts.reservation(i) for i in plan.instructions]
            return tuple(_ending(transfer, Ended.VOID, statement.id, Duty.MAY) for transfer in voided)
        case FreezeLift() as body:
            return _suspense(statement.id, facts.frozen.get(body.freeze, ""), facts.entries)
        case _:
            return ()


def _settled_or_undone(statement: Statement[Any], facts: Facts) -> tuple[Claim, ...]:
    """What a reversal turns around must have been said before it."""
    match statement.body:
        case Settlement() as body:
            return _settlement(statement.id, body, facts)
        case SettlementReversal(settlement=settlement) if settlement in facts.settled:
            return unsettle(statement.id, settlement, facts.settled[settlement])
        case DepositReversal(credit=credit) if credit in facts.credits:
            return uncredit(statement.id, credit, facts.credits[credit])
        case _:
            raise refused(Code.NOT_IN_LOG, statement.type.value, "what it undoes", "nothing said before it")


def withdrawal_of(instruction: Digest) -> TransferId:
    """The ledger's id of an instruction's payment."""
    return TransferId(f"withdrawal:{instruction}")


def _deposit(statement: Digest, body: DepositCredit, facts: Facts) -> Posting:
    """The account must be the one that the log gives the address to, whoever signed the credit; the register agrees."""
    entries, base = facts.entries, name_credit(body)
    taken_back = facts.taken_back.get(base, 0)
    address = entries.addresses.get(body.address)
    given = facts.assigned.find(body.address)
    paid_to = find_credited(entries, address, body.asset, given.account) if address and given else NONE
    if address is None or paid_to != body.account or address.chain != body.chain:
        got = "no such address" if address is None else f"{paid_to} on {address.chain}"
        raise refused(Code.NOT_IN_REGISTER, f"{body.address}.account", f"{body.account} on {body.chain}", got)
    client = entries.clients.get(EntryId(body.client))
    if client is None or client.account(body.account).asset != body.asset:
        raise refused(Code.NOT_IN_REGISTER, "deposit-credit.client", f"the holder of {body.account}", body.client)
    kind = PostingKind.FUNDING if body.client == HOUSE else PostingKind.DEPOSIT
    row = Row(
        id=TransferId(f"{base}:{taken_back}" if taken_back else base),
        phase=Phase.POSTED,
        kind=kind.value,
        statement=statement,
        debit=build_custody_account(address.wallet, body.asset),
        credit=body.account,
        asset=body.asset,
        units=body.amount,
    )
    return Posting(row=row, duty=Duty.NOW)


def _reservation(body: Decision, facts: Facts) -> tuple[Claim, ...]:
    """What a client may no longer spend. A second decision on it, for a fee bump, justifies the very same row."""
    if body.verdict not in (Verdict.ALLOW, Verdict.REQUIRE_APPROVAL):
        return ()
    if body.instruction not in facts.orders:
        raise refused(Code.NOT_IN_LOG, "decision.instruction", body.instruction, "no such instruction of a client")
    order = facts.orders[body.instruction]
    row = Row(
        id=withdrawal_of(body.instruction),
        phase=Phase.PENDING,
        kind=PostingKind.WITHDRAWAL.value,
        statement=body.instruction,
        debit=order.account,
        credit=build_custody_account(order.wallet, order.asset),
        asset=order.asset,
        units=order.units,
    )
    return (Posting(row=row, duty=Duty.NOW),)


def _over(statement: Digest, body: Decision, facts: Facts) -> tuple[Claim, ...]:
    """The platform's last word on an instruction whose time is over: what was reserved for it may be free again."""
    if body.verdict is not Verdict.BLOCK or body.instruction not in facts.orders:
        return ()
    return (_ending(facts.reservation(body.instruction), Ended.VOID, statement, Duty.MAY),)


def _own_outputs(body: Proposal, entries: Entries) -> tuple[tuple[int, WalletId], ...]:
    """A sweep's outputs, by the addresses in force at its place. Change of a transfer moves nothing in the ledger."""
    if body.instructions:
        return ()
    known = entries.addresses
    return tuple((c.index, known[c.address].wallet) for c in body.change if c.address in known)


def _moves(statement: Digest, body: Settlement, plan: Plan, entries: Entries) -> tuple[Row, ...]:
    """What a settled sweep may have moved between own wallets, asset by asset.

    Which asset, and how much of it, stands in the bytes that were approved, not in a statement, so the units are open.
    Both sides are custody: no such row can make or take what a client has.
    """
    if body.outcome is not Outcome.SUCCESS:
        return ()
    assets = sorted(a.id for a in entries.assets.values() if a.chain == plan.chain)
    rows = []
    for index, wallet in plan.own:
        for asset in assets:
            custody = build_custody_account(wallet, asset)
            rows.append(
                Row(
                    id=TransferId(treasury_transfer(statement, index, custody)),
                    phase=Phase.POSTED,
                    kind=PostingKind.TREASURY.value,
                    statement=statement,
                    debit=custody,
                    credit=build_custody_account(plan.wallet, asset),
                    asset=asset,
                    units=0,
                )
            )
    return tuple(rows)


def _settlement(statement: Digest, body: Settlement, facts: Facts) -> tuple[Claim, ...]:
    plan = facts.plan(body.proposal)
    outcome = Ended.POSTED if body.outcome is Outcome.SUCCESS else Ended.VOID
    ended = [facts.reservation(i) for i in plan.instructions]
    claims: list[Claim] = [_ending(transfer, outcome, statement, Duty.SOON) for transfer in ended]
    claims += [Posting(row=row, duty=Duty.MAY) for row in _moves(statement, body, plan, facts.entries)]
    if body.fee_paid:
        asset = native_asset_of(plan.chain)
        row = Row(
            id=TransferId(f"fee:{statement}"),
            phase=Phase.POSTED,
            kind=PostingKind.NETWORK_FEE.value,
            statement=statement,
            debit=build_expense_account(plan.chain),
            credit=build_custody_account(plan.wallet, asset),
            asset=asset,
            units=body.fee_paid,
        )
        claims.append(Posting(row=row, duty=Duty.SOON))
    return tuple(claims)


def _ending(transfer: TransferId, outcome: Ended, statement: Digest, duty: Duty) -> Ending:
    return Ending(end=End(transfer=transfer, outcome=outcome, statement=statement), duty=duty)


def _suspense(statement: Digest, evidence: str, entries: Entries) -> tuple[Claim, ...]:
    """The officers' word names the transaction; which wallets it drained, and of how much, the chain says.

    So the units are open here. Whoever changes them in the ledger changes what custody holds, and the comparison with
    the chain finds that.
    """
    named, _, txid = evidence.partition(" ")
    wallets = sorted({a.wallet for a in entries.addresses.values() if a.chain == named})
    if not wallets or not txid:
        return ()
    chain = parse_chain_id(named, "freeze.evidence")
    assets = sorted(a.id for a in entries.assets.values() if a.chain == chain)
    claims: list[Claim] = []
    for wallet, asset in ((wallet, asset) for wallet in wallets for asset in assets):
        custody, suspense = build_custody_account(wallet, asset), build_suspense_account(chain, asset)
        row = Row(
            id=TransferId(f"unexplained:{statement}:{custody}"),
            phase=Phase.POSTED,
            kind=PostingKind.UNEXPLAINED.value,
            statement=statement,
            debit=suspense,
            credit=custody,
            asset=asset,
            units=0,
        )
        claims += [Posting(row=row, duty=Duty.MAY), unlift(statement, custody, suspense, asset)]
    return tuple(claims)
