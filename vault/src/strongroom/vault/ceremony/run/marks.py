"""The mark of the record: a few characters that the witness copies after every step, and types back after a stop.

The record's entries are chained, but nothing in the chain is a secret: whoever has the medium for an hour can write the
whole of it anew. What stands on the witness's own sheet they cannot. So a run that goes on after a stop first shows
that its record is the one that was copied, and what was added since is read and confirmed. CCSS 1.02; II.2.
"""

from __future__ import annotations

import re
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.vault.ceremony.run.desk import Desk
from strongroom.vault.ceremony.run.record import EntryKind, Record
from strongroom.vault.ceremony.run.screen import render_fact

CHARACTERS: Final = 16
"""64 bits: copied by hand, and far more than anybody can search for while a room is waited for."""
TRIES: Final = 3
_TYPED = re.compile(r"([1-9][0-9]{0,4})[ ,]+((?:[0-9a-f] *){16})")


def show_mark(desk: Desk) -> None:
    """Show the mark of everything so far; the newest on the witness's sheet takes the place of the one before."""
    if desk.record.entries:
        desk.screen.say(f"Witness, copy to your sheet:   record {render_mark(desk.record)}")


def render_mark(record: Record) -> str:
    """The number of the last entry, and the beginning of its digest in groups of four."""
    return f"{len(record.entries)}, {_group(record.digests[-1])}"


def check_mark(desk: Desk) -> None:
    """After a stop: the witness types the last mark of their sheet, and confirms what was added since.

    Raises CEREMONY_RECORD when it is not the mark of this record, or when what came after it is not known to the room.
    """
    if len(desk.record.entries) < 2:
        # Nothing was confirmed before the stop, so that nothing can have been changed.
        return
    screen = desk.screen
    screen.clear()
    screen.say("THIS CEREMONY GOES ON AFTER A STOP   [key-witness]")
    screen.rule()
    screen.say("The record on the medium must be the one that you saw. Type the last line of your sheet.")
    for _ in range(TRIES):
        number = find_mark(desk.record, screen.ask("Number and characters, as on the witness's sheet"))
        if number:
            _confirm_rest(desk, number)
            return
        screen.say("That is no mark of this record. Read your sheet again.", indent="! ")
    raise refused(Code.CEREMONY_RECORD, "record", "the record that the witness copied", f"{TRIES} other marks")


def find_mark(record: Record, typed: str) -> int:
    """The number of the entry whose mark this is; 0 when it is none of this record."""
    found = _TYPED.fullmatch(typed.strip().lower())
    if found is None or int(found[1]) > len(record.entries):
        return 0
    number = int(found[1])
    return number if found[2].replace(" ", "") == record.digests[number - 1][:CHARACTERS] else 0


def _confirm_rest(desk: Desk, number: int) -> None:
    """Whatever the program wrote before it could show a mark is read aloud; a planted entry would stand here."""
    rest = [entry for entry in desk.record.entries[number:] if entry.kind is not EntryKind.RESTART]
    if not rest:
        return
    desk.screen.say("Recorded after that mark, just before the stop:")
    for entry in rest:
        desk.screen.say(f"{entry.number}. {entry.kind.value} {entry.name}, by {entry.actor}", indent="  ")
        for fact in entry.facts:
            desk.screen.show(render_fact(fact.name, fact.value))
    if desk.screen.ask("Type yes if all of this happened before you, or no") != "yes":
        raise refused(Code.CEREMONY_RECORD, "record", "what the room has seen", f"entries after {number}")


def _group(digest: str) -> str:
    return " ".join(digest[i : i + 4] for i in range(0, CHARACTERS, 4))
