"""A firm whose terminals and operators have real SoftHSM tokens, a platform that answers, and clocks turned by hand."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import paper
import releases
import softhsm
import world
from strongroom.chains.bitcoin.addresses import render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import own_script
from strongroom.chains.ethereum import addresses as eth
from strongroom.core import assemble
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage
from strongroom.core.ids import EntryId, PartyId
from strongroom.core.keys import PublicKey
from strongroom.core.packages import (
    Package,
    PackageKind,
    SessionRequestBody,
    SigningBody,
    TerminalResultBody,
    encode_package,
    parse_package,
)
from strongroom.core.records import HexBytes
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import check_exact_signers, expect, parse_statement
from strongroom.devices.measure.judge import Start
from strongroom.devices.screens.console import Choice, Console, StreamConsole
from strongroom.devices.screens.language import Language, english
from strongroom.devices.screens.layout import render_line
from strongroom.devices.screens.page import LineShape
from strongroom.vault.hsm.key_file import SUFFIX, KeyFile, encode_key_file
from strongroom.vault.hsm.module import (
    TokenModule,
    find_token,
    identity_of,
    open_module,
    open_session,
    open_storing_session,
)
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import create_person_key, public_key_of
from strongroom.vault.hsm.wrapped_keys import (
    WrappedKey,
    create_wrapping_key,
    find_wrapping_key,
    generate_wrapped_key,
)
from strongroom.vault.terminal.bootstrap import open_terminal
from strongroom.vault.terminal.codes import Meaning, build_codes
from strongroom.vault.terminal.config import FORMAT, PLATFORM, Config, Home, OperatorToken
from strongroom.vault.terminal.desk import SignDigest
from strongroom.vault.terminal.enroll import enroll_terminal
from strongroom.vault.terminal.flow import Medium, Outcome, run_session
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.marks import CodesSet
from strongroom.vault.terminal.lease import first_entry
from strongroom.vault.terminal.outside import Outside
from strongroom.vault.terminal.people import open_crew
from strongroom.vault.terminal.terminal import Terminal
from strongroom.vault.terminal.update import Difference, import_update

OFFICER_PIN, USER_PIN = "officer-7731", "user-4482"
CODE, DURESS, DRILL = "every-day-code", "forced-into-it", "autumn drill 1"
TERMINALS = ("device:terminal-1", "device:terminal-2")
OPERATORS = ("person:c.lam", "person:p.wu")
_NS = 1_000_000_000
KEYS: Mapping[str, tuple[str, ...]] = {
    "device:terminal-1": (
        "key:eth-1",
        "key:ltc-1-1",
        "key:ltc-2-1",
        "key:ltc-change-1",
        "key:one-1",
        "key:one-2",
        "key:one-change",
    ),
    "device:terminal-2": ("key:ltc-1-2", "key:ltc-2-2", "key:ltc-change-2"),
}


@cache
def codes_set(person: str) -> CodesSet:
    """What `strongroom-terminal codes` keeps; stretched once for all tests."""
    codes = {Meaning.NORMAL: CODE, Meaning.DURESS: DURESS, Meaning.DRILL: DRILL}
    secrets = {meaning: Secret(code) for meaning, code in codes.items()}
    return build_codes(PartyId(person), secrets, Meaning.NORMAL, os.urandom)


def label_of(party: str) -> str:
    """The label of a party's token."""
    return party.split(":")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Real tokens: people: public keys by party. keys: asset keys by id. folders: wrapped keys by terminal."""

    module: TokenModule
    people: Mapping[str, PublicKey]
    keys: Mapping[str, WrappedKey]
    folders: Mapping[str, Path]

    def edits(self) -> dict[str, Callable[[Any], Any]]:
        """Edits of a world that put these tokens' keys in its roster and registers."""
        return {"roster": self._roster, "keys": self._keys, "addresses": self._addresses}

    def _roster(self, roster: Any) -> Any:
        parties = [dataclasses.replace(p, key=self.people[p.id]) if p.id in self.people else p for p in roster.parties]
        return dataclasses.replace(roster, parties=tuple(parties))

    def point(self, name: str) -> bytes:
        """The public point of an asset key: a token's, or a software one where no terminal here has it."""
        return self.keys[name].public_key if name in self.keys else world.chain_key(name).public_key.format()

    def _keys(self, entries: Any) -> Any:
        return tuple(dataclasses.replace(e, public=HexBytes(self.point(e.id))) for e in entries)

    def _addresses(self, entries: Any) -> Any:
        return tuple(dataclasses.replace(e, address=self._address(e)) for e in entries)

    def _address(self, entry: Any) -> str:
        points = [self.point(name) for name in entry.keys]
        if entry.chain == world.ETH:
            return eth.render_address(eth.address_of(points[0]))
        return render_address(own_script(entry.threshold, points)[0], LITECOIN_REGTEST)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return make_tokens(tmp_path_factory.mktemp("vault"))


