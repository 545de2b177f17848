"""Credentials that are over: keys and parties that a roster or root once named and none names now.

What they sign is refused wherever it is taken in. Here it is told: a stranger's key is a mistake or a probe, but a key
that was ours and is used after its end was copied while it was. A key copied into a host image outlives its holder's
last day; what such a host says pages at once. III.12, VI.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from strongroom.core.bodies import ClearToSign
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.notices import find_lease, leases_of
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, refused
from strongroom.core.ids import Digest, PartyId
from strongroom.core.keys import PublicKey, check_signature
from strongroom.core.roster import Holder, Root, Roster
from strongroom.core.statements import Envelope, Statement
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import load_statements
from strongroom.online.governance.store import Rules, load_statements_in_force
from strongroom.online.watch.store import open_alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A key that is over, whose it was, and what named it last, for people."""

    key: PublicKey
    party: PartyId
    last: str


def find_retired(rosters: Sequence[Roster], roots: Sequence[Root], moment: datetime) -> Mapping[Digest, Retired]:
    """Every key, by its id, that these rosters and roots ever named and that the last of them do not.

    A party whose term is over counts as not named. A roster that is itself past its time retires nobody: it is late,
    and everybody in it is refused for that.
    """
    found: dict[Digest, Retired] = {}
    for root in roots:
        for holder in _holders(root):
            found[holder.key.key_id] = Retired(key=holder.key, party=holder.id, last=f"root version {root.version}")
    for roster in rosters:
        for party in roster.parties:
            last = f"roster version {roster.version}, until {party.valid_until}"
            found[party.key.key_id] = Retired(key=party.key, party=party.id, last=last)
    standing = [p.key for p in rosters[-1].parties if moment <= p.valid_until] if rosters else []
    for key in (*standing, *(h.key for h in _holders(roots[-1]))):
        found.pop(key.key_id, None)
    return found


def find_users(envelope: Envelope, retired: Mapping[Digest, Retired]) -> tuple[Retired, ...]:
    """Which of these keys truly signed."""
    users = []
    for signature in envelope.signatures:
        known = retired.get(signature.keyid)
        if known is not None and _verifies(known.key, envelope, signature.sig):
            users.append(known)
    return tuple(users)


def check_not_retired(rules: Rules, party: PartyId, moment: datetime, field: str) -> None:
    """Raise RETIRED_CREDENTIAL_USED for a party whom the roster in force has no more, or whose term in it is over.

    For what bears no signature: a package's sender, a session's row. Whom no roster ever had is another refusal's.
    """
    known = [p for _, roster in rules.rosters for p in roster.body.parties if p.id == party]
    if known and not any(p.id == party and moment <= p.valid_until for p in rules.roster.parties):
        expected = f"a party of roster version {rules.roster.version}, in its term"
        raise refused(Code.RETIRED_CREDENTIAL_USED, field, expected, f"{party}, until {known[-1].valid_until}")


def check_own_machine(notices: Iterable[Proved[Any]], rules: Rules, clear: Statement[ClearToSign]) -> None:
    """Raise unless a clear's lease is the one in force for its terminal: the gate would refuse what was signed.

    RETIRED_CREDENTIAL_USED when another machine was leased since, LEASE_REPLACED when the same one was leased anew.
    """
    path, terminal = "signature-record.clear.lease", clear.body.terminal
    known = leases_of(notices, terminal)
    last = find_lease(known, terminal, rules.root, rules.context)
    quoted = next((lease for lease in known if lease.id == clear.body.lease), None)
    if last is None or quoted is None or quoted.id == last.id:
        # A lease that nobody gave is the clear's two signers' fault, and the gate's to find.
        return
    same = (quoted.body.token, quoted.body.journal) == (last.body.token, last.body.journal)
    code = Code.LEASE_REPLACED if same else Code.RETIRED_CREDENTIAL_USED
    raise refused(code, path, f"lease {last.body.number} of {terminal}", f"lease {quoted.body.number}")


def tell_retired(connection: Connection, rules: Rules, envelopes: Iterable[Envelope], moment: datetime) -> None:
    """Open a critical alert for every statement that a retired key signed.

    What stands in the log, exactly so, came in while its signer was in force: a file that is handed in twice is not a
    key in use.
    """
    retired = find_retired([r.body for _, r in rules.rosters], [r.body for r in rules.roots], moment)
    used = {e.id: (e, users) for e in envelopes if (users := find_users(e, retired))}
    logged = {s.id: s.envelope for s in load_statements(connection, used)}
    for envelope, users in used.values():
        if logged.get(envelope.id) != envelope:
            tell_users(connection, envelope, users)


def tell_users(connection: Connection, envelope: Envelope, users: Iterable[Retired]) -> None:
    """Open the alert for one statement; it names party and statement."""
    for each in users:
        detail = f"{each.party} signed {envelope.id} ({envelope.payloadType}) with key {each.key.key_id}, {each.last}"
        subject = f"{each.party} statement {envelope.id}"
        open_alert(connection, Code.RETIRED_CREDENTIAL_USED.value, "critical", subject, detail)


@contextmanager
def telling_retired(connection: Connection, envelope: Envelope, clock: Callable[[], datetime]) -> Iterator[None]:
    """Whatever refuses a statement that is handed in, it is looked at whether a retired key signed it."""
    try:
        yield
    except RefusedError as error:
        try:
            rules = load_statements_in_force(connection)
        except RefusedError:
            # Nothing is published yet, so that nobody can be retired; what was refused is what counts.
            raise error from None
        tell_retired(connection, rules, [envelope], clock())
        raise


def _holders(root: Root) -> tuple[Holder, ...]:
    delegated = [getattr(root.delegations, field.name) for field in fields(root.delegations)]
    return tuple(holder for delegation in (root.holders, *delegated) for holder in delegation.keys)


def _verifies(key: PublicKey, envelope: Envelope, signature: bytes) -> bool:
    try:
        check_signature(key, envelope.pae, signature, "signature")
    except (MalformedError, RefusedError):
        # A key's name beside bytes that it never signed shows nothing: anybody can write it there, to make an alarm.
        return False
    return True
