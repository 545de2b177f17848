"""Set up trust: root, roster, policy, registers, each signed by its own people's tokens, published to the platform."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.people import Person
from demo.programs import MODULE, run
from demo.vault import ETH_WALLET, LTC_WALLET, Terminal
from strongroom.chains.bitcoin.addresses import render_address as render_ltc
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import multisig_script, p2wsh_script
from strongroom.chains.ethereum.addresses import address_of, render_address
from strongroom.core.bodies import Quorum
from strongroom.core.canonical import encode_canonical
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId, WalletId
from strongroom.core.keys import PublicKey, Sign
from strongroom.core.policy import Effect, Parameters, Policy, Price, Prices, Rule, Window
from strongroom.core.records import DigestOrNone, EntryOrNone, HexBytes, Units, encode_record
from strongroom.core.registers import (
    AddressEntry,
    AddressPurpose,
    AssetEntry,
    AssetKind,
    ClientAccount,
    ClientEntry,
    KeyEntry,
    KeyState,
    Register,
    RegisterHead,
    WhitelistEntry,
)
from strongroom.core.roster import (
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
    parse_envelope_bytes,
)
from strongroom.online.db.connect import Connection
from strongroom.online.governance.store import publish

ETH = ChainId("eip155:31337")
ETH_ASSET = AssetId("eip155:31337/slip44:60")
LTC, LTC_ASSET = LITECOIN_REGTEST.chain, LITECOIN_REGTEST.asset
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
MOST_HKD = 5_000_000
"""What one payment, and three times that what one day may be worth."""
HOLDERS = ("person:h.fung", "person:h.mak", "person:h.yip")
CLIENT_NAMES = {
    "harbour": "Harbour Fund Ltd",
    "lantau": "Lantau Holdings Ltd",
    "peak": "Peak Partners Ltd",
    "house": "The operator itself",
}


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
    log_key: PublicKey
    connection: Connection
    heads: dict[str, Statement[Any]] = field(default_factory=dict)
    registers: dict[str, Register[Any]] = field(default_factory=dict)
    roots: list[Envelope] = field(default_factory=list)

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
        parties = [_party(p.id, p.name, p.staff, p.group, p.roles, p.key) for p in people if p.roles]
        parties += [
            _party(name, name.split(":")[1], "none", "machines", roles, key)
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


def publish_everything(firm: Firm, after_root: Callable[[], None]) -> None:
    """Root, roster, policy, five registers. after_root: enrols devices under the root; the roster names their keys."""
    firm.publish("root", _root(firm), HOLDERS[:2])
    after_root()
    firm.publish_roster()
    firm.publish("policy", _policy(), DELEGATES["policy"])
    firm.publish_register("assets", _assets())
    firm.publish_register("clients", [_client_entry(c) for c in firm.clients.values()])
    firm.publish_register("keys", _keys(firm))
    firm.publish_register("addresses", _addresses(firm))
    firm.publish("prices", _prices(), DELEGATES["prices"])
    firm.publish_register("whitelist", [e for c in firm.clients.values() for e in whitelist_entries(c)])


def _delegation(firm: Firm, names: Iterable[str]) -> Delegation:
    holders = [Holder(id=PartyId(n), key=firm.people[n].key) for n in sorted(names)]
    return Delegation(keys=tuple(holders), threshold=2)


def _root(firm: Firm) -> Root:
    return Root(
        delegations=Delegations(**{name: _delegation(firm, people) for name, people in DELEGATES.items()}),
        expires=now() + timedelta(days=365),
        floors=Floors(groups=2, people=2),
        gate_seal=GateSeal(
            device=PartyId("device:gate-1"), public=HexBytes(bytes.fromhex(firm.seal)), suite=SEAL_SUITE
        ),
        holders=_delegation(firm, HOLDERS),
        log=LogKey(key=firm.log_key, origin=ORIGIN),
        previous=DigestOrNone("none"),
        version=1,
    )


def _policy() -> Policy:
    return Policy(
        parameters=Parameters(
            approval_life_s=86_400,
            clear_life_s=900,
            clear_max_count=5,
            freeze_lift_people=2,
            price_max_age_s=86_400,
            utc_offset_min=480,
            whitelist_min_age_s=86_400,
        ),
        previous=DigestOrNone("none"),
        rules=(
            _rule("rule:eth-cold", ETH_ASSET, 100 * 10**18, 10**16),
            _rule("rule:ltc-cold", LTC_ASSET, 1_000 * 10**8, 10**6),
        ),
        version=1,
    )


def _rule(name: str, asset: AssetId, most: int, fee: int) -> Rule:
    return Rule(
        above=Units(0),
        assets=(asset,),
        clients=(),
        effect=Effect.LIMIT,
        hours=(),
        id=EntryId(name),
        max_amount=Units(most),
        max_fee=Units(fee),
        max_hkd_cents=Units(MOST_HKD * 100),
        quorums=(Quorum(role="approver", people=2, groups=2),),
        wallets=(),
        windows=(
            Window(
                max_amount=Units(3 * most),
                max_count=20,
                max_fee=Units(20 * fee),
                max_hkd_cents=Units(3 * MOST_HKD * 100),
                seconds=86_400,
            ),
        ),
    )


def _prices() -> Prices:
    """What the demo's assets are worth in Hong Kong dollars, for one day."""
    dollars = {ETH_ASSET: 31_250, LTC_ASSET: 780}
    found = [Price(asset=asset, microhkd=Units(price * 10**6)) for asset, price in sorted(dollars.items())]
    return Prices(as_of=now().replace(microsecond=0), prices=tuple(found))


