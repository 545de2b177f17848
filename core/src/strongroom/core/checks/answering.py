"""Where an answer was given: on a device for approvals, in that person's hands, neither of them new here.

Attack: whoever can change the roster, or has tricked those who do, gives an old approver a new key or a new device and
approves minutes later. The quorum of the roster is one control; that nothing new counts before people could notice it
in the log is the other. Source: spec/approval-device.md; III.12, III.16, VI.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from strongroom.core.bodies import Approval, Rejection
from strongroom.core.checks.foundation import Foundation, Proved
from strongroom.core.checks.journey import Journey
from strongroom.core.codes import Code
from strongroom.core.errors import refused, run_checks
from strongroom.core.ids import PartyId
from strongroom.core.records import encode_time
from strongroom.core.roster import APPROVAL_DEVICE, OFFICE, Party, Roster, check_party


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRoster:
    """A roster and the time of the first checkpoint known here that holds it: never before it was really logged."""

    roster: Roster
    time: datetime


def check_device(roster: Roster, device: PartyId, person: PartyId, moment: datetime, field: str) -> Party:
    """The entry of an approval device that this person holds. As `check_dedicated`, and DEVICE_NOT_THEIRS."""
    entry = check_dedicated(roster, device, moment, field)
    holder = roster.find(person, field)
    if entry.staff != holder.staff:
        raise refused(Code.DEVICE_NOT_THEIRS, field, f"a device of {person} ({holder.staff})", f"one of {entry.staff}")
    return entry


def check_dedicated(roster: Roster, device: PartyId, moment: datetime, field: str) -> Party:
    """The entry of a device that is for approvals and nothing else.

    Raises SIGNER_UNKNOWN, DEVICE_FOR_OFFICE, ROLE_MISSING, SIGNER_NOT_VALID.
    """
    if OFFICE in roster.find(device, field).roles:
        # Told apart from a role that is merely missing: what mail and the web reach must not show what is approved.
        raise refused(Code.DEVICE_FOR_OFFICE, field, "a device for approvals only", f"{device}, for office work")
    return check_party(roster, device, APPROVAL_DEVICE, moment, field)


def check_answering_devices(journey: Journey, foundation: Foundation) -> None:
    """Each yes and each no was given on a device of who gave it."""
    answers: tuple[Proved[Approval] | Proved[Rejection], ...] = (*journey.all(Approval), *journey.all(Rejection))
    for proved in answers:
        path = f"{proved.statement.type.value} of {proved.statement.issuer}.device"
        roster = foundation.roster_at(proved.index)
        check_device(roster, proved.body.device, proved.statement.issuer, proved.time, path)


def check_approvals_cooled(journey: Journey, foundation: Foundation, cool_off_s: int) -> None:
    """No approval came from a device, or by a person's key, that was new then. A no is as good from a new device."""
    for proved in journey.all(Approval):
        known = [TimedRoster(roster=r.body, time=r.time) for r in foundation.rosters if r.index < proved.index]
        path = f"approval of {proved.statement.issuer}"
        check_cooled(known, (proved.statement.issuer, proved.body.device), cool_off_s, proved.time, path)


def check_cooled(
    rosters: Sequence[TimedRoster], parties: Sequence[PartyId], cool_off_s: int, moment: datetime, field: str
) -> None:
    """Raise CREDENTIAL_TOO_YOUNG for each party whose entry the last of these rosters holds for too short a time."""

    def check(party: PartyId) -> None:
        since = find_since(rosters, party)
        if since is not None and moment < since + timedelta(seconds=cool_off_s):
            expected = f"{party} from {encode_time(since + timedelta(seconds=cool_off_s))} on"
            raise refused(Code.CREDENTIAL_TOO_YOUNG, field, expected, encode_time(moment))

    run_checks([partial(check, party) for party in parties])


def find_since(rosters: Sequence[TimedRoster], party: PartyId) -> datetime | None:
    """Since when a party has stood unbroken in the rosters with the key, human and roles that it has in the last.

    None when it has from the first version on: the founding ceremony made it, and nobody was there to be replaced.
    rosters: all that were in force up to the moment of judgement, version 1 first.
    """
    now, since = _credential(rosters[-1].roster, party), rosters[-1]
    for earlier in reversed(rosters):
        if _credential(earlier.roster, party) != now:
            return since.time
        since = earlier
    return None


def _credential(roster: Roster, party: PartyId) -> tuple[str, str, frozenset[str]] | None:
    """What makes an entry another one when it changes: key, human, and whether it may approve here at all."""
    for entry in roster.parties:
        if entry.id == party:
            return entry.key.key_id, entry.staff, frozenset(entry.roles) & {"approver", APPROVAL_DEVICE}
    return None
