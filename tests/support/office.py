"""People and devices of a `Firm`, in the test's process: whoever is asked by a package answers it.

Approval devices, station and gate are the real ones, with software keys in place of tokens. A terminal keeps its own
beliefs and refuses what they refuse, but signs with the world's software keys: its tokens, its journal and its screen
are what the vault's own tests and the demonstration are for.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from approvals import take_news
from firm import Firm, write_secret
from strongroom.approver import flow
from strongroom.approver.store import Config as ApproverConfig
from strongroom.approver.store import Counters, Home, KeyKind
from strongroom.chains.bitcoin import psbt as psbts
from strongroom.chains.bitcoin.signing import parse_der_signature
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.checker.gate.nodes import Nodes, parse_node
from strongroom.checker.gate.paging import pin_soc_key
from strongroom.checker.gate.release import release_package
from strongroom.checker.state import device as checkers
from strongroom.checker.station.verify import verify_package
from strongroom.core.bodies import ClearToSign, JournalPlace, SignatureRecord
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.checks.device import check_against_trust
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.checks.sign import check_scope, scope_of
from strongroom.core.codes import Code
from strongroom.core.docket import Docket, Stage, build_prev
from strongroom.core.ids import ChainId, EntryId, PartyId
from strongroom.core.packages import (
    RESULT_FORMAT,
    Package,
    PackageBody,
    PackageKind,
    PartialSignature,
    ResultOutcome,
    SealedResult,
    SessionRequestBody,
    SigningBody,
    TerminalResult,
    TerminalResultBody,
    UpdateBody,
    build_seal_info,
    encode_package,
    encode_result,
    parse_package,
)
from strongroom.core.records import Base64Bytes, HexBytes, encode_record
from strongroom.core.registers import KeyEntry
from strongroom.core.sessions import SessionRequest
from strongroom.core.statements import Statement, build_payload, parse_statement, sign_payload
from strongroom.core.trust import Trust, apply_news, apply_update, enroll, extend
from world import ETH, TERMINALS, World, chain_key, seed, signer_of

PEOPLE = {"device:approver-1": "person:m.chan", "device:approver-2": "person:r.singh"}
PLATFORM = PartyId("service:platform")
OPERATORS = (PartyId("person:c.lam"), PartyId("person:p.wu"))


@dataclass(kw_only=True)
class SoftTerminal:
    """A signing terminal with software keys. nonce: of its open session; signed: twins of proposals, each once.

    entries: how many its journal has, of which it keeps nothing else.
    """

    id: PartyId
    world: World
    trust: Trust
    nonce: bytes = b""
    signed: set[tuple[str, str]] = field(default_factory=set)
    received: int = 0
    entries: int = 1
    sent: int = 0

    def take_update(self, package: Package, firm: Firm) -> None:
        """Believe what an update proves."""
        assert isinstance(package.body, UpdateBody)
        self.trust = apply_update(self.trust, package.body, firm.clock())
        self.received = package.sequence

    def open_session(self, firm: Firm) -> Package:
        """Ask for a clear-to-sign."""
        self.nonce = secrets.token_bytes(32)
        lease = self.trust.find_lease(self.id)
        assert lease is not None
        self.world.now = firm.clock()
        body = SessionRequest(
            checkpoint=self.trust.log_head,
            heads=self.trust.build_heads(),
            journal=self._append(),
            lease=lease.id,
            nonce=HexBytes(self.nonce),
            operators=OPERATORS,
            terminal=self.id,
        )
        request = SessionRequestBody(request=self.world.sign(body, self.id, (self.id,)))
        return self._package(PackageKind.SESSION_REQUEST, request, firm)

    def sign(self, package: Package, firm: Firm) -> Package:
        """Prove each docket against the own beliefs, sign, seal to the gate, and say so."""
        body = package.body
        assert isinstance(body, SigningBody)
        assert body.nonce == self.nonce
        self.received, self.nonce = package.sequence, b""
        trust, witnessed = extend(self.trust, body.checkpoint)
        self.trust = apply_news(trust, body, witnessed)
        clear = parse_statement(body.clear.envelope)
        results = tuple(self._sign_one(docket, clear, firm) for docket in body.dockets)
        return self._package(PackageKind.TERMINAL_RESULT, TerminalResultBody(halts=(), results=results), firm)

    def _append(self) -> JournalPlace:
        """Go one entry on."""
        self.entries += 1
        return JournalPlace(head=sha256(f"{self.id} entry {self.entries}".encode()), number=self.entries)

    def _sign_one(self, docket: Docket, clear: Statement[ClearToSign], firm: Firm) -> SealedResult:
        now = firm.clock()
        proved = prove_docket(docket, self.trust.roots, now=now)
        check_against_trust(proved, self.trust, now)
        check_scope(clear.body.scope, scope_of(proved.journey))
        signatures = self._signatures(docket, proved)
        result = TerminalResult(
            format=RESULT_FORMAT,
            outcome=ResultOutcome.SIGNED,
            proposal=proved.proposal.id,
            signatures=signatures,
            terminal=self.id,
        )
        self.signed.add((proved.proposal.id, proved.twin.value))
        sealed = self._seal(result)
        record = SignatureRecord(
            clear=clear.id,
            heads=self.trust.build_heads(),
            journal=self._append(),
            keys=tuple(sorted({EntryId(s.key) for s in signatures})),
            nonce=clear.body.nonce,
            operators=OPERATORS,
            prev=build_prev([p.statement for p in proved.journey.statements], Stage.SIGN),
            proposal=proved.proposal.id,
            sealed_digest=sha256(sealed),
            terminal=self.id,
            unsigned_digest=proved.facts.unsigned_digest,
        )
        kind, payload = build_payload(record, context=self.trust.context, issuer=self.id, issued_at=now)
        signers = [signer_of(name) for name in (self.id, *OPERATORS)]
        envelope = sign_payload(kind, payload, [(s.key, s.sign) for s in signers])
        return SealedResult(proposal=proved.proposal.id, record=envelope, sealed=Base64Bytes(sealed))

    def _signatures(self, docket: Docket, proved: ProvedDocket) -> tuple[PartialSignature, ...]:
        unsigned = bytes(docket.transaction.unsigned)
        ethereum = docket.transaction.chain == ETH
        decoded = None if ethereum else psbts.parse_psbt(unsigned)
        found = []
        for index, source in enumerate(proved.facts.inputs):
            digest = decoded.signature_hash(index) if decoded else keccak256(proved.unsigned)
            found += [sign_digest(index, key, digest) for key in self._keys(source.entry)]
        return tuple(found)

    def _keys(self, address: str) -> list[KeyEntry]:
        """This terminal's keys of an address."""
        entries = self.trust.entries
        keys = [entries.keys[name] for name in entries.addresses[EntryId(address)].keys]
        return [key for key in keys if key.terminal == self.id]

    def _seal(self, result: TerminalResult) -> bytes:
        suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
        public = self.world.seal_key.public_key()
        return suite.encrypt(encode_result(result), public, info=build_seal_info(result.proposal, self.id))

    def _package(self, kind: PackageKind, body: PackageBody, firm: Firm) -> Package:
        self.sent += 1
        return Package(kind=kind, sender=self.id, to=PLATFORM, sequence=self.sent, created_at=firm.clock(), body=body)


