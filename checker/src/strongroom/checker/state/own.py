"""A docket against a device's own copies: what it says must hold in the world as this device knows it, too.

The docket proves itself from the root; that is not enough for a device, since an older docket proves itself as well.
Here are the rules that need a memory: own heads, own entries, own rosters, own policy, first-seen times, freezes,
expiry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from strongroom.checker.reading.bodies import Approval, Instruction, Proposal, Quorum
from strongroom.checker.reading.checks.answering import check_cooled
from strongroom.checker.reading.checks.approve import check_quorums, payment_moment
from strongroom.checker.reading.checks.instruct import find_destination
from strongroom.checker.reading.checks.propose import check_policy, check_void_fee, quorums_in_force
from strongroom.checker.reading.checks.sweep import is_sweep
from strongroom.checker.reading.docket import Docket
from strongroom.checker.reading.emergency_bodies import KeyStateChange, Sweep
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import check_not_lower, heads_of
from strongroom.checker.reading.key_states import find_idle, find_unpayable, find_unsweepable
from strongroom.checker.reading.refusals import DocketRefusedError, gathered, raise_found
from strongroom.checker.reading.registers import entry_digest
from strongroom.checker.reading.roots import REGISTERS
from strongroom.checker.reading.rosters import check_party, check_quorum
from strongroom.checker.reading.stages import Stage, Twin
from strongroom.checker.reading.verify import Proof, prove_parsed
from strongroom.checker.state.trust import Trust
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.ids import Digest


def prove_with_own(trust: Trust, docket: Docket, *, furthest: Stage, now: datetime) -> Proof:
    """Prove a docket that has come exactly to `furthest`, then hold it against the device's own copies.

    Raises DocketRefusedError with the stage; for the device's own rules that is the stage after `furthest`.
    """
    own = Stage(furthest + 1)
    found: list[Refusal] = []
    if not pays_nobody(docket):
        with gathered(found):
            trust.check_not_frozen()
    with gathered(found):
        trust.check_unexpired(now)
    try:
        proof = prove_parsed(docket, trust.pinned, own=trust.rosters, now=now)
    except DocketRefusedError as error:
        raise DocketRefusedError(error.stage, (*error.refusals, *found), error.furthest, error.lines) from error
    if proof.furthest is not furthest and not _is_unanswered_void(proof, furthest):
        found.append(
            _wrong(Code.STAGE_MISSING, "statements", f"a docket that ends with {furthest.name}", proof.furthest.name)
        )
    checks: Sequence[Callable[[], None]] = (
        partial(check_own_heads, trust, proof),
        partial(check_own_entries, trust, proof),
        partial(check_own_keys, trust, proof),
        *(_build_void_checks if proof.docket.twin is Twin.VOID else _build_payment_checks)(trust, proof, now),
    )
    for check in checks:
        with gathered(found):
            check()
    if found:
        raise DocketRefusedError(own, found, proof.furthest, proof.lines)
    return proof


def _is_unanswered_void(proof: Proof, furthest: Stage) -> bool:
    """A void twin of a transfer that nobody answered has no statement at APPROVE."""
    return proof.docket.twin is Twin.VOID and (furthest, proof.furthest) == (Stage.APPROVE, Stage.PROPOSE)


def _build_payment_checks(trust: Trust, proof: Proof, now: datetime) -> Sequence[Callable[[], None]]:
    """What is asked of a transaction that pays somebody, and of no other."""
    return (
        partial(check_own_approvers, trust, proof, now),
        partial(check_own_policy, trust, proof, now),
        partial(check_own_ages, trust, proof, now),
        partial(check_own_officers, trust, proof, now),
    )


def _build_void_checks(trust: Trust, proof: Proof, now: datetime) -> Sequence[Callable[[], None]]:
    """A void pays nobody, but what it burns is bounded by the device's own policy as well as by the docket's."""
    spend, _ = proof.paid()
    return (partial(check_void_fee, proof.journey, spend, trust.own_policy, now, "own policy"),)


def check_own_heads(trust: Trust, proof: Proof) -> None:
    """No head that the docket carries or quotes is above the device's own, and equal versions are equal.

    A device that is behind says HEAD_ROLLBACK and takes its updates first.
    """
    found: list[Refusal] = []
    ours = trust.heads().by_name()
    for name in ("policy", *REGISTERS):
        with gathered(found):
            check_not_lower(ours[name], proof.foundation.head(name), f"own {name}")
    for each in proof.journey.heard:
        heads = heads_of(each.body)
        for name, head in heads.by_name().items() if heads else ():
            with gathered(found):
                check_not_lower(ours[name], head, f"own {name}")
    raise_found(found)


def check_own_entries(trust: Trust, proof: Proof) -> None:
    """Every entry that the docket rests on stands in the device's own register, byte for byte.

    A void twin rests on keys and addresses alone: a destination that is gone since must not keep its nonce for ever.
    """
    found: list[Refusal] = []
    for name in ("addresses", "keys") if proof.docket.twin is Twin.VOID else REGISTERS:
        held = trust.registers[name].values if name in trust.registers else {}
        for each in proof.docket.registers[name].entries:
            ours = held.get(each.entry.id)
            if ours != each.value:
                code = Code.DEST_NOT_WHITELISTED if name == "whitelist" else Code.NOT_IN_REGISTER
                expected = "an entry of this device's register" if ours is None else entry_digest(ours)
                found.append(
                    _wrong(code, f"{each.path}.entry", expected, f"{each.entry.id} {entry_digest(each.value)}")
                )
    raise_found(found)


def check_own_approvers(trust: Trust, proof: Proof, now: datetime) -> None:
    """Whoever approved is an approver of the device's newest roster now: who was struck off no longer counts.

    The docket judges each approval by the roster below it, which an approver who is removed later still satisfies.
    Raises SIGNER_UNKNOWN, ROLE_MISSING, SIGNER_NOT_VALID and EXPIRED.
    """
    found: list[Refusal] = []
    for each in proof.journey.all(Approval):
        path = f"{each.statement.path}.payload.issuer"
        with gathered(found):
            check_party(trust.roster, each.statement.issuer, ("approver",), now, path)
    raise_found(found)


def check_own_policy(trust: Trust, proof: Proof, now: datetime) -> None:
    """The device's own policy lets every instruction through, and its quorums are met as well as the docket's."""
    found: list[Refusal] = []
    spend, _ = proof.paid()
    policy = trust.own_policy
    with gathered(found):
        check_policy(proof.journey, spend, policy, now, "own policy")
    with gathered(found):
        check_cooled(proof.journey, policy.device_cool_off_s)
    floors = [proof.foundation.chain.last.floors, trust.chain.last.floors]
    quorums = quorums_in_force(proof.journey, spend, [proof.foundation.policy.body, policy], floors, now)
    with gathered(found):
        check_quorums(proof.journey, quorums, payment_moment(proof.journey, now))
    # By the newest roster as well: an officer who is none now fills no officer's seat, though still an approver.
    approvers = {each.statement.issuer for each in proof.journey.all(Approval)}
    today = [trust.roster.parties[name] for name in sorted(approvers) if name in trust.roster.parties]
    for quorum in quorums:
        with gathered(found):
            check_quorum(quorum, today, "own roster")
    raise_found(found)


def check_own_ages(trust: Trust, proof: Proof, now: datetime) -> None:
    """Each destination is old enough, counted from the later of its date and when this device first held it."""
    found: list[Refusal] = []
    wait = timedelta(seconds=trust.own_policy.whitelist_min_age_s)
    for each in proof.journey.all(Instruction):
        entry = find_destination(each, proof.foundation)
        digest = entry_digest(proof.foundation.values["whitelist"][entry.id])
        since = max(entry.added_at, trust.first_seen.get(digest, entry.added_at))
        if since + wait > now:
            expected = f"payment from {render_time(since + wait)}"
            found.append(_wrong(Code.ENTRY_TOO_YOUNG, f"{each.path}.destination.entry", expected, render_time(now)))
    raise_found(found)


def check_own_keys(trust: Trust, proof: Proof) -> None:
    """The keys of what is spent and of what comes back to us, by this device's register and latches together.

    A key that was declared after the approvals, or after the terminal signed, is stopped here.
    """
    found: list[Refusal] = []
    spend, _ = proof.paid()
    states, entries = trust.key_states, proof.foundation.entries
    sweep = is_sweep(proof.journey)
    code = Code.SWEEP_NOT_OURS if sweep else Code.CHANGE_NOT_OURS
    found += (find_unsweepable if sweep else find_unpayable)(spend.sources, states, "own keys")
    for name in proof.journey.one(Proposal).body.change.values():
        idle = find_idle(entries.addresses[name], states) if name in entries.addresses else []
        if idle:
            found.append(_wrong(code, "own keys", f"active keys of {name}", ", ".join(idle)))
    known = {each.statement.id for each in trust.notices}
    for each in proof.journey.all(KeyStateChange):
        if each.statement.id not in known:
            got = each.statement.id
            found.append(_wrong(Code.SWEEP_NOT_JUSTIFIED, f"{each.path}", "a statement that latches here", got))
    raise_found(found)


def check_own_officers(trust: Trust, proof: Proof, now: datetime) -> None:
    """Whoever ordered a sweep is an officer today, as many as the floor of this device's own root."""
    found: list[Refusal] = []
    people = max(2, trust.chain.last.floors.people)
    for each in proof.journey.all(Sweep):
        today = [party for name, party in trust.roster.parties.items() if name in each.signers]
        valid = [party for party in today if party.valid_from <= now <= party.valid_until]
        with gathered(found):
            check_quorum(Quorum(groups=1, people=people, role="officer"), valid, "own roster")
    raise_found(found)


def pays_nobody(docket: Docket) -> bool:
    """Whether the docket's proposal is for no instruction: a sweep, or it is refused.

    Asked before anything is proved, and of what was released before: the proposal's own id holds its instructions.
    """
    bodies = [each.statement.body for each in docket.at(Stage.PROPOSE)]
    return bool(bodies) and all(isinstance(body, Proposal) and not body.instructions for body in bodies)


def claimed_proposal(docket: Docket) -> Digest | None:
    """The proposal that a docket claims to be about, for a halt; nothing of it is proved."""
    return next((each.statement.id for each in docket.at(Stage.PROPOSE)), None)


def _wrong(code: Code, path: str, expected: str, got: str) -> Refusal:
    return Refusal(code=code, field=path, expected=expected, got=got)
