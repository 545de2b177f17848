"""A whole custody firm in memory, with software keys: what tests build their dockets, packages and devices from.

`World()` has a root, roster, registers, policy, a witnessed log and two wallets (Ethereum, 2-of-3 Litecoin). `Trip`
walks one transaction through the stages; every statement may be edited before it is signed, and all later statements
follow the edit, so that a test changes one thing and nothing else. Time is the world's own and moves with each
checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import coincurve
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.addresses import parse_address, render_address
from strongroom.chains.bitcoin.networks import LITECOIN_REGTEST
from strongroom.chains.bitcoin.scripts import multisig_script, p2wsh_script
from strongroom.chains.bitcoin.signing import build_witness, encode_der_signature, parse_der_signature
from strongroom.chains.bitcoin.transactions import OutPoint, Transaction, TxIn, TxOut, encode_transaction
from strongroom.chains.ethereum import addresses as eth
from strongroom.chains.ethereum.transactions import (
    Transfer,
    encode_signed,
    encode_unsigned,
    parse_unsigned,
    signing_digest,
    transaction_hash,
)
from strongroom.core import assemble, log
from strongroom.core.bodies import (
    Approval,
    Broadcast,
    Budget,
    ChangeOutput,
    ClearToSign,
    Decision,
    Destination,
    Freeze,
    FreezeLift,
    FreezeScope,
    Head,
    Heads,
    Instruction,
    JournalPlace,
    Outcome,
    PaymentOutput,
    Proposal,
    Quorum,
    Release,
    Scope,
    Screening,
    ScreeningVerdict,
    Settlement,
    SignatureRecord,
    TreeHead,
    Verdict,
    Verification,
)
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.checks.approve import RENDERER
from strongroom.core.checks.foundation import prove_foundation
from strongroom.core.checks.journey import prove_journey
from strongroom.core.checks.propose import build_facts
from strongroom.core.checks.spend import read_spend
from strongroom.core.codes import Code
from strongroom.core.docket import STAGE_OF, Docket, Stage, TransactionPart, build_prev, docket_order, encode_docket
from strongroom.core.errors import refused
from strongroom.core.facts import Facts
from strongroom.core.ids import AccountId, AssetId, ChainId, Digest, EntryId, PartyId, WalletId
from strongroom.core.keys import P256_ORDER, Algorithm, PublicKey, Sign
from strongroom.core.merkle import Tree, leaf_hash
from strongroom.core.packages import (
    RESULT_FORMAT,
    DocketBody,
    Package,
    PackageBody,
    PackageKind,
    PartialSignature,
    RegisterDelta,
    ReleaseBody,
    ResultOutcome,
    SealedFrom,
    TerminalResult,
    UpdateBody,
    build_seal_info,
    encode_package,
    encode_result,
)
from strongroom.core.policy import Effect, Parameters, Policy, Rule, Window
from strongroom.core.records import Base64Bytes, DigestOrNone, EntryOrNone, HexBytes, HexOrNone, Units, encode_record
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
    entry_digest,
)
from strongroom.core.roster import (
    REGISTERS,
    SEAL_SUITE,
    SECTIONS,
    Delegation,
    Delegations,
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

START = datetime(2027, 3, 14, 2, 0, 0, tzinfo=UTC)
ETH = ChainId("eip155:31337")
ETH_ASSET = AssetId("eip155:31337/slip44:60")
LTC = LITECOIN_REGTEST.chain
LTC_ASSET = LITECOIN_REGTEST.asset
ORIGIN = "strongroom.example/test-log"
GWEI = 10**9


def seed(name: str) -> bytes:
    """32 bytes that belong to a name; the same in every run."""
    return hashlib.sha256(b"strongroom test key " + name.encode()).digest()


@dataclass(frozen=True)
class Signer:
    """A software key: what it is known by, and its signing function."""

    key: PublicKey
    sign: Sign


def ed25519_signer(name: str) -> Signer:
    """An Ed25519 key made from a name."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed(name))
    public = HexBytes(private.public_key().public_bytes_raw())
    return Signer(key=PublicKey(alg=Algorithm.ED25519, public=public), sign=private.sign)


