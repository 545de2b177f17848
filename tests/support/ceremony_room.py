"""A ceremony room for tests: real SoftHSM tokens, a real roster, and people who press keys on a pseudo-terminal.

`Room` holds what lies on the table; `play` starts `strongroom-ceremony run`, reads the screen as people do, and types
what the question on it asks for. Whoever is asked remembers their words as on paper. `kill_at` ends the program with
SIGKILL when it asks its n-th question.
"""

from __future__ import annotations

import itertools
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import softhsm
from strongroom.core.canonical import encode_canonical
from strongroom.core.ceremonies import Ceremony
from strongroom.core.ids import PartyId
from strongroom.core.records import encode_record
from strongroom.core.roster import Party, Roster
from strongroom.core.statements import Statement
from strongroom.vault.ceremony.run.signatures import parse_transcript
from strongroom.vault.hsm.module import find_token, open_module, open_storing_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import create_person_key, public_key_of
from world import World, sorted_by_id

TOKEN_OFFICER, TOKEN_USER = "canary-officer-pin-7731", "canary-user-pin-4482"
PERSON_PIN = "canary-person-pin-0913"
DICE = "6142536142531645263514263514263514625341625346152435"
ETH_CHAIN, LTC_CHAIN = "eip155:31337", "bip122:530827f38f93b43ed12af0b3ad25a288"
ROLES: Mapping[str, tuple[str, ...]] = {
    "person:k.officer": ("key-officer",),
    "person:w.witness": ("key-witness",),
    "person:c.ann": ("custodian",),
    "person:c.bob": ("custodian",),
    "person:c.cyd": ("custodian",),
    "person:c.dan": ("custodian",),
}
SITES = {"person:c.ann": "Site A", "person:c.bob": "Site B", "person:c.cyd": "Site C", "person:c.dan": "Site D"}
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"\d+\. ([a-z]+)")
_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MARK = re.compile(r"copy to your sheet:   record (\d+, [0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{4})")
MOST_QUESTIONS = 300
"""More than any ceremony here asks; an answer that is refused for ever ends the test."""
PROMPT = re.compile(r"(?:^|\n)([^\n]+): $")


@dataclass
class Room:
    """The table: tokens of a store, root and roster files, papers with words, and all that was ever on the screen."""

    folder: Path
    store: softhsm.SoftHsmStore
    world: World
    papers: dict[str, str] = field(default_factory=dict)
    seals: dict[str, str] = field(default_factory=dict)
    new_papers: dict[str, str] = field(default_factory=dict)
    new_seals: dict[str, str] = field(default_factory=dict)
    serial: int = 0
    marks: dict[str, str] = field(default_factory=dict)
    """What stands last on the witness's sheet, by home."""

    def trust(self) -> list[str]:
        """The arguments that name root and roster."""
        return ["--root", str(self.folder / "root.json"), "--roster", str(self.folder / "roster.json")]

    def transcript(self, home: str) -> Statement[Ceremony]:
        """The finished transcript of a home."""
        return parse_transcript((self.folder / home / "transcript.json").read_bytes())

    def keep_new(self) -> None:
        """A ceremony is over: what was handed out in it is in force, and papers of before are shredded."""
        self.papers.update(self.new_papers)
        self.seals.update(self.new_seals)
        self.new_papers, self.new_seals = {}, {}

    def next_serial(self) -> str:
        """A bag number that was never used."""
        self.serial += 1
        return f"BAG-{self.serial:05}"


def make_room(folder: Path) -> Room:
    """Tokens of six people and a roster that knows them."""
    store = softhsm.make_store(folder / "softhsm")
    keys = {}
    for person in ROLES:
        store.init_token(person, "canary-person-so-1", PERSON_PIN)
        module = open_module(softhsm.MODULE_PATH)
        with open_storing_session(find_token(module, person), Secret(PERSON_PIN)) as session:
            keys[person] = public_key_of(create_person_key(session))

    def edit(roster: Roster) -> Roster:
        people = [
            Party(
                group="keys",
                id=PartyId(name),
                key=keys[name],
                name=name.split(":")[1],
                roles=roles,
                staff=f"staff-{name}",
                valid_from=_FROM,
                valid_until=_UNTIL,
            )
            for name, roles in ROLES.items()
        ]
        return replace(roster, parties=sorted_by_id([*roster.parties, *people]), expires=_UNTIL)

    world = World(edits={"roster": edit})
    (folder / "root.json").write_bytes(encode_canonical([encode_record(each) for each in world.roots]))
    (folder / "roster.json").write_bytes(encode_canonical([encode_record(each) for each in world.rosters]))
    return Room(folder=folder, store=store, world=world)


Answer = Callable[["Play", str], str]


