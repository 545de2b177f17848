"""Active reading: a person types a random part of each destination and the amount, from their own paper.

Whoever copies from the screen learns nothing new; whoever reads their paper finds the swapped character. What is
expected comes from the facts, and so from the bytes to be signed. Source: III.23, III.A4-GP; screens of the design.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.facts import Facts, FactsOutput
from strongroom.core.page_values import Line, build_line
from strongroom.core.registers import AssetEntry
from strongroom.core.words import group

PART_LENGTH = 6
MAX_WRONG = 2
"""A slip of the hand is forgiven once a question; the second wrong answer says that paper and bytes differ."""

Ask = Callable[[Line], str]
Say = Callable[[Line], None]
Draw = Callable[[int], bytes]

_PAYMENT = (
    "Payment {number} of {total}, {client}, instruction {instruction}: "
    "characters {first} to {last} of the destination, as on your paper:"
)
_PAYMENT_HEX = (
    "Payment {number} of {total}, {client}, instruction {instruction}: "
    "characters {first} to {last} of the destination (0x not counted), as on your paper:"
)
_AMOUNT = "Payment {number} of {total}, {client}, instruction {instruction}: the amount in {symbol}, as on your paper:"
_SWEEP = "Sweep {number} of {total}: characters {first} to {last} of the destination, as on your paper:"
_SWEEP_HEX = (
    "Sweep {number} of {total}: characters {first} to {last} of the destination (0x not counted), as on your paper:"
)
_WRONG = "That is not what the transaction has. Read your own paper, not the screen; or answer reject or unsure."


class Doubt(StrEnum):
    """What may be typed at every question instead of an answer."""

    REJECT = "reject"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTask:
    """One destination to be read from paper. first: of the part, counted from 1 behind any `0x`.

    number: among `total`. client, instruction: whose paper; empty for a sweep, which officers order.
    units: in smallest units; None where the paper has no amount (a sweep takes whatever is there).
    """

    number: int
    total: int
    client: str
    instruction: str
    address: str
    first: int
    units: int | None
    symbol: str
    decimals: int

    @property
    def part(self) -> str:
        """The characters that are asked for."""
        return _bare(self.address)[self.first - 1 : self.first - 1 + PART_LENGTH]

    @property
    def part_question(self) -> Line:
        """Asks for the part. It must not show it."""
        places = {"first": str(self.first), "last": str(self.first + len(self.part) - 1)}
        is_hexadecimal = self.address.startswith("0x")
        if self.units is None:
            return build_line(_SWEEP_HEX if is_hexadecimal else _SWEEP, **self._about, **places)
        return build_line(_PAYMENT_HEX if is_hexadecimal else _PAYMENT, **self._about, **places)

    @property
    def amount_question(self) -> Line:
        """Asks for the amount. It must not show it."""
        return build_line(_AMOUNT, **self._about, symbol=self.symbol)

    @property
    def _about(self) -> dict[str, str]:
        """Which paper to take."""
        values = {"number": str(self.number), "total": str(self.total)}
        if self.units is None:
            return values
        return {**values, "client": self.client, "instruction": group(self.instruction)}


def build_tasks(facts: Facts, assets: Mapping[str, AssetEntry], draw: Draw) -> tuple[ReadingTask, ...]:
    """A task for everything that leaves to somebody, or to ourselves by a sweep. draw: so many random bytes."""
    read = [output for output in facts.outputs if output.kind in {"payment", "sweep"}]
    return tuple(_build_task(output, number, len(read), assets, draw) for number, output in enumerate(read, start=1))


def _build_task(
    output: FactsOutput, number: int, total: int, assets: Mapping[str, AssetEntry], draw: Draw
) -> ReadingTask:
    asset = assets[output.asset]
    places = len(_bare(output.address)) - PART_LENGTH + 1
    # 64 random bits over a few dozen places: the bias is far below anything that could help to guess.
    first = 1 + int.from_bytes(draw(8), "big") % places
    paid = output.kind == "payment"
    return ReadingTask(
        number=number,
        total=total,
        client=output.client if paid else "",
        instruction=output.instruction if paid else "",
        address=output.address,
        first=first,
        units=output.units if paid else None,
        symbol=asset.symbol,
        decimals=asset.decimals,
    )


def ask_tasks(tasks: tuple[ReadingTask, ...], ask: Ask, say: Say) -> Doubt | None:
    """Ask for every part and amount; None when all agree with the bytes, or the doubt that was typed instead.

    Raises READING_MISMATCH when an answer is wrong for the second time: the paper says something else.
    """
    for task in tasks:
        doubt = _ask_one(task.part_question, task, is_part, ask, say)
        if doubt is None and task.units is not None:
            doubt = _ask_one(task.amount_question, task, is_amount, ask, say)
        if doubt is not None:
            return doubt
    return None


def _ask_one(
    question: Line, task: ReadingTask, is_right: Callable[[ReadingTask, str], bool], ask: Ask, say: Say
) -> Doubt | None:
    for _ in range(MAX_WRONG):
        typed = ask(question).strip()
        if typed.lower() in {doubt.value for doubt in Doubt}:
            return Doubt(typed.lower())
        if is_right(task, typed):
            return None
        say(build_line(_WRONG))
    # What was typed stays out of the refusal: it may be the right one, and travels with a package of the wrong one.
    raise refused(Code.READING_MISMATCH, question.text, "what the transaction pays", f"{MAX_WRONG} answers that differ")


def is_part(task: ReadingTask, typed: str) -> bool:
    """Is it the part? Spaces between groups are fine; case counts only where the address itself has case."""
    bare = typed.replace(" ", "")
    return bare == task.part or (_is_caseless(task.address) and bare.lower() == task.part.lower())


def is_amount(task: ReadingTask, typed: str) -> bool:
    """Is it the amount? Digits with at most one point; a comma is a thousand here and a decimal there, so none."""
    if task.units is None or not re.fullmatch(rf"[0-9]{{1,78}}(?:\.[0-9]{{1,{max(task.decimals, 1)}}})?", typed):
        return False
    whole, _, fraction = typed.partition(".")
    if len(fraction) > task.decimals:
        return False
    return int(whole + fraction.ljust(task.decimals, "0")) == task.units


def _bare(address: str) -> str:
    return address.removeprefix("0x")


def _is_caseless(address: str) -> bool:
    """Hexadecimal and bech32 addresses mean the same in either case; base58 does not."""
    return address.startswith("0x") or address == address.lower()