def p256_signer(name: str) -> Signer:
    """A P-256 key made from a name; signs with low s."""
    private = ec.derive_private_key(int.from_bytes(seed(name), "big") % (P256_ORDER - 1) + 1, ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    public = HexBytes(b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")

    return Signer(key=PublicKey(alg=Algorithm.P256, public=public), sign=sign)


def chain_key(name: str) -> coincurve.PrivateKey:
    """A secp256k1 key made from a name."""
    return coincurve.PrivateKey(seed(name))


PEOPLE: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "person:m.chan": ("staff-01", "operations", ("approver",)),
    "person:r.singh": ("staff-02", "treasury", ("approver",)),
    "person:a.wong": ("staff-03", "risk", ("approver",)),
    "person:c.lam": ("staff-04", "vault", ("operator",)),
    "person:p.wu": ("staff-05", "vault", ("operator",)),
    "person:r.ho": ("staff-06", "management", ("officer", "overseer")),
    "person:s.lee": ("staff-07", "management", ("officer", "overseer")),
}
MACHINES: Mapping[str, tuple[str, ...]] = {
    "device:approver-1": ("approval-device",),
    "device:approver-2": ("approval-device",),
    "device:gate-1": ("gate",),
    "device:station-1": ("station",),
    "device:terminal-1": ("terminal",),
    "device:terminal-2": ("terminal",),
    "device:terminal-3": ("terminal",),
    "service:builder": ("builder",),
    "service:platform": ("platform",),
    "service:reconciler": ("reconciler",),
    "service:watcher": ("watcher", "witness"),
}
HOLDERS = ("person:h.one", "person:h.two", "person:h.three")
DELEGATES = {
    "addresses": ("person:k.one", "person:k.two"),
    "assets": ("person:k.one", "person:k.two"),
    "clients": ("person:c.one", "person:c.two"),
    "keys": ("person:k.one", "person:k.two"),
    "policy": ("person:p.one", "person:p.two"),
    "roster": ("person:o.one", "person:o.two"),
    "whitelist": ("person:w.one", "person:w.two"),
}
CLIENTS = ("client:harbour", "client:lantau", "client:peak")
ETH_WALLET, LTC_WALLET = WalletId("wallet:eth-cold-1"), WalletId("wallet:ltc-cold-1")
TERMINALS = ("device:terminal-1", "device:terminal-2", "device:terminal-3")


def signer_of(party: str) -> Signer:
    """The software key of a person, device, service or client: P-256 for people and terminals, Ed25519 for the rest."""
    return p256_signer(party) if party.startswith("person:") or "terminal" in party else ed25519_signer(party)


def sorted_by_id(items: Iterable[Any]) -> tuple[Any, ...]:
    """Items in the order of their ids."""
    return tuple(sorted(items, key=lambda item: item.id))


class MemoryLog:
    """A log in memory, witnessed after every append."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.envelopes: list[Envelope] = []
        self.notes: list[assemble.SizedNote] = []

    def append(self, envelope: Envelope) -> int:
        """Add a statement; returns its index."""
        self.envelopes.append(envelope)
        return self.tree.append(leaf_hash(envelope.encode()))

    def witness(self, moment: datetime) -> None:
        """Sign and cosign the present size."""
        checkpoint = log.Checkpoint(origin=ORIGIN, size=self.tree.size, root=self.tree.root(self.tree.size))
        body = log.encode_checkpoint_body(checkpoint)
        operator, watcher = ed25519_signer("log"), signer_of("service:watcher")
        signatures = (
            log.build_log_signature(
                body=body, key=log.NoteKey(name=ORIGIN, public_key=operator.key.public), sign=operator.sign
            ),
            log.build_cosignature(
                body=body,
                key=log.NoteKey(name="service:watcher", public_key=watcher.key.public),
                timestamp_s=int(moment.timestamp()),
                sign=watcher.sign,
            ),
        )
        text = log.encode_note(log.Note(body=body, signatures=signatures))
        self.notes.append(assemble.SizedNote(size=self.tree.size, note=text))

    def index_of(self, statement: Digest) -> int:
        """Leaf index of a statement."""
        for index, envelope in enumerate(self.envelopes):
            if envelope.id == statement:
                return index
        raise refused(Code.NOT_IN_LOG, "statement", statement, "not in the log")

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Inclusion proof."""
        return self.tree.inclusion(index, size)

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Consistency proof."""
        return self.tree.consistency(old_size, new_size)

    def first_checkpoint(self, index: int) -> assemble.SizedNote:
        """Smallest checkpoint that covers a leaf."""
        return next(n for n in self.notes if index < n.size)

    def last_checkpoint(self) -> assemble.SizedNote:
        """Largest checkpoint."""
        return self.notes[-1]


Edit = Callable[[Any], Any]


class World:
    """The firm. `edit_*` arguments change a governance body before it is signed."""

    def __init__(self, *, edits: Mapping[str, Edit] | None = None) -> None:
        self.edits = dict(edits or {})
        self.context = Context(organization="test-custody", environment=Environment.DEVELOPMENT)
        self.now = START
        self.log = MemoryLog()
        self.seal_key = x25519.X25519PrivateKey.from_private_bytes(seed("gate seal"))
        self.registers: dict[str, Register[Any]] = {
            name: Register(name=name, entries=self._edited(name, entries)) for name, entries in build_entries().items()
        }
        self.roots = [self._sign_root()]
        self.log.append(self.roots[0])
        self.rosters = [self._govern("roster", self._edited("roster", self.roster_body()))]
        self.policy = self._govern("policy", self._edited("policy", self.policy_body()))
        self.heads = {name: self._govern(name, self.register_body(name)) for name in REGISTERS}
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
        machines = [self.party(name, staff="none", group="machines", roles=roles) for name, roles in MACHINES.items()]
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

        def rule(name: str, asset: AssetId, most: int, fee: int) -> Rule:
            window = Window(max_amount=Units(3 * most), max_count=20, seconds=86400)
            return Rule(
                above=Units(0),
                assets=(asset,),
                clients=(),
                effect=Effect.LIMIT,
                id=EntryId(name),
                max_amount=Units(most),
                max_fee=Units(fee),
                quorum=quorum,
                wallets=(),
                windows=(window,),
            )

        return Policy(
            parameters=Parameters(
                approval_life_s=86400,
                clear_life_s=900,
                clear_max_count=10,
                freeze_lift_people=2,
                whitelist_min_age_s=86400,
            ),
            previous=DigestOrNone("none"),
            rules=(
                rule("rule:eth", ETH_ASSET, 100 * 10**18, 10**16),
                rule("rule:ltc", LTC_ASSET, 1000 * 10**8, 10**6),
            ),
            version=1,
        )

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
        return [bytes(self.registers["keys"].find(name, "keys").public) for name in ltc_key_names(address)]

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
        return UpdateBody(checkpoint=step, freezes=(), lifts=(), policies=(), registers=(delta,), roots=(), rosters=())

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
        return self.say(Freeze(evidence="tx", reason="unexplained outflow", scope=FreezeScope.VAULT), "service:watcher")

    def lift(self, freeze: Digest, officers: Iterable[str] = ("person:r.ho", "person:s.lee")) -> Statement[Any]:
        """Officers lift a freeze."""
        names = tuple(officers)
        return self.say(FreezeLift(freeze=freeze, reason="explained"), names[0], names)


def ltc_key_names(address: str) -> tuple[str, ...]:
    """The three keys of a Litecoin address, one in each terminal."""
    return tuple(f"key:{address}-{i + 1}" for i in range(3))


def build_entries() -> dict[str, tuple[Any, ...]]:
    """Entries of the five registers."""
    keys, addresses = [], []
    for name, purpose in (("eth-1", "deposit"), ("eth-2", "deposit")):
        key = chain_key(f"key:{name}").public_key
        keys.append(_key(f"key:{name}", ETH, key.format(), "device:terminal-1", ETH_WALLET))
        address = eth.render_address(eth.address_of(key.format(compressed=False)))
        owner = "account:harbour:eth" if name == "eth-1" else "none"
        addresses.append(_address(f"address:{name}", ETH, address, (f"key:{name}",), purpose, 1, ETH_WALLET, owner))
    for i, name in enumerate(("ltc-1", "ltc-2", "ltc-change")):
        names = ltc_key_names(name)
        publics = [chain_key(n).public_key.format() for n in names]
        keys += [_key(n, LTC, p, t, LTC_WALLET) for n, p, t in zip(names, publics, TERMINALS, strict=True)]
        address = render_address(p2wsh_script(multisig_script(2, publics)), LITECOIN_REGTEST)
        purpose = "change" if name == "ltc-change" else "deposit"
        owner = "none" if purpose == "change" else f"account:{CLIENTS[i].split(':')[1]}:ltc"
        addresses.append(_address(f"address:{name}", LTC, address, names, purpose, 2, LTC_WALLET, owner))
    return {
        "addresses": sorted_by_id(addresses),
        "assets": (
            AssetEntry(chain=LTC, decimals=8, id=LTC_ASSET, kind=AssetKind.NATIVE, symbol="LTC"),
            AssetEntry(chain=ETH, decimals=18, id=ETH_ASSET, kind=AssetKind.NATIVE, symbol="ETH"),
        ),
        "clients": sorted_by_id(_client(c) for c in CLIENTS),
        "keys": sorted_by_id(keys),
        "whitelist": sorted_by_id(w for c in CLIENTS for w in whitelist_entries(c)),
    }


def _key(name: str, chain: ChainId, public: bytes, terminal: str, wallet: WalletId) -> KeyEntry:
    return KeyEntry(
        chain=chain,
        id=EntryId(name),
        public=HexBytes(public),
        state=KeyState.ACTIVE,
        terminal=PartyId(terminal),
        wallet=wallet,
    )


def _address(
    name: str,
    chain: ChainId,
    address: str,
    keys: tuple[str, ...],
    purpose: str,
    threshold: int,
    wallet: WalletId,
    owner: str,
) -> AddressEntry:
    return AddressEntry(
        account=EntryOrNone(owner),
        address=address,
        chain=chain,
        id=EntryId(name),
        keys=tuple(EntryId(k) for k in sorted(keys)),
        purpose=AddressPurpose(purpose),
        threshold=threshold,
        wallet=wallet,
    )


def _client(client: str) -> ClientEntry:
    name = client.split(":")[1]
    return ClientEntry(
        accounts=(
            ClientAccount(asset=ETH_ASSET, id=AccountId(f"account:{name}:eth"), wallet=ETH_WALLET),
            ClientAccount(asset=LTC_ASSET, id=AccountId(f"account:{name}:ltc"), wallet=LTC_WALLET),
        ),
        id=PartyId(client),
        keys=(signer_of(client).key,),
        name=f"{name.title()} Fund Ltd",
    )


def whitelist_entries(client: str) -> tuple[WhitelistEntry, WhitelistEntry]:
    """A client's own Ethereum and Litecoin destinations."""
    name = client.split(":")[1]
    own = chain_key(f"{client} own").public_key
    eth_address = eth.render_address(eth.address_of(own.format(compressed=False)))
    ltc_address = render_address(b"\x00\x14" + seed(client)[:20], LITECOIN_REGTEST)
    return (
        _whitelisted(f"entry:{name}-eth", client, ETH, ETH_ASSET, eth_address),
        _whitelisted(f"entry:{name}-ltc", client, LTC, LTC_ASSET, ltc_address),
    )


def _whitelisted(name: str, client: str, chain: ChainId, asset: AssetId, address: str) -> WhitelistEntry:
    return WhitelistEntry(
        added_at=START - timedelta(days=41),
        address=address,
        asset=asset,
        chain=chain,
        client=PartyId(client),
        id=EntryId(name),
        owner=f"{client.split(':')[1].title()} Fund Ltd",
        purpose="redemption",
    )


@dataclass(kw_only=True)
class Trip:
    """One transaction on its way. Each step says, logs and keeps its statements; `edits` change them before signing.

    edits: stage name in lower case ("instruct", "decide", "propose", "approve", "verify", "clear", "sign", "release",
    "broadcast", "settle") or "unsigned" (bytes) or "signed" (bytes) to a function of the body.
    """

    world: World
    chain: ChainId
    payments: tuple[tuple[str, int], ...]
    edits: Mapping[str, Edit] = field(default_factory=dict)
    approvers: tuple[str, ...] = ("person:m.chan", "person:r.singh")
    terminals: tuple[str, ...] = ("device:terminal-1",)
    statements: list[Statement[Any]] = field(default_factory=list)
    unsigned: bytes = b""
    signed: bytes = b""
    sealed: dict[str, bytes] = field(default_factory=dict)
    nonce: int = 7
    sequence: int = 1

    def edited(self, name: str, body: Any) -> Any:
        """The body after this trip's edit of that step."""
        return self.edits[name](body) if name in self.edits else body

    def to(self, stage: Stage) -> Trip:
        """Walk up to and including a stage."""
        steps = {
            Stage.INSTRUCT: self.instruct,
            Stage.DECIDE: self.decide,
            Stage.PROPOSE: self.propose,
            Stage.APPROVE: self.approve,
            Stage.VERIFY: self.verify,
            Stage.CLEAR: self.clear,
            Stage.SIGN: self.sign,
            Stage.RELEASE: self.release,
            Stage.BROADCAST: self.broadcast,
            Stage.SETTLE: self.settle,
        }
        reached = max((STAGE_OF[s.type] for s in self.statements), default=0)
        for each in Stage:
            if reached < each <= stage:
                steps[each]()
        return self

    def say(self, body: Body, issuer: str, signers: Iterable[str] | None = None) -> Statement[Any]:
        """Say, log and keep."""
        statement = self.world.say(body, issuer, signers)
        self.statements.append(statement)
        self.statements.sort(key=docket_order)
        return statement

    def of(self, body_type: type) -> list[Statement[Any]]:
        """This trip's statements of a body type."""
        return [s for s in self.statements if isinstance(s.body, body_type)]

    def prev(self, stage: Stage) -> Digest:
        """`prev` for a statement of that stage."""
        return build_prev(self.statements, stage)

    def instruct(self) -> None:
        """Each client orders one payment."""
        suffix, asset = ("eth", ETH_ASSET) if self.chain == ETH else ("ltc", LTC_ASSET)
        for client, amount in self.payments:
            name = client.split(":")[1]
            entry = self.world.registers["whitelist"].find(f"entry:{name}-{suffix}", "whitelist")
            body = Instruction(
                account=AccountId(f"account:{name}:{suffix}"),
                amount=Units(amount),
                asset=asset,
                chain=self.chain,
                client=PartyId(client),
                destination=Destination(address=entry.address, entry=entry.id, entry_digest=entry_digest(entry)),
                fee_ceiling=Units(10**16 if self.chain == ETH else 100_000),
                reason="Redemption",
                reference=f"2027-{self.sequence:03d}",
                release_by=self.world.now + timedelta(hours=12),
                sequence=self.sequence,
                sign_by=self.world.now + timedelta(hours=8),
            )
            self.say(self.edited("instruct", body), client)

    def decide(self) -> None:
        """The platform decides on each instruction."""
        policy = parse_statement(self.world.policy)
        for instruction in self.of(Instruction):
            rule = EntryId("rule:eth" if self.chain == ETH else "rule:ltc")
            body = Decision(
                delay_s=0,
                instruction=instruction.id,
                limits=(),
                policy=Head(version=policy.body.version, digest=policy.id),
                quorums=(Quorum(role="approver", people=2, groups=2),),
                rules=(rule,),
                screening=Screening(provider="test screening", verdict=ScreeningVerdict.PASS),
                verdict=Verdict.REQUIRE_APPROVAL,
            )
            self.say(self.edited("decide", body), "service:platform")

    def propose(self) -> None:
        """The builder makes the exact bytes."""
        body = self._build_eth() if self.chain == ETH else self._build_ltc()
        self.say(self.edited("propose", body), "service:builder")

    def _proposal(self, **parts: Any) -> Proposal:
        instructions = self.of(Instruction)
        return Proposal(
            attempt=1,
            chain=self.chain,
            decisions=tuple(sorted(s.id for s in self.of(Decision))),
            heads=self.world.current_heads(),
            instructions=tuple(sorted(s.id for s in instructions)),
            prev=self.prev(Stage.PROPOSE),
            release_by=min(s.body.release_by for s in instructions),
            replaces=DigestOrNone("none"),
            sign_by=min(s.body.sign_by for s in instructions),
            **parts,
        )

    def _build_eth(self) -> Proposal:
        instruction = self.of(Instruction)[0]
        source = self.world.registers["addresses"].find("address:eth-1", "addresses")
        transfer = Transfer(
            chain_id=31337,
            nonce=self.nonce,
            max_priority_fee_per_gas_wei=GWEI,
            max_fee_per_gas_wei=90 * GWEI,
            gas_limit=21000,
            to=eth.parse_address(instruction.body.destination.address),
            value_wei=instruction.body.amount,
        )
        self.unsigned = self.edited("unsigned", encode_unsigned(transfer))
        return self._proposal(
            change=(),
            commits=(f"nonce:{ETH}:{source.address}:{self.nonce}",),
            fee=Units(21000 * 90 * GWEI),
            outputs=(PaymentOutput(index=0, instruction=instruction.id),),
            sources=(EntryId("address:eth-1"),),
            unsigned_digest=sha256(self.unsigned),
            wallet=ETH_WALLET,
        )

    def _build_ltc(self) -> Proposal:
        built = self.build_psbt()
        self.unsigned = self.edited("unsigned", psbts.encode_psbt(built))
        instructions = self.of(Instruction)
        commits = [f"outpoint:{LTC}:{i.outpoint.txid_hex}:{i.outpoint.index}" for i in built.unsigned.inputs]
        return self._proposal(
            change=(ChangeOutput(address=EntryId("address:ltc-change"), index=len(instructions)),),
            commits=tuple(sorted(commits)),
            fee=Units(built.fee_sat),
            outputs=tuple(PaymentOutput(index=i, instruction=s.id) for i, s in enumerate(instructions)),
            sources=(EntryId("address:ltc-1"), EntryId("address:ltc-2")),
            unsigned_digest=sha256(built.unsigned_bytes),
            wallet=LTC_WALLET,
        )

    def build_psbt(self) -> psbts.Psbt:
        """Two inputs (ltc-1, ltc-2), one output an instruction, change to ltc-change, a fee of 2,000."""
        spends, total = [], 0
        for i, name in enumerate(("ltc-1", "ltc-2")):
            script = multisig_script(2, self.world.points_of(name))
            value = 20 * 10**8
            previous = Transaction(
                version=2,
                inputs=(
                    TxIn(outpoint=OutPoint(txid=seed(f"coin {self.nonce} {i}"), index=0), script_sig=b"", sequence=0),
                ),
                outputs=(TxOut(value_sat=value, script=p2wsh_script(script)),),
                witnesses=(),
                lock_time=0,
            )
            spends.append(psbts.Spend(previous=previous, index=0, witness_script=script))
            total += value
        outputs = [
            psbts.Payment(
                script=parse_address(s.body.destination.address, LITECOIN_REGTEST),
                value_sat=s.body.amount,
                witness_script=None,
            )
            for s in self.of(Instruction)
        ]
        change_script = multisig_script(2, self.world.points_of("ltc-change"))
        left = total - sum(o.value_sat for o in outputs) - 2_000
        change = psbts.Payment(script=p2wsh_script(change_script), value_sat=left, witness_script=change_script)
        return psbts.build_psbt(spends=spends, payments=[*outputs, change])

    def facts(self) -> Facts:
        """The facts of this trip's bytes, as core reads them."""
        docket = self.docket()
        foundation = prove_foundation(docket, self.world.roots)
        journey = prove_journey(docket, foundation)
        proposal = journey.only(Proposal)
        assert proposal is not None
        entries = foundation.entries
        body = proposal.body
        spend = read_spend(body.chain, docket.transaction.unsigned, body.sources, body.wallet, entries)
        return build_facts(proposal, journey, spend, entries)

    @property
    def proposal(self) -> Statement[Any]:
        """The proposal."""
        return self.of(Proposal)[0]

    @property
    def unsigned_digest(self) -> Digest:
        """The digest that the proposal signed."""
        digest: Digest = self.proposal.body.unsigned_digest
        return digest

    def approve(self) -> None:
        """Each approver says yes on a dedicated device."""
        digest, prev = self.facts().digest, self.prev(Stage.APPROVE)
        for i, who in enumerate(self.approvers):
            body = Approval(
                device=PartyId(f"device:approver-{i % 2 + 1}"),
                display_digest=digest,
                heads=self.world.current_heads(),
                language="en",
                prev=prev,
                proposal=self.proposal.id,
                renderer=RENDERER,
                unsigned_digest=self.unsigned_digest,
                until=self.world.now + timedelta(hours=6),
            )
            self.say(self.edited("approve", body), who)

    def verify(self) -> None:
        """The station's second reading."""
        body = Verification(
            heads=self.world.current_heads(),
            prev=self.prev(Stage.VERIFY),
            proposal=self.proposal.id,
            reading_digest=self.facts().digest,
            unsigned_digest=self.unsigned_digest,
        )
        self.say(self.edited("verify", body), "device:station-1")

    def session_nonce(self, terminal: str) -> bytes:
        """The nonce of this trip's session on a terminal."""
        return seed(f"session {terminal} {self.nonce}")

    def clear(self) -> None:
        """Reconciler and watcher clear each session."""
        for terminal in self.terminals:
            self.say(
                self.edited("clear", self.clear_body(terminal)),
                "service:reconciler",
                ("service:reconciler", "service:watcher"),
            )

    def clear_body(self, terminal: str, nonce: bytes | None = None) -> ClearToSign:
        """A clear for one session."""
        last = self.world.log.last_checkpoint()
        root = self.world.log.tree.root(last.size)
        asset = ETH_ASSET if self.chain == ETH else LTC_ASSET
        return ClearToSign(
            budget=(Budget(asset=asset, units=Units(500 * 10**18)),),
            checkpoint=TreeHead(root=Digest("sha256:" + root.hex()), size=last.size),
            heads=self.world.current_heads(),
            life_s=900,
            max_count=5,
            nonce=HexBytes(nonce or self.session_nonce(terminal)),
            scope=Scope.TRANSFERS,
            terminal=PartyId(terminal),
        )

    def keys_of(self, terminal: str) -> tuple[str, ...]:
        """The keys that a terminal signs this trip with."""
        if self.chain == ETH:
            return ("key:eth-1",)
        number = TERMINALS.index(terminal)
        return tuple(ltc_key_names(name)[number] for name in ("ltc-1", "ltc-2"))

    def partial_signatures(self, terminal: str) -> tuple[PartialSignature, ...]:
        """What a terminal signs: one signature a key and input."""
        found = []
        for index, name in enumerate(self.keys_of(terminal)):
            digest = (
                signing_digest(self.unsigned)
                if self.chain == ETH
                else psbts.parse_psbt(self.unsigned).signature_hash(index)
            )
            r, s = parse_der_signature(chain_key(name).sign(digest, hasher=None))
            raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
            found.append(PartialSignature(input=index, key=name, signature=HexBytes(raw)))
        return tuple(found)

    def seal(self, terminal: str, result: TerminalResult) -> bytes:
        """Seal a result to the gate, as a terminal does."""
        suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
        info = build_seal_info(result.proposal, PartyId(terminal))
        return suite.encrypt(encode_result(result), self.world.seal_key.public_key(), info=info)

    def result(self, terminal: str) -> TerminalResult:
        """The honest result of a terminal."""
        return TerminalResult(
            format=RESULT_FORMAT,
            outcome=ResultOutcome.SIGNED,
            proposal=self.proposal.id,
            signatures=self.partial_signatures(terminal),
            terminal=PartyId(terminal),
        )

    def sign(self) -> None:
        """Each terminal signs, seals and records."""
        prev = self.prev(Stage.SIGN)
        clears = {c.body.terminal: c for c in self.of(ClearToSign)}
        for number, terminal in enumerate(self.terminals):
            self.sealed[terminal] = self.seal(terminal, self.edited("result", self.result(terminal)))
            operators = ("person:c.lam", "person:p.wu")
            body = SignatureRecord(
                clear=clears[PartyId(terminal)].id,
                heads=self.world.current_heads(),
                journal=JournalPlace(head=sha256(f"journal {terminal}".encode()), number=5 + number),
                keys=tuple(EntryId(k) for k in sorted(self.keys_of(terminal))),
                nonce=clears[PartyId(terminal)].body.nonce,
                operators=tuple(PartyId(o) for o in operators),
                prev=prev,
                proposal=self.proposal.id,
                sealed_digest=sha256(self.sealed[terminal]),
                terminal=PartyId(terminal),
                unsigned_digest=self.unsigned_digest,
            )
            self.say(self.edited("sign", body), terminal, (terminal, *operators))

    def build_signed(self) -> bytes:
        """The signed transaction of the terminals' signatures."""
        if self.chain == ETH:
            raw = chain_key("key:eth-1").sign_recoverable(signing_digest(self.unsigned), hasher=None)
            return encode_signed(
                parse_unsigned(self.unsigned),
                raw[64],
                int.from_bytes(raw[:32], "big"),
                int.from_bytes(raw[32:64], "big"),
            )
        decoded = psbts.parse_psbt(self.unsigned)
        witnesses = []
        for index, detail in enumerate(decoded.inputs):
            by_key = {}
            for terminal in self.terminals:
                part = self.partial_signatures(terminal)[index]
                r, s = int.from_bytes(part.signature[:32], "big"), int.from_bytes(part.signature[32:], "big")
                by_key[chain_key(part.key).public_key.format()] = encode_der_signature(r, s)
            ordered = [by_key[k] for k in sorted(by_key)]
            witnesses.append(build_witness(ordered, detail.witness_script))
        return encode_transaction(replace(decoded.unsigned, witnesses=tuple(witnesses)))

    @property
    def txid(self) -> str:
        """The transaction id, as the chain's people write it."""
        if self.chain == ETH:
            return "0x" + transaction_hash(self.signed).hex()
        return psbts.parse_psbt(self.unsigned).txid_hex

    def release(self) -> None:
        """The gate releases."""
        self.signed = self.edited("signed", self.build_signed())
        body = Release(
            checks=("second-reading", "signed-equals-unsigned", "signatures"),
            heads=self.world.current_heads(),
            prev=self.prev(Stage.RELEASE),
            proposal=self.proposal.id,
            signed_digest=sha256(self.signed),
            txid=self.txid,
        )
        self.say(self.edited("release", body), "device:gate-1")

    def broadcast(self) -> None:
        """The gate broadcasts."""
        body = Broadcast(nodes=("node-a",), prev=self.prev(Stage.BROADCAST), proposal=self.proposal.id, txid=self.txid)
        self.say(self.edited("broadcast", body), "device:gate-1")

    def settle(self) -> None:
        """The watcher sees it final."""
        body = Settlement(
            block_hash="00" * 32,
            confirmations=6,
            fee_paid=Units(2_000),
            height=100,
            outcome=Outcome.SUCCESS,
            prev=self.prev(Stage.SETTLE),
            proposal=self.proposal.id,
            txid=self.txid,
        )
        self.say(self.edited("settle", body), "service:watcher")

    def docket(self) -> Docket:
        """The docket as far as this trip has come."""
        signed = HexOrNone(self.signed.hex() if self.signed else "none")
        part = TransactionPart(chain=self.chain, signed=signed, unsigned=HexBytes(self.unsigned))
        return assemble.build_docket(self.world.log, self.world.governance, self.statements, part)

    def docket_bytes(self) -> bytes:
        """The docket file."""
        return encode_docket(self.docket())

    def docket_body(self, last_seen: int = 0) -> DocketBody:
        """Body of a `verification` or `approval-request` package."""
        step, _ = assemble.build_package_checkpoint(self.world.log, last_seen)
        return DocketBody(checkpoint=step, docket=self.docket(), freezes=(), lifts=())

    def release_body(self, last_seen: int = 0) -> ReleaseBody:
        """Body of a `release` package."""
        step, _ = assemble.build_package_checkpoint(self.world.log, last_seen)
        sealed = tuple(
            SealedFrom(sealed=Base64Bytes(raw), terminal=PartyId(terminal))
            for terminal, raw in sorted(self.sealed.items())
        )
        return ReleaseBody(checkpoint=step, docket=self.docket(), freezes=(), lifts=(), sealed=sealed)


def eth_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """One client is paid 1.25 ETH."""
    return Trip(world=world, chain=ETH, payments=(("client:harbour", 125 * 10**16),), edits=edits or {}, **kwargs)


def ltc_trip(world: World, edits: Mapping[str, Edit] | None = None, **kwargs: Any) -> Trip:
    """Three clients are paid from 2-of-3 P2WSH; two of the three terminals sign."""
    payments = (("client:harbour", 5 * 10**8), ("client:lantau", 7 * 10**8), ("client:peak", 11 * 10**8))
    return Trip(
        world=world,
        chain=LTC,
        payments=payments,
        edits=edits or {},
        terminals=("device:terminal-1", "device:terminal-2"),
        **kwargs,
    )
