"""A device's whole address book, asked for addresses that a hurried eye takes for another one.

The pages of a docket show look-alikes among what the docket carries. A device knows more: every entry of the whitelist
and every address of ours. Attack: a poisoned entry that was whitelisted weeks before, beside the honest one that the
docket does not name (1,155 WBTC in 2024). Source: III.23, III.A4-GP; screens of the design.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from strongroom.core.active_reading import Ask, Doubt, Draw, Say
from strongroom.core.checks.foundation import Entries
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.facts import Facts
from strongroom.core.lookalike import shape_of
from strongroom.core.page_values import Line, Mark, Page, Row, build_line, build_quote
from strongroom.core.words import group

ANSWERS = ("1", "2")
QUESTION = build_line("Which of these two did the client write? Type 1 or 2, from your paper:")
_PIECE = 55
"""Eleven groups of four and their spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBook:
    """names: of each address, by shape and then by address. Made once; a look-up is one step."""

    names: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]]

    def find_alike(self, address: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Every other address of the same beginning and end, with the entries that name it, sorted."""
        same = self.names.get(shape_of(address), {})
        return tuple(sorted((other, names) for other, names in same.items() if other != address))


def build_address_book(entries: Entries) -> AddressBook:
    """Of everything that a device holds: whitelist and addresses of ours."""
    found: defaultdict[tuple[str, str], defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    listed = [(each.address, each.id) for each in entries.whitelist.values()]
    ours = [(each.address, each.id) for each in entries.addresses.values()]
    for address, name in (*listed, *ours):
        found[shape_of(address)][address].append(name)
    return AddressBook(
        names={
            shape: {address: tuple(sorted(names)) for address, names in known.items()} for shape, known in found.items()
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeTask:
    """Two whole addresses, of which the transaction pays one. right: `1` or `2`. names: of the other one."""

    paid: str
    other: str
    names: tuple[str, ...]
    right: str

    @property
    def choices(self) -> tuple[Line, Line]:
        """Both whole, one below the other, and not which of them is paid."""
        first, second = (self.paid, self.other) if self.right == ANSWERS[0] else (self.other, self.paid)
        return (build_line("1  {address}", address=group(first)), build_line("2  {address}", address=group(second)))


def build_alike_tasks(facts: Facts, book: AddressBook, draw: Draw) -> tuple[AlikeTask, ...]:
    """A task for each look-alike of whatever leaves to somebody. draw: so many random bytes, for the order."""
    return tuple(
        AlikeTask(paid=output.address, other=other, names=names, right=ANSWERS[draw(1)[0] & 1])
        for output in facts.outputs
        if output.kind == "payment"
        for other, names in book.find_alike(output.address)
    )


def ask_alike(tasks: Iterable[AlikeTask], ask: Ask, say: Say) -> Doubt | None:
    """Ask for each; None when all agree with the bytes, or the doubt that was typed instead.

    Raises READING_MISMATCH at the first other answer: there are only two, so nobody gets a second try.
    """
    for task in tasks:
        for line in task.choices:
            say(line)
        typed = ask(QUESTION).strip().lower()
        if typed in {doubt.value for doubt in Doubt}:
            return Doubt(typed)
        if typed != task.right:
            raise refused(Code.READING_MISMATCH, QUESTION.text, "the address that the transaction pays", "another")
    return None


def build_alike_pages(tasks: Iterable[AlikeTask]) -> tuple[Page, ...]:
    """Both addresses whole, one above the other, a mark below every character that differs; no page without one."""
    rows = tuple(_build_row(task) for task in tasks)
    return (Page(title="Another address looks like this one", rows=rows),) if rows else ()


def _build_row(task: AlikeTask) -> Row:
    lines = [build_quote("this device also knows {names}: another address", names=", ".join(task.names))]
    for paid, other in zip_longest(_cut(group(task.paid)), _cut(group(task.other)), fillvalue=""):
        marks = "".join(" " if a == b else "^" for a, b in zip_longest(paid, other)).rstrip(" ")
        lines.append(build_line("{address}  paid here", address=paid))
        lines.append(build_line("{address}  the other", address=other))
        lines.append(build_quote("{value}", value=marks))
    return Row(label="ALIKE", lines=tuple(lines), mark=Mark.DIFF)


def _cut(grouped: str) -> list[str]:
    """In pieces of whole groups, so that what stands below each other belongs together."""
    return [grouped[i : i + _PIECE] for i in range(0, len(grouped), _PIECE)]
