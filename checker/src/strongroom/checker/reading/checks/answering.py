"""Which device an answer came from, whose it is, and how long it has been known; spec/approval-device.md.

An approver's new key and a new device count for nothing until they have stood in the log for as long as the policy
asks: a roster that an attacker got signed must first be there for everybody to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from strongroom.checker.reading.bodies import Approval, Rejection
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import Heard, Journey
from strongroom.checker.reading.log import HeadRead
from strongroom.checker.reading.refusals import gathered, raise_found
from strongroom.checker.reading.rosters import Party, PlacedRoster, check_party
from strongroom.checker.reading.trust import Foundation, moment_of
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, refused
from strongroom.core.ids import PartyId


def check_device(journey: Journey, each: Heard[Approval] | Heard[Rejection]) -> None:
    """The device is for approvals and nothing else, and the person who answered holds it.

    Raises DEVICE_FOR_OFFICE, ROLE_MISSING, SIGNER_NOT_VALID, DEVICE_NOT_THEIRS, SIGNER_UNKNOWN.
    """
    path = f"{each.path}.device"
    roster = journey.foundation.roster_at(each.index, path)
    device = roster.party(each.body.device, path)
    if "office" in device.roles:
        raise refused(Code.DEVICE_FOR_OFFICE, path, "a device for approvals only", " ".join(device.roles))
    check_party(roster, device.id, ("approval-device",), each.moment, path)
    person = roster.party(each.statement.issuer, path)
    if device.staff is None or device.staff != person.staff:
        raise refused(Code.DEVICE_NOT_THEIRS, path, f"a device in the hands of {person.staff}", f"{device.staff}")


def check_cooled(journey: Journey, cool_off_s: int) -> None:
    """Nobody approved with a key, or on a device, that was new at that moment. Raises CREDENTIAL_TOO_YOUNG."""
    found: list[Refusal] = []
    for each in journey.all(Approval):
        for party, path in (
            (each.statement.issuer, f"{each.statement.path}.payload.issuer"),
            (each.body.device, f"{each.path}.device"),
        ):
            with gathered(found):
                _check_known_long(journey.foundation, each, party, path, timedelta(seconds=cool_off_s))
    raise_found(found)


def _check_known_long(
    foundation: Foundation, each: Heard[Approval], party: PartyId, path: str, wait: timedelta
) -> None:
    began = _known_since([r for r in foundation.rosters if r.index < each.index], foundation.checkpoints, party)
    if began is not None and began + wait > each.moment:
        expected = f"{party} known since {render_time(each.moment - wait)}"
        raise refused(Code.CREDENTIAL_TOO_YOUNG, path, expected, f"since {render_time(began)}")


def _known_since(rosters: Sequence[PlacedRoster], heads: Sequence[HeadRead], party: PartyId) -> datetime | None:
    """When the party's present entry began; None when it has been the same since version 1.

    Read forwards: each roster that says something else of the party starts the wait again. Its time is that of the
    first listed checkpoint that covers it, which is never earlier than the truth.
    """
    began: PlacedRoster | None = None
    before: Party | None = rosters[0].statement.body.parties.get(party)
    for placed in rosters[1:]:
        entry = placed.statement.body.parties.get(party)
        if not _is_same(before, entry):
            began, before = placed, entry
    if began is None:
        return None
    return next(moment_of(head) for head in heads if head.size > began.index)


def _is_same(before: Party | None, after: Party | None) -> bool:
    if before is None or after is None:
        return before is after
    return (before.key.id, before.staff, _answers(before)) == (after.key.id, after.staff, _answers(after))


def _answers(party: Party) -> tuple[bool, bool]:
    """Whether it may approve, and whether it may be approved on."""
    return "approver" in party.roles, "approval-device" in party.roles
