"""A sitting: so many decisions without a rest, and no more. The tired eye passes over what it has seen too often.

Counted from this terminal's own journal, over power cuts and sessions. A person who rested elsewhere still counts
here: the count is a floor on care, and not a record of people. III.23, VI.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId
from strongroom.vault.terminal.journal.entry import Entry, EntryKind
from strongroom.vault.terminal.terminal import Terminal


def check_sitting(terminal: Terminal, operators: Sequence[PartyId]) -> None:
    """Raise SITTING_FULL when one of these people has confirmed as many as the policy allows without a rest."""
    parameters = terminal.trust.policy_in_force.parameters
    most, rest = parameters.sitting_max_count, timedelta(seconds=parameters.sitting_rest_s)
    for person in operators:
        count = count_sitting(terminal, person, rest, most)
        if count >= most:
            expected = f"at most {most} without a rest of {parameters.sitting_rest_s} s"
            raise refused(Code.SITTING_FULL, "sitting", expected, f"{count} by {person}")


def check_package(terminal: Terminal, dockets: int) -> None:
    """Raise SITTING_FULL for a package that nobody could read in one sitting: it is refused whole, before the first."""
    most = terminal.trust.policy_in_force.parameters.sitting_max_count
    if dockets > most:
        raise refused(Code.SITTING_FULL, "package.dockets", f"at most {most}", str(dockets))


def count_sitting(terminal: Terminal, person: PartyId, rest: timedelta, most: int) -> int:
    """How many a person has confirmed here since their last rest; not looked further back than `most`."""
    count, later = 0, terminal.now()
    for entry in terminal.journal.last_of_kind(EntryKind.CONFIRMED):
        if count >= most or later - entry.time >= rest:
            break
        if _is_by(entry, person):
            count, later = count + 1, entry.time
    return count


def _is_by(entry: Entry, person: PartyId) -> bool:
    fields = parse_canonical(entry.fields)
    operators = fields.get("operators") if isinstance(fields, dict) else None
    return isinstance(operators, list) and person in operators
