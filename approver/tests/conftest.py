"""Approval devices of a whole firm: three people with real SoftHSM tokens, and a person at the keyboard."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag
from pkcs11.util.ec import encode_named_curve_parameters

import paper
import releases
import softhsm
from hands import BOTH_LANGUAGES, Hands, sit_down
from strongroom.approver.cli import run
from strongroom.approver.reading import Pace
from strongroom.approver.store import Home
from strongroom.core.docket import Stage
from strongroom.core.keys import Algorithm, PublicKey
from strongroom.core.packages import PackageBody, PackageKind, StatementsBody, parse_package
from strongroom.core.records import HexBytes
from strongroom.core.roster import Roster
from strongroom.core.statements import Envelope
from strongroom.core.trust import Trust
from strongroom.devices.measure.judge import Start
from strongroom.devices.screens.console import Console
from world import Edit, Trip, World, eth_trip
from world_keys import device_of

PIN, OFFICER_PIN = "user-4482", "officer-7731"
PEOPLE = ("person:m.chan", "person:r.singh", "person:x.new")
DEVICE = "device:approver-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Each person's token, labelled with the person's name; public keys by person."""

    store: softhsm.SoftHsmStore
    keys: Mapping[str, PublicKey]


def make_person_key(session: pkcs11.Session) -> PublicKey:
    """A P-256 key pair in a token, as the ceremony makes it."""
    parameters = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
    )
    public, _ = parameters.generate_keypair(
        store=True,
        label="statement",
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return PublicKey(alg=Algorithm.P256, public=HexBytes(bytes(public[Attribute.EC_POINT][2:])))


@pytest.fixture(scope="session")
def made_tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """Real tokens: one for each person, and one without a key."""
    store = softhsm.make_store(tmp_path_factory.mktemp("people"))
    labels = {person: person.split(":")[1] for person in PEOPLE}
    for label in (*labels.values(), "empty"):
        store.init_token(label, OFFICER_PIN, PIN)
    keys = {}
    for person, label in labels.items():
        token = pkcs11.lib(str(softhsm.MODULE_PATH)).get_token(token_label=label)
        with token.open(rw=True, user_pin=PIN) as session:
            keys[person] = make_person_key(session)
    return Tokens(store=store, keys=keys)


@pytest.fixture
def tokens(made_tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    """The tokens, present in this process now, whatever another test's store did."""
    monkeypatch.setenv("SOFTHSM2_CONF", str(made_tokens.store.conf))
    made_tokens.store.activate()
    return made_tokens


def with_tokens(tokens: Tokens) -> Edit:
    """An edit of the roster that puts the tokens' keys into it."""

    def edit(roster: Roster) -> Roster:
        parties = tuple(replace(p, key=tokens.keys.get(p.id, p.key)) for p in roster.parties)
        return replace(roster, parties=parties)

    return edit


class Keyboard(io.StringIO):
    """Typed lines; what is asked about paper is answered from paper."""

    read: Callable[[], str | None]

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        from_paper = self.read()
        return f"{from_paper}\n" if from_paper is not None else super().readline(-1 if size is None else size)


@dataclass(kw_only=True)
class Desk:
    """One device with one person before it. `says`, `told`: standard output and error of the last command.

    read: what the person types where they are asked about their paper; None lets the next typed line answer.
    """

    folder: Path
    world: World
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    person: str = "person:m.chan"
    device: str = DEVICE
    says: str = ""
    told: str = ""
    files: list[Path] = field(default_factory=list)
    read: Callable[[dict[str, paper.Paper], str], str | None] = paper.answer
    on_desk: dict[str, paper.Paper] = field(default_factory=dict)
    elapsed_ns: int = 0
    start: Start = field(default_factory=releases.build_start)

    def pause(self, seconds: float) -> None:
        """Time passes, and nobody waits for it."""
        self.elapsed_ns += int(seconds) * 1_000_000_000

    @property
    def home(self) -> Home:
        """The device's folder."""
        return Home(self.folder / "home")

    @property
    def trust(self) -> Trust:
        """What the device believes."""
        return self.home.load_trust()

    @property
    def seen(self) -> int:
        """The size of the log that the device has seen."""
        return self.trust.log_head.size

    def type(self, *words: str, lines: tuple[str, ...] = (), at: datetime | None = None) -> int:
        """Run one command with these lines on the keyboard; returns its exit code."""
        screen = io.StringIO()
        keyboard = Keyboard("".join(line + "\n" for line in lines))
        keyboard.read = lambda: self.read(self.on_desk, screen.getvalue().rpartition("\n")[2])
        self.monkeypatch.setattr("sys.stdin", keyboard)
        self.monkeypatch.setattr("sys.stderr", screen)
        pace = Pace(elapsed_ns=lambda: self.elapsed_ns, pause=self.pause)
        code = run(
            [*words, "--home", str(self.home.path), "--json"], lambda: at or self.world.now, pace, lambda: self.start
        )
        self.says, self.told = self.capsys.readouterr().out, screen.getvalue()
        return code

    def sit(self, do: Callable[[Hands], Awaitable[None]], *words: str) -> int:
        """Run one command on the full screen while hands press keys; returns its exit code."""
        pace = Pace(elapsed_ns=lambda: self.elapsed_ns, pause=self.pause)

        def work(console: Console) -> int:
            command = [*words, "--home", str(self.home.path), "--json"]
            return run(command, lambda: self.world.now, pace, lambda: self.start, console)

        return sit_down(work, do, BOTH_LANGUAGES)

    @property
    def codes(self) -> set[str]:
        """The codes of the last refusal."""
        return {r["code"] for r in json.loads(self.says)["refusals"]}

    def enroll(self, *fingerprints: str, label: str | None = None) -> int:
        """Enrol the device; the fingerprint is typed by two people."""
        root = self.folder / "root.json"
        root.write_bytes(self.world.root_file)
        words = ["enroll", "--root", str(root), "--device", self.device, "--person", self.person]
        words += ["--module", str(softhsm.MODULE_PATH), "--token", label or self.person.split(":")[1]]
        return self.type(*words, lines=fingerprints or (self.world.fingerprint,) * 2)

    def put(self, kind: PackageKind, body: PackageBody, to: str | None = None) -> Path:
        """A package of the platform, as a file."""
        raw = self.world.package(to or self.device, kind, body)
        path = self.folder / parse_package(raw).file_name
        path.write_bytes(raw)
        self.files.append(path)
        return path

    def update(self, body: PackageBody | None = None) -> int:
        """Import an update."""
        package = self.put(PackageKind.UPDATE, body or self.world.update_body())
        return self.type("import", str(package), lines=("accept",))

    def decide(self, path: Path, *lines: str, at: datetime | None = None) -> int:
        """Read a docket and answer."""
        return self.type("decide", str(path), "--out", str(self.folder / "out"), lines=lines, at=at)

    def request(self, trip: Trip) -> Path:
        """An approval request with the trip's docket."""
        self.on_desk.update(paper.papers_of([trip]))
        return self.put(PackageKind.APPROVAL_REQUEST, trip.docket_body(self.seen))

    def answers(self) -> list[Envelope]:
        """Statements that the device handed over, oldest first."""
        found: list[Envelope] = []
        for path in sorted((self.folder / "out").glob("*.package.json")):
            body = parse_package(path.read_bytes()).body
            assert isinstance(body, StatementsBody)
            found += body.statements
        return found


MakeDesk = Callable[..., Desk]


@pytest.fixture
def make_desk(
    tmp_path: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> MakeDesk:
    """Make a device; by default enrolled and up to date. Edits change the firm before the device learns of it."""

    def make(edits: Mapping[str, Edit] | None = None, *, enrolled: bool = True, **fields: Any) -> Desk:
        world = World(edits={"roster": with_tokens(tokens), **(edits or {})})
        folder = tmp_path / f"desk-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        fields = {"device": device_of(fields.get("person", "person:m.chan")), **fields}
        desk = Desk(folder=folder, world=world, monkeypatch=monkeypatch, capsys=capsys, **fields)
        if enrolled:
            assert 0 == desk.enroll()
            assert 0 == desk.update()
        return desk

    return make


def proposed(desk: Desk, edits: Mapping[str, Edit] | None = None) -> Trip:
    """A transaction that waits for approval."""
    return eth_trip(desk.world, edits=edits or {}).to(Stage.PROPOSE)