def make_tokens(folder: Path) -> Tokens:
    """Two terminals with asset keys and two operators, each with a token of their own."""
    store = softhsm.make_store(folder / "softhsm")
    for party in (*TERMINALS, *OPERATORS):
        store.init_token(label_of(party), OFFICER_PIN, USER_PIN)
    module = open_module(softhsm.MODULE_PATH)
    people, keys = {}, {}
    for party in (*TERMINALS, *OPERATORS):
        with open_storing_session(find_token(module, label_of(party)), Secret(USER_PIN)) as session:
            people[party] = public_key_of(create_person_key(session))
    for terminal in TERMINALS:
        keys.update(_make_keys(module, terminal, folder))
    folders = {terminal: folder / label_of(terminal) for terminal in TERMINALS}
    return Tokens(module=module, people=people, keys=keys, folders=folders)


def _make_keys(module: TokenModule, terminal: str, folder: Path) -> dict[str, WrappedKey]:
    create_wrapping_key(module, label_of(terminal), Secret(OFFICER_PIN), bytearray(os.urandom(32)))
    made = {}
    with open_session(find_token(module, label_of(terminal)), Secret(USER_PIN)) as session:
        wrapping = find_wrapping_key(session)
        for name in KEYS[terminal]:
            made[name] = generate_wrapped_key(session, wrapping, EntryId(name))
            wallet = world.ETH_WALLET if "eth" in name else world.LTC_WALLET
            path = folder / label_of(terminal) / label_of(wallet) / f"{label_of(name)}{SUFFIX}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_key_file(KeyFile(key=made[name], wallet=wallet, token=label_of(terminal))))
    return made


@dataclass(slots=True, kw_only=True)
class Turn:
    """What the platform answers to one session request; a test changes one thing of it.

    clear: edit of the clear's body. signers: who signs the clear. body, package: edits before they are encoded.
    dockets: the dockets to sign, made after the clear is logged.
    """

    trips: Iterable[Any] = ()
    clear: Callable[[Any], Any] = lambda body: body
    signers: tuple[str, ...] = ("service:reconciler", "service:watcher")
    before: Callable[[], None] = lambda: None
    docket: Callable[[Docket], Docket] = lambda docket: docket
    body: Callable[[Any], Any] = lambda body: body
    package: Callable[[Package], Package] = lambda package: package
    raw: Callable[[bytes], bytes] = lambda raw: raw
    clears: list[Any] = field(default_factory=list)


class Typing(io.StringIO):
    """Typed lines; `on_answer` is told each before it arrives, since people take their time."""

    on_answer: Callable[[str], None]

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        line = super().readline(-1 if size is None else size)
        self.on_answer(line.strip())
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk(StreamConsole):
    """A console with the clients' papers beside it: what it asks about paper is answered from paper."""

    papers: Callable[[str], str | None]
    codes: Mapping[str, str]

    def ask_secret(self, question: LineShape) -> str:
        asked = render_line(question, english)
        known = self.codes.get(asked.removeprefix("Code of ").removesuffix(":"))
        if known is None:
            return StreamConsole.ask_secret(self, question)
        print(asked, file=self.screen)
        return known

    def ask(self, question: LineShape, doubts: Sequence[Choice] = ()) -> str:
        asked = render_line(question, english)
        read = self.papers(asked)
        if read is None:
            return StreamConsole.ask(self, question, doubts)
        print(render_line(question, self.translate), read, file=self.screen)
        return read


