"""A proved docket against what a device itself believes. The device's own copy decides, never the docket's.

A docket proves that the right people said things; only the device's own roster, registers and policy say whether they
still stand. Requirements: III.A6-GP, III.14, III.15, III.16, V.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from strongroom.core.bodies import Approval, Instruction
from strongroom.core.checks.answering import check_approvals_cooled
from strongroom.core.checks.approve import check_approved, quorums_in_force
from strongroom.core.checks.journey import check_head_not_lower
from strongroom.core.checks.limits import check_policy, check_void
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.checks.states import check_paying_sources, check_receiving, check_sweeping_sources
from strongroom.core.checks.sweep import is_sweep
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, Twin
from strongroom.core.errors import refused, run_checks
from strongroom.core.key_states import KeyStateChange
from strongroom.core.roster import check_not_expired, check_overseers, check_party, check_quorum
from strongroom.core.sweeps import Sweep, officers_quorum
from strongroom.core.trust import Trust

Pair = tuple[str, Mapping[str, object], Mapping[str, object], Code]
"""A register's name, the docket's entries, the device's own, and what a difference is called."""


def check_against_trust(proved: ProvedDocket, trust: Trust, now: datetime) -> None:
    """Compare a proved docket with a device's own trust at its own time. Raises RefusedError with every difference."""
    own = trust.entries
    theirs = proved.foundation.entries
    sources: tuple[Pair, ...] = (
        ("keys", theirs.keys, own.keys, Code.SOURCE_NOT_OURS),
        ("addresses", theirs.addresses, own.addresses, Code.SOURCE_NOT_OURS),
    )
    paid: tuple[Pair, ...] = (
        ("clients", theirs.clients, own.clients, Code.NOT_IN_REGISTER),
        ("whitelist", theirs.whitelist, own.whitelist, Code.DEST_NOT_WHITELISTED),
        ("assets", theirs.assets, own.assets, Code.ASSET_UNKNOWN),
    )
    always: list[Callable[[], None]] = [
        # A freeze stops whatever pays somebody; a sweep pays ourselves, and a freeze is when it is needed.
        *([] if is_sweep(proved.journey) else [trust.check_not_frozen]),
        lambda: _check_key_states(proved, trust),
        lambda: check_not_expired(trust.root.expires, now, "root"),
        lambda: check_not_expired(trust.roster.body.expires, now, "roster"),
        lambda: check_overseers(trust.roster.body, now),
        lambda: _check_heads(proved, trust),
        *[partial(_check_entries, *pair) for pair in sources],
    ]
    if proved.twin is Twin.VOID:
        # It pays nobody, so a destination or a client that is gone since must not keep its nonce for ever.
        # What it burns is bounded by the policy here, whatever the docket's policy lets through.
        run_checks([*always, lambda: check_void(trust.policy_in_force, proved.void_requests)])
        return
    run_checks(
        [
            *always,
            *[partial(_check_entries, *pair) for pair in paid],
            lambda: _check_ages(proved, trust, now),
            lambda: _check_officers_today(proved, trust, now),
            lambda: check_policy(trust.policy_in_force, proved.requests, proved.journey, proved.foundation, now),
            lambda: _check_own_quorums(proved, trust, now),
        ]
    )


def _check_key_states(proved: ProvedDocket, trust: Trust) -> None:
    """The keys that sign and the keys that receive are in the right state here, latches included.

    Attack: a docket that was approved before the key was declared compromised. A sweep's reasons latch here as well,
    so that nobody sweeps on statements that this device was not given, and goes on to pay with the same keys.
    """
    states, field = trust.key_states, "transaction.unsigned"
    entries = trust.entries.addresses
    paid = [entries[c.address] for c in proved.proposal.body.change if c.address in entries]
    if not is_sweep(proved.journey):
        checks = [partial(check_receiving, entry, states, Code.CHANGE_NOT_OURS, field) for entry in paid]
        run_checks([partial(check_paying_sources, proved.spend.sources, states, field), *checks])
        return
    latched = {notice.id for notice in trust.notices}
    missing = [p.id for p in proved.journey.all(KeyStateChange) if p.id not in latched]
    checks = [partial(check_receiving, entry, states, Code.SWEEP_NOT_OURS, field) for entry in paid]
    if missing:
        raise refused(Code.SWEEP_NOT_JUSTIFIED, "sweep.states", "statements that latch here", ", ".join(missing))
    run_checks([partial(check_sweeping_sources, proved.spend.sources, states, field), *checks])


def _check_officers_today(proved: ProvedDocket, trust: Trust, now: datetime) -> None:
    """Whoever ordered a sweep is still an officer by this device's own roster, and the root's floor is still met."""
    for sweep in proved.journey.all(Sweep):
        signed = {s.keyid for s in sweep.statement.envelope.signatures}
        officers = [p for p in trust.roster.body.with_role("officer") if p.is_valid_at(now)]
        signers = [p for p in officers if p.key.key_id in signed]
        check_quorum(officers_quorum(trust.root.floors), signers, "sweep by today's roster")


def _check_heads(proved: ProvedDocket, trust: Trust) -> None:
    """The docket stands on nothing newer than this device, and on nothing else of the same version (HEAD_UNEQUAL)."""
    own = trust.build_heads()
    for name in ("policy", "clients", "whitelist", "keys", "addresses", "assets"):
        check_head_not_lower(getattr(own, name), proved.foundation.head(name), f"heads.{name}")
    held = {r.body.version: r.id for r in trust.rosters}
    for roster in proved.foundation.rosters:
        if held.get(roster.body.version) != roster.id:
            raise refused(
                Code.HEAD_UNEQUAL, "heads.roster", held.get(roster.body.version, "no such roster here"), roster.id
            )


def _check_entries(name: str, theirs: Mapping[str, object], own: Mapping[str, object], code: Code) -> None:
    """Every entry that the docket rests on stands unchanged in this device's own register."""
    for key, entry in theirs.items():
        if own.get(key) != entry:
            got = "another entry here" if key in own else "no such entry here"
            raise refused(code, f"registers.{name}.{key}", "the same entry in this device's own register", got)


def _check_ages(proved: ProvedDocket, trust: Trust, now: datetime) -> None:
    for instruction in proved.journey.all(Instruction):
        entry = instruction.body.destination.entry
        if entry in trust.entries.whitelist:
            trust.check_age(entry, now)


def _check_own_quorums(proved: ProvedDocket, trust: Trust, now: datetime) -> None:
    """This device's own policy sets quorums too, and whoever approved must still be who they were by today's roster.

    Tightening is immediate: a removed approver's earlier yes no longer counts here, nor an officer's who is none now.
    """
    if proved.journey.furthest < Stage.VERIFY:
        return
    today = [
        check_party(trust.roster.body, approval.statement.issuer, "approver", now, "approval.issuer")
        for approval in proved.journey.all(Approval)
    ]
    quorums = quorums_in_force(proved.journey, trust.policy_in_force, proved.requests, trust.root.floors)
    check_approved(proved.journey, proved.foundation, quorums, now)
    cool_off_s = trust.policy_in_force.parameters.device_cool_off_s
    check_approvals_cooled(proved.journey, proved.foundation, cool_off_s)
    run_checks([partial(check_quorum, quorum, today, "approvals by today's roster") for quorum in quorums])
