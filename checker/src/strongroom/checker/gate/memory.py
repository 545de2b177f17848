"""What may leave beside what left before: a replacement, and nothing else; a void twin only beside an earlier void.

Two releases that share a coin, a nonce or an instruction must conflict on chain, so that one at most is ever mined.
Source: spec/docket.md, Replacement and The void twin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from strongroom.checker.reading.bodies import Instruction, Proposal
from strongroom.checker.reading.refusals import raise_found
from strongroom.checker.reading.stages import Twin
from strongroom.checker.reading.verify import Proof
from strongroom.checker.state.store import StoredRelease, Use
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused


def build_use(proof: Proof) -> Use:
    """What this docket would use up."""
    spend, _ = proof.paid()
    proposal = proof.journey.one(Proposal)
    return Use(
        proposal=proposal.statement.id,
        twin=proof.docket.twin,
        attempt=proposal.body.attempt,
        commits=frozenset(spend.commits),
        instructions=frozenset(each.statement.id for each in proof.journey.all(Instruction)),
    )


def check_rivals(wanted: Use, rivals: Sequence[Use]) -> None:
    """Raise ALREADY_RELEASED, VOIDED, ALREADY_COMMITTED and INSTRUCTION_ALREADY_PAID for what another release used."""
    found: list[Refusal] = []
    for rival in rivals:
        if wanted.twin is rival.twin is Twin.VOID and _replaces(wanted, rival):
            # Nodes may never take a void that offers too little; the next one has its nonce and pays nobody either.
            continue
        if wanted.twin is Twin.VOID and wanted.commits & rival.commits:
            found.append(_wrong(Code.ALREADY_RELEASED, "nonce", "nothing released with it", rival.proposal))
        elif rival.twin is Twin.VOID:
            found.append(_wrong(Code.VOIDED, "proposal", "nothing beside a void twin", f"void of {rival.proposal}"))
        elif not _replaces(wanted, rival):
            expected = f"for {wanted.proposal}, or a replacement that spends all that was spent"
            shared = sorted(wanted.commits & rival.commits)
            paid = sorted(wanted.instructions & rival.instructions)
            found += [_wrong(Code.ALREADY_COMMITTED, "commitment", f"{c} {expected}", rival.proposal) for c in shared]
            found += [
                _wrong(Code.INSTRUCTION_ALREADY_PAID, "instruction", f"{i} {expected}", rival.proposal) for i in paid
            ]
    raise_found(found)


def check_same_twin(kept: Mapping[Twin, StoredRelease], twin: Twin, now: datetime) -> None:
    """Of one proposal, one twin leaves, and only that is sent again. Raises VOIDED or ALREADY_RELEASED.

    A transfer that was kept, that no node ever said it took, and that is too late to be sent, would strand its nonce:
    its void may leave beside it. Should a node have taken it in silence, both have one nonce, so one of them is mined.
    """
    if twin is Twin.TRANSFER and Twin.VOID in kept:
        raise refused(Code.VOIDED, "transaction.twin", Twin.VOID.value, twin.value)
    transfer = kept.get(Twin.TRANSFER)
    if twin is Twin.TRANSFER or Twin.VOID in kept or transfer is None:
        return
    if transfer.broadcast is not None or now <= transfer.release_by:
        raise refused(Code.ALREADY_RELEASED, "transaction.twin", Twin.TRANSFER.value, twin.value)


def _replaces(wanted: Use, rival: Use) -> bool:
    return (
        wanted.instructions == rival.instructions and wanted.attempt > rival.attempt and wanted.commits >= rival.commits
    )


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
