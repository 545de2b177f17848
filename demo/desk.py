"""What lies on the people's desks, from which they answer what a device asks about a payment.

The approvers have what the clients sent; the operators in the vault have the paper that the station printed. They
read the question on the screen, and the answer on paper: nothing of it comes from inside the device.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from demo.programs import DemoError

_QUESTION = re.compile(
    r"instruction (sha256: [0-9a-f ]+): (?:characters (\d+) to (\d+) of the destination|the amount in )[^:]*: "
)
LOOK_S = 0.05
_PRINTED = re.compile(
    r"^DESTINATION [^\n]*? {3}(?P<prefix>0x)?\n(?P<groups>.*?)\n\nAMOUNT [^\n]*\n {4}(?P<amount>[0-9.]+) [^\n]*\n"
    r".*?^Instruction (?P<instruction>.*?)^Paid to ",
    flags=re.MULTILINE | re.DOTALL,
)
_HEX = re.compile(r"\b[0-9a-f]{4}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a client's paper says. amount: in whole units, with decimals."""

    address: str
    amount: str


Papers = Mapping[str, Paper]
"""By instruction id."""


def read_paper(text: str) -> dict[str, Paper]:
    """What the pages of the station's paper say, as people read them. By instruction id."""
    papers = {}
    for page in text.split("\f"):
        found = _PRINTED.search(page)
        if found is None:
            raise DemoError(f"the paper cannot be read:\n{page}")
        # Under each line of places stands a line of characters: every second one is the destination's.
        lines = found["groups"].splitlines()[1::2]
        address = (found["prefix"] or "") + "".join("".join(line.split()) for line in lines)
        digest = "".join(_HEX.findall(found["instruction"].partition("sha256:")[2]))
        papers[f"sha256:{digest}"] = Paper(address=address, amount=found["amount"])
    return papers


@contextmanager
def reading(process: subprocess.Popen[str], screen: Path, papers: Papers) -> Iterator[None]:
    """Somebody sits at the program and answers its questions about paper. screen: the file that it writes to."""
    done = Event()
    person = Thread(target=_read, args=(process, screen, papers, done), daemon=True)
    person.start()
    try:
        yield
    finally:
        done.set()
        person.join()


def _read(process: subprocess.Popen[str], screen: Path, papers: Papers, done: Event) -> None:
    answered = 0
    while process.stdin is not None and not done.wait(LOOK_S) and process.poll() is None:
        for question in list(_QUESTION.finditer(screen.read_text()))[answered:]:
            process.stdin.write(_answer(papers, question) + "\n")
            process.stdin.flush()
            answered += 1


def _answer(papers: Papers, question: re.Match[str]) -> str:
    instruction, first, last = question.groups()
    paper = papers[instruction.replace(" ", "")]
    if first is None:
        return paper.amount
    return paper.address.removeprefix("0x")[int(first) - 1 : int(last)]