def sign_digest(index: int, key: KeyEntry, digest: bytes) -> PartialSignature:
    """One signature of a world's chain key."""
    r, s = parse_der_signature(chain_key(str(key.id)).sign(digest, hasher=None))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return PartialSignature(input=index, key=key.id, signature=HexBytes(raw))


@dataclass(kw_only=True)
class Office:
    """Every device with its person. signers: the terminals that take part, by chain.

    refused: proposals that one approver says no to. idle: devices that nobody is at. expected: what the gate may
    refuse with.
    """

    firm: Firm
    folder: Path
    terminals: dict[str, SoftTerminal]
    signers: dict[ChainId, tuple[str, ...]]
    handled: set[Path] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)
    expected: set[Code] = field(default_factory=set)

    def serve(self) -> int:
        """Answer everything that is new, in order; returns how many packages were answered."""
        before = len(self.handled)
        for folder in sorted(self.firm.outbox.glob("*")):
            device = folder.name.replace("-", ":", 1)
            for path in sorted(folder.glob("*.package.json")) if device not in self.idle else ():
                if path not in self.handled and self._answer(device, path):
                    self.handled.add(path)
        self._open_sessions()
        return len(self.handled) - before

    def _answer(self, device: str, path: Path) -> bool:
        """Whether the package was taken: nothing but the signing package enters a terminal with an open session."""
        if device in TERMINALS:
            return self._at_terminal(self.terminals[device], path)
        if device in PEOPLE:
            self._at_approver(device, path)
        elif path.name.endswith("-update.package.json"):
            checkers.import_update(self.home(device), path, self.firm.clock)
        elif device == "device:station-1":
            outcome = verify_package(self.home(device), path, self.inbox(device), self.firm.clock)
            assert outcome.accepted, outcome.refusals
        else:
            released = release_package(self.home(device), path, self.inbox(device), self._nodes(path), self.firm.clock)
            assert {r.code for r in released.refusals} <= self.expected, released.refusals
        return True

    def _at_approver(self, device: str, path: Path) -> None:
        home, raw, now = Home(self.home(device)), path.read_bytes(), self.firm.clock()
        if path.name.endswith("-update.package.json"):
            flow.receive_update(home, raw, now, take_news)
            return
        person = signer_of(PEOPLE[device])
        waiting = flow.read_docket(home, raw, now)
        no = waiting.proved.proposal.id in self.refused and device == "device:approver-2"
        said, why = (flow.Answer.REJECT, "not what was agreed") if no else (flow.Answer.APPROVE, "")
        answer = flow.decide(home, waiting, flow.Answered(answer=said, reason=why), (person.key, person.sign), now)
        self._carry(answer)

    def _at_terminal(self, terminal: SoftTerminal, path: Path) -> bool:
        package = parse_package(path.read_bytes())
        if package.sequence <= terminal.received:
            return True
        if package.kind is PackageKind.SIGNING:
            self._carry(terminal.sign(package, self.firm))
            return True
        if terminal.nonce:
            return False
        terminal.take_update(package, self.firm)
        return True

    def _open_sessions(self) -> None:
        rows = self.firm.query("select proposal, twin, chain from transfers.dockets where state = 'VERIFIED'")
        for proposal, twin, chain in rows:
            for name in set(self.signers[chain]) - self.idle:
                terminal = self.terminals[name]
                seen = self.firm.query("select seen from custody.devices where id = %s", name)[0][0]
                ready = not terminal.nonce and terminal.trust.log_head.size == seen
                if ready and (proposal, twin) not in terminal.signed:
                    self._carry(terminal.open_session(self.firm))

    def _nodes(self, path: Path) -> Nodes:
        body = parse_package(path.read_bytes()).body
        chain = body.docket.transaction.chain  # type: ignore[union-attr]  # a release package has a docket
        urls = self.firm.chain(chain).node_urls()
        return Nodes(nodes=tuple(parse_node(f"{name}={url}") for name, url in urls.items()))

    def home(self, device: str) -> Path:
        """A device's own folder."""
        return self.folder / device.replace(":", "-")

    def inbox(self, device: str) -> Path:
        """Where the platform finds what a device hands back."""
        return self.firm.inbox / device.replace(":", "-")

    def _carry(self, package: Package) -> None:
        folder = self.inbox(package.sender)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{package.file_name}.part"
        temporary.write_bytes(encode_package(package))
        temporary.replace(folder / package.file_name)