@dataclass
class Play:
    """One run of the program, as it is seen from the chair. shown: everything that was on the screen."""

    room: Room
    descriptor: int
    process: int
    answers: Mapping[str, Answer | str]
    home: str = ""
    shown: str = ""
    since: str = ""
    asked: list[str] = field(default_factory=list)
    code: int | None = None

    def step(self) -> str | None:
        """Wait for the next question and return it; None when the program has ended."""
        while True:
            found = PROMPT.search(self.since)
            if found and not self._has_more():
                return found[1]
            if not self._read():
                self._reap()
                return None

    def answer(self, question: str) -> None:
        """Type what the question asks for."""
        self.asked.append(question)
        assert len(self.asked) < MOST_QUESTIONS, self.shown[-2000:]
        text = self._find(question)
        self.since = ""
        os.write(self.descriptor, text.encode() + b"\n")

    def kill(self) -> None:
        """SIGKILL: nothing is cleaned up."""
        self.room.store.kill(self.process)
        self._reap()

    def _find(self, question: str) -> str:
        for pattern, answer in self.answers.items():
            if re.search(pattern, question):
                return answer if isinstance(answer, str) else answer(self, question)
        raise AssertionError(f"nobody knows an answer to {question!r} after:\n{self.shown[-3000:]}")

    def _has_more(self) -> bool:
        return bool(select.select([self.descriptor], [], [], 0)[0])

    def _read(self) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], 120)
        assert ready, f"silence after {self.shown[-2000:]}"
        try:
            raw = os.read(self.descriptor, 65536)
        except OSError:
            # Linux says EIO where a pipe would say end of file.
            return False
        text = _CODE.sub("", raw.decode()).replace("\r\n", "\n")
        self.shown += text
        if marks := _MARK.findall(self.shown[-20_000:]):
            self.room.marks[self.home] = marks[-1]
        self.since += text
        return bool(raw)

    def _reap(self) -> None:
        if self.code is None:
            _, status = os.waitpid(self.process, 0)
            self.code = os.waitstatus_to_exitcode(status)
            os.close(self.descriptor)


def start(room: Room, arguments: list[str], answers: Mapping[str, Answer | str]) -> Play:
    """Start the program on a pseudo-terminal of 24 lines of 80."""
    program = "import sys; from strongroom.vault.ceremony.cli import main; sys.exit(main())"
    process, descriptor = pty.fork()
    if process == 0:
        os.execve(sys.executable, [sys.executable, "-c", program, *arguments], room.store.environment())  # noqa: S606
    home = arguments[arguments.index("--home") + 1] if "--home" in arguments else ""
    return Play(room=room, descriptor=descriptor, process=process, answers=answers, home=home)


def play(room: Room, arguments: list[str], answers: Mapping[str, Answer | str], kill_at: int = 0) -> Play:
    """Play a run to its end, or kill it when it asks its n-th question."""
    run = start(room, arguments, answers)
    while (question := run.step()) is not None:
        if kill_at and len(run.asked) + 1 == kill_at:
            run.kill()
            break
        run.answer(question)
    if run.code == 0:
        room.keep_new()
    return run


def copy_words(run: Play, _question: str) -> str:
    """Write the words that are on the screen to paper; whose they are, the turn before said."""
    words = _WORD.findall(run.since)
    assert len(words) == 33, run.since
    who = re.findall(r"only (person:[a-z.]+) can", run.shown)[-1]
    run.room.new_papers[who] = " ".join(words)
    return ""


def read_paper(run: Play, _question: str) -> str:
    """Type the words of whoever sits at the keyboard."""
    who = re.findall(r"only (person:[a-z.]+) can|(person:[a-z.]+), your share", run.shown)[-1]
    is_new = "Now from your paper" in run.since
    return (run.room.new_papers if is_new else run.room.papers)[who[0] or who[1]]


def read_sheet(run: Play, _question: str) -> str:
    """The witness types what they copied last."""
    return run.room.marks[run.home]


def bag(run: Play, question: str) -> str:
    """Seal a bag with a new number, or read the number of one's own bag."""
    found = re.search(r"(person:[a-z.]+)", question)
    assert found
    if "goes into" in question:
        run.room.new_seals[found[1]] = run.room.next_serial()
        return run.room.new_seals[found[1]]
    return run.room.seals[found[1]]


def people(custodians: str, threshold: str = "2") -> dict[str, Answer | str]:
    """Answers of an uneventful ceremony with these custodians."""
    return {
        "witness's sheet": read_sheet,
        "happened before you": "yes",
        "Room and address": "Room 1, 1 Queen's Road Central",
        "time above right": "yes",
        "machine, and of the seal": "LAPTOP-1, SEAL-1",
        "start medium": "USB-1, SEAL-2",
        "Who leads": "person:k.officer",
        "Who witnesses": "person:w.witness",
        "^Custodians": custodians,
        "How many shares": threshold,
        "Type yes": "yes",
        "new security-officer PIN": TOKEN_OFFICER,
        "new user PIN": TOKEN_USER,
        "security-officer PIN": TOKEN_OFFICER,
        "the token's user PIN": TOKEN_USER,
        "Dice": DICE,
        "serial number.* bag": bag,
        "Type alone": "alone",
        "when they are on paper": copy_words,
        "Words from": read_paper,
        "medium and of its bag": "USB-9, SEAL-9",
        "Site where": "Site X",
        "tokens' bags": "SEAL-3",
        "media's bags": "SEAL-4",
        "bag for this machine": "SEAL-5",
        "PIN of your token": PERSON_PIN,
        "Press Enter": "",
        "": "as the run book says",
    }


