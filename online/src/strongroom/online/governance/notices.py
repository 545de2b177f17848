"""Notices: taken in from those who signed them, and loaded from the log for whoever decides by them.

What stands in the log and lacks its signatures counts for nothing, whoever wrote it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from strongroom.core.checks.foundation import Proved, check_next_version, prove_delegated
from strongroom.core.checks.notices import CHECKS, Basis, check_notice, find_lease, last_hsms, last_release
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.hsms import HsmRegister
from strongroom.core.key_states import KeyStateChange, check_known_keys
from strongroom.core.leases import Lease
from strongroom.core.records import NONE
from strongroom.core.releases import ReleaseManifest
from strongroom.core.roster import Roster
from strongroom.core.statements import Envelope, Statement, check_context, parse_statement
from strongroom.online.db.connect import Connection
from strongroom.online.db.locks import lock_name
from strongroom.online.evidence.store import append, load_readable
from strongroom.online.governance.journal_places import find_last_place
from strongroom.online.governance.store import Rules, load_rules


def load_notices(connection: Connection, rules: Rules) -> tuple[Proved[Any], ...]:
    """Every notice of the log that was signed by whom its kind asks for, in the log's order.

    The time at which its signers were judged is that which they named: the log's order, not the clock, decides whose
    roster holds.
    """
    return judge_notices(load_readable(connection, *CHECKS), rules)


def judge_notices(said: Sequence[tuple[int, Statement[Any]]], rules: Rules) -> tuple[Proved[Any], ...]:
    """Those of these entries that count, in the log's order."""
    return tuple(
        Proved(statement=statement, index=place, time=statement.issued_at)
        for place, statement in said
        if is_notice(statement, rules, place)
    )


def is_notice(statement: Statement[Any], rules: Rules, place: int) -> bool:
    """Whether those signed it whom its kind asks for."""
    try:
        check_context(statement, rules.context, "notice")
        check_notice(statement, _basis(rules, rules.roster_at(place), rules.moment_said(statement, place)), "notice")
    except (MalformedError, RefusedError):
        # Like a lift without its quorum: it is in the log, and it changes nothing.
        return False
    return True


def accept_notice(connection: Connection, envelope: Envelope, now: datetime) -> Statement[Any]:
    """Verify a notice as every device will, and log it. One at a time, or two leases could claim one number."""
    with connection.transaction():
        lock_name(connection, "accept notice")
        rules = load_rules(connection)
        statement = parse_statement(envelope, "notice")
        check_context(statement, rules.context, "notice")
        check_notice(statement, _basis(rules, rules.roster, now), "notice")
        if isinstance(statement.body, KeyStateChange):
            check_known_keys(statement.body, rules.entries.keys)
        if isinstance(statement.body, Lease):
            known = load_notices(connection, rules)
            _check_lease_follows(statement, rules, known)
            _check_lease_place(connection, rules, known, statement.body)
        if isinstance(statement.body, HsmRegister):
            _check_hsms_follow(statement, rules, load_notices(connection, rules))
        if isinstance(statement.body, ReleaseManifest):
            _check_release_follows(statement, rules, load_notices(connection, rules))
        append(connection, envelope)
    return statement


def _basis(rules: Rules, roster: Roster, moment: datetime) -> Basis:
    return Basis(context=rules.context, roots=rules.roots, roster=roster, policy=rules.policy[1].body, moment=moment)


def _check_lease_follows(statement: Statement[Lease], rules: Rules, known: Sequence[Proved[Any]]) -> None:
    """Raise unless this lease is of a terminal of the roster, the next of its terminal, and of the newest root.

    HEAD_ROLLBACK, HEAD_MISMATCH, THRESHOLD_NOT_MET: devices would keep it and go by the one before.
    """
    party = rules.roster.find(statement.body.terminal, "notice.terminal")
    if "terminal" not in party.roles:
        raise refused(Code.ROLE_MISSING, "notice.terminal", "terminal", " ".join(party.roles))
    last: Proved[Lease] | None = None
    for root in reversed(rules.roots):
        last = last or find_lease(known, statement.body.terminal, root.body, rules.context)
    number, previous = (last.body.number, str(last.id)) if last else (0, NONE)
    check_next_version(statement.body.number, statement.body.previous, previous, number + 1, "notice")


def _check_lease_place(connection: Connection, rules: Rules, known: Sequence[Proved[Any]], lease: Lease) -> None:
    """Raise JOURNAL_BEHIND for a lease that names an older place of its journal than the log knows, or none of it.

    Attack: a terminal whose disk was set back says of itself what its next lease should be, and delegates sign it.
    """
    last = find_last_place(connection, rules, known, lease)
    if lease.place != last:
        expected, got = (f"entry {place.number}, {place.head}" for place in (last, lease.place))
        raise refused(Code.JOURNAL_BEHIND, "notice.place", expected, got)


def _check_hsms_follow(statement: Statement[HsmRegister], rules: Rules, known: Sequence[Proved[Any]]) -> None:
    """Raise unless this is the next version, by the newest root's delegates.

    Devices would pass over any other version, and a next one by an older root's would stop every terminal.
    """
    prove_delegated(statement.envelope, HsmRegister, rules.root.delegation("keys"), rules.context, "notice")
    last = last_hsms(known)
    version, previous = (last.body.version, str(last.id)) if last else (0, NONE)
    check_next_version(statement.body.version, statement.body.previous, previous, version + 1, "notice")


def _check_release_follows(statement: Statement[ReleaseManifest], rules: Rules, known: Sequence[Proved[Any]]) -> None:
    """As for the HSM register: a manifest that devices would pass over, or that would stop them, is not logged."""
    prove_delegated(statement.envelope, ReleaseManifest, rules.root.delegation("keys"), rules.context, "notice")
    last = last_release(known, statement.body.program)
    version, previous = (last.body.version, str(last.id)) if last else (0, NONE)
    check_next_version(statement.body.version, statement.body.previous, previous, version + 1, "notice")
