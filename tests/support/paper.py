"""The papers on the people's desk: what clients asked for, from which they answer a device's questions.

A person at a device answers from paper, and from nothing that the screen shows. The questions are read as people read
them: their words, with no help from inside the device.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.core.bodies import Instruction
from strongroom.core.money import render_units
from strongroom.core.sweeps import Sweep

_PART = re.compile(r"instruction (sha256: [0-9a-f ]+): characters (\d+) to (\d+) of the destination")
_SWEEP = re.compile(r"(Sweep \d+) of \d+: characters (\d+) to (\d+) of the destination")
_AMOUNT = re.compile(r"instruction (sha256: [0-9a-f ]+): the amount in ")
_PART_ZH = re.compile(r"指示 (sha256: [0-9a-f ]+)\uff1a請按紙本輸入目的地第 (\d+) 至 (\d+) 個字元")
_AMOUNT_ZH = re.compile(r"指示 (sha256: [0-9a-f ]+)\uff1a請按紙本輸入以 \S+ 計的金額")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a client's paper says. amount: as written there, in whole units with decimals."""

    address: str
    amount: str


def answer(papers: Mapping[str, Paper], question: str) -> str | None:
    """What a person with these papers types; None where the question is not about paper. papers: by instruction id."""
    if found := _PART.search(question) or _PART_ZH.search(question) or _SWEEP.search(question):
        paper = papers[_id(found[1])]
        return paper.address.removeprefix("0x")[int(found[2]) - 1 : int(found[3])]
    if found := _AMOUNT.search(question) or _AMOUNT_ZH.search(question):
        return papers[_id(found[1])].amount
    return None


def papers_of(trips: Iterable[Any]) -> dict[str, Paper]:
    """What the clients, and the officers of a sweep, wrote down for these trips."""
    papers: dict[str, Paper] = {}
    for trip in trips:
        registers = trip.world.registers
        for each in trip.of(Instruction):
            decimals = registers["assets"].find(each.body.asset, "assets").decimals
            amount = render_units(each.body.amount, decimals)
            papers[each.id] = Paper(address=each.body.destination.address, amount=amount)
        for sweep in trip.of(Sweep):
            for number, name in enumerate(sweep.body.destinations, start=1):
                address = registers["addresses"].find(name, "addresses").address
                papers[f"Sweep{number}"] = Paper(address=address, amount="")
    return papers


def read_questions(program: subprocess.Popen[str], papers: Mapping[str, Paper]) -> str:
    """Answer a program's questions from paper until it ends; returns all that it said on its standard error."""
    said = ""
    if program.stdin is None or program.stderr is None:
        return said
    while character := program.stderr.read(1):
        said += character
        found = answer(papers, said.rpartition("\n")[2]) if said.endswith(": ") else None
        if found is not None:
            program.stdin.write(f"{found}\n")
            program.stdin.flush()
    return said


def _id(grouped: str) -> str:
    return grouped.replace(" ", "")
