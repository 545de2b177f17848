"""What the operators read: everything that the bytes do, in plain words, with nothing cut off.

The first part is word for word what the approvers' devices showed; the second is the transaction itself, as its own
decoder reads it, so that a field that the first part could miss is still seen. Source: spec/facts.md; III.23,
III.A4-GP.
"""

from __future__ import annotations

from typing import assert_never

from strongroom.chains.bitcoin import describe as bitcoin
from strongroom.chains.bitcoin.networks import network_of
from strongroom.chains.bitcoin.psbt import Psbt
from strongroom.chains.ethereum import describe as ethereum
from strongroom.chains.ethereum.transactions import Transfer
from strongroom.chains.ethereum.void import Void, render_void
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.sweep import is_sweep
from strongroom.core.docket import Twin
from strongroom.core.pages import build_pages
from strongroom.core.records import encode_time
from strongroom.core.words import group
from strongroom.devices.screens.layout import draw_row_texts
from strongroom.vault.terminal.desk import Desk, Plan
from strongroom.vault.terminal.step2_prove import verification_of

RULE = "-" * 80
_TITLES = {Twin.TRANSFER: "Transfer", Twin.VOID: "VOID of a transfer,"}


def render_plan(desk: Desk, plan: Plan, number: int, total: int) -> tuple[str, ...]:
    """The whole page for one docket."""
    verification = verification_of(plan.proved)
    sweep = is_sweep(plan.proved.journey) and plan.proved.twin is Twin.TRANSFER
    title = "EMERGENCY SWEEP" if sweep else _TITLES[plan.proved.twin]
    keys = sorted({use.key.key_id for use in plan.uses})
    return (
        RULE,
        f"{title} {number} of {total}   terminal {desk.me}   operators {', '.join(desk.crew.people)}",
        RULE,
        *draw_row_texts(build_pages(plan.proved), _english),
        f"  VERIFIED  {verification.statement.issuer}, second reading agrees, logged {encode_time(verification.time)}",
        f"  PROPOSAL  {group(plan.proposal)}",
        f"  KEYS      {', '.join(keys)}; {len(plan.uses)} signatures",
        f"  CLEAR     {group(desk.clear.statement.id)}",
        RULE,
        *render_bytes(plan.proved),
        RULE,
    )


def render_bytes(proved: ProvedDocket) -> tuple[str, ...]:
    """The transaction in the words of its own decoder."""
    decoded = proved.spend.decoded
    match decoded:
        case Void():
            return render_void(decoded)
        case Transfer():
            return ethereum.render_plain(ethereum.describe(decoded))
        case Psbt():
            return bitcoin.render_plain(bitcoin.describe(decoded, network_of(proved.spend.chain)))
        case _:
            assert_never(decoded)


def _english(message: str) -> str:
    """Message ids are English sentences already."""
    return message
