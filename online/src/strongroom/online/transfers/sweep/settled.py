"""A settled sweep in the books: out of one wallet of ours, into another; no client's balance changes.

The fee is the house's expense, as for every transaction (ADR 0010), and is posted where all fees are.
"""

from __future__ import annotations

from strongroom.chains.bitcoin.psbt import parse_psbt
from strongroom.chains.ethereum.addresses import render_address, token_asset
from strongroom.chains.ethereum.transactions import parse_unsigned
from strongroom.core.bodies import Proposal, Settlement
from strongroom.core.checks.spend import is_ethereum, native_asset_of
from strongroom.core.ids import AssetId
from strongroom.core.statements import Statement
from strongroom.online.governance.store import Rules
from strongroom.online.ledger.rules import Posting, PostingKind, TransferId
from strongroom.online.transfers.accounts import build_custody_account, treasury_transfer
from strongroom.online.transfers.withdrawal.store import DocketRow


def build_moves(
    rules: Rules, row: DocketRow, proposal: Proposal, settlement: Statement[Settlement]
) -> tuple[Posting, ...]:
    """One posting an output of a sweep; none for a transfer, whose change stays in its wallet."""
    if proposal.instructions:
        return ()
    units = _read_units(row)
    found = []
    for change in proposal.change:
        asset, amount = units[change.index]
        custody = build_custody_account(rules.entries.addresses[change.address].wallet, asset)
        found.append(
            Posting(
                id=TransferId(treasury_transfer(settlement.id, change.index, custody)),
                kind=PostingKind.TREASURY,
                statement=settlement.id,
                debit=custody,
                credit=build_custody_account(row.wallet, asset),
                asset=asset,
                units=amount,
                event_at=settlement.issued_at,
            )
        )
    return tuple(found)


def _read_units(row: DocketRow) -> list[tuple[AssetId, int]]:
    """What each output moves, by the exact bytes that were approved."""
    if not is_ethereum(row.chain):
        coin = native_asset_of(row.chain)
        return [(coin, out.value_sat) for out in parse_psbt(row.unsigned).unsigned.outputs]
    transfer = parse_unsigned(row.unsigned)
    token = None if transfer.token is None else token_asset(row.chain, render_address(transfer.to))
    return [(token or native_asset_of(row.chain), transfer.units)]
