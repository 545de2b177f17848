"""Bindings as the journal's tests make them: a proposal that spends something, or pays something."""

from __future__ import annotations

from strongroom.core.docket import Twin
from strongroom.core.ids import Digest
from strongroom.vault.terminal.journal.marks import Binding


def bind(
    proposal: Digest,
    *,
    commits: tuple[str, ...] = (),
    instructions: tuple[Digest, ...] = (),
    attempt: int = 1,
    twin: Twin = Twin.TRANSFER,
) -> Binding:
    """A proposal's binding."""
    return Binding(attempt=attempt, commits=commits, instructions=instructions, proposal=proposal, twin=twin)


def spending(spend: str, proposal: Digest) -> Binding:
    """A first attempt that spends one outpoint or nonce."""
    return bind(proposal, commits=(spend,))


def paying(instruction: Digest, proposal: Digest) -> Binding:
    """A first attempt that pays one instruction."""
    return bind(proposal, instructions=(instruction,))
