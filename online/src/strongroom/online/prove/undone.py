"""What a reorganisation's reversals justify: rows that turn earlier ones around. Pure; part of `justify.py`.

settlement-reversal   each payment turned and reserved again, the fee turned; at once
deposit-reversal      the credit taken from the client, the rest from suspense, and what is recovered later; how the
                      two share it depends on what the client had then, so the units are open here
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from strongroom.core.bodies import Outcome, Settlement
from strongroom.core.books import DepositCredit
from strongroom.core.checks.spend import native_asset_of
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, WalletId
from strongroom.online.ledger.rules import PostingKind, TransferId
from strongroom.online.prove.rows import Claim, Duty, Phase, Posting, Row, Shared
from strongroom.online.transfers.accounts import build_custody_account, build_expense_account, build_suspense_account


class Ordered(Protocol):
    """What an instruction asks for."""

    @property
    def account(self) -> AccountId:
        """Whose units they are."""

    @property
    def asset(self) -> AssetId:
        """Of what."""

    @property
    def units(self) -> int:
        """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A settlement that may be undone, with what its docket paid. orders: by instruction. moves: of a sweep."""

    body: Settlement
    chain: ChainId
    wallet: WalletId
    orders: tuple[tuple[Digest, Ordered], ...]
    moves: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A credit that may be taken back. base: its payment in its block, as the ledger names it."""

    base: str
    body: DepositCredit
    wallet: WalletId


def name_credit(body: DepositCredit) -> str:
    """The ledger's name of a payment in its block; a number follows when the same credit was taken back before."""
    return f"deposit:{body.chain}:{body.block_hash}:{body.txid}:{body.output}"


def reservation_again(instruction: Digest, settlement: Digest) -> TransferId:
    """The reservation that stands in the place of one whose settlement was undone."""
    return TransferId(f"withdrawal:{instruction}:{settlement}")


def unsettle(statement: Digest, settlement: Digest, settled: Settled) -> tuple[Claim, ...]:
    """Each payment back to what it was before its settlement, and the fee taken back."""
    claims: list[Claim] = []
    for instruction, order in settled.orders:
        custody = build_custody_account(settled.wallet, order.asset)
        again = Row(
            id=reservation_again(instruction, settlement),
            phase=Phase.PENDING,
            kind=PostingKind.WITHDRAWAL.value,
            statement=statement,
            debit=order.account,
            credit=custody,
            asset=order.asset,
            units=order.units,
        )
        claims.append(Posting(row=again, duty=Duty.NOW))
        if settled.body.outcome is Outcome.SUCCESS:
            name = f"withdrawal-reversal:{settlement}:{instruction}"
            claims.append(_turned(name, statement, (custody, order.account), order.asset, order.units, Duty.NOW))
    for move in settled.moves:
        sides = (move.credit, move.debit)
        claims.append(_turned(f"reversal:{move.id}", statement, sides, move.asset, 0, Duty.MAY))
    if settled.body.fee_paid:
        asset = native_asset_of(settled.chain)
        sides = (build_custody_account(settled.wallet, asset), build_expense_account(settled.chain))
        claims.append(_turned(f"fee-reversal:{settlement}", statement, sides, asset, settled.body.fee_paid, Duty.NOW))
    return tuple(claims)


def uncredit(statement: Digest, credit: Digest, credited: Credited) -> tuple[Claim, ...]:
    """The client's part, what the client lacked, and its recovery."""
    body = credited.body
    custody = build_custody_account(credited.wallet, body.asset)
    suspense = build_suspense_account(body.chain, body.asset)
    name = f"deposit-reversal:{credit}"
    recovery = Row(
        id=TransferId(f"recovery:{statement}"),
        phase=Phase.POSTED,
        kind=PostingKind.RECOVERY.value,
        statement=statement,
        debit=body.account,
        credit=suspense,
        asset=body.asset,
        units=0,
    )
    return (
        _turned(name, statement, (body.account, custody), body.asset, 0, Duty.MAY),
        _turned(f"{name}:shortfall", statement, (suspense, custody), body.asset, 0, Duty.MAY),
        Posting(row=recovery, duty=Duty.MAY),
        Shared(parts=(TransferId(name), TransferId(f"{name}:shortfall")), total=body.amount, repaid=recovery.id),
    )


def unlift(statement: Digest, custody: AccountId, suspense: AccountId, asset: AssetId) -> Claim:
    """What a lift put to suspense may come back, when its transaction leaves the chain."""
    name = f"unexplained-reversal:{statement}:{custody}"
    return _turned(name, statement, (custody, suspense), asset, 0, Duty.MAY)


def _turned(
    name: str, statement: Digest, sides: tuple[AccountId, AccountId], asset: AssetId, units: int, duty: Duty
) -> Posting:
    row = Row(
        id=TransferId(name),
        phase=Phase.POSTED,
        kind=PostingKind.REVERSAL.value,
        statement=statement,
        debit=sides[0],
        credit=sides[1],
        asset=asset,
        units=units,
    )
    return Posting(row=row, duty=duty)