def _assets() -> list[AssetEntry]:
    return [
        _native_coin(ETH, ETH_ASSET, "ETH", 18),
        _native_coin(LTC, LTC_ASSET, "LTC", 8),
    ]


def _native_coin(chain: ChainId, asset: AssetId, symbol: str, decimals: int) -> AssetEntry:
    return AssetEntry(
        chain=chain,
        code_hash="none",
        contract="none",
        decimals=decimals,
        id=asset,
        kind=AssetKind.NATIVE,
        symbol=symbol,
    )


def _client_entry(client: Client) -> ClientEntry:
    name = client.id.split(":")[1]
    return ClientEntry(
        accounts=(
            ClientAccount(asset=ETH_ASSET, id=AccountId(f"account:{name}:eth"), wallet=WalletId(ETH_WALLET)),
            ClientAccount(asset=LTC_ASSET, id=AccountId(f"account:{name}:ltc"), wallet=WalletId(LTC_WALLET)),
        ),
        id=client.id,
        keys=(client.key,),
        name=CLIENT_NAMES[name],
    )


def whitelist_entries(client: Client) -> list[WhitelistEntry]:
    """A client's own destinations, listed 41 days ago."""
    name = client.id.split(":")[1]
    return [
        WhitelistEntry(
            added_at=now() - timedelta(days=41),
            address=address,
            asset=ETH_ASSET if chain == ETH else LTC_ASSET,
            chain=chain,
            client=client.id,
            id=EntryId(f"entry:{name}-{'eth' if chain == ETH else 'ltc'}"),
            owner=CLIENT_NAMES[name],
            purpose="redemption",
        )
        for chain, address in client.destinations.items()
    ]


def _keys(firm: Firm) -> list[KeyEntry]:
    return [
        KeyEntry(
            chain=ETH if name.startswith("key:eth") else LTC,
            id=EntryId(name),
            public=HexBytes(bytes.fromhex(public)),
            state=KeyState.ACTIVE,
            terminal=terminal.id,
            wallet=WalletId(ETH_WALLET if name.startswith("key:eth") else LTC_WALLET),
        )
        for terminal in firm.terminals
        for name, public in terminal.publics.items()
    ]


def _addresses(firm: Firm) -> list[AddressEntry]:
    publics = {name: bytes.fromhex(public) for t in firm.terminals for name, public in t.publics.items()}
    eth_owners = {"eth-1": "account:harbour:eth", "eth-2": "account:house:eth"}
    found = [
        _address(
            f"address:{name}",
            ETH,
            render_address(address_of(publics[f"key:{name}"])),
            [f"key:{name}"],
            1,
            ETH_WALLET,
            owner,
        )
        for name, owner in eth_owners.items()
    ]
    for number, owner in enumerate(("harbour", "lantau", "peak", "house", "none"), start=1):
        keys = [f"key:ltc-{letter}-{number}" for letter in "abc"]
        script = p2wsh_script(multisig_script(2, [publics[k] for k in keys]))
        account = "none" if owner == "none" else f"account:{owner}:ltc"
        found.append(
            _address(f"address:ltc-{number}", LTC, render_ltc(script, LITECOIN_REGTEST), keys, 2, LTC_WALLET, account)
        )
    return found


def _address(
    name: str, chain: ChainId, address: str, keys: list[str], threshold: int, wallet: str, owner: str
) -> AddressEntry:
    return AddressEntry(
        account=EntryOrNone(owner),
        address=address,
        chain=chain,
        id=EntryId(name),
        keys=tuple(EntryId(k) for k in sorted(keys)),
        purpose=AddressPurpose.CHANGE if owner == "none" else AddressPurpose.DEPOSIT,
        threshold=threshold,
        wallet=WalletId(wallet),
    )
