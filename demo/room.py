"""The ceremony room: people sit before the run-book program and answer what it asks, by keys pressed on a terminal.

What a custodian writes down stays here, in memory, as on paper in a bag. A person's own token is brought into the room
for the ceremony and taken away after it.
"""

from __future__ import annotations

import os
import pty
import re
import secrets
import select
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo.canaries import make_pin
from demo.people import Person
from demo.programs import DemoError, command, environment

OFFICER, WITNESS = "person:o.yeung", "person:t.kwan"
CUSTODIANS = {"person:b.ma": "Central", "person:l.poon": "Kwun Tong", "person:y.sze": "Sha Tin"}
THRESHOLD = 2
PATIENCE_S = 120
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PROMPT = re.compile(r"(?:^|\n)([^\n]+): $")
_WORD = re.compile(r"\d+\. ([a-z]+)")
_TURN = re.compile(r"only (person:[a-z.]+) can|(person:[a-z.]+), your share")


@dataclass(kw_only=True)
class Room:
    """Who is there and what lies on the table. papers: each custodian's words; seals: the bag that each is in."""

    people: Mapping[str, Person]
    store: Path
    officer_pin: str = field(repr=False, default_factory=make_pin)
    user_pin: str = field(repr=False, default_factory=make_pin)
    papers: dict[str, str] = field(repr=False, default_factory=dict)
    seals: dict[str, str] = field(default_factory=dict)
    bags: int = 0

    @contextmanager
    def tokens_in(self, store: Path) -> Iterator[None]:
        """Everybody's own token is plugged in at this machine, and taken away again."""
        brought: list[tuple[Path, Path]] = []
        try:
            for name in (OFFICER, WITNESS, *CUSTODIANS):
                for token in sorted((self.people[name].store / "tokens").iterdir()):
                    there = store / "tokens" / token.name
                    shutil.move(token, there)
                    brought.append((there, token))
            yield
        finally:
            for there, token in brought:
                shutil.move(there, token)

    def hold(self, arguments: list[str]) -> str:
        """Lead a ceremony to its end; returns all that was on the screen. Raises DemoError when it breaks off."""
        with self.tokens_in(self.store):
            process, screen = pty.fork()
            if process == 0:
                argv = [*command("ceremony", offline=True), "run", *arguments]
                os.execvpe(argv[0], argv, environment(self.store))  # noqa: S606
            shown = self._answer_all(screen)
            _, status = os.waitpid(process, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            raise DemoError(f"the ceremony {arguments[0]} ended with {code}:\n{shown[-3000:]}")
        return shown

    def _answer_all(self, screen: int) -> str:
        shown = since = ""
        while True:
            text = _read(screen)
            if text is None:
                os.close(screen)
                return shown
            shown, since = shown + text, since + text
            asked = _PROMPT.search(since)
            if asked and not select.select([screen], [], [], 0.02)[0]:
                os.write(screen, self._answer(asked[1], since, shown).encode() + b"\n")
                since = ""

    def _answer(self, question: str, since: str, shown: str) -> str:
        """What the person whose turn it is types. The first pattern that fits counts."""
        turn = [one or other for one, other in _TURN.findall(shown)]
        if "when they are on paper" in question:
            self.papers[turn[-1]] = " ".join(_WORD.findall(since))
            return ""
        if "Words from" in question:
            return self.papers[turn[-1]]
        if "PIN of your token" in question:
            return self.people[_whose(question + since)].pin
        if re.search("serial number.* bag", question):
            return self._bag(question)
        for pattern, answer in self._plain().items():
            if re.search(pattern, question):
                return answer
        raise DemoError(f"nobody in the room knows an answer to {question!r}")

    def _bag(self, question: str) -> str:
        who = _whose(question)
        if "goes into" in question:
            self.bags += 1
            self.seals[who] = f"BAG-{self.bags:05}"
        return self.seals[who]

    def _plain(self) -> dict[str, str]:
        sites = "; ".join(f"{name} at {site}" for name, site in CUSTODIANS.items())
        two = "; ".join(sorted(CUSTODIANS)[:THRESHOLD])
        return {
            "Room and address": "Key room, 8 Finance Street",
            "time above right": "yes",
            "machine, and of the seal": "LAPTOP-7, SEAL-1",
            "start medium": "DISC-7, SEAL-2",
            "Who leads": OFFICER,
            "Who witnesses": WITNESS,
            "^Custodians.* at ": sites,
            "^Custodians": two,
            "How many shares": str(THRESHOLD),
            "Type yes": "yes",
            "security-officer PIN": self.officer_pin,
            "user PIN": self.user_pin,
            "Dice": "".join(str(1 + secrets.randbelow(6)) for _ in range(60)),
            "Type alone": "alone",
            "medium and of its bag": "MEDIUM-1, SEAL-6",
            "Site where": "Central",
            "tokens' bags": "SEAL-3",
            "media's bags": "SEAL-4",
            "bag for this machine": "SEAL-5",
            "[Pp]ress Enter": "",
        }


def _whose(text: str) -> str:
    found = re.findall(r"person:[a-z.]+", text)
    if not found:
        raise DemoError(f"the program does not say whose turn it is: {text[-300:]!r}")
    return str(found[0])


def _read(screen: int) -> str | None:
    """What came on the screen; None when the program has ended."""
    if not select.select([screen], [], [], PATIENCE_S)[0]:
        raise DemoError("the ceremony program says nothing more")
    try:
        raw = os.read(screen, 65536)
    except OSError:
        # Linux says EIO where a pipe would say end of file.
        return None
    return _CODES.sub("", raw.decode()).replace("\r\n", "\n") if raw else None
