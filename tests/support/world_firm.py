"""The tests' firm itself: root, roster, policy, registers and log, and how each is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import x25519

from strongroom.core import assemble
from strongroom.core.bodies import (
    Freeze,
    FreezeLift,
    FreezeScope,
    Head,
    Heads,
    JournalPlace,
    Quorum,
)
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.checks.foundation import Proved
from strongroom.core.checks.notices import build_latches
from strongroom.core.hsms import HsmRegister
from strongroom.core.ids import AssetId, Digest, EntryId, PartyId
from strongroom.core.leases import Lease, TokenIdentity
from strongroom.core.packages import (
    Package,
    PackageBody,
    PackageKind,
    Placed,
    RegisterDelta,
    UpdateBody,
    encode_package,
)
from strongroom.core.policy import Effect, Parameters, Policy, Price, Prices, Rule, Window
from strongroom.core.records import DigestOrNone, HexBytes, Units, encode_record
from strongroom.core.registers import (
    Register,
    RegisterHead,
)
from strongroom.core.releases import ReleaseManifest
from strongroom.core.roster import (
    REGISTERS,
    SEAL_SUITE,
    SECTIONS,
    Delegation,
    Delegations,
    Floors,
    GateSeal,
    Holder,
    LogKey,
    Overseer,
    Party,
    Root,
    Roster,
)
from strongroom.core.statements import (
    Body,
    Context,
    Envelope,
    Environment,
    Statement,
    build_payload,
    parse_statement,
    sign_payload,
)
from world_keys import (
    DELEGATES,
    ETH_ASSET,
    HELD_BY,
    HOLDERS,
    LTC_ASSET,
    MACHINES,
    ORIGIN,
    PEOPLE,
    START,
    TERMINALS,
    USD_ASSET,
    ed25519_signer,
    seed,
    signer_of,
    sorted_by_id,
)
from world_log import MemoryLog
from world_registers import build_entries, ltc_addresses

Edit = Callable[[Any], Any]


class World:
    """The firm. `edit_*` arguments change a governance body before it is signed."""

    def __init__(self, *, edits: Mapping[str, Edit] | None = None) -> None:
        self.edits = dict(edits or {})
        self.context = Context(organization="test-custody", environment=Environment.DEVELOPMENT)
        self.now = START
        self.log = MemoryLog()
        self.seal_key = x25519.X25519PrivateKey.from_private_bytes(seed("gate seal"))
        self.soc_key = x25519.X25519PrivateKey.from_private_bytes(seed("soc"))
        self.registers: dict[str, Register[Any]] = {
            name: Register(name=name, entries=self._edited(name, entries)) for name, entries in build_entries().items()
        }
        self.roots = [self._sign_root()]
        self.log.append(self.roots[0])
        self.rosters = [self._govern("roster", self._edited("roster", self.roster_body()))]
        self.policy = self._govern("policy", self._edited("policy", self.policy_body()))
        self.heads = {name: self._govern(name, self.register_body(name)) for name in REGISTERS}
        self.prices = [self._govern("prices", self._edited("prices", self.prices_body()))]
        self.notices: list[Envelope] = []
        self.frozen: set[Digest] = set()
        for terminal in TERMINALS:
            self.notices.append(self._govern("keys", self.build_lease(terminal)))
        self.log.witness(self.tick())
        self.sequences: dict[tuple[str, str], int] = {}

    def tick(self, seconds: int = 10) -> datetime:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def _edited(self, name: str, body: Any) -> Any:
        return self.edits[name](body) if name in self.edits else body

    def sign(self, body: Body, issuer: str, signers: Iterable[str]) -> Envelope:
        """A statement of `issuer`, signed by the software keys of `signers`."""
        kind, payload = build_payload(body, context=self.context, issuer=PartyId(issuer), issued_at=self.now)
        return sign_payload(kind, payload, [(s.key, s.sign) for s in map(signer_of, signers)])

    def say(self, body: Body, issuer: str, signers: Iterable[str] | None = None) -> Statement[Any]:
        """Sign a statement, log it, and witness the log."""
        envelope = self.sign(body, issuer, signers or (issuer,))
        return self.record(envelope)

    def record(self, envelope: Envelope) -> Statement[Any]:
        """Log an envelope and witness the log."""
        self.log.append(envelope)
        self.log.witness(self.tick())
        return parse_statement(envelope)

    def _govern(self, name: str, body: Body) -> Envelope:
        delegates = DELEGATES[name]
        envelope = self.sign(body, delegates[0], delegates)
        self.log.append(envelope)
        return envelope

    def delegation(self, names: Iterable[str], threshold: int = 2) -> Delegation:
        """A delegation of people."""
        holders = [Holder(id=PartyId(n), key=signer_of(n).key) for n in names]
        return Delegation(keys=sorted_by_id(holders), threshold=threshold)

    def root_body(self) -> Root:
        """The root, version 1."""
        public = self.seal_key.public_key().public_bytes_raw()
        return Root(
            delegations=Delegations(**{name: self.delegation(people) for name, people in DELEGATES.items()}),
            expires=START + timedelta(days=365),
            floors=Floors(groups=2, people=2),
            gate_seal=GateSeal(device=PartyId("device:gate-1"), public=HexBytes(public), suite=SEAL_SUITE),
            holders=self.delegation(HOLDERS),
            log=LogKey(key=ed25519_signer("log").key, origin=ORIGIN),
            previous=DigestOrNone("none"),
            version=1,
        )

    def _sign_root(self) -> Envelope:
        return self.sign(self._edited("root", self.root_body()), HOLDERS[0], HOLDERS[:2])

    def roster_body(self) -> Roster:
        """The roster, version 1."""
        people = [
            self.party(name, staff=staff, group=group, roles=roles) for name, (staff, group, roles) in PEOPLE.items()
        ]
        held = {device: PEOPLE[person][0] for device, person in HELD_BY.items()}
        machines = [
            self.party(name, staff=held.get(name, "none"), group="machines", roles=roles)
            for name, roles in MACHINES.items()
        ]
        overseers = tuple(Overseer(person=PartyId("person:r.ho"), section=s) for s in SECTIONS)
        return Roster(
            expires=START + timedelta(days=90),
            overseers=overseers,
            parties=sorted_by_id([*people, *machines]),
            previous=DigestOrNone("none"),
            root_version=1,
            version=1,
        )

    def party(self, name: str, *, staff: str, group: str, roles: tuple[str, ...]) -> Party:
        """A roster entry with that name's software key."""
        return Party(
            group=group,
            id=PartyId(name),
            key=signer_of(name).key,
            name=name.split(":")[1],
            roles=tuple(sorted(roles)),
            staff=staff,
            valid_from=START - timedelta(days=1),
            valid_until=START + timedelta(days=60),
        )

    def policy_body(self) -> Policy:
        """Two people of two groups approve; one rule an asset, with a window."""
        quorum = Quorum(role="approver", people=2, groups=2)
        value = Units(500_000_000_00)

        def rule(name: str, asset: AssetId, most: int, fee: int) -> Rule:
            window = Window(
                max_amount=Units(3 * most),
                max_count=20,
                max_fee=Units(20 * fee),
                max_hkd_cents=Units(3 * value),
                seconds=86400,
            )
            return Rule(
                above=Units(0),
                assets=(asset,),
                clients=(),
                effect=Effect.LIMIT,
                hours=(),
                id=EntryId(name),
                max_amount=Units(most),
                max_fee=Units(fee),
                max_hkd_cents=value,
                quorums=(quorum,),
                wallets=(),
                windows=(window,),
            )

        return Policy(
            parameters=Parameters(
                approval_life_s=86400,
                clear_life_s=900,
                clear_max_count=10,
                device_cool_off_s=86400,
                freeze_lift_people=2,
                package_max_halts=20,
                price_max_age_s=60 * 86400,
                reading_floor_s=5,
                sitting_max_count=20,
                sitting_rest_s=900,
                utc_offset_min=480,
                whitelist_min_age_s=86400,
            ),
            previous=DigestOrNone("none"),
            rules=(
                rule("rule:eth", ETH_ASSET, 100 * 10**18, 10**16),
                rule("rule:ltc", LTC_ASSET, 1000 * 10**8, 10**6),
                rule("rule:usd", USD_ASSET, 10**12, 10**16),
            ),
            version=1,
        )

    def prices_body(self) -> Prices:
        """A snapshot of the day before, of every asset in the register."""
        known = {"ETH": 31_250_000_000, "LTC": 780_000_000}
        entries = self.registers["assets"].entries
        found = [Price(asset=e.id, microhkd=Units(known.get(e.symbol, 7_800_000))) for e in entries]
        return Prices(as_of=self.now - timedelta(days=1), prices=tuple(sorted(found, key=lambda p: p.asset)))

    def prices_used(self) -> DigestOrNone:
        """What a decision of now quotes."""
        return DigestOrNone(self.prices[-1].id)

    def change_prices(self, edit: Callable[[Prices], Prices]) -> None:
        """Publish the next snapshot, of now."""
        self.prices.append(self._govern("prices", edit(self.prices_body())))
        self.log.witness(self.tick())

    def register_body(self, name: str) -> RegisterHead:
        """The next head of a register, over its present entries."""
        register = self.registers[name]
        known = parse_statement(self.heads[name]) if hasattr(self, "heads") else None
        return RegisterHead(
            previous=DigestOrNone(known.id if known else "none"),
            register=name,
            root=register.root(),
            size=len(register.entries),
            version=known.body.version + 1 if known else 1,
        )

    def change_register(self, name: str, added: Iterable[Any] = (), removed: Iterable[str] = ()) -> None:
        """Publish a register's next version."""
        self.registers[name] = self.registers[name].changed(added, tuple(removed))
        self.heads[name] = self._govern(name, self.register_body(name))
        self.log.witness(self.tick())

    def change_roster(self, edit: Callable[[Roster], Roster]) -> None:
        """Publish the next roster."""
        before = parse_statement(self.rosters[-1])
        body = replace(edit(before.body), version=before.body.version + 1, previous=DigestOrNone(before.id))
        self.rosters.append(self._govern("roster", body))
        self.log.witness(self.tick())

    def change_policy(self, edit: Callable[[Policy], Policy]) -> None:
        """Publish the next policy."""
        before = parse_statement(self.policy)
        body = replace(edit(before.body), version=before.body.version + 1, previous=DigestOrNone(before.id))
        self.policy = self._govern("policy", body)
        self.log.witness(self.tick())

    def points_of(self, address: str) -> list[bytes]:
        """Public points of a Litecoin address's keys, as the key register has them; an edit may put a token's there."""
        names = ltc_addresses()[address][0]
        return [bytes(self.registers["keys"].find(name, "keys").public) for name in names]

    @property
    def root_file(self) -> bytes:
        """The bytes of root.json."""
        return encode_canonical([encode_record(root) for root in self.roots])

    @property
    def fingerprint(self) -> Digest:
        """What two people type at enrolment."""
        return self.roots[0].id

    @property
    def governance(self) -> assemble.Governance:
        """What dockets stand on."""
        return assemble.Governance(
            roots=tuple(self.roots),
            rosters=tuple(self.rosters),
            policy=self.policy,
            prices=tuple(self.prices),
            heads=self.heads,
            registers=self.registers,
        )

    def current_heads(self) -> Heads:
        """The newest of everything."""

        def head(envelope: Envelope) -> Head:
            statement = parse_statement(envelope)
            return Head(version=statement.body.version, digest=statement.id)

        return Heads(
            root=head(self.roots[-1]),
            roster=head(self.rosters[-1]),
            policy=head(self.policy),
            **{name: head(self.heads[name]) for name in REGISTERS},
        )

    def update_body(self, last_seen: int = 0, *, whole: bool = True) -> UpdateBody:
        """An update package's body for a device that has nothing yet (`whole`) or only wants the registers again."""
        step, size = assemble.build_package_checkpoint(self.log, last_seen)

        def put(envelope: Envelope) -> Any:
            return assemble.build_placed(self.log, envelope, size)

        deltas = tuple(
            RegisterDelta(
                added=tuple(encode_record(e) for e in self.registers[name].entries),
                head=put(self.heads[name]),
                register=name,
                removed=(),
            )
            for name in REGISTERS
        )
        return UpdateBody(
            checkpoint=step,
            freezes=(),
            lifts=(),
            notices=self.placed_notices(size),
            policies=(put(self.policy),) if whole else (),
            registers=deltas,
            roots=(),
            rosters=tuple(put(r) for r in self.rosters) if whole else (),
        )

    def register_update(self, name: str, added: Iterable[Any], removed: Iterable[str], last_seen: int) -> UpdateBody:
        """An update of one register only, as a delta."""
        step, size = assemble.build_package_checkpoint(self.log, last_seen)
        delta = RegisterDelta(
            added=tuple(encode_record(e) for e in added),
            head=assemble.build_placed(self.log, self.heads[name], size),
            register=name,
            removed=tuple(removed),
        )
        return UpdateBody(
            checkpoint=step,
            freezes=(),
            lifts=(),
            notices=self.placed_notices(size),
            policies=(),
            registers=(delta,),
            roots=(),
            rosters=(),
        )

    def latches(self) -> Digest:
        """The digest of everything that latches now."""
        said = [Proved(statement=parse_statement(e), index=0, time=self.now) for e in self.notices]
        return build_latches(self.frozen, said)

    def placed_notices(self, size: int) -> tuple[Placed, ...]:
        """Every notice of the world, as the platform's exporters put them into packages."""
        return tuple(assemble.build_placed(self.log, envelope, size) for envelope in self.notices)

    def build_lease(
        self,
        terminal: str,
        token: TokenIdentity | None = None,
        journal: Digest | None = None,
        place: JournalPlace | None = None,
    ) -> Lease:
        """The next lease of a terminal; without a token and a journal, for the ones that software stands in for.

        place: without it the journal's first entry.
        """
        before = self.leases_of(terminal)
        first = journal or sha256(f"journal of {terminal}".encode())
        return Lease(
            journal=first,
            number=len(before) + 1,
            place=place or JournalPlace(head=first, number=1),
            previous=DigestOrNone(before[-1].id if before else "none"),
            terminal=PartyId(terminal),
            token=token or TokenIdentity(manufacturer="software", model="test", serial=terminal),
        )

    def leases_of(self, terminal: str) -> list[Statement[Lease]]:
        """Every lease of a terminal, the one in force last."""
        known = [s for s in map(parse_statement, self.notices) if isinstance(s.body, Lease)]
        return [s for s in known if s.body.terminal == terminal]

    def drop_stand_in(self, terminal: str) -> None:
        """Forget the first lease of a terminal where software stood in for it; no device may have it yet."""
        for first in self.leases_of(terminal)[:1]:
            if first.body.journal == sha256(f"journal of {terminal}".encode()):
                self.notices.remove(first.envelope)

    def lease(self, body: Lease) -> Statement[Any]:
        """The delegates of the key register sign a lease."""
        return self.notice(body, DELEGATES["keys"][0], DELEGATES["keys"])

    def hsms(self, body: HsmRegister, signers: int = 2) -> Statement[Any]:
        """The delegates of the key register sign the HSM register, as many of them as given."""
        return self.notice(body, DELEGATES["keys"][0], DELEGATES["keys"][:signers])

    def release(self, body: ReleaseManifest, signers: int = 2) -> Statement[Any]:
        """The delegates of the key register sign a release manifest, as many of them as given."""
        return self.notice(body, DELEGATES["keys"][0], DELEGATES["keys"][:signers])

    def notice(self, body: Body, issuer: str, signers: Iterable[str]) -> Statement[Any]:
        """Say something that every device keeps."""
        statement = self.say(body, issuer, signers)
        self.notices.append(statement.envelope)
        return statement

    def package(self, to: str, kind: PackageKind, body: PackageBody) -> bytes:
        """A package from the platform, with the next sequence number for that device."""
        pair = ("service:platform", to)
        self.sequences[pair] = self.sequences.get(pair, 0) + 1
        return encode_package(
            Package(
                kind=kind,
                sender=PartyId("service:platform"),
                to=PartyId(to),
                sequence=self.sequences[pair],
                created_at=self.now,
                body=body,
            )
        )

    def freeze(self) -> Statement[Any]:
        """The watcher freezes the vault."""
        body = Freeze(evidence="tx", reason="unexplained outflow", scope=FreezeScope.VAULT)
        statement = self.say(body, "service:watcher")
        self.frozen.add(statement.id)
        return statement

    def lift(self, freeze: Digest, officers: Iterable[str] = ("person:r.ho", "person:s.lee")) -> Statement[Any]:
        """Officers lift a freeze."""
        names = tuple(officers)
        self.frozen.discard(freeze)
        return self.say(FreezeLift(freeze=freeze, reason="explained"), names[0], names)
