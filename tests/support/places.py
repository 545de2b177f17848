"""The four places that read a transaction before it leaves, each the real one, each asked by itself.

An approver's device and the signing terminal read with core; the station and the release gate read with the checker.
Every place has its own home, root and copies, and is given a docket in which all the others have said yes, whatever
they were shown: so one that refuses refuses alone, with every other control out of the way. The terminal here keeps a
real journal and its limits; its tokens, its people and its screen are the vault's own tests'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from approvals import take_news
from firm import write_secret
from office import raw_seal
from strongroom.approver import flow
from strongroom.approver.store import Config, Counters, Home, KeyKind
from strongroom.checker.gate.nodes import NodeAnswer, Took
from strongroom.checker.gate.paging import pin_soc_key
from strongroom.checker.gate.release import release_package
from strongroom.checker.state import device as checkers
from strongroom.checker.station.verify import verify_package
from strongroom.core import assemble
from strongroom.core.checks.device import check_against_trust
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage
from strongroom.core.errors import StrongroomError, run_checks
from strongroom.core.ids import ChainId, PartyId
from strongroom.core.packages import PackageBody, PackageKind, ReleaseBody, UpdateBody
from strongroom.core.records import HexBytes
from strongroom.core.trust import Trust, apply_update, enroll
from strongroom.vault.terminal.journal.entry import EntryKind
from strongroom.vault.terminal.journal.journal import Journal
from strongroom.vault.terminal.journal.marks import SignedR
from strongroom.vault.terminal.key_store import build_digests
from strongroom.vault.terminal.limits import check_hours, check_windows
from strongroom.vault.terminal.step3_check import build_bindings, check_in_time
from world import Trip, World, seed

Codes = frozenset[Code]
NOTHING: Codes = frozenset()
PLACES = ("approver", "station", "terminal", "gate")
APPROVER, STATION, GATE = PartyId("device:approver-1"), PartyId("device:station-1"), PartyId("device:gate-1")


def codes_of(attempt: Callable[[], object]) -> Codes:
    """What an attempt is refused with; nothing when it is not."""
    try:
        attempt()
    except StrongroomError as error:
        return error.codes
    return NOTHING


@dataclass(slots=True)
class Wire:
    """Where the gate sends. took: what the node says of it. sent: what it has taken; lost: what went out to nobody."""

    took: Took = Took.TAKEN
    sent: list[bytes] = field(default_factory=list)
    lost: list[bytes] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """One node's."""
        return ("node-a",)

    def send(self, chain: ChainId, signed: bytes, txid: str) -> tuple[NodeAnswer, ...]:
        """Take it, or not."""
        assert chain
        assert txid
        (self.sent if self.took is Took.TAKEN else self.lost).append(signed)
        return (NodeAnswer(node="node-a", took=self.took),)


