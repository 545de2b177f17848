"""Step 3, check: the proved docket against what this terminal itself believes and remembers. Every refusal at once.

What the docket proves is that the right people said it; whether it still stands, whether it fits the limits, and
whether it was signed here before, only this terminal's own copies say. III.13, III.14, III.16, V.4.
"""

from __future__ import annotations

from datetime import datetime

from strongroom.core.bodies import Approval, Instruction
from strongroom.core.checks.approve import approver_of
from strongroom.core.checks.device import check_against_trust
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.sign import check_scope, scope_of
from strongroom.core.codes import Code
from strongroom.core.docket import Twin
from strongroom.core.errors import refused, run_checks
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.records import encode_time
from strongroom.core.sweeps import Rehearsal, Sweep
from strongroom.vault.terminal.desk import Desk, KeyUse, Plan
from strongroom.vault.terminal.heads import check_same_heads
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import Binding, LimitUse, Mark, Paid, PricesSeen
from strongroom.vault.terminal.key_store import build_key_uses
from strongroom.vault.terminal.limits import check_hours, check_void_windows, check_windows
from strongroom.vault.terminal.step2_prove import verification_of
from strongroom.vault.terminal.succession import check_instructions, check_windows_known, find_succession


def check(desk: Desk, proved: ProvedDocket, now: datetime) -> Plan:
    """Compare, and plan what signing takes. Raises RefusedError with every reason to refuse."""
    terminal = desk.terminal
    bindings, own = build_bindings(proved), terminal.trust.build_heads()
    states, policy = terminal.trust.key_states, terminal.trust.policy_in_force
    succession = find_succession(terminal.trust, desk.me, desk.session.lease)
    limits: list[LimitUse] = []
    uses: list[KeyUse] = []
    run_checks(
        [
            lambda: check_against_trust(proved, terminal.trust, now),
            lambda: check_same_heads(own, verification_of(proved).body.heads, "verification.heads"),
            lambda: check_in_time(proved, now),
            lambda: check_scope(desk.clear.statement.body.scope, scope_of(proved.journey)),
            lambda: check_no_drill(proved),
            lambda: check_hours(proved, policy, now),
            lambda: check_separation(desk, proved),
            lambda: terminal.journal.check(bindings),
            lambda: check_not_handed_back(terminal.journal, name_result(proved)),
            lambda: check_not_in_batch(desk, name_result(proved)),
            lambda: check_instructions(proved, succession),
            lambda: limits.extend(_limit_marks(desk, proved, now)),
            # What is used of windows is known only now; a docket that was committed here uses nothing anew.
            lambda: check_windows_known([use.rule for use in limits], policy, succession, now),
            lambda: desk.clear.check_alive(terminal),
            lambda: desk.clear.check_budget(proved),
            lambda: uses.extend(build_key_uses(proved, desk.me, desk.keys, states)),
        ]
    )
    return Plan(proved=proved, uses=tuple(uses), marks=(*bindings, *limits, *build_paid_marks(proved)))


def check_in_time(proved: ProvedDocket, now: datetime) -> None:
    """Raise INSTRUCTION_EXPIRED when it is too late to sign a transfer; its void twin is signed because it is.

    Raises CLOCK_BEHIND for a client's word from the future: paid now and logged once more later, it would look new to
    the journal that takes this one's place (succession.py).
    """
    if proved.twin is Twin.VOID:
        return
    for each in proved.journey.all(Instruction):
        if each.statement.issued_at > now:
            said = encode_time(each.statement.issued_at)
            raise refused(Code.CLOCK_BEHIND, f"instruction {each.id}", f"{said} or later", encode_time(now))
    sign_by = min(proved.facts.sign_by, proved.proposal.body.sign_by)
    if now > sign_by:
        raise refused(Code.INSTRUCTION_EXPIRED, "sign_by", f"not after {encode_time(sign_by)}", encode_time(now))


def check_no_drill(proved: ProvedDocket) -> None:
    """Raise SWEEP_REHEARSAL for a drill: it was to come this far, and no further."""
    for sweep in proved.journey.all(Sweep):
        if sweep.body.rehearsal is Rehearsal.YES:
            raise refused(Code.SWEEP_REHEARSAL, "sweep.rehearsal", Rehearsal.NO.value, Rehearsal.YES.value)


def check_separation(desk: Desk, proved: ProvedDocket) -> None:
    """Nobody who approved this docket operates the terminal that signs it: humans are compared, not names."""
    roster = desk.terminal.trust.roster.body
    approvers = {approver_of(p, proved.foundation).staff for p in proved.journey.all(Approval)}
    both = [person for person in desk.crew.people if roster.find(person, "operators").staff in approvers]
    if both:
        raise refused(Code.SEPARATION, "operators", "nobody who approved", ", ".join(both))


def build_bindings(proved: ProvedDocket) -> tuple[Mark, ...]:
    """What signing binds for ever: outpoints or the nonce, and the instructions, to this twin of this proposal.

    And the prices that a payment was valued by, so that the next one is valued by none that are older.
    """
    bound = Binding(
        attempt=proved.proposal.body.attempt,
        commits=proved.spend.commits,
        instructions=tuple(p.id for p in proved.journey.all(Instruction)),
        proposal=proved.proposal.id,
        twin=proved.twin,
    )
    prices = proved.foundation.prices
    if prices is None or proved.twin is Twin.VOID or not proved.requests:
        return (bound,)
    return (bound, PricesSeen(as_of=prices.body.as_of))


def build_paid_marks(proved: ProvedDocket) -> tuple[Paid, ...]:
    """Who is paid how much, for whoever reads the next payment; a void and a sweep pay nobody."""
    return tuple(
        Paid(
            asset=output.asset,
            client=PartyId(output.client),
            destination=EntryId(output.entry),
            instruction=Digest(output.instruction),
            units=output.units,
        )
        for output in proved.facts.outputs
        if output.kind == "payment"
    )


def name_result(proved: ProvedDocket) -> str:
    """What the journal calls a result that leaves: the proposal, and that it is the void twin where it is."""
    return proved.proposal.id if proved.twin is Twin.TRANSFER else f"{proved.proposal.id} {proved.twin.value}"


def check_not_handed_back(journal: Journal, result: str) -> None:
    """Raise ALREADY_COMMITTED when a result of this proposal has left (attack: a signed docket is played again).

    What was committed and never left, since the power went, may be signed again, for the same proposal only.
    """
    left = journal.handed_back.find(result)
    if left is not None:
        got = f"its result left with journal entry {left}"
        raise refused(Code.ALREADY_COMMITTED, "proposal", f"{result}, not handed back yet", got)


def check_not_in_batch(desk: Desk, result: str) -> None:
    """Raise ALREADY_COMMITTED when one package carries a proposal twice: its first result is about to leave."""
    if result in desk.done:
        raise refused(Code.ALREADY_COMMITTED, "proposal", f"{result} once in a package", "twice")


def is_committed(journal: Journal, proved: ProvedDocket) -> bool:
    """Was it bound before? Then its limits are counted already."""
    return proved.twin in journal.state.twins_bound(proved.proposal.id)


def _limit_marks(desk: Desk, proved: ProvedDocket, now: datetime) -> tuple[LimitUse, ...]:
    journal = desk.terminal.journal
    if is_committed(journal, proved):
        return ()
    if proved.twin is Twin.VOID:
        return check_void_windows(proved, desk.terminal.trust.policy_in_force, journal, now)
    return check_windows(proved, desk.terminal.trust.policy_in_force, journal, now)