def open_office(firm: Firm, signers: dict[ChainId, tuple[str, ...]]) -> Office:
    """Enrol every device under the world's root; its first update comes from the platform."""
    folder, world = firm.folder / "devices", firm.world
    trust = enroll(tuple(world.roots), world.fingerprint)
    for device, person in PEOPLE.items():
        home = Home(folder / device.replace(":", "-"))
        with home.locked():
            config = ApproverConfig(
                device=PartyId(device), kind=KeyKind.PKCS11, module="none", person=PartyId(person), token="none"
            )
            home.save_config(config)
            home.save_counters(
                Counters(approved=0, approved_at=firm.clock(), received=0, sent=0, wrong_at=firm.clock(), wrong_pins=0)
            )
            home.save_trust(trust)
    for device in ("device:station-1", "device:gate-1"):
        home_folder = folder / device.replace(":", "-")
        home_folder.mkdir(parents=True)
        write_secret(home_folder / checkers.KEY, seed(device).hex())
        if "gate" in device:
            write_secret(home_folder / checkers.SEAL_KEY, raw_seal(world.seal_key).hex())
        root = encode_canonical([encode_record(r) for r in world.roots])
        checkers.enroll(home_folder, PartyId(device), root, [world.fingerprint, world.fingerprint])
    pin_soc_key(folder / "device-gate-1", world.soc_key.public_key().public_bytes_raw())
    terminals = {name: SoftTerminal(id=PartyId(name), world=world, trust=trust) for name in TERMINALS}
    return Office(firm=firm, folder=folder, terminals=terminals, signers=signers)


def raw_seal(key: X25519PrivateKey) -> bytes:
    """The gate's sealing key as its file has it."""
    return key.private_bytes_raw()