@dataclass(kw_only=True)
class Places:
    """The places of one world. wire: what left. seen: the size of the log that each has seen."""

    world: World
    folder: Path
    journal: Journal
    trust: Trust
    wire: Wire = field(default_factory=Wire)
    seen: dict[str, int] = field(default_factory=dict)

    # --- one place at a time ----------------------------------------------------------------------------------------

    def approver(self, trip: Trip) -> Codes:
        """What an approver's device says of the docket when it is proposed."""
        trip.to(Stage.PROPOSE)
        raw = self._pack(APPROVER, PackageKind.APPROVAL_REQUEST, trip.docket_body(self.seen[APPROVER]))
        return codes_of(lambda: flow.read_docket(self._approver, raw, self.world.now))

    def station(self, trip: Trip) -> Codes:
        """What the station says once it is approved. Nothing is signed by it in the trip's name."""
        trip.to(Stage.APPROVE)
        path = self._put(STATION, PackageKind.VERIFICATION, trip.docket_body(self.seen[STATION]))
        outcome = verify_package(self._home(STATION), path, self.folder / "out", lambda: self.world.now)
        return frozenset(r.code for r in outcome.refusals)

    def terminal(self, trip: Trip) -> Codes:
        """What the terminal says once it is verified; what it would sign is bound in its journal."""
        trip.to(Stage.VERIFY)
        return codes_of(lambda: self._bind(trip))

    def gate(self, trip: Trip, edit: Callable[[ReleaseBody], ReleaseBody] = lambda body: body) -> Codes:
        """What the gate says once it is signed. edit: of the package."""
        trip.to(Stage.SIGN)
        path = self._put(GATE, PackageKind.RELEASE, edit(trip.release_body(self.seen[GATE])))
        before = len(self.wire.sent)
        found = codes_of(lambda: self._release(path))
        assert bool(found) == (before == len(self.wire.sent))
        return found

    def all(self, trip: Trip) -> dict[str, Codes]:
        """Every place, in the order of the journey, each as if all before it had said yes."""
        asked = (self.approver, self.station, self.terminal, self.gate)
        return {name: ask(trip) for name, ask in zip(PLACES, asked, strict=True)}

    def take_updates(self) -> None:
        """Every place takes all that the world's delegates have signed."""
        for device in (APPROVER, STATION, GATE):
            self._take(device, self.world.update_body(self.seen.get(device, 0)))
        body = self.world.update_body(self.trust.log_head.size)
        self.trust = apply_update(self.trust, body, self.world.now)

    def take_policy(self) -> None:
        """Every place takes the policy that its delegates have signed last."""
        self._take_everywhere(self._policy)

    def take_entry(self, register: str, entry: object) -> None:
        """A register's delegates list one entry more, and every place takes it."""
        self.world.change_register(register, (entry,))
        self._take_everywhere(lambda seen: self.world.register_update(register, (entry,), (), seen))

    def _take_everywhere(self, body: Callable[[int], UpdateBody]) -> None:
        for device in (APPROVER, STATION, GATE):
            self._take(device, body(self.seen[device]))
        self.trust = apply_update(self.trust, body(self.trust.log_head.size), self.world.now)

    def _policy(self, seen: int) -> UpdateBody:
        body = self.world.update_body(seen, whole=False)
        _, size = assemble.build_package_checkpoint(self.world.log, seen)
        return replace(body, policies=(assemble.build_placed(self.world.log, self.world.policy, size),), registers=())

    def sign_again(self, trip: Trip) -> Codes:
        """What the journal says of the signatures that a token has made for a trip, before they are sealed."""
        trip.to(Stage.SIGN)
        digests = build_digests(prove_docket(trip.docket(), self.world.roots))[1]
        parts = [part for name in trip.terminals for part in trip.edited("result", trip.result(name)).signatures]
        marks = tuple(
            SignedR(digest=HexBytes(digests[p.input]), key=p.key, r=HexBytes(bytes(p.signature[:32]))) for p in parts
        )
        return codes_of(lambda: self.journal.append(EntryKind.SIGNED, b"{}", marks))

    # --- how each is asked ------------------------------------------------------------------------------------------

    def prove(self, trip: Trip) -> ProvedDocket:
        """What the terminal proves, and holds against its own copies, limits and journal."""
        now = self.world.now
        proved = prove_docket(trip.docket(), self.trust.roots, now=now)
        policy = self.trust.policy_in_force
        run_checks(
            [
                lambda: check_against_trust(proved, self.trust, now),
                lambda: check_in_time(proved, now),
                lambda: check_hours(proved, policy, now),
                lambda: self.journal.check(build_bindings(proved)),
                lambda: _discard(check_windows(proved, policy, self.journal, now)),
            ]
        )
        return proved

    def _bind(self, trip: Trip) -> None:
        proved = self.prove(trip)
        uses = check_windows(proved, self.trust.policy_in_force, self.journal, self.world.now)
        self.journal.append(EntryKind.COMMITTED, b"{}", (*build_bindings(proved), *uses))

    def _release(self, path: Path) -> None:
        out = self.folder / "out"
        outcome = release_package(self._home(GATE), path, out, self.wire, lambda: self.world.now)
        if outcome.refusals:
            raise StrongroomError(*outcome.refusals)

    @property
    def _approver(self) -> Home:
        return Home(self._home(APPROVER))

    def _home(self, device: str) -> Path:
        return self.folder / device.replace(":", "-")

    def _pack(self, device: str, kind: PackageKind, body: PackageBody) -> bytes:
        raw = self.world.package(device, kind, body)
        self.seen[device] = self.world.log.last_checkpoint().size
        return raw

    def _put(self, device: str, kind: PackageKind, body: PackageBody) -> Path:
        path = self.folder / f"{device.replace(':', '-')}.package.json"
        path.write_bytes(self._pack(device, kind, body))
        return path

    def _take(self, device: PartyId, body: UpdateBody) -> None:
        if device == APPROVER:
            package = self._pack(device, PackageKind.UPDATE, body)
            flow.receive_update(self._approver, package, self.world.now, take_news)
            return
        path = self._put(device, PackageKind.UPDATE, body)
        checkers.import_update(self._home(device), path, lambda: self.world.now)


@contextmanager
def open_places(world: World, folder: Path) -> Iterator[Places]:
    """Enrol every place under the world's root, and give it the world's rules."""
    home = Home(folder / "device-approver-1")
    now = world.now
    trust = enroll(tuple(world.roots), world.fingerprint)
    with home.locked():
        home.save_config(
            Config(
                device=APPROVER,
                kind=KeyKind.PKCS11,
                module="none",
                person=PartyId("person:m.chan"),
                token="none",
            )
        )
        home.save_counters(Counters(approved=0, approved_at=now, received=0, sent=0, wrong_at=now, wrong_pins=0))
        home.save_trust(trust)
    for device in (STATION, GATE):
        place = folder / device.replace(":", "-")
        place.mkdir(parents=True)
        write_secret(place / checkers.KEY, seed(device).hex())
        if device == GATE:
            write_secret(place / checkers.SEAL_KEY, raw_seal(world.seal_key).hex())
        checkers.enroll(place, device, world.root_file, [world.fingerprint, world.fingerprint])
    pin_soc_key(folder / "device-gate-1", world.soc_key.public_key().public_bytes_raw())
    clock = folder / "terminal-1.journal"
    with Journal.create(clock, lambda: world.now, PartyId("device:terminal-1")) as journal:
        places = Places(world=world, folder=folder, journal=journal, trust=trust)
        places.take_updates()
        yield places


def _discard(_value: object) -> None:
    """Some checks also build what they checked; here only their refusals count."""
