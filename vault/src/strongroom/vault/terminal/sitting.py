"""A sitting: so many decisions without a rest, and no more. The tired eye passes over what it has seen too often.

Counted from this terminal's own journal, over power cuts and sessions. A person who rested elsewhere still counts
here: the count is a floor on care, and not a record of people. III.23, VI.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from strongroom.core.canonical import parse_canonical
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.ids import PartyId
from strongroom.vault.terminal.journal.entry import Entry, EntryKind
from strongroom.vault.terminal.terminal import Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """How many each person has confirmed since their last rest. most, rest_s: the policy's."""

    counts: dict[PartyId, int]
    most: int
    rest_s: int

    def check(self) -> None:
        """Raise SITTING_FULL when one of these people has confirmed as many as the policy allows without a rest."""
        for person, count in self.counts.items():
            if count >= self.most:
                expected = f"at most {self.most} without a rest of {self.rest_s} s"
                raise refused(Code.SITTING_FULL, "sitting", expected, f"{count} by {person}")

    def confirm(self) -> None:
        """Count one more for everybody who sits here."""
        for person in self.counts:
            self.counts[person] += 1


def load_sitting(terminal: Terminal, operators: Sequence[PartyId]) -> Sitting:
    """Read once a session from the journal; a rest inside a session is none."""
    parameters = terminal.trust.policy_in_force.parameters
    most, rest = parameters.sitting_max_count, timedelta(seconds=parameters.sitting_rest_s)
    counts = {person: count_sitting(terminal, person, rest, most) for person in operators}
    return Sitting(counts=counts, most=most, rest_s=parameters.sitting_rest_s)


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
