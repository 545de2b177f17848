"""The firm: its people, machines and clients, and how its papers are signed with tokens and published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.people import Person
from demo.programs import MODULE, run
from demo.vault import Terminal
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.core.canonical import encode_canonical
from strongroom.core.ids import AssetId, ChainId, Digest, PartyId
from strongroom.core.keys import PublicKey, Sign
from strongroom.core.records import DigestOrNone, encode_record
from strongroom.core.registers import AssetEntry, AssetKind, Register, RegisterHead
from strongroom.core.roster import SECTIONS, Overseer, Party, Roster
from strongroom.core.statements import (
    Body,
    Context,
    Envelope,
    Environment,
    Statement,
    build_payload,
    parse_envelope_bytes,
)
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import publish

ETH = ChainId("eip155:31337")
ETH_ASSET = AssetId("eip155:31337/slip44:60")
LTC, LTC_ASSET = LITECOIN_REGTEST.chain, LITECOIN_REGTEST.asset
TST = "tst"
"""How the demo calls its ERC-20 token in account and entry names; `eth` and `ltc` are the coins."""
ORIGIN = "strongroom.example/demo-log"
CONTEXT = Context(organization="harbour-custody-demo", environment=Environment.DEVELOPMENT)
DELEGATES = {
    "addresses": ("person:k.lau", "person:k.tse"),
    "assets": ("person:k.lau", "person:k.tse"),
    "clients": ("person:c.kwok", "person:c.yuen"),
    "keys": ("person:k.lau", "person:k.tse"),
    "policy": ("person:p.choi", "person:p.hui"),
    "prices": ("person:f.lo", "person:f.ng"),
    "roster": ("person:h.fung", "person:h.mak"),
    "whitelist": ("person:w.leung", "person:w.tang"),
}


HOLDERS_OF_DEVICES = {
    "device:approver-1": "person:m.chan",
    "device:approver-2": "person:r.singh",
    "device:approver-3": "person:mei.chan",
}
"""Whose each approval device is. Mei Chan is M. Chan under a second name, and so the third is his second device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client with their own Ed25519 key, and where they want to be paid."""

    id: PartyId
    key: PublicKey
    sign: Sign
    destinations: Mapping[ChainId, str]


@dataclass(kw_only=True)
class Firm:
    """Who is who. publics: roster keys of machines by id."""

    folder: Path
    people: Mapping[str, Person]
    terminals: tuple[Terminal, ...]
    clients: Mapping[str, Client]
    machines: Mapping[str, tuple[PublicKey, tuple[str, ...]]]
    seal: str
    token: AssetEntry
    log_key: PublicKey
    connection: Connection
    heads: dict[str, Statement[Any]] = field(default_factory=dict)
    registers: dict[str, Register[Any]] = field(default_factory=dict)
    roots: list[Envelope] = field(default_factory=list)
    rosters: list[Envelope] = field(default_factory=list)

    def asset(self, name: str) -> AssetEntry:
        """An asset by its name in the demo: eth, ltc or tst."""
        return {"eth": build_coin(ETH, ETH_ASSET, "ETH", 18), "ltc": build_coin(LTC, LTC_ASSET, "LTC", 8)}.get(
            name, self.token
        )

    @property
    def everybody(self) -> list[Person]:
        """All people: office and vault."""
        return [*self.people.values(), *(o for t in self.terminals for o in t.operators)]

    def sign(self, name: str, body: Body, signers: Iterable[str]) -> Envelope:
        """A governance statement, signed by each signer's own token through the ceremony program."""
        names = list(signers)
        _, payload = build_payload(body, context=CONTEXT, issuer=PartyId(names[0]), issued_at=now())
        papers = self.folder / "papers"
        papers.mkdir(exist_ok=True)
        paper, envelope = papers / f"{name}.payload.json", papers / f"{name}.envelope.json"
        paper.write_bytes(payload)
        for person in (self.people[n] for n in names):
            arguments = [
                "sign",
                "--token",
                person.label,
                "--module",
                MODULE,
                "--payload",
                str(paper),
                "--envelope",
                str(envelope),
            ]
            run("ceremony", arguments, stdin=f"{person.pin}\nsign\n", store=person.store, offline=True)
        return parse_envelope_bytes(envelope.read_bytes())

    def publish(
        self, name: str, body: Body, signers: Iterable[str], added: Iterable[Any] = (), removed: Iterable[str] = ()
    ) -> Statement[Any]:
        """Sign and publish; the platform verifies it as every device will again."""
        version = getattr(body, "version", 1)
        envelope = self.sign(f"{name}-{version}", body, signers)
        statement = publish(self.connection, envelope, [encode_record(e) for e in added], list(removed))
        self.heads[name] = statement
        if name == "root":
            self.roots.append(envelope)
        if name == "roster":
            self.rosters.append(envelope)
        return statement

    def publish_register(self, name: str, added: Iterable[Any], removed: Iterable[str] = ()) -> Statement[Any]:
        """The next version of a register."""
        entries = tuple(added)
        gone = tuple(removed)
        register = self.registers.get(name, Register(name=name, entries=())).changed(entries, gone)
        known = self.heads.get(name)
        body = RegisterHead(
            previous=DigestOrNone(known.id if known else "none"),
            register=name,
            root=register.root(),
            size=len(register.entries),
            version=known.body.version + 1 if known else 1,
        )
        statement = self.publish(name, body, DELEGATES[name], entries, gone)
        self.registers[name] = register
        return statement

    def publish_roster(self, *extra: Person) -> Statement[Any]:
        """The next roster: everybody, and whoever is new."""
        known = self.heads.get("roster")
        people = [p for p in self.everybody if p.id != "person:mei.chan"] + list(extra)
        held = {device: self.people[person].staff for device, person in HOLDERS_OF_DEVICES.items()}
        parties = [_party(p.id, p.name, p.staff, p.group, p.roles, p.key) for p in people if p.roles]
        parties += [
            _party(name, name.split(":")[1], held.get(name, "none"), "machines", roles, key)
            for name, (key, roles) in self.machines.items()
        ]
        body = Roster(
            expires=now() + timedelta(days=30),
            overseers=tuple(Overseer(person=PartyId("person:r.ho"), section=s) for s in SECTIONS),
            parties=tuple(sorted(parties, key=lambda p: p.id)),
            previous=DigestOrNone(known.id if known else "none"),
            root_version=1,
            version=known.body.version + 1 if known else 1,
        )
        return self.publish("roster", body, DELEGATES["roster"])

    @property
    def root_file(self) -> bytes:
        """root.json."""
        return encode_canonical([encode_record(r) for r in self.roots])

    @property
    def fingerprint(self) -> Digest:
        """What two people type at every enrolment."""
        return self.roots[0].id


def now() -> datetime:
    """The host's time."""
    return datetime.now(UTC)


def _party(name: str, shown: str, staff: str, group: str, roles: tuple[str, ...], key: PublicKey) -> Party:
    return Party(
        group=group,
        id=PartyId(name),
        key=key,
        name=shown,
        roles=tuple(sorted(roles)),
        staff=staff,
        valid_from=now() - timedelta(days=1),
        valid_until=now() + timedelta(days=30),
    )


def build_coin(chain: ChainId, asset: AssetId, symbol: str, decimals: int) -> AssetEntry:
    """The entry of a chain's own coin."""
    return AssetEntry(
        chain=chain,
        code_hash="none",
        contract="none",
        decimals=decimals,
        id=asset,
        kind=AssetKind.NATIVE,
        symbol=symbol,
    )
