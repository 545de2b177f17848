"""An answer at the platform's door: what every later stage would refuse a docket for never gets into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from strongroom.core.bodies import Approval
from strongroom.core.checks.answering import TimedRoster, check_cooled, check_device
from strongroom.core.checks.foundation import prove_checkpoint
from strongroom.core.statements import Statement
from strongroom.online.evidence.store import LogReader
from strongroom.online.governance.store import Rules
from strongroom.online.transfers.withdrawal.platform import Platform


def check_answer(platform: Platform, rules: Rules, statement: Statement[Any]) -> None:
    """Raise unless the answer came from its person's own approval device, and an approval from no new one.

    A docket with an approval from a strange device is refused for ever, so that one such package would stop a payment
    that everybody else agreed to. Raises DEVICE_FOR_OFFICE, DEVICE_NOT_THEIRS, ROLE_MISSING, CREDENTIAL_TOO_YOUNG.
    """
    kind, now = statement.type.value, platform.clock()
    check_device(rules.roster, statement.body.device, statement.issuer, now, f"{kind}.device")
    if isinstance(statement.body, Approval):
        cool_off_s = rules.policy[1].body.parameters.device_cool_off_s
        parties = (statement.issuer, statement.body.device)
        check_cooled(time_rosters(platform.reader, rules, now), parties, cool_off_s, now, kind)


def time_rosters(reader: LogReader, rules: Rules, now: datetime) -> tuple[TimedRoster, ...]:
    """Every roster with the time of its first checkpoint; one that is not witnessed yet is of now."""
    found = []
    for place, statement in rules.rosters:
        time = now
        if place < reader.witnessed_size:
            note = reader.first_checkpoint(place).note
            witnessed = prove_checkpoint(note, rules.root, rules.rosters, f"checkpoint after {place}")
            time = datetime.fromtimestamp(witnessed.time_s, UTC)
        found.append(TimedRoster(roster=statement.body, time=time))
    return tuple(found)