def people_but(more: Mapping[str, Answer | str], custodians: str) -> dict[str, Answer | str]:
    """Answers of an uneventful ceremony, but for some, which are looked at first."""
    return {**more, **people(custodians), **more}


def sites(*names: str) -> str:
    """Custodians with their sites, as they are typed."""
    return "; ".join(f"person:c.{name} at {SITES[f'person:c.{name}']}" for name in names)


def generate(room: Room, home: str = "generate", token: str = "vault-1") -> list[str]:
    """The command of a birth: two wallets."""
    return [
        *("run", "generate", "--home", str(room.folder / home), *room.trust(), "--token", token),
        *("--batch", "wallet:ltc-cold,2,ltc-1", "--batch", "wallet:eth-cold,1,eth-1"),
    ]


def follow(room: Room, kind: str, previous: str, *more: str, token: str = "vault-1", home: str = "") -> list[str]:
    """The command of a ceremony that carries on from another."""
    last = str(room.folder / previous / "transcript.json")
    folder = str(room.folder / (home or kind))
    return ["run", kind, "--home", folder, *room.trust(), "--token", token, "--previous", last, *more]


def back_up(room: Room, previous: str = "generate", keys: str = "generate") -> list[str]:
    """The command of a backup to two media."""
    media = [str(room.folder / "medium-1"), str(room.folder / "medium-2")]
    keys_at = ("--keys", str(room.folder / keys / "keys"))
    return follow(room, "back-up", previous, *keys_at, "--copy-to", media[0], "--copy-to", media[1])


def restore(room: Room, previous: str = "back-up", home: str = "restore", token: str = "vault-2") -> list[str]:
    """The command of a drill from the first medium."""
    chains = ("--chain", f"wallet:ltc-cold={LTC_CHAIN}", "--chain", f"wallet:eth-cold={ETH_CHAIN}")
    more = (*chains, "--keys", str(room.folder / "medium-1"), "--challenge", "5a" * 32)
    return follow(room, "restore", previous, *more, token=token, home=home)


def rotation(room: Room, kind: str, previous: str, keys: str, home: str = "") -> list[str]:
    """The command of a rotation, or of a changed set of custodians."""
    return follow(room, kind, previous, "--keys", str(room.folder / keys / "keys"), home=home)


SECRETS = (TOKEN_OFFICER, TOKEN_USER, PERSON_PIN, DICE)


def check_nothing_secret_shown(run: Play) -> None:
    """No PIN and no dice on the screen, no traceback, and every line but the typed ones fits it."""
    assert "Traceback" not in run.shown
    for secret in SECRETS:
        assert secret not in run.shown
    for line in run.shown.splitlines():
        assert len(line) <= 79 or ":" in line or line.startswith("  /"), line


def check_nothing_secret_written(room: Room) -> None:
    """No PIN, no dice and no two words of a share that stand together are in any file but the tokens' own store."""
    pairs = {
        " ".join(two)
        for paper in (*room.papers.values(), *room.new_papers.values())
        for two in itertools.pairwise(paper.split())
    }
    found = []
    for path in room.folder.rglob("*"):
        if path.is_file() and room.store.tokens not in path.parents:
            text = path.read_bytes().decode("utf-8", errors="replace")
            found += [f"{path}: {secret}" for secret in (*SECRETS, *pairs) if secret in text]
    assert [] == found


_HEAD = re.compile(r"(step \d+ of \d+(?: \(\d+ of \d+\))?)|(SIGNING THE TRANSCRIPT   \[[a-z-]+\])")


def play_with_kills(room: Room, command: list[str], answers: Mapping[str, Answer | str]) -> tuple[str, int]:
    """Kill the program at the first question of every step and right after every yes to something irrevocable.

    Each place is killed once; the same command goes on. Returns everything that was shown, and how often it was killed.
    """
    killed: set[str] = set()
    shown = ""
    while True:
        run = start(room, command, answers)
        while (question := run.step()) is not None:
            heads = _HEAD.findall(run.shown)
            place = "".join(heads[-1]) if heads else question
            if place not in killed:
                killed.add(place)
                run.kill()
                break
            run.answer(question)
            if question.startswith("Type yes to do it") and f"{place} yes" not in killed:
                killed.add(f"{place} yes")
                # Somewhere between the token and the record: wherever it hits, the next start must know.
                time.sleep(len(killed) % 7 * 0.02)
                run.kill()
                break
        shown += run.shown
        if run.code != -signal.SIGKILL:
            assert 0 == run.code, run.shown[-3000:]
            check_nothing_secret_shown(run)
            room.keep_new()
            return shown, len(killed)