@dataclass(slots=True, kw_only=True)
class Stand:
    """One terminal with its folders, in a world. elapsed_s: the clock that counts a clear's life.

    console: another one than the pipe with the answers.
    read: what the operators type where they are asked about their paper; None lets the next typed line answer.
    codes: what each of them types when asked for a code; without one the next typed line answers.
    """

    tokens: Tokens
    world: Any
    folder: Path
    name: str = TERMINALS[0]
    interfaces: tuple[str, ...] = ("lo",)
    random: Callable[[int], bytes] = os.urandom
    elapsed_s: int = 1000
    screen: io.StringIO = field(default_factory=io.StringIO)
    on_pause: Callable[[], None] = lambda: None
    on_answer: Callable[[str], None] = lambda _: None
    read: Callable[[dict[str, paper.Paper], str], str | None] = paper.answer
    on_desk: dict[str, paper.Paper] = field(default_factory=dict)
    start: Start = field(default_factory=releases.build_start)
    console: Console | None = None
    language: Language = Language.ENGLISH
    codes: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(OPERATORS, CODE))

    @property
    def home(self) -> Home:
        return Home(path=self.folder / "home")

    @property
    def inbox(self) -> Path:
        return self.folder / "in"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def _desk(self, source: Typing) -> Desk:
        papers = self.read
        return Desk(
            source=source,
            screen=self.screen,
            language=self.language,
            papers=lambda q: papers(self.on_desk, q),
            codes=self.codes,
        )

    def outside(self, *answers: str) -> Outside:
        """The world around the terminal: typed answers, our clocks, our platform."""

        def pause(seconds: int) -> None:
            self.elapsed_s += seconds
            self.on_pause()

        source = Typing("".join(f"{a}\n" for a in answers))
        source.on_answer = self.on_answer
        return Outside(
            clock=lambda: self.world.now,
            elapsed_ns=lambda: self.elapsed_s * _NS,
            pause=pause,
            random=self.draw,
            interfaces=lambda: self.interfaces,
            console=self.console or self._desk(source),
            measure=lambda: self.start,
        )

    @property
    def config(self) -> Config:
        return Config(
            format=FORMAT,
            keys=str(self.tokens.folders[self.name]),
            module=str(softhsm.MODULE_PATH),
            operators=tuple(OperatorToken(person=PartyId(o), token=label_of(o)) for o in OPERATORS),
            platform=PLATFORM,
            terminal=PartyId(self.name),
            token=label_of(self.name),
        )

    def draw(self, size: int) -> bytes:
        return self.random(size)

    def enroll(self, *typed: str) -> Any:
        """Enrol under the world's root."""
        self.folder.mkdir(parents=True, exist_ok=True)
        root = self.folder / "root.json"
        root.write_bytes(self.world.root_file)
        return enroll_terminal(self.home, self.config, root, self.outside(*typed))

    def write(self, folder: Path, raw: bytes) -> Path:
        """Put a package on the medium, under the name that its wrapper gives."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / parse_package(raw).file_name
        path.write_bytes(raw)
        return path

    def take(self, raw: bytes, *typed: str) -> tuple[Difference, ...]:
        """Import an update."""
        path = self.write(self.folder / "updates", raw)
        with open_terminal(self.home.path, self.outside(*(typed or ("accept", "accept")))) as terminal:
            return import_update(terminal, path)

    def update(self, body: Any) -> bytes:
        """An update package from the platform."""
        raw: bytes = self.world.package(self.name, PackageKind.UPDATE, body)
        return raw

    def last_seen(self) -> int:
        """The size of the log that this terminal knows."""
        with self.open() as terminal:
            return terminal.trust.log_head.size

    @contextmanager
    def open(self, *typed: str) -> Iterator[Terminal]:
        with open_terminal(self.home.path, self.outside(*typed)) as terminal:
            yield terminal

    def ready(self) -> Stand:
        """Enrolled, leased, with everything imported."""
        self.enroll(self.world.fingerprint, self.world.fingerprint)
        self.lease()
        self.take(self.update(self.world.update_body()))
        self.keep_codes()
        return self

    def keep_codes(self) -> None:
        """Each operator has set their codes."""
        with self.open() as terminal:
            terminal.journal.append(EntryKind.CODES_SET, b"{}", [codes_set(person) for person in OPERATORS])

    def lease(self) -> Any:
        """The delegates lease this machine: what its own status says, under the next number.

        The first time it takes the place of the lease that stands in for it, or it would succeed a journal.
        """
        with self.open() as terminal:
            journal = first_entry(terminal)
        self.world.drop_stand_in(self.name)
        token = identity_of(find_token(self.tokens.module, self.config.token))
        return self.world.lease(self.world.build_lease(self.name, token, journal))

    def request(self) -> SessionRequest:
        """The last session request that went out, which the terminal's own key signed."""
        path = max(self.out.glob("*-session-request.package.json"))
        body = parse_package(path.read_bytes()).body
        assert isinstance(body, SessionRequestBody)
        roster = parse_statement(self.world.rosters[-1]).body
        check_exact_signers(body.request, [roster.find(self.name, "roster").key], "session-request")
        return expect(parse_statement(body.request), SessionRequest, "session-request").body

    def answer(self, turn: Turn) -> None:
        """The platform clears the session and sends the dockets."""
        request = self.request()
        turn.before()
        trips = list(turn.trips)
        self.on_desk.update(paper.papers_of(trips))
        body = turn.clear(trips[0].clear_body(self.name, request.nonce, request.journal))
        clear = self.world.say(body, "service:reconciler", turn.signers)
        turn.clears.append(clear)
        step, size = assemble.build_package_checkpoint(self.world.log, request.checkpoint.size)
        signing = SigningBody(
            checkpoint=step,
            clear=assemble.build_placed(self.world.log, clear.envelope, size),
            dockets=tuple(turn.docket(trip.docket()) for trip in trips),
            freezes=(),
            lifts=(),
            nonce=request.nonce,
            notices=self.world.placed_notices(size),
        )
        package = parse_package(self.world.package(self.name, PackageKind.SIGNING, turn.body(signing)))
        changed = turn.package(package)
        self.inbox.mkdir(parents=True, exist_ok=True)
        (self.inbox / changed.file_name).write_bytes(turn.raw(encode_package(changed)))

    def run(
        self,
        turn: Turn | None,
        *answers: str,
        wait_s: int = 5,
        pins: tuple[str, ...] = (USER_PIN,) * 3,
        sign: SignDigest | None = None,
    ) -> Outcome:
        """One session. turn: what the platform answers; None when it is silent."""
        self.on_pause = self._once(turn)
        with (
            open_terminal(self.home.path, self.outside(*pins, *answers)) as terminal,
            open_crew(terminal, [PartyId(o) for o in OPERATORS]) as crew,
        ):
            return run_session(terminal, crew, Medium(inbox=self.inbox, out=self.out, wait_s=wait_s), sign)

    def refusals(self, turn: Turn | None, *answers: str, **kwargs: Any) -> set[Code]:
        """Every code that one session refused with; empty when everything was signed."""
        outcome = self.run(turn, *answers, **kwargs)
        return {refusal.code for each in outcome.refused for refusal in each.refusals}

    def _once(self, turn: Turn | None) -> Callable[[], None]:
        left = [turn] if turn else []

        def answer() -> None:
            if left:
                self.answer(left.pop())

        return answer

    def result(self) -> TerminalResultBody:
        """What the last session handed back."""
        path = max(self.out.glob("*-terminal-result.package.json"))
        body = parse_package(path.read_bytes()).body
        assert isinstance(body, TerminalResultBody)
        return body


@dataclass(slots=True, kw_only=True)
class Firm:
    """A world of tokens, and terminals in it."""

    tokens: Tokens
    folder: Path
    world: Any

    def stand(self, name: str = TERMINALS[0]) -> Stand:
        return Stand(tokens=self.tokens, world=self.world, folder=self.folder / label_of(name), name=name)

    def trip(self, chain: str = "eth", **kwargs: Any) -> Any:
        """A transaction that has come to VERIFY. chain: `eth`, `usd`, `ltc`, `one_key` or `mixed`."""
        make = getattr(world, f"{chain}_trip")
        return make(self.world, **kwargs).to(Stage.VERIFY)

    @property
    def turn(self) -> type[Turn]:
        return Turn


@pytest.fixture
def firm(tokens: Tokens, tmp_path: Path) -> Firm:
    return Firm(tokens=tokens, folder=tmp_path, world=world.World(edits=tokens.edits()))


@pytest.fixture
def stand(firm: Firm) -> Stand:
    """The first terminal, enrolled and up to date."""
    return firm.stand().ready()
