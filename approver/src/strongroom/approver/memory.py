"""What this person has approved on this device, and what may be approved beside it: a replacement, and nothing else.

Attack: two proposals of one instruction, with different nonces or coins, each shown and approved for itself. The
terminal signs one of them; but two terminals of one wallet, or one whose journal was lost, would sign both, and each
docket proves itself. So the person's own device remembers as well. Source: spec/docket.md, Replacement; III.16.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.bodies import Instruction
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A proposal that was approved here. commits: the coins or the nonce that it spends."""

    attempt: int
    commits: tuple[str, ...]
    instructions: tuple[Digest, ...]
    proposal: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Everything that was approved here for one instruction."""

    approved: tuple[Approved, ...]


def build_approved(proved: ProvedDocket) -> Approved:
    """What approving this docket binds."""
    return Approved(
        attempt=proved.proposal.body.attempt,
        commits=proved.spend.commits,
        instructions=tuple(p.id for p in proved.journey.all(Instruction)),
        proposal=proved.proposal.id,
    )


def check_replaces(wanted: Approved, known: Approved) -> None:
    """Raise INSTRUCTION_ALREADY_PAID unless the chain can take one of the two at most, and this is the later one."""
    if wanted.proposal == known.proposal:
        return
    is_replacement = (
        set(wanted.instructions) == set(known.instructions)
        and wanted.attempt > known.attempt
        and set(known.commits) <= set(wanted.commits)
    )
    if not is_replacement:
        expected = f"a replacement of {known.proposal}, which was approved here, that spends all that it spends"
        raise refused(Code.INSTRUCTION_ALREADY_PAID, "proposal.instructions", expected, f"attempt {wanted.attempt}")


def remember(payment: Payment, wanted: Approved) -> Payment:
    """The payment with one more proposal; the same one twice is one."""
    if wanted in payment.approved:
        return payment
    return Payment(approved=(*payment.approved, wanted))
