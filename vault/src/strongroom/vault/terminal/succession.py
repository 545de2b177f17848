"""What a journal that took the place of another does not know, and therefore lets nobody sign.

A disk is lost, or an old one was put back and stays blocked (JOURNAL_BEHIND): the way out is a machine enrolled anew,
whose new journal the delegates lease. It remembers nothing. What the other journal bound or counted is on a disk that
nobody can read, and a list of it would be as good as whoever wrote it: one who hides a payment has it paid twice. So
nothing is put back here. The log alone draws the line, at the lease: who was to be paid before it is paid by no
successor, and what a window cannot have seen whole is not paid out of it. Source: spec/statement.md, lease; ADR 0031.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from strongroom.core.bodies import Instruction
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.notices import leases_of
from strongroom.core.checks.prove import ProvedDocket
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError, refused
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.leases import Lease
from strongroom.core.policy import Policy
from strongroom.core.records import encode_time
from strongroom.core.trust import Trust


def find_succession(trust: Trust, terminal: PartyId, lease: Digest) -> Proved[Lease] | None:
    """The lease at which the journal of this lease took over from another one; None when there was no other.

    lease: the one in force. A journal that was leased, replaced and leased again missed what was signed in between.
    Raises LEASE_REPLACED for a lease that is not the terminal's, or that follows one which is not here.
    """
    leases = {each.id: each for each in leases_of(trust.notices, terminal)}
    current = leases.get(lease)
    while current is not None and current.body.number > 1:
        before = leases.get(Digest(current.body.previous))
        if before is not None and before.body.journal != current.body.journal:
            return current
        current = before
    if current is None:
        raise refused(Code.LEASE_REPLACED, "lease", f"a lease of {terminal} and all before it", lease)
    return None


def check_instructions(proved: ProvedDocket, succession: Proved[Lease] | None) -> None:
    """Raise JOURNAL_SUCCEEDED for what the journal before may have paid already.

    Its place in the log decides, and the time that its client signed as well (attack: the platform logs the envelope
    once more, behind the lease). A void twin of it is refused too: it could meet its transfer, signed and kept back.
    """
    if succession is None:
        return
    found = []
    for each in proved.journey.all(Instruction):
        if each.index < succession.index or each.statement.issued_at < succession.time:
            expected = f"said after log entry {succession.index} and {encode_time(succession.time)}"
            got = f"log entry {each.index}, {encode_time(each.statement.issued_at)}"
            found.append(
                Refusal(code=Code.JOURNAL_SUCCEEDED, field=f"instruction {each.id}", expected=expected, got=got)
            )
    if found:
        raise RefusedError(*found)


def check_windows_known(
    rules: Iterable[EntryId], policy: Policy, succession: Proved[Lease] | None, now: datetime
) -> None:
    """Raise WINDOW_UNKNOWN while a window of these rules reaches back to what the journal before has counted.

    rules: those that a docket uses. Attack: a day's limit is signed away, the disk is broken, and a new one begins at
    zero. Whole windows are waited for; nobody can say how much of one is left.
    """
    if succession is None:
        return
    used = set(rules)
    seconds = max((w.seconds for rule in policy.rules if rule.id in used for w in rule.windows), default=0)
    known = succession.time + timedelta(seconds=seconds)
    if now < known:
        raise refused(Code.WINDOW_UNKNOWN, "windows", f"at {encode_time(known)} or later", encode_time(now))
